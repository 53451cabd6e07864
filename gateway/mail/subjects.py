"""Subjects of answers: whether somebody wrote new words there, as people do who know no other place for them."""

import re

_MOST = 2_000  # characters
_PREFIX = re.compile(r"\s*[^\W\d_]{1,12}\s?(?:[\[(]\d{1,3}[\])])?\s?[:：]")
_MARKS = re.compile(r"\[[^\[\]]{0,80}\]|\([^()]{0,80}\)|\{[^{}]{0,80}\}|\*{2,5}[^*]{0,80}\*{2,5}")
_WORDS = re.compile(r"[^\W_]")


def new_words(subject: str, case_subject: str) -> str:
    """What a mail's subject says beyond its case's, "" when nothing.

    `Re:` and its kin, and what filters on the way put in (`[EXTERNAL]`, `***SPAM***`), are nothing new, and neither is
    the case's subject with its end cut off.
    """
    text, known = " ".join(subject[:_MOST].split()), " ".join(case_subject.split())
    bare = _without_prefixes(text)
    found = re.search(re.escape(known), text, re.IGNORECASE) if known else None
    if found is not None:  # whatever looks like a prefix in it is the case's own
        before, after = _without_prefixes(_MARKS.sub(" ", text[: found.start()])), text[found.end() :]
        new = _WORDS.search(f"{before} {_MARKS.sub(' ', after)}")
        return f"{before} {text[found.start() :]}".strip() if new else ""
    rest = _without_prefixes(_MARKS.sub(" ", bare)).casefold().rstrip(" .…")
    cut_off = (known.casefold(), _without_prefixes(known).casefold())
    return "" if not _WORDS.search(rest) or any(one.startswith(rest) for one in cut_off) else bare


def _without_prefixes(subject: str) -> str:
    subject = " ".join(subject.split())
    while prefix := _PREFIX.match(subject):
        subject = subject[prefix.end() :].lstrip()
    return subject
