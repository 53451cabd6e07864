"""What the operator should look at."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.cli.output import AsJson, as_json, columns, moment

if TYPE_CHECKING:
    from store.alarms import Alarm

commands = typer.Typer()
alarm = typer.Typer(help="What the operator should look at: list, clear.", no_args_is_help=True)
commands.add_typer(alarm, name="alarm")


@alarm.command("list")
def list_alarms(json: AsJson = False, config: ConfigFile = None) -> None:
    """Show the alarms that stand, the latest first: TOLD is when the operator was mailed."""
    from store import alarms

    with opened(settings(config)):
        raised = alarms.raised()
    if json:
        as_json([_as_json(one) for one in raised])
        return
    columns(
        "KIND", "NAME", "SINCE", "LAST", "TIMES", "TOLD", "TEXT",
        rows=[
            (a.kind, a.name, moment(a.raised_at), moment(a.last_at), a.times, moment(a.told_at), a.text) for a in raised
        ],
    )  # fmt: skip


def _as_json(one: "Alarm") -> dict[str, Any]:
    from gateway import shapes

    return {
        "name": one.name,
        "kind": one.kind,
        "text": one.text,
        "raisedAt": shapes.timestamp(one.raised_at),
        "lastAt": shapes.timestamp(one.last_at),
        "times": one.times,
        "toldAt": None if one.told_at is None else shapes.timestamp(one.told_at),
    }


@alarm.command("clear")
def clear(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As the list has it.")], config: ConfigFile = None
) -> None:
    """Take an alarm from the list; the same again is a new one."""
    from store import alarms, audit

    def job() -> None:
        alarms.clear(name)
        audit.record(audit.OPERATOR, "alarm.cleared", utc_now(), subject=name.partition(":")[0])

    with opened(settings(config)) as (database, _):
        database.write(job)
