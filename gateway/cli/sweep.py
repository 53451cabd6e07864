"""What is due as of a time, and doing it: the operator's look ahead, and his way to hasten what waits."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.inbox import kept_as_json
from gateway.cli.installation import ConfigFile, settings, utc_now, working
from gateway.cli.outbox import outgoing_as_json
from gateway.cli.output import AsJson, as_json, line, moment
from gateway.errors import Invalid, Problem

if TYPE_CHECKING:
    from gateway.app import Parts
    from gateway.closing import Due
    from store.inbox import Kept
    from store.outbox import Outgoing

commands = typer.Typer()


@commands.command()
def sweep(
    as_of: Annotated[str, typer.Option("--as-of", metavar="TIME", help="ISO 8601; UTC when it has no zone.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what is due.")] = False,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Do what is due as of a time: process and send mail, warn of silent cases and close those that were warned of.

    Whoever gives a time vouches for it: a share of the cases an hour at most, and a clock that jumped, stop no warning
    and no closing here.
    """
    from store import inbox, outbox

    then = _moment(as_of)
    if not dry_run:
        # What was due in the past is due now. A clock that is behind would make leases that have ended already.
        then = max(then, utc_now())
    with working(settings(config), now=lambda: then) as parts:
        silent = parts.closing.due(then)
        kept, outgoing = (inbox.due(then), outbox.due(then)) if dry_run else _do(parts)
    if json:
        document = {
            "asOf": moment(then),
            "inbox": [kept_as_json(mail) for mail in kept],
            "outbox": [outgoing_as_json(mail) for mail in outgoing],
            "cases": [{"case": due.case_id, "due": _word(due)} for due in silent],
        }
        as_json(document)
    else:
        _tell(kept, outgoing, silent, then)


def _do(parts: "Parts") -> "tuple[tuple[Kept, ...], tuple[Outgoing, ...]]":
    """Process, then send, also what the processing made. Returns the mails as they are afterwards."""
    from store import inbox, outbox

    kept = inbox.due(parts.now())
    parts.processor.drain()
    parts.deliveries.settle()
    parts.closing.look(confirmed=True)
    outgoing = outbox.due(parts.now())
    parts.dispatcher.drain()
    if parts.deliveries.settle():
        parts.dispatcher.drain()
    return tuple(inbox.get(mail.id) for mail in kept), tuple(outbox.get(mail.id) for mail in outgoing)


def _word(due: "Due") -> str:
    return "warning" if due.warns else "closing"


def _tell(
    kept: "tuple[Kept, ...]", outgoing: "tuple[Outgoing, ...]", silent: "tuple[Due, ...]", then: datetime
) -> None:
    for mail in kept:
        typer.echo(
            f"inbox {mail.id}  {mail.outcome or mail.state}  {line(mail.mail_from or '<>')}  {line(mail.reason)}"
        )
    for out in outgoing:
        typer.echo(f"outbox {out.id}  {out.state}  {out.template} to {line(out.recipient)}  {line(out.answer)}")
    for due in silent:
        typer.echo(f"case {due.case_id}  {_word(due)}")
    if not kept and not outgoing and not silent:
        typer.echo(f"nothing is due as of {moment(then)}")


def _moment(text: str) -> datetime:
    try:
        then = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid((Problem("--as-of", "write a time such as 2026-05-04T09:30:00Z"),)) from error
    return then if then.tzinfo is not None else then.replace(tzinfo=UTC)
