"""What an operator does about one case."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import evidence
from gateway.cli.installation import ConfigFile, settings, working
from gateway.errors import Invalid, Problem

commands = typer.Typer()
case = typer.Typer(help="What concerns one case: calling support in, evidence.", no_args_is_help=True)
commands.add_typer(case, name="case")

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="Id of the case.")]


@case.command("escalate")
def escalate(
    case_id: CaseId,
    reason: Annotated[str, typer.Option("--reason", help="Why; for support alone.")],
    config: ConfigFile = None,
) -> None:
    """Call the platform's support into a case. Both sides see that it was called, and never why."""
    from gateway.cases.escalation import called
    from gateway.shapes import case_id as kept_as
    from store.audit import OPERATOR

    if not reason.strip():
        raise Invalid((Problem("--reason", "say why support is called in"),))
    chosen = settings(config)
    with working(chosen) as parts:
        new = parts.support.escalate(kept_as(case_id), OPERATOR, called(reason))
    if not new:
        typer.echo("Support was called in for this reason before; nothing was done.")
    elif chosen.support.address:
        typer.echo(f"{chosen.support.address} is mailed why; both sides hear once that support was called in.")
    else:
        typer.echo("The case is marked. Nobody is mailed: support.address is not set.")


@case.command("evidence")
def make_evidence(
    case_id: CaseId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The archive, a ZIP file.")],
    config: ConfigFile = None,
) -> None:
    """Write one signed archive of a conversation, for a payment dispute: who said what, and how that can be known."""
    evidence.make(case_id, output, config)
