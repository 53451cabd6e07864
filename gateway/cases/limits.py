"""What one message may hold, and what becomes of more: nothing is lost (DESIGN §3)."""

from gateway.cases.model import MESSAGE_CHARACTERS, Draft, File

MESSAGES_PER_MAIL = 5
REST_FILENAME = "rest of the message.txt"


def split_draft(draft: Draft) -> tuple[tuple[str, tuple[File, ...]], ...]:
    """Consecutive messages: the text and the files of each. The draft's files stand with the first.

    A text too long for the messages that one mail may make goes on in a text file, which stands with the last.
    """
    parts, rest = split_text(draft.body)
    files: list[tuple[File, ...]] = [() for _ in parts]
    files[0] = draft.files
    if rest:
        files[-1] = (*files[-1], File(REST_FILENAME, "text/plain", rest.encode()))
    return tuple(zip(parts, files, strict=True))


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
