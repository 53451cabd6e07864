"""One kept mail, after its 250: understand it, then act (DESIGN §3).

    who               envelope                                  what it comes to
    ----------------  ----------------------------------------  ---------------------------------------------------
    a participant     MAIL <his address> RCPT <reply+token>     posted; held when it may not be his, or when it comes
                                                                too late to open his closed case again
    a robot of his    MAIL <> RCPT <reply+token>                automatic: the case does not move
    his mail server   MAIL <> RCPT <bounce+token>               bounce, or complaint: noted at the mail that it is about
    somebody          MAIL <any> RCPT <cases@…>                 posted when it answers our mail and is proven; else held
    anybody           MAIL <any> RCPT <postmaster@…>            postmaster: kept for the operator
    we ourselves      MAIL <bounce+token> RCPT <canary+token>   automatic: noted that mail works
    anybody           MAIL <any> RCPT <reply+token>             refused, unread and unanswered, and nothing of it kept,
                                                                when whoever had that address was erased

A mail is claimed before any work and finished in the transaction that posts it, so it is posted once however often
this process dies (HARDENING rules 6 and 9).
"""

import hashlib
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.cases.model import Draft, Key, Participant, Posted
from gateway.cases.notices import NotPosted
from gateway.deliveries import Deliveries
from gateway.desk import Desk
from gateway.erasing import Erasing
from gateway.errors import Erased, Later, Refused, StillAsking, TooLate
from gateway.heavy import Killed
from gateway.inbound.admit import Mailbox
from gateway.inbound.answer import Answers
from gateway.inbound.keep import recipients_from_json
from gateway.inbound.recognise import Decision, addressed
from gateway.inbound.understand import Posting, Understander, Understanding, Words
from gateway.mail.parse import ParsedMail
from store import alarms, canaries, inbox, senders, suppressions
from store.database import Database
from store.files import Files
from store.inbox import Kept, LeaseLost, Outcome, Result

LEASE = timedelta(minutes=10)
LOST_AT_MOST = 3  # a mail on which the process died this often is held: it must not kill it for ever (rule 9)
ERRORS_AT_MOST = 8
PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1_800, 3_600, 7_200))
ASKING = timedelta(seconds=30)  # for the DNS, unless its answer hastens the mail

log = structlog.get_logger("inbound")


