"""English sentences that remember how they were made, so that a mail can say them in its reader's language."""

from typing import Any


class Sentence(str):
    """A text for people with its values put in: `Sentence("at most %(limit)s files", limit=5)`.

    It is the English text, wherever it goes. text: the form without the values, which catalogues translate; values:
    texts, and numbers, which each language writes its own way.
    """

    __slots__ = ("text", "values")

    text: str
    values: dict[str, str | float]

    def __new__(cls, text: str, **values: str | float) -> "Sentence":
        """Put the values in; a number has the decimals that it needs."""
        shown = {name: value if isinstance(value, str) else f"{value:.10g}" for name, value in values.items()}
        self = super().__new__(cls, text % shown)
        self.text, self.values = text, values
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Files are picked in a child process, and their reasons come back pickled."""
        return (self.text,), self.values
