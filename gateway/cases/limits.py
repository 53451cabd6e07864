"""What one message may hold, and what becomes of more: nothing is lost (DESIGN §3)."""

from gateway.cases.model import ATTACHMENTS_PER_MESSAGE, MESSAGE_CHARACTERS, Draft, File

MESSAGES_PER_MAIL = 5
REST_FILENAME = "rest of the message.txt"


def split_draft(draft: Draft) -> tuple[tuple[str, ...], tuple[File, ...]]:
    """The texts of consecutive messages, and the files of the first of them.

    A text too long for the messages that one mail may make goes on in a text file, the first of the files.
    """
    parts, rest = split_text(draft.body)
    files = draft.files
    if rest:
        files = (File(REST_FILENAME, "text/plain", rest.encode()), *files)
    return parts, files[:ATTACHMENTS_PER_MESSAGE]


def split_text(text: str) -> tuple[tuple[str, ...], str]:
    """At most MESSAGES_PER_MAIL pieces of at most MESSAGE_CHARACTERS, and the rest. Empty text is one piece."""
    pieces: list[str] = []
    while len(pieces) < MESSAGES_PER_MAIL:
        if len(text) <= MESSAGE_CHARACTERS:
            return (*pieces, text), ""
        end = _good_end(text)
        pieces.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return tuple(pieces), text


def _good_end(text: str) -> int:
    """Where to cut: behind a paragraph, else a line, else a word, in the second half of what fits."""
    for mark in ("\n\n", "\n", " "):
        end = text.rfind(mark, MESSAGE_CHARACTERS // 2, MESSAGE_CHARACTERS)
        if end > 0:
            return end
    return MESSAGE_CHARACTERS
