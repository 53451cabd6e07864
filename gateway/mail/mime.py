"""The tree of parts of a mail, read in one pass over its bytes and without recursion (RFC 2046 §5.1).

Only lines that start with `--` are looked at: each is compared with the boundaries that are open at that point. A part
is a pair of positions; nothing is copied until somebody asks for its bytes. Carried mails are leaves.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.mail import guard, headers
from gateway.mail.charsets import Clues

_LONGEST_BOUNDARY = 500  # RFC 2046 allows 70
_FAR_SEARCHES = 16  # searches through the rest of the mail for a boundary that does not come first
# A boundary that nobody declared: a line of dashes and letters, before a part's header.
_PROBABLE_BOUNDARY = re.compile(
    rb"--([^\s-][^\r\n]{0,200}?|-+[^\s-][^\r\n]{0,200}?)[ \t]*\r*\n(?:Content-|\r*\n)", re.I
)


@dataclass(slots=True)
class Part:
    """A part: its MIME fields, and where its body lies in the mail's bytes. A container has no body of its own.

    content_type: lower case `type/subtype`, never empty. container: the multipart that it is in, None for the mail.
    """

    fields: dict[str, bytes]
    content_type: str
    parameters: dict[str, str]
    start: int
    end: int
    container: "Part | None" = None
    boundary: bytes = b""
    closed: bool = False
    children: list["Part"] = field(default_factory=list)

    def in_container(self, content_type: str) -> bool:
        """Whether the multipart that the part is directly in has this type."""
        return self.container is not None and self.container.content_type == content_type

    def is_alternative(self) -> bool:
        """Whether the part is, at whatever depth, one of several ways to say the same."""
        container = self.container
        while container is not None and container.content_type != "multipart/alternative":
            container = container.container
        return container is not None and len(container.children) > 1

    def is_root_of_related(self) -> bool:
        """Whether this is the document of a multipart/related (RFC 2387); the other parts are what it shows."""
        documents = ("text/html", "text/plain", "multipart/")
        siblings = self.container.children if self.container else []
        return next((part for part in siblings if part.content_type.startswith(documents)), None) is self


def leaves(raw: bytes, root: headers.Header, clues: Clues, defects: list[str]) -> list[Part]:
    """The parts of a mail that are not containers, in order. What is odd is added to `defects`.

    Raises guard.TooComplex for more parts, or multiparts inside each other, than the guard allows.
    """
    return _Splitter(raw, clues, defects).split(root)


class _Splitter:
    def __init__(self, raw: bytes, clues: Clues, defects: list[str]) -> None:
        self.raw = raw
        self.clues = clues
        self.defects = defects
        self.open: list[Part] = []
        self.parts: list[Part] = []
        self.far_searches = 0
        self.header_bytes = 0

    def split(self, root: headers.Header) -> list[Part]:
        raw = self.raw
        running = self._begin(root, None)
        position = root.body
        for line, after in _boundary_lines(raw, root.body):
            if line < position or not self.open:
                continue
            container, closes = self._delimits(raw[line + 2 : after].rstrip())
            if container is None:
                continue
            # §5.1.1: the line break before the delimiter belongs to it.
            if running is not None:
                running.end = max(running.start, _before_line_break(raw, line))
            self._leave(container)
            if closes:
                container.closed, running = True, None
                continue
            container.closed = False
            header = headers.read(raw, after, [b"--" + part.boundary for part in self.open])
            self.header_bytes += header.body - after
            if header.too_complex or self.header_bytes > guard.PART_HEADER_BYTES:
                raise guard.TooComplex(header.too_complex or "The headers of its parts are too long.")
            running = self._begin(header, container)
            position = header.body
        self.defects.extend(
            "A multipart is not closed; the mail may have been cut." for part in self.open if not part.closed
        )
        return [part for part in self.parts if not part.boundary]

    def _begin(self, header: headers.Header, container: Part | None) -> Part | None:
        """Start a part; None when it is a container, which then is open."""
        fields: dict[str, bytes] = {}
        for name, value in header.fields:
            fields.setdefault(name.lower(), value)
        kind = headers.parameters(headers.unfold(fields.get("content-type", b""), self.clues))
        part = Part(fields, kind.value, kind.parameters, header.body, len(self.raw), container)
        if "/" not in part.content_type:
            # RFC 2045 §5.2, RFC 2046 §5.1.5; a value without a subtype says nothing.
            part.content_type = "message/rfc822" if part.in_container("multipart/digest") else "text/plain"
        if part.content_type.startswith("multipart/"):
            part.boundary = self._boundary_of(part)
            if not part.boundary:
                self.defects.append("A multipart has no boundary; it is taken as text.")
                part.content_type = "text/plain"
        self.parts.append(part)
        if len(self.parts) > guard.PARTS:
            raise guard.TooComplex(f"It has more than {guard.PARTS} parts.")
        if container is not None:
            container.children.append(part)
        if not part.boundary:
            return part
        self.open.append(part)
        if len(self.open) > guard.DEPTH:
            raise guard.TooComplex(f"Multiparts are nested more than {guard.DEPTH} deep.")
        return None

    def _boundary_of(self, part: Part) -> bytes:
        """The declared boundary if it occurs, else the one that the part seems to use, else b""."""
        declared = part.parameters.get("boundary", "").encode("utf-8", "replace").rstrip()[:_LONGEST_BOUNDARY]
        first = next(_boundary_lines(self.raw, part.start), None)
        if first is None:
            return b""
        if declared:
            if self.raw.startswith(declared, first[0] + 2):
                return declared
            self.far_searches += 1
            if self.far_searches > _FAR_SEARCHES or self.raw.find(b"\n--" + declared, part.start) >= 0:
                return declared
        probable = _PROBABLE_BOUNDARY.match(self.raw, first[0])
        if probable and not any(probable[1].startswith(outer.boundary) for outer in self.open):
            self.defects.append("A multipart does not say which boundary it uses.")
            return probable[1]
        return b""

    def _delimits(self, token: bytes) -> tuple[Part | None, bool]:
        """Which open container a line is a delimiter of, innermost first, and whether it closes it.

        One that was closed is still looked for, last: some mails go on after their closing delimiter.
        """
        token = token[: _LONGEST_BOUNDARY + 2]
        for closed in (False, True):
            for part in reversed(self.open):
                if part.closed is closed:
                    if token == part.boundary:
                        return part, False
                    if token == part.boundary + b"--":
                        return part, True
        return None, False

    def _leave(self, container: Part) -> None:
        """Close everything inside a container: a delimiter of an outer multipart ends the inner ones too."""
        while self.open[-1] is not container:
            self.open.pop()


def _boundary_lines(raw: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Lines from `start` that begin with two hyphens: (position of the line, position after it)."""
    line = start if raw.startswith(b"--", start) else raw.find(b"\n--", start) + 1
    while line >= start and raw.startswith(b"--", line):
        after = raw.find(b"\n", line) + 1 or len(raw)
        yield line, after
        line = raw.find(b"\n--", after - 1) + 1
        if line == 0:
            return


def _before_line_break(raw: bytes, line: int) -> int:
    end = line - 1 if line and raw[line - 1 : line] == b"\n" else line
    return end - 1 if end and raw[end - 1 : end] == b"\r" else end