class Processor:
    """Works on kept mails, one at a time in each thread that calls `drain`."""

    def __init__(
        self,
        desk: Desk,
        database: Database,
        files: Files,
        understander: Understander,
        answers: Answers,
        deliveries: Deliveries,
        *,
        erasing: Erasing,
        worker: str,
        now: Callable[[], datetime],
        stopping: Callable[[], bool] = lambda: False,
        make_way: Callable[[], object] = lambda: None,
    ) -> None:
        self._desk = desk
        self._database = database
        self._files = files
        self._understander = understander
        self._answers = answers
        self._deliveries = deliveries
        self._erasing = erasing
        self._worker = worker
        self._now = now
        self._stopping = stopping
        self._make_way = make_way  # rests for a moment while mail is being taken in at a rush

    def drain(self) -> int:
        """Process every mail that is due, each claimed when its turn comes. Returns how many."""
        done = 0
        kept = self._database.write(self._claim, durable=False)
        while kept is not None:
            self._make_way()
            kept = self.process(kept)
            done += 1
        return done

    def hasten(self, inbox_id: int) -> None:
        """The DNS of a mail's sender has answered: a mail that waits for it is due now."""
        self._database.write(lambda: inbox.hasten(inbox_id, self._now()), durable=False)

    def _claim(self) -> Kept | None:
        """The mail whose turn it is. Runs in the writer, mostly in the transaction that finishes the one before."""
        return None if self._stopping() else inbox.claim(self._now(), self._worker, LEASE)

    def process(self, kept: Kept) -> Kept | None:
        """Bring one claimed mail to its outcome, or give it back for a later try. Returns the next one."""
        structlog.contextvars.bind_contextvars(inbox_id=kept.id)
        try:
            return self._try(kept)
        except LeaseLost:
            log.warning("mail.lease_lost")  # another worker has it; what was done here was taken back
            return self._database.write(self._claim, durable=False)
        except Later as error:
            log.warning("mail.not_written", error=type(error).__name__)  # the lease runs out by itself
            return None
        finally:
            structlog.contextvars.unbind_contextvars("inbox_id")

    def _try(self, kept: Kept) -> Kept | None:
        """`process`, but for trouble with the rows: raises LeaseLost, Later."""
        try:
            if self._is_for_the_erased(kept):
                return self._forget(kept)
            if kept.lost >= LOST_AT_MOST:
                return self._hold_unread(kept, f"processing ended {kept.lost} times without a result")
            raw = inbox.bytes_of(kept, self._files)
            found = self._understander.understand(kept, raw)
            if found.authentication is not None:
                kept = replace(kept, authentication=found.authentication.to_json())  # whatever comes, it is made once
            return self._act(kept, raw, found)
        except LeaseLost:
            raise
        except Erased:  # while this mail was read; the next try finds that
            return self._postpone(kept, "its case was erased meanwhile")
        except StillAsking as error:
            return self._await_dns(kept, str(error))
        except Later as error:
            return self._postpone(kept, str(error))
        except Killed:  # a kill counts like a death of this process (rule 9)
            log.error("mail.too_heavy", tries=kept.failures + 1)
            return self._postpone(kept, "reading it took too much time or memory", tries=LOST_AT_MOST)
        except Exception as error:  # noqa: BLE001 - outermost boundary: a mail that breaks us waits, the next goes on
            log.error("mail.error", error=type(error).__name__, trace=traceback.format_exc())
            return self._postpone(kept, f"{type(error).__name__} while it was processed", tries=ERRORS_AT_MOST)

    # Acting on what was understood

    def _act(self, kept: Kept, raw: bytes, found: Understanding) -> Kept | None:
        """Post to one case after the other; the row is finished in the transaction of the last."""
        results = [_result(decision) for decision in found.decisions if decision.outcome is not Outcome.POSTED]
        results += self._posted_before(kept)
        done = {result.case_id for result in results}
        postings = [posting for posting in found.postings if posting.case_id not in done]
        late: list[Callable[[], None]] = []  # answers that the postings cause
        rest = self._rest(kept, found, late)
        following: list[Kept | None] = []

        def finish() -> None:
            inbox.finish(kept, results)
            rest()
            following.append(self._claim())

        for place, posting in enumerate(postings, 1):
            self._post(kept, raw, found, posting, results, late, finish if place == len(postings) else None)
        if following:
            _tell(results)
            return following[0]
        following_one = self._finish(kept, results, rest)
        if found.heard:
            self._deliveries.wake()
        return following_one

    def _post(
        self,
        kept: Kept,
        raw: bytes,
        found: Understanding,
        posting: Posting,
        results: list[Result],
        late: list[Callable[[], None]],
        finish: Callable[[], None] | None,
    ) -> None:
        """Post to one case. late: for the answer to a refusal. finish: what finishes the mail, for its last posting."""
        person = posting.contact.person
        answer = self._answers.kept_back(kept, found, posting)

        def note(posted: Posted) -> None:
            """Runs in the posting's transaction: a mail that lost its lease posts nothing."""
            results.append(posted_result(person, posted, found.words))
            if not posted.repeated:
                answer()
            if finish is None:
                inbox.record(kept, results[-1])
            else:
                finish()

        key = mail_key(person, found.mail, posting.draft, raw)
        try:
            self._desk.deliver_reply(person.case_id, posting.actor, posting.draft, key=key, also=note)
        except Erased:
            raise
        except TooLate:
            results.append(_result(too_late(found, posting)))
            late.append(self._answers.too_late(kept, found, posting))
        except Refused as error:
            results.append(Result(person.case_id, Outcome.REFUSED, error.text, person.id))
            late.append(self._answers.not_taken(kept, found, posting, error.text))

    def _rest(self, kept: Kept, found: Understanding, late: list[Callable[[], None]]) -> Callable[[], None]:
        """What a mail causes beside its postings: answers, alarms, knowledge about its sender. Runs in the writer."""
        answers = [self._answers.not_posted(kept, found, decision) for decision in found.decisions]
        if found.for_a_stranger:
            answers.append(self._answers.stranger(kept, found))
        raised = {decision.alarm: decision for decision in found.decisions if decision.alarm}

        def job() -> None:
            for answer in (*answers, *late):
                answer()
            for text, decision in raised.items():
                alarms.raise_(f"loop:{decision.case_id}", text, self._now())
            if found.canary is not None:
                canaries.note_seen(found.canary, self._now())
            for heard in found.heard:
                self._deliveries.reported(heard)
            if found.passed:
                senders.note_pass(found.sender, self._now())
                suppressions.lift(found.sender, self._now())  # somebody is there

        return job

    def _posted_before(self, kept: Kept) -> list[Result]:
        """What an earlier try had committed already: a mail posts once per case, whatever its key."""
        if kept.attempts == 1:
            return []
        return [result for result in inbox.results(kept.id) if result.outcome is Outcome.POSTED]

    # Outcomes

    def _finish(self, kept: Kept, results: list[Result], rest: Callable[[], None] = lambda: None) -> Kept | None:
        def job() -> Kept | None:
            inbox.finish(kept, results)
            rest()
            return self._claim()

        following = self._database.write(job, durable=False)
        _tell(results)
        return following

    def _is_for_the_erased(self, kept: Kept) -> bool:
        """Whether all people whose addresses it came to, or got the mail that it reports about, were erased."""
        handles = [
            recipient.handle
            for recipient in recipients_from_json(kept.recipients)
            if recipient.mailbox in (Mailbox.REPLY, Mailbox.BOUNCE) and recipient.handle is not None
        ]
        return bool(handles) and all(map(self._erasing.is_erased, handles))

    def _forget(self, kept: Kept) -> Kept | None:
        """Refuse a mail and keep nothing of it (HARDENING rule 25)."""
        results = [Result("", Outcome.REFUSED, "it came to an address of somebody who was erased")]
        removing: list[Callable[[], None]] = []
        following = self._finish(kept, results, lambda: removing.append(self._erasing.forget_mail(kept.id)))
        removing[0]()
        return following

    def _hold_unread(self, kept: Kept, reason: str) -> Kept | None:
        """Hold a mail that could not be looked at, for the people whose reply addresses it came to."""
        results = self._posted_before(kept)
        posted = {result.case_id for result in results}
        groups, _ = addressed(recipients_from_json(kept.recipients))
        held = [Decision(Outcome.HELD, reason, group[0]) for group in groups]
        results += [_result(decision) for decision in held if decision.case_id not in posted]
        return self._finish(kept, results or [_result(Decision(Outcome.HELD, reason))])

    def _await_dns(self, kept: Kept, reason: str) -> Kept | None:
        """Give a mail back until the DNS of its sender has answered, which is nobody's error: no growing pauses."""

        def due_at() -> datetime:
            # The answer may have come before `hasten` could find the mail waiting.
            return self._now() if self._understander.has_answer(kept.id) else self._now() + ASKING

        return self._give_back(kept, due_at, reason, failed=False)

    def _postpone(self, kept: Kept, reason: str, *, tries: int | None = None) -> Kept | None:
        """Later again. Our own trouble waits as long as it takes; a mail that breaks us is held after `tries`."""
        if tries is not None and kept.failures + 1 >= tries:
            return self._hold_unread(kept, reason)
        pause = PAUSES[min(kept.failures, len(PAUSES) - 1)]
        return self._give_back(kept, lambda: self._now() + pause, reason, failed=True)

    def _give_back(self, kept: Kept, due_at: Callable[[], datetime], reason: str, *, failed: bool) -> Kept | None:
        """Have a mail wait, and claim the next one. due_at: asked in the writer."""

        def job() -> Kept | None:
            inbox.postpone(kept, due_at(), reason, failed=failed)
            return self._claim()

        following = self._database.write(job, durable=False)
        log.info("mail.postponed", reason=reason)
        return following


