"""Who did what, when, through which door."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.installation import ConfigFile, opened, settings
from gateway.cli.output import AsJson, Limit, as_json_list, columns, moment

if TYPE_CHECKING:
    from store.audit import Entry

commands = typer.Typer()


@commands.command()
def audit(
    store: Annotated[str, typer.Option("--store", metavar="STORE", help="Only acts in this store.")] = "",
    case: Annotated[str, typer.Option("--case", metavar="CASE", help="Only acts in this case.")] = "",
    before: Annotated[
        int | None, typer.Option("--before", metavar="ID", help="Only earlier ones than this, to read on.")
    ] = None,
    limit: Limit = 50,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Show who did what, when and through which door, the newest first. It holds ids, never names or words."""
    from gateway.shapes import case_id as known_id
    from store import audit as rows

    with opened(settings(config)):
        found = rows.listing(store_id=store, case_id=known_id(case) if case else "", before=before, limit=limit)
    if json:
        as_json_list(map(_as_json, found))
        return
    columns(
        "ID", "AT", "WHO", "DOOR", "ACTION", "STORE", "CASE", "SUBJECT", "DETAIL",
        rows=[
            (e.id, moment(e.at), _who(e), e.door, e.action, e.store_id, e.case_id, e.subject, _detail(e)) for e in found
        ],
    )  # fmt: skip


def _who(entry: "Entry") -> str:
    """`MERCHANT stk_…`, or `operator` for whoever may run commands, or `system`."""
    from gateway.cases.model import Door, Role

    if entry.role is Role.SYSTEM and not entry.actor_id:
        return "operator" if entry.door is Door.COMMAND else "system"
    return f"{entry.role} {entry.actor_id}".rstrip()


def _detail(entry: "Entry") -> str:
    """`status OPEN -> CLOSED, template case_closed`."""
    return ", ".join(f"{name} {_value(value)}" for name, value in entry.detail.items())


def _value(value: object) -> str:
    if isinstance(value, list) and len(value) == 2:
        return " -> ".join(str(one) for one in value)
    return " ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _as_json(entry: "Entry") -> dict[str, Any]:
    from gateway import shapes

    return {
        "id": entry.id,
        "at": shapes.timestamp(entry.at),
        "role": entry.role,
        "actorId": entry.actor_id or None,
        "door": entry.door,
        "action": entry.action,
        "storeId": entry.store_id or None,
        "caseId": entry.case_id or None,
        "subject": entry.subject or None,
        "detail": dict(entry.detail),
    }
