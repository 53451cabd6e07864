"""What a check found: one line each, with what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import typer

from gateway.cli.output import line
from gateway.errors import CasegateError, Invalid


class Verdict(StrEnum):
    """What a line says."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do when it is not ok."""

    verdict: Verdict
    text: str


def ok(text: str) -> Finding:
    """As it should be."""
    return Finding(Verdict.OK, text)


def warning(text: str) -> Finding:
    """It works, but not for long or not for everybody."""
    return Finding(Verdict.WARNING, text)


def failed(text: str) -> Finding:
    """It does not work."""
    return Finding(Verdict.FAILED, text)


def all_failed(error: Invalid) -> Iterator[Finding]:
    """Every problem of some settings."""
    return (failed(f"{problem.field}: {problem.text}".removeprefix(": ")) for problem in error.problems)


def tell(name: str, findings: Iterator[Finding]) -> int:
    """Print what a check finds, as it finds it. Returns how many have failed; a check that breaks has."""
    return sum(_tell(name, finding) for finding in _to_the_end(findings))


def _tell(name: str, finding: Finding) -> bool:
    typer.echo(f"{finding.verdict:<8} {name:<10} {line(finding.text)}")
    return finding.verdict is Verdict.FAILED


def _to_the_end(findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except Invalid as error:
        yield from all_failed(error)
    except CasegateError as error:
        yield failed(error.text)
    except Exception as error:  # noqa: BLE001 - outermost boundary: what breaks one check must not hide the others
        yield failed(f"{type(error).__name__}: {error}")