def _tell(results: Iterable[Result]) -> None:
    for result in results:
        log.info("mail.done", outcome=result.outcome, reason=result.reason, case_id=result.case_id)


def mail_key(person: Participant, mail: ParsedMail, draft: Draft, raw: bytes) -> Key:
    """What makes two deliveries the same mail (HARDENING rule 6): id and content, never trace or signature headers.

    Without a Message-ID, date and subject count; with none of them the bytes below the headers do, for a day.
    """
    lives = None
    if mail.message_id:
        identity = f"id:{mail.message_id}"
    elif mail.date is not None or mail.subject:
        identity = f"date:{mail.date.isoformat() if mail.date else ''}\0{mail.subject}"
    else:
        identity, lives = f"bytes:{hashlib.sha256(_below_trace(raw)).hexdigest()}", timedelta(hours=24)
    digest = hashlib.sha256(identity.encode())
    digest.update(b"\0" + draft.body.encode())
    for file_hash in sorted(hashlib.sha256(file.data).hexdigest() for file in draft.files):
        digest.update(file_hash.encode())
    return Key(f"mail:{person.case_id}:{person.id}", digest.hexdigest(), lives=lives)


def _below_trace(raw: bytes) -> bytes:
    """The mail without the fields that each hop adds (RFC 5321 §4.4)."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    kept: list[bytes] = []
    keeping = True
    for line in head.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            name = line.partition(b":")[0].strip().lower()
            keeping = name not in _HOP_FIELDS and not name.startswith((b"x-", b"arc-"))
        if keeping:
            kept.append(line)
    return b"\r\n".join(kept) + blank + body


_HOP_FIELDS = (
    b"received",
    b"return-path",
    b"delivered-to",
    b"dkim-signature",
    b"authentication-results",
    b"received-spf",
)


def too_late(found: Understanding, posting: Posting) -> Decision:
    """What becomes of a customer's mail to a case that was closed too long ago: somebody looks at it."""
    because = "its case was closed too long ago to be opened again by mail"
    guess = any(decision.guess for decision in found.decisions if decision.contact is posting.contact)
    return Decision(Outcome.HELD, because, posting.contact, told=NotPosted.TOO_LATE, guess=guess)


def posted_result(person: Participant, posted: Posted, words: Words | None) -> Result:
    """What a posting came to."""
    first = posted.messages[0].id
    if posted.repeated:
        return Result(person.case_id, Outcome.DUPLICATE, "the same mail was posted before", person.id, first)
    set_aside = "; ".join(str(part) for part in words.kept_back) if words else ""
    return Result(
        person.case_id, Outcome.POSTED, f"posted; set aside: {set_aside}" if set_aside else "posted", person.id, first
    )


def _result(decision: Decision) -> Result:
    contact = decision.contact
    person_id = contact.person.id if contact else None
    return Result(decision.case_id, decision.outcome, decision.because, person_id, guess=decision.guess)
