"""The command `casegate`, and how it ends: the one table of errors and exit statuses (sysexits.h)."""

import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

import typer

from gateway import errors
from gateway.cli import app

# Pipe transports read these: everything but EX_TEMPFAIL returns the mail to its sender, so our own fault is that one.
EXIT_STATUS: Mapping[type[errors.CasegateError], int] = MappingProxyType(
    {
        errors.CasegateError: os.EX_SOFTWARE,
        errors.Refused: os.EX_DATAERR,
        errors.Invalid: os.EX_DATAERR,
        errors.NotAllowed: os.EX_DATAERR,
        errors.TooLate: os.EX_DATAERR,
        errors.Unauthenticated: os.EX_NOPERM,
        errors.BadCredential: os.EX_NOPERM,
        errors.Forbidden: os.EX_NOPERM,
        errors.NotFound: os.EX_NOINPUT,
        errors.Erased: os.EX_NOINPUT,
        errors.Conflict: os.EX_DATAERR,
        errors.TooLarge: os.EX_DATAERR,
        errors.UnknownRecipient: os.EX_NOUSER,
        errors.RelayingDenied: os.EX_NOPERM,
        errors.Later: os.EX_TEMPFAIL,
        errors.StoreUnavailable: os.EX_TEMPFAIL,
        errors.StorageFull: os.EX_TEMPFAIL,
        errors.KeyNotLoaded: os.EX_TEMPFAIL,
        errors.Contended: os.EX_TEMPFAIL,
        errors.Overloaded: os.EX_TEMPFAIL,
        errors.RateLimited: os.EX_TEMPFAIL,
        errors.StillAsking: os.EX_TEMPFAIL,
        errors.RelayUnavailable: os.EX_TEMPFAIL,
    }
)


def main() -> int:
    """Run the command of `sys.argv`. Returns the exit status; usage errors and `--help` exit by themselves."""
    try:
        app()
    except errors.CasegateError as error:
        for line in readable(error):
            typer.echo(line, err=True)
        return EXIT_STATUS[type(error)]
    return os.EX_OK


def readable(error: errors.CasegateError) -> list[str]:
    """An error in lines for a person: one for each problem."""
    if isinstance(error, errors.Invalid):
        return [f"{problem.field}: {problem.text}" if problem.field else problem.text for problem in error.problems]
    return [error.text]


if __name__ == "__main__":
    sys.exit(main())
