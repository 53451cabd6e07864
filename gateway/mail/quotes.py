"""Cut an answer: which words are new, which were quoted. Linear in the length of the text."""

from dataclasses import dataclass

#: Written by us above the quoted conversation of every outgoing mail; everything below it is ours.
MARKER = "##- Please type your reply above this line -##"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer split in two. new: the words of this mail; quoted: what was cut; how: the rule that cut, or `whole`."""

    new: str
    quoted: str
    how: str


def split_reply(text: str | None, html: str | None, *, answered: str | None = None) -> Reply:
    """Split a body into the new words and the quoted rest. answered: the text that this mail answers, when known."""
