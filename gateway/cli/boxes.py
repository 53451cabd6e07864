"""What became of mail, and repairing it: the inbox of kept mails and the outbox of mails that go out."""

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import values
from gateway.cli.explain import explained, tell
from gateway.cli.installation import ConfigFile, opened, settings, working
from gateway.cli.output import AsJson, Limit, as_json, columns, line, moment
from gateway.errors import CasegateError, Invalid, Problem

if TYPE_CHECKING:
    from store.inbox import Kept, Result
    from store.outbox import Outgoing

commands = typer.Typer()
inbox = typer.Typer(help="Mails that came in: list, show, replay, release, drop.", no_args_is_help=True)
outbox = typer.Typer(help="Mails that go out: list, show, retry.", no_args_is_help=True)
commands.add_typer(inbox, name="inbox")
commands.add_typer(outbox, name="outbox")

MailId = Annotated[int, typer.Argument(metavar="ID", help="Number of the mail in the list.")]
State = Annotated[str | None, typer.Option("--state", help="Only those in this state.")]
Raw = Annotated[bool, typer.Option("--raw", help="Write the bytes of the mail, nothing else.")]

INBOX_STATES = ("pending", "claimed", "done")
OUTBOX_STATES = ("queued", "claimed", "sent", "failed", "cancelled")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


# Inbox


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
    state = state and values.one_of(INBOX_STATES, state, "--state")
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
            _write(rows.bytes_of(kept, parts.files))
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
    _tell(facts)
    tell_results(results)
    typer.echo()
    if document is not None:
        tell(document)
    else:
        typer.echo(line(trouble))
    if data is not None:
        _tell_headers(data)


@inbox.command("replay")
def replay(inbox_id: MailId, config: ConfigFile = None) -> None:
    """Have a mail processed once more; what it has posted is not posted again."""
    from store import inbox as rows

    with working(settings(config)) as parts:
        parts.database.write(lambda: rows.replay(inbox_id, parts.now()))
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


# Outbox


@outbox.command("list")
def list_outbox(state: State = None, limit: Limit = 50, json: AsJson = False, config: ConfigFile = None) -> None:
    """Show outgoing mails with what became of them."""
    from store import outbox as rows

    state = state and values.one_of(OUTBOX_STATES, state, "--state")
    with opened(settings(config)):
        mails = rows.listing(state=state, limit=limit)
    if json:
        as_json([outgoing_as_json(mail) for mail in mails])
        return
    columns(
        "ID", "MADE", "TO", "TEMPLATE", "STATE", "ANSWER",
        rows=[(m.id, moment(m.created_at), m.recipient, m.template, m.state, m.answer) for m in mails],
    )  # fmt: skip


@outbox.command("show")
def show_outbox(outbox_id: MailId, raw: Raw = False, config: ConfigFile = None) -> None:
    """Show an outgoing mail: envelope, deliveries, headers."""
    from store import outbox as rows

    with opened(settings(config)):
        mail = rows.get(outbox_id)
    if raw:
        _write(mail.data)
        return
    tries = f"{mail.attempts} tried" + (f", {mail.unclear} with an unclear end" if mail.unclear else "")
    facts = {
        "mail": f"{mail.id}, {len(mail.data)} bytes, made {moment(mail.created_at)}",
        "what": f"{mail.template} in {mail.case_id}",
        "from": mail.envelope_from,
        "to": mail.recipient,
        "state": f"{mail.state}, {tries}",
        "due": moment(mail.due_at) if mail.state in ("queued", "claimed") else "",
        "sent": moment(mail.sent_at),
        "relay": mail.relay,
        "answer": mail.answer,
    }
    _tell(facts)
    _tell_headers(mail.data)


@outbox.command("retry")
def retry(
    outbox_ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]…", help="Numbers of mails.")] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every mail that was given up.")] = False,
    config: ConfigFile = None,
) -> None:
    """Send mails now that wait, have failed or were cancelled."""
    from store import outbox as rows

    if bool(outbox_ids) == all_failed:
        raise Invalid((Problem("ID", "name mails by their numbers, or write --all-failed"),))
    with working(settings(config)) as parts:

        def job() -> list[tuple[int, bool]]:
            now = parts.now()
            return [(number, rows.retry(number, now)) for number in outbox_ids or rows.failed_ids()]

        retried = parts.database.write(job)
        parts.jobs.wake_outbox()
    for number, due in retried:
        typer.echo(f"mail {number} " + ("is due now" if due else "was sent or is on its way: nothing to do"))


def outgoing_as_json(mail: "Outgoing") -> dict[str, Any]:
    """An outgoing mail for programs."""
    from gateway import shapes

    return {
        "id": mail.id,
        "caseId": mail.case_id,
        "messageId": mail.message_id,
        "template": mail.template,
        "recipient": mail.recipient,
        "envelopeFrom": mail.envelope_from,
        "rfcMessageId": mail.rfc_message_id,
        "subject": mail.subject,
        "state": mail.state,
        "dueAt": shapes.timestamp(mail.due_at) if mail.state in ("queued", "claimed") else None,
        "attempts": mail.attempts,
        "unclear": mail.unclear,
        "createdAt": shapes.timestamp(mail.created_at),
        "sentAt": None if mail.sent_at is None else shapes.timestamp(mail.sent_at),
        "relay": mail.relay,
        "answer": mail.answer,
    }


# What both show


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _tell(facts: dict[str, str]) -> None:
    for name, value in facts.items():
        if value:
            typer.echo(f"{name:<8} {line(value)}")


def _tell_headers(data: bytes) -> None:
    typer.echo()
    for field in _END_OF_HEADERS.split(data, maxsplit=1)[0].splitlines():
        typer.echo(line(field.decode("utf-8", "replace").replace("\t", "    ")))
