"""What the operator should look at."""

from typing import Annotated

import typer

from gateway.cli.installation import ConfigFile, opened, settings
from gateway.cli.output import columns, moment

commands = typer.Typer()
alarm = typer.Typer(help="What the operator should look at: list, clear.", no_args_is_help=True)
commands.add_typer(alarm, name="alarm")


@alarm.command("list")
def list_alarms(config: ConfigFile = None) -> None:
    """Show the alarms that nobody has cleared, the latest first."""
    from store import alarms

    with opened(settings(config)):
        raised = alarms.raised()
    columns(
        "NAME", "RAISED", "LAST", "TIMES", "TEXT",
        rows=[(a.name, moment(a.raised_at), moment(a.last_at), a.times, a.text) for a in raised],
    )  # fmt: skip


@alarm.command("clear")
def clear(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As the list has it.")], config: ConfigFile = None
) -> None:
    """Take an alarm from the list; the same again is a new one."""
    from store import alarms

    with opened(settings(config)) as (database, _):
        database.write(lambda: alarms.clear(name))
