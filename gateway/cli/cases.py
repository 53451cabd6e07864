"""What an operator does about one case."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import evidence
from gateway.cli.installation import ConfigFile

commands = typer.Typer()
case = typer.Typer(help="What concerns one case: evidence.", no_args_is_help=True)
commands.add_typer(case, name="case")

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="Id of the case.")]


@case.command("evidence")
def make_evidence(
    case_id: CaseId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The archive, a ZIP file.")],
    config: ConfigFile = None,
) -> None:
    """Write one signed archive of a conversation, for a payment dispute: who said what, and how that can be known."""
    evidence.make(case_id, output, config)
