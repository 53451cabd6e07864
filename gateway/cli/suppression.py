"""Addresses that get no mail: who they are, why, and until when."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.cli.output import AsJson, Limit, as_json_list, columns, moment

if TYPE_CHECKING:
    from store.suppressions import Suppression

commands = typer.Typer()
suppression = typer.Typer(help="Addresses that get no mail: list, add, remove.", no_args_is_help=True)
commands.add_typer(suppression, name="suppression")

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail address, in small or capital letters.")]


@suppression.command("list")
def list_suppressions(
    reason: Annotated[str, typer.Option(help="Only those for this reason: dead, complaint or operator.")] = "",
    limit: Limit = 50,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Show the addresses that get no mail now, the newest first. One without an end stays until it is removed."""
    from store import suppressions

    chosen = values.one_of(suppressions.REASONS, reason, "--reason") if reason else ""
    with opened(settings(config)):
        found = suppressions.listing(utc_now(), reason=chosen, limit=limit)
    if json:
        as_json_list(map(_as_json, found))
        return
    columns(
        "ADDRESS", "REASON", "SOURCE", "SINCE", "UNTIL", "TIMES", "DETAIL",
        rows=[
            (one.address, one.reason, one.source, moment(one.since), moment(one.until) or "-", one.times, one.detail)
            for one in found
        ],
    )  # fmt: skip


@suppression.command("add")
def add(
    address: Address,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="For so long; else until it is removed.")] = None,
    why: Annotated[str, typer.Option(help="Shown in the list, and to the store whose mail is not sent.")] = "",
    config: ConfigFile = None,
) -> None:
    """Send no mail to an address, but for the links with which people sign in."""
    from store import audit, suppressions

    loaded = settings(config)
    checked, words = values.person_address(address, loaded), values.name(why, "--why") if why else ""
    with opened(loaded) as (database, _):
        now = utc_now()
        until = None if days is None else now + timedelta(days=days)

        def job() -> None:
            suppressions.add(checked, words, now, until)
            audit.record(audit.OPERATOR, "suppression.added", now, detail={"people": suppressions.people(checked)})

        database.write(job)


@suppression.command("remove")
def remove(address: Address, config: ConfigFile = None) -> None:
    """Send mail to an address again, and forget what was known about it."""
    from store import audit, suppressions

    now = utc_now()

    def job() -> None:
        suppressions.remove(address, now)
        audit.record(audit.OPERATOR, "suppression.removed", now, detail={"people": suppressions.people(address)})

    with opened(settings(config)) as (database, _):
        database.write(job)


def _as_json(one: "Suppression") -> dict[str, Any]:
    from gateway import shapes

    return {
        "address": one.address,
        "reason": one.reason,
        "source": one.source,
        "detail": one.detail,
        "since": shapes.timestamp(one.since),
        "until": None if one.until is None else shapes.timestamp(one.until),
        "times": one.times,
        "outboxId": one.outbox_id,
    }
