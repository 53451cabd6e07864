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
    bare = _without_prefixes(subject[:_MOST])
    known = " ".join(case_subject.split())
    place = bare.casefold().find(known.casefold()) if known else -1
    rest = bare if place < 0 else f"{bare[:place]} {bare[place + len(known) :]}"
    rest = _without_prefixes(_MARKS.sub(" ", rest))
    if not _WORDS.search(rest) or known.casefold().startswith(rest.casefold().rstrip(" .…")):
        return ""
    return bare


def _without_prefixes(subject: str) -> str:
    subject = " ".join(subject.split())
    while prefix := _PREFIX.match(subject):
        subject = subject[prefix.end() :].lstrip()
    return subject
