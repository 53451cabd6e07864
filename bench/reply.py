"""Accuracy and speed of cutting quotes, over a folder of cases.

    python bench/reply.py FOLDER

FOLDER holds `*.jsonl`, one case a line: id, kind (`text` or `html`), lang, input, expected (null when unknown).
A word is lost when the result lacks it, foreign when the expectation lacks it; a case is clean with at most 2 % of
each.
"""


def split_for_score(text: str | None, html: str | None) -> str:
    """The new words of a body, for scorers that compare plain texts."""
    from gateway.mail.quotes import split_reply

    return split_reply(text, html).new
