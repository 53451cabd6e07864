"""Mails that go out: what became of them, and sending them again after a repair."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now, working
from gateway.cli.output import AsJson, Limit, Raw, as_json_list, columns, moment, short, tell_facts, tell_headers, write
from gateway.errors import Invalid, Problem

if TYPE_CHECKING:
    from gateway.app import Parts
    from store.outbox import Outgoing, Which

commands = typer.Typer()
outbox = typer.Typer(help="Mails that go out: list, show, retry.", no_args_is_help=True)
commands.add_typer(outbox, name="outbox")

PAGE = 1_000  # rows that are in memory at the same time

OfRelay = Annotated[str, typer.Option("--relay", metavar="HOST:PORT", help="Only those that this relay tried last.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Only those whose answer holds these words.")]
OlderThan = Annotated[
    str, typer.Option("--older-than", metavar="SPAN", help="Only those made longer ago: 90s, 10m, 4h, 2d.")
]


@outbox.command("list")
def list_outbox(
    state: Annotated[
        str, typer.Option("--state", help="Only those in this state: queued, claimed, sent, failed, cancelled; or of "
        "which this was heard: delayed, bounced, complained, suppressed.")
    ] = "",
    relay: OfRelay = "",
    reason: Reason = "",
    older_than: OlderThan = "",
    limit: Limit = 50,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:  # fmt: skip
    """Show outgoing mails with what became of them."""
    which = _which(state, relay, reason, older_than)
    now = utc_now()
    with opened(settings(config)):
        if json:
            as_json_list(outgoing_as_json(mail) for mail in _paged(which, limit))
            return
        columns(
            "ID", "AGE", "TRIES", "NEXT", "TO", "TEMPLATE", "STATE", "RELAY", "REASON",
            rows=(_row(mail, now) for mail in _paged(which, limit)),
        )  # fmt: skip


def _row(mail: "Outgoing", now: datetime) -> tuple[object, ...]:
    waits = mail.state == "queued"
    return (
        mail.id,
        short(now - mail.created_at),
        mail.attempts,
        ("now" if mail.due_at <= now else f"in {short(mail.due_at - now)}") if waits else "",
        mail.recipient,
        mail.template,
        mail.report or mail.state,
        mail.relay,
        mail.report_text or mail.answer,
    )


def _paged(which: "Which", limit: int) -> "Iterator[Outgoing]":
    """The newest first, read a page at a time."""
    from store import outbox as rows

    before: int | None = None
    while limit > 0 and (page := rows.chosen(which, limit=min(limit, PAGE), before=before)):
        yield from page
        limit, before = limit - len(page), page[-1].id


def _which(state: str, relay: str, reason: str, older_than: str) -> "Which":
    """What the options mean. Raises Invalid."""
    from store.outbox import REPORTS, STATES, Which

    return Which(
        values.one_of((*STATES, *REPORTS), state, "--state") if state else "",
        relay,
        reason,
        utc_now() - values.span(older_than, "--older-than") if older_than else None,
    )


@outbox.command("show")
def show_outbox(
    outbox_id: Annotated[int, typer.Argument(metavar="ID", help="Number of the mail in the list.")],
    raw: Raw = False,
    config: ConfigFile = None,
) -> None:
    """Show an outgoing mail: envelope, deliveries, headers."""
    from store import outbox as rows

    with opened(settings(config)):
        mail = rows.get(outbox_id)
    if raw:
        write(mail.data)
        return
    tries = f"{mail.attempts} tried" + (f", {mail.unclear} with an unclear end" if mail.unclear else "")
    waits = mail.state in ("queued", "claimed")
    tell_facts(
        {
            "mail": f"{mail.id}, {len(mail.data)} bytes, made {moment(mail.created_at)}",
            "what": f"{mail.template} in {mail.case_id}" if mail.case_id else mail.template,
            "from": mail.envelope_from,
            "to": mail.recipient,
            "state": f"{mail.state}, {tries}",
            "due": f"{moment(mail.due_at)}, given up {moment(mail.give_up_at)}" if waits else "",
            "sent": moment(mail.sent_at),
            "route": mail.route,
            "relay": mail.relay,
            "answer": mail.answer,
            "report": _reported(mail),
        }
    )
    tell_headers(mail.data)


def _reported(mail: "Outgoing") -> str:
    """What was heard of it, and how many reports came beside the one that counts."""
    heard = f"{mail.report} {moment(mail.reported_at)}: {mail.report_text}" if mail.report else ""
    return f"{heard or 'nothing that counts'} ({mail.reports} came)" if mail.reports else heard


@outbox.command("retry")
def retry(
    outbox_ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]…", help="Numbers of mails.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Those that were given up, not those that wait.")] = False,
    relay: OfRelay = "",
    reason: Reason = "",
    older_than: OlderThan = "",
    config: ConfigFile = None,
) -> None:
    """Send mails again after a repair: by number also cancelled ones, else those that wait or were given up.

    What was sent is never sent again, and what a worker has at this moment is left to it.
    """
    many = failed or bool(relay or reason or older_than)
    if bool(outbox_ids) == many:
        text = "name mails by their numbers, or say which with --failed, --relay, --older-than or --reason"
        raise Invalid((Problem("ID", text),))
    with working(settings(config)) as parts:
        if outbox_ids:
            _retry_each(parts, outbox_ids)
        else:
            _retry_many(parts, _which("", relay, reason, older_than), ("failed",) if failed else ("failed", "queued"))
        parts.jobs.wake_outbox()


def _retry_each(parts: "Parts", outbox_ids: list[int]) -> None:
    from store import outbox as rows

    def job() -> list[tuple[int, str]]:
        done = [(number, rows.retry(number, parts.now())) for number in outbox_ids]
        _audit(parts, [number for number, state in done if state not in _UNTOUCHED])
        return done

    for number, state in parts.database.write(job):
        typer.echo(f"mail {number} {_UNTOUCHED.get(state, 'is due now')}")


_UNTOUCHED = {
    "sent": "was sent: nothing to do",
    "claimed": "is being sent by a worker right now: nothing was done",
}


def _retry_many(parts: "Parts", which: "Which", states: tuple[str, ...]) -> None:
    """A part at a time: other writers have their turns in between."""
    from dataclasses import replace

    from store import outbox as rows

    count, now = 0, parts.now()

    def job(some: "Which", after: int) -> tuple[int, ...]:
        ids = rows.retry_some(some, now, after=after)
        _audit(parts, ids)
        return ids

    for state in states:
        after, some = 0, replace(which, state=state)
        while ids := parts.database.write(
            lambda some=some, after=after: job(some, after)  # type: ignore[misc]
        ):
            count, after = count + len(ids), max(ids)
    busy = rows.count(replace(which, state="claimed"))
    typer.echo(f"{count} mail{'' if count == 1 else 's'} due now")
    if busy:
        typer.echo(f"{busy} left alone: a worker is sending {'it' if busy == 1 else 'them'} right now")


def _audit(parts: "Parts", ids: "Sequence[int]") -> None:
    """One row for all mails that are made due in one transaction; many are told by their first and last."""
    from store import audit

    if ids:
        detail = {"count": len(ids), "from": min(ids), "to": max(ids)}
        audit.record(audit.OPERATOR, "mail.retried", parts.now(), detail=detail)


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
        "route": mail.route,
        "relay": mail.relay,
        "answer": mail.answer,
        "report": mail.report or None,
        "reportText": mail.report_text,
        "reportedAt": None if mail.reported_at is None else shapes.timestamp(mail.reported_at),
        "reports": mail.reports,
    }
