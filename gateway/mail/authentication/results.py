"""What one check found, and Authentication-Results: the field that tells it (RFC 8601)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST = 8 * 1024  # characters of a field that are read
_RESULTS = 50  # of one field
# Quoted strings and comments are whole tokens; comments are nested, so their ends are counted.
_TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"|([()])|\\.|[;=]|[^\s;="()\\]+|\s+|["\\]', re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9!#$&'*+./^_`{|}~@:-]+")
_PAIR = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """method: `spf`, `dkim`, `dmarc`, `arc`. result: a word of RFC 8601 §2.7. because: one sentence for the operator.

    properties: what was looked at, such as ("header.d", "example.org").
    """

    method: str
    result: str
    because: str
    properties: tuple[tuple[str, str], ...] = ()

    def property(self, name: str) -> str:
        """The value of a property, "" when it is missing."""
        return next((value for key, value in self.properties if key == name), "")


def write(authserv_id: str, results: Iterable[MethodResult]) -> str:
    """The value of an Authentication-Results field on one line."""
    parts = [_word(authserv_id or "localhost")]
    for result in results:
        words = [f"{result.method}={result.result}", f"reason={_word(result.because)}"]
        words += [f"{name}={_word(value)}" for name, value in result.properties if value and name != "reason"]
        parts.append(" ".join(words))
    return "; ".join(parts if len(parts) > 1 else [*parts, "none"])


def _word(text: str) -> str:
    """A token where it is one, else a quoted string that cannot be left."""
    if _PLAIN.fullmatch(text):
        return text
    printable = "".join(character if character.isprintable() else " " for character in text)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read(value: str) -> tuple[str, tuple[MethodResult, ...]]:
    """The authserv-id (lower case) and the results of a field's unfolded value; what cannot be read is left out."""
    statements = _statements(value[:_LONGEST])
    words = statements[0]
    authserv_id = words[0].lower() if words else ""
    found = (_result(statement, authserv_id) for statement in statements[1 : _RESULTS + 1])
    return authserv_id, tuple(result for result in found if result is not None)


def _statements(value: str) -> list[list[str]]:
    """The words between semicolons; the `=` of a pair is a word of its own; comments are left out.

    From an odd quote on nothing is read: what follows may be the words of a sender.
    """
    statements: list[list[str]] = [[]]
    depth = 0
    glued = False  # a word that follows another one without a blank goes on with it
    for token in _TOKEN.finditer(value):
        text = token[0]
        if token[2]:
            depth = depth + 1 if text == "(" else max(0, depth - 1)
            glued = False
        elif depth or text.isspace():
            glued = False
        elif text == '"':
            return statements[:-1] or [[]]
        elif text == ";":
            statements.append([])
            glued = False
        elif text == "=" and not (glued and statements[-1][-2:-1] == ["="]):  # else a part of the value before it
            statements[-1].append(text)
            glued = False
        else:
            word = text if token[1] is None else _PAIR.sub(r"\1", token[1])
            if glued:
                statements[-1][-1] += word
            else:
                statements[-1].append(word)
            glued = True
    return statements


def _result(words: list[str], authserv_id: str) -> MethodResult | None:
    """`method=result`, then pairs: a reason and properties (RFC 8601 §2.2)."""
    pairs = [(words[place - 1].lower(), words[place + 1]) for place in range(1, len(words) - 1) if words[place] == "="]
    if len(words) < 3 or words[1] != "=" or not pairs:
        return None
    (method, result), properties = pairs[0], pairs[1:]
    method, result = method.partition("/")[0], result.lower()
    return MethodResult(method, result, f"{authserv_id} found {method}={result}.", tuple(properties))
