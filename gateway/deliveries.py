"""What becomes of mails after they left: whose address gets no more, and which case goes back to its merchant.

    a report, a refusal, the end of all tries ──▶ outbox row (report, state) ──▶ settle ──▶ the case, once

Rows say what is to be done, and `told_at` that it was: it is written in the transaction that changes the case, so that
a process may die anywhere. Who writes such a row wakes `settle`; the sweep finds what a lost wake left.

who                            gets no more mail (HARDENING rules 7 and 8) after
-----------------------------  --------------------------------------------------------------------------------------
a customer                     a refusal at RCPT or a report that says that the address is dead, or a complaint
a member of a store, support   a refusal at RCPT that says so; or two reports on different mails, an hour apart or more
anybody, at a mass failure     nothing: then the relay is sick, not everybody dead
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.cases.model import Role
from gateway.cases.notices import Template
from gateway.closing import Closing
from gateway.desk import Desk
from gateway.errors import NotFound
from gateway.inbound.reports import Heard
from gateway.mail.bounces import judge_refusal
from gateway.mail.redact import Redactor
from gateway.mail.report_words import CODE
from gateway.outbound.answers import Answer, Outcome
from store import counts, reports, suppressions
from store.database import Database
from store.outbox import Outgoing
from store.reports import Mailed, Undelivered

AT_ONCE = 100
BECAUSE_CHARACTERS = 300
WINDOW = timedelta(minutes=10)
HARD_FAILURES = 20  # reports of dead addresses within the window that may be true
_BRAKED = "suppressions:braked"

log = structlog.get_logger("deliveries")


class Deliveries:
    """Draws the conclusions. wake: has `settle` called soon, by any process; it never blocks and never fails."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        closing: Closing,
        redactor: Redactor,
        *,
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._desk = desk
        self._closing = closing
        self._redactor = redactor
        self._now = now
        self.wake = wake

    # What is written beside other things; each runs in the writer

    def reported(self, heard: Heard) -> None:
        """A report came."""
        if heard.mail is None:
            return
        if not heard.report:
            reports.count(heard.mail.id)
            return
        text, now = self._cleaned(heard.text), self._now()
        if not reports.note(heard.mail.id, heard.report, text, now):
            return
        log.info("delivery.reported", outbox_id=heard.mail.id, report=heard.report)
        if heard.report == "complained":
            self._suppress(heard.mail, suppressions.COMPLAINT, suppressions.REPORT, text)
        elif heard.dead and not self._is_mass_failure():
            self._suppress(heard.mail, suppressions.DEAD, suppressions.REPORT, text)

    def refused(self, mail: Outgoing, answer: Answer) -> Callable[[], None]:
        """A mail has failed for good, with this answer. What is returned runs in the transaction that writes it."""
        text = self._cleaned(str(answer))

        def job() -> None:
            if answer.outcome is Outcome.FAILED:
                reports.refused(mail.id, text, self._now())
            else:
                reports.given_up(mail.id, text, self._now())
            if answer.dead:
                self._suppress(mail, suppressions.DEAD, suppressions.REFUSAL, text)

        return job

    def brake(self, since: datetime) -> None:
        """A relay fails everybody (HARDENING rule 7): what was found since then tells nothing about addresses, nor does
        what is found in the next minutes."""
        counts.tell_once(_BRAKED, self._now(), timedelta(0))
        lifted = suppressions.lift_since(since, self._now())
        log.warning("suppression.braked", lifted=lifted)

    def _suppress(self, mail: Mailed | Outgoing, reason: str, source: str, text: str) -> None:
        now, address = self._now(), mail.recipient
        if mail.template in suppressions.FOR_OURSELVES:
            return
        if reason == suppressions.DEAD and counts.was_told(_BRAKED, now, WINDOW):
            return
        certain = source == suppressions.REFUSAL or not suppressions.is_staff(address)
        if suppressions.found(address, reason, source, text, mail.id, now, certain=certain):
            suppressions.raise_alarms(address, now)

    def _is_mass_failure(self) -> bool:
        """Whether too many addresses are reported dead for all of them to be: over half of the mails of ten minutes."""
        now = self._now()
        dead = counts.add("reports:dead", now, WINDOW)
        if dead <= HARD_FAILURES or reports.sent_since(now - WINDOW, 2 * dead) >= 2 * dead:
            return False
        self.brake(now - WINDOW)
        return True

    def _cleaned(self, text: str) -> str:
        """One line without control characters, and without the addresses and links that only one side may know."""
        text = "".join(c if c.isprintable() else " " for c in self._redactor.text(text))
        return " ".join(text.split())

    # The people of the case

    def settle(self) -> int:
        """See to it that whoever must know of mails that did not arrive is told. Returns how many cases moved."""
        moved = 0
        while waiting := reports.untold(AT_ONCE):
            moved += sum(map(self._settle, waiting))
        return moved

    def _settle(self, mail: Undelivered) -> bool:
        """One mail, once, whoever else is at it."""

        def mark(moved: bool) -> None:
            if not reports.mark_told(mail.id, self._now()):
                raise _AlreadyTold

        because, cause = mail.text[:BECAUSE_CHARACTERS], cause_of(mail.text)
        try:
            moved = self._tell(mail, because, cause, mark)
        except _AlreadyTold:
            return False
        log.info("delivery.settled", outbox_id=mail.id, case_id=mail.case_id, moved=moved)
        return moved

    def _tell(self, mail: Undelivered, because: str, cause: str, mark: Callable[[bool], None]) -> bool:
        try:
            if mail.template == Template.CLOSING_SOON:
                return self._closing.undelivered(mail.id, because, cause, also=mark)
            if mail.role is Role.CUSTOMER and mail.message_id is not None:
                return self._desk.give_back(mail.case_id, mail.message_id, because, cause, also=mark)
        except NotFound:
            log.info("delivery.of_no_case", outbox_id=mail.id)  # it was erased: nobody is left to be told
        # What did not reach a member or support is seen on the message; it is nothing for the customer.
        self._database.write(lambda: mark(False), durable=False)
        return False


class _AlreadyTold(Exception):
    """Another worker was faster."""


def cause_of(text: str) -> str:
    """What the words of a mail system mean to a merchant, as in `Notice.cause`."""
    code = CODE.search(text)
    return _CAUSES.get(judge_refusal(text, code[1] if code else "").reason, "")


_CAUSES = {
    "nouser": "address",
    "nodomain": "address",
    "moved": "address",
    "disabled": "address",
    "full": "full",
    "size": "size",
    "spam": "policy",
    "virus": "policy",
    "content": "policy",
    "policy": "policy",
}
