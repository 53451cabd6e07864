"""Mails that came in: what became of them, and repairing it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import values
from gateway.cli.explain import explained, tell
from gateway.cli.installation import ConfigFile, opened, settings, working
from gateway.cli.output import AsJson, Limit, Raw, as_json, columns, line, moment, tell_facts, tell_headers, write
from gateway.errors import CasegateError

if TYPE_CHECKING:
    from store.inbox import Kept, Result

commands = typer.Typer()
inbox = typer.Typer(help="Mails that came in: list, show, replay, release, drop.", no_args_is_help=True)
commands.add_typer(inbox, name="inbox")

MailId = Annotated[int, typer.Argument(metavar="ID", help="Number of the mail in the list.")]
State = Annotated[str | None, typer.Option("--state", help="Only those in this state.")]

STATES = ("pending", "claimed", "done")


@inbox.command("list")
def list_inbox(
    outcome: Annotated[str | None, typer.Option("--outcome", help="Only those that came to this.")] = None,
    state: State = None,
    limit: Limit = 50,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Show kept mails with what they came to."""
    from store import inbox as rows

    outcome = outcome and values.one_of(tuple(rows.Outcome), outcome, "--outcome")
    state = state and values.one_of(STATES, state, "--state")
    with opened(settings(config)):
        mails = rows.listing(outcome=outcome, state=state, limit=limit)
    if json:
        as_json([kept_as_json(kept) for kept in mails])
        return
    columns(
        "ID", "KEPT", "FROM", "STATE", "OUTCOME", "REASON",
        rows=[(m.id, moment(m.kept_at), m.mail_from or "<>", m.state, m.outcome, m.reason) for m in mails],
    )  # fmt: skip


@inbox.command("show")
def show_inbox(inbox_id: MailId, raw: Raw = False, config: ConfigFile = None) -> None:
    """Show a kept mail: envelope, what it came to in each case, how it is understood now, headers."""
    from store import inbox as rows

    with working(settings(config)) as parts:
        kept = rows.get(inbox_id)
        if raw:
            write(rows.bytes_of(kept, parts.files))
            return
        results = rows.results(inbox_id)
        data, document, trouble = None, None, ""
        try:
            data = rows.bytes_of(kept, parts.files)
            document = explained(parts, kept, data)
        except CasegateError as error:
            trouble = error.text
    tries = f"{kept.attempts} tried" + (f", {kept.lost} without a result" if kept.lost else "")
    facts = {
        "mail": f"{kept.id}, {kept.size} bytes, kept {moment(kept.kept_at)}",
        "from": kept.mail_from or "<> (null sender)",
        "to": ", ".join(_recipients(kept)),
        "client": f"{kept.client or 'unknown'}, greeted as {kept.helo or 'nothing'}",
        "state": f"{kept.state}, {tries}",
        "due": "" if kept.state == "done" else moment(kept.due_at),
        "outcome": f"{kept.outcome}: {kept.reason}" if kept.outcome else kept.reason,
    }
    tell_facts(facts)
    tell_results(results)
    typer.echo()
    if document is not None:
        tell(document)
    else:
        typer.echo(line(trouble))
    if data is not None:
        tell_headers(data)


@inbox.command("replay")
def replay(inbox_id: MailId, config: ConfigFile = None) -> None:
    """Have a mail processed once more; what it has posted is not posted again."""
    from store import audit
    from store import inbox as rows

    with working(settings(config)) as parts:

        def job() -> None:
            rows.replay(inbox_id, parts.now())
            audit.record(audit.OPERATOR, "mail.replayed", parts.now(), subject=str(inbox_id))

        parts.database.write(job)
        parts.jobs.wake_inbox()
    typer.echo(f"mail {inbox_id} is due again")


@inbox.command("release")
def release(
    inbox_id: MailId,
    remember: Annotated[
        bool, typer.Option("--remember", help="Ask the participant whether the other address is his as well.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Post a held mail as the participant for whom it is held. Twice is once."""
    with working(settings(config)) as parts:
        results = parts.releases.release(inbox_id, remember=remember)
        parts.jobs.wake_outbox()
    tell_results(results)


@inbox.command("drop")
def drop(
    inbox_id: MailId,
    why: Annotated[str, typer.Option("--why", help="For whoever looks at it later.")] = "a person decided so",
    config: ConfigFile = None,
) -> None:
    """Leave a held mail unposted for good. Nobody is told; its bytes stay as long as those of other mails."""
    with working(settings(config)) as parts:
        results = parts.releases.drop(inbox_id, why)
    tell_results(results)


def _recipients(kept: "Kept") -> list[str]:
    from gateway.inbound.keep import recipients_from_json

    return [recipient.address for recipient in recipients_from_json(kept.recipients)]


def tell_results(results: "tuple[Result, ...]") -> None:
    """Print what a kept mail came to, case by case."""
    for result in results:
        message = f" ({result.message_id})" if result.message_id else ""
        typer.echo(f"  {result.case_id or 'no case'}  {result.outcome}: {line(result.reason)}{message}")


def kept_as_json(kept: "Kept") -> dict[str, Any]:
    """A kept mail for programs."""
    from gateway import shapes

    return {
        "id": kept.id,
        "keptAt": shapes.timestamp(kept.kept_at),
        "mailFrom": kept.mail_from,
        "recipients": _recipients(kept),
        "client": kept.client,
        "helo": kept.helo,
        "size": kept.size,
        "state": kept.state,
        "dueAt": None if kept.state == "done" else shapes.timestamp(kept.due_at),
        "attempts": kept.attempts,
        "lost": kept.lost,
        "outcome": kept.outcome or None,
        "reason": kept.reason,
    }
