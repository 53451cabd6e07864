"""The command `casegate`: one module per subject. What a command needs is imported when it runs: help is fast."""

from importlib.metadata import version
from typing import Annotated

import typer

from gateway.cli import (
    alarms,
    audit,
    backup,
    cases,
    check,
    customers,
    deliver,
    dkim,
    evidence,
    explain,
    inbox,
    languages,
    members,
    outbox,
    participants,
    serve,
    stores,
    suppression,
    sweep,
    templates,
    tokens,
    upkeep,
)

app = typer.Typer(
    name="casegate",
    help="An email gateway for support cases: customers, merchants and support simply answer their mail.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"casegate {version('casegate')}")
        raise typer.Exit


@app.callback()
def casegate(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What stands before the name of a command."""


for subject in (
    serve,
    upkeep,
    backup,
    check,
    stores,
    members,
    tokens,
    participants,
    audit,
    inbox,
    outbox,
    suppression,
    deliver,
    explain,
    cases,
    evidence,
    customers,
    sweep,
    alarms,
    templates,
    languages,
    dkim,
):
    app.add_typer(subject.commands)
