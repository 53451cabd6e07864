"""How commands print: aligned columns, one line for whatever a stranger wrote, times, JSON, mails."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Raw = Annotated[bool, typer.Option("--raw", help="Write the bytes of the mail, nothing else.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="So many at most, the newest first.")]

_MEASURED = 1_000  # rows
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


def line(text: str) -> str:
    """What a stranger wrote, safe for a terminal: one line, no control characters."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def columns(*header: str, rows: Iterable[Sequence[object]]) -> None:
    """Print a table. A cell is made one line; the last column may be as long as it is.

    Rows are printed as they come; the first ones decide how wide the columns are.
    """
    cells = ([line(str(cell)) for cell in row] for row in rows)
    first = [header, *islice(cells, _MEASURED)]
    widths = [max(len(row[place]) for row in first) for place in range(len(header))]
    for row in chain(first, cells):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def moment(value: datetime | None) -> str:
    """A time in UTC to the second, "" for none."""
    return "" if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def short(span: timedelta) -> str:
    """How long something is, roughly: `45s`, `12m`, `3h`, `2d`."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def as_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def as_json_list(values: Iterable[Any]) -> None:
    """Print one JSON list, each value as it comes."""
    opening = "["
    for value in values:
        typer.echo(f"{opening}\n{json.dumps(value, indent=2, ensure_ascii=False)}", nl=False)
        opening = ","
    typer.echo("[]" if opening == "[" else "\n]")


def write(data: bytes) -> None:
    """Print bytes as they are."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def tell_facts(facts: Mapping[str, str]) -> None:
    """Print what is known, a line for each fact that there is."""
    for name, value in facts.items():
        if value:
            typer.echo(f"{name:<8} {line(value)}")


def tell_headers(data: bytes) -> None:
    """Print the header of a mail, line by line, safe for a terminal."""
    typer.echo()
    for field in _END_OF_HEADERS.split(data, maxsplit=1)[0].splitlines():
        typer.echo(line(field.decode("utf-8", "replace").replace("\t", "    ")))
