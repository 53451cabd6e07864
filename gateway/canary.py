"""A mail to ourselves: out through the relay, back through the front door, every so many minutes.

    outbox row ──▶ relay ──▶ … ──▶ our MX ──▶ RCPT <canary+token@reply_domain> ──▶ inbox row, automatic ──▶ seen_at

It is queued, signed and sent like any other mail and changes no case, so what stops it stops customers' mail too. Two
in a row that did not come back within their interval (five minutes at least) mean that mail does not work.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.cases.notices import Letter, Template
from gateway.courier import queue
from gateway.outbound.compose import Composer
from gateway.signing import HANDLE_BYTES, Keyring, Purpose
from store import canaries, counts
from store.canaries import Canary
from store.database import Database

PATIENCE = timedelta(minutes=5)  # one that takes so long is late, however often they are sent
IN_A_ROW = 2

log = structlog.get_logger("canary")


class Canaries:
    """Sends them and misses them. every: zero switches them off."""

    def __init__(
        self,
        database: Database,
        composer: Composer,
        keyring: Keyring,
        *,
        reply_domain: str,
        every: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._composer = composer
        self._keyring = keyring
        self._domain = reply_domain
        self._every = every
        self._now = now

    def send(self) -> int:
        """Queue one when it is time. Returns how many: in each interval one, by whichever process is first."""
        now = self._now()
        if not self._every or counts.amount("canary", now, self._every):
            return 0
        handle = os.urandom(HANDLE_BYTES)
        address = f"canary+{self._keyring.token(Purpose.CANARY, handle)}@{self._domain}"
        mail = self._composer.compose_letter(Letter(Template.CANARY, address), now)

        def job() -> int:
            if not counts.add_within("canary", now, self._every, 1):
                return 0  # another process was faster
            canaries.withdraw()
            queue(mail, None, None, now)
            canaries.insert(handle, mail.handle, now)
            canaries.forget_old(now)
            return 1

        sent = self._database.write(job)
        log.info("canary.sent", sent=sent)
        return sent

    def trouble(self) -> str:
        """In words, when several in a row did not come back; else "". Reads rows."""
        if not self._every:
            return ""
        missing = canaries.missing(self._now() - max(self._every, PATIENCE))
        if len(missing) < IN_A_ROW:
            return ""
        return (
            f"the mails that we send to ourselves do not come back, the last ones since "
            f"{missing[-1].sent_at:%Y-%m-%d %H:%M} UTC: {_why(missing[0])}"
        )


def _why(canary: Canary) -> str:
    """What is known about one that is missing."""
    if canary.state == "sent" and canary.report:
        return f"it was reported as {canary.report}: {canary.report_text}"
    if canary.state == "sent":
        return "the relay took it, and it did not come in; look at the MX of mail.reply_domain and the server behind it"
    if canary.state in ("failed", "cancelled"):
        return f"it could not be sent: {canary.answer}"
    return f"it waits to be sent: {canary.answer or 'no relay has answered yet'}"
