"""One kept mail, after its 250: parse, classify, recognise, cut quotes, pick files, hand to the desk (DESIGN §3).

    who               envelope                                  what it comes to
    ----------------  ----------------------------------------  ---------------------------------------------------
    a participant     MAIL <his address> RCPT <reply+token>     posted; held when it may not be his
    a robot of his    MAIL <> RCPT <reply+token>                automatic: the case does not move
    his mail server   MAIL <> RCPT <bounce+token>               bounce
    somebody          MAIL <any> RCPT <cases@…>                 held: without a token nothing says whose case it is
    anybody           MAIL <any> RCPT <postmaster@…>            postmaster: kept for the operator

A mail is claimed before any work and finished in the transaction that posts it, so it is posted once however often
this process dies (HARDENING rules 6 and 9).
"""

import hashlib
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from gateway.cases.access import Trust, judge
from gateway.cases.model import (
    Actor,
    Door,
    Draft,
    File,
    Key,
    Participant,
    Posted,
    tidy_body,
)
from gateway.desk import Desk
from gateway.errors import Conflict, Later, Refused
from gateway.heavy import Killed
from gateway.inbound.admit import Mailbox, Recipient
from gateway.inbound.keep import recipients_from_json
from gateway.inbound.read import Reader
from gateway.mail.classify import Kind, Verdict, classify
from gateway.mail.html import html_to_text
from gateway.mail.parse import ParsedMail
from gateway.mail.quotes import split_reply
from store import cases, inbox
from store.database import Database
from store.files import Files
from store.inbox import Kept, LeaseLost, Outcome, Result

LEASE = timedelta(minutes=10)
LOST_AT_MOST = 3  # a mail on which the process died this often is held: it must not kill it for ever (rule 9)
ERRORS_AT_MOST = 8
PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1_800, 3_600, 7_200))
_MAIL_ID_OCTETS = 250

log = structlog.get_logger("inbound")


@dataclass(frozen=True, slots=True)
class Posting:
    """A mail that is to be posted to one case by one participant. via: the sender's address when it is not known."""

    participant: Participant
    via: str = ""


class Processor:
    """Works on kept mails, one at a time in each thread that calls `drain`."""

    def __init__(
        self,
        desk: Desk,
        database: Database,
        files: Files,
        reader: Reader,
        *,
        loop_headers: frozenset[str],
        own_domains: frozenset[str],
        worker: str,
        now: Callable[[], datetime],
        stopping: Callable[[], bool] = lambda: False,
        make_way: Callable[[], object] = lambda: None,
    ) -> None:
        self._desk = desk
        self._database = database
        self._files = files
        self._reader = reader
        self._loop_headers = loop_headers
        self._own_domains = own_domains
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

    def _claim(self) -> Kept | None:
        """The mail whose turn it is. Runs in the writer, mostly in the transaction that finishes the one before."""
        return None if self._stopping() else inbox.claim(self._now(), self._worker, LEASE)

    def process(self, kept: Kept) -> Kept | None:
        """Bring one claimed mail to its outcome, or give it back for a later try. Returns the next one."""
        structlog.contextvars.bind_contextvars(inbox_id=kept.id)
        try:
            if kept.lost >= LOST_AT_MOST:
                return self._finish(
                    kept, [_nowhere(Outcome.HELD, f"processing ended {kept.lost} times without a result")]
                )
            return self._handle(kept)
        except LeaseLost:
            log.warning("mail.lease_lost")  # another worker has it; what was done here was taken back
            return self._database.write(self._claim, durable=False)
        except Later as error:
            return self._postpone(kept, str(error))
        except Killed:  # a kill counts like a death of this process (rule 9)
            log.error("mail.too_heavy", tries=kept.attempts)
            return self._postpone(kept, "reading it took too much time or memory", tries=LOST_AT_MOST)
        except Exception as error:  # noqa: BLE001 - outermost boundary: a mail that breaks us waits, the next goes on
            log.error("mail.error", error=type(error).__name__, trace=traceback.format_exc())
            return self._postpone(kept, f"{type(error).__name__} while it was processed", tries=ERRORS_AT_MOST)
        finally:
            structlog.contextvars.unbind_contextvars("inbox_id")

    def release(self, inbox_id: int) -> tuple[Result, ...]:
        """Post a held mail as the participants for whom it is held, marked when it is not from their own address.

        It uses the mail's key, so twice is once (HARDENING rule 20). Returns what the mail came to in each case.
        Raises NotFound, Conflict (somebody works on it), Refused with the reason why it cannot be posted.
        """
        kept, results = inbox.get(inbox_id), inbox.results(inbox_id)
        if kept.state != "done":
            raise Conflict(f"Mail {inbox_id} is not processed yet")
        held = [result for result in results if result.outcome is Outcome.HELD]
        if not held and any(result.outcome in {Outcome.POSTED, Outcome.DUPLICATE} for result in results):
            return results
        if not any(result.participant_id for result in held):
            because = f"{kept.outcome}: {kept.reason}"
            raise Refused(f"Mail {inbox_id} cannot be posted, since nothing tells as whom in which case ({because})")
        raw = self._bytes(kept)
        mail = self._reader.parse(raw)
        picked = self._reader.pick(raw, mail)
        draft = _draft(mail, picked.files)
        set_aside = [str(part) for part in picked.set_aside if part.told]
        if not draft.body and not draft.files:
            raise Refused(f"There is nothing new in mail {inbox_id} that could be posted")
        for posting in self._held_postings(mail, kept, held):
            self._post_held(kept, mail, posting, draft, set_aside)
        return inbox.results(inbox_id)

    def _held_postings(self, mail: ParsedMail, kept: Kept, held: Iterable[Result]) -> list[Posting]:
        """As whom a held mail is posted; its reply addresses must still count. Raises Refused."""
        gone: list[Result] = []
        people = self._by_case(recipients_from_json(kept.recipients), gone)
        sender = mail.from_[0].address if len(mail.from_) == 1 else kept.mail_from or "unknown sender"
        postings = []
        for result in held:
            person = next((p for p in people.get(result.case_id, ()) if p.id == result.participant_id), None)
            if person is not None:
                postings.append(Posting(person, "" if person.address.lower() == sender.lower() else sender))
        if not postings:
            raise Refused(f"Mail {kept.id} cannot be posted any more: {'; '.join(result.reason for result in gone)}")
        return postings

    def _post_held(self, kept: Kept, mail: ParsedMail, posting: Posting, draft: Draft, set_aside: list[str]) -> None:
        person = posting.participant
        actor = Actor(person.role, Door.MAIL, participant_id=person.id, via=posting.via)

        def note(posted: Posted) -> None:
            """Runs in the posting's transaction: what somebody else has released meanwhile is not posted again."""
            result = _posted(person, posted, set_aside)
            inbox.settle_held(kept.id, replace(result, reason=f"released; {result.reason}"))

        key = mail_key(person, mail, draft, self._bytes(kept))
        try:
            self._desk.deliver_reply(person.case_id, actor, draft, key=key, also=note)
        except LeaseLost as error:
            raise Conflict(f"Mail {kept.id} was changed by somebody else meanwhile; look at it again") from error
        log.info("mail.released", inbox_id=kept.id, case_id=person.case_id)

    def _handle(self, kept: Kept) -> Kept | None:
        """The stages."""
        raw = self._bytes(kept)
        mail = self._reader.parse(raw)
        recipients = recipients_from_json(kept.recipients)
        verdict = self._classify(mail, kept, recipients)
        if (result := _without_case(mail, verdict, recipients)) is not None:
            return self._finish(kept, [result])
        postings, results = self._recognise(mail, recipients)
        if not postings:
            return self._finish(kept, results or [_nowhere(Outcome.HELD, "no case can be told from its recipients")])
        picked = self._reader.pick(raw, mail)
        draft = _draft(mail, picked.files)
        set_aside = [str(part) for part in picked.set_aside if part.told]
        return self._post(kept, mail, postings, draft, [*results, *self._posted_before(kept)], set_aside)

    def _bytes(self, kept: Kept) -> bytes:
        return kept.raw if kept.raw is not None else self._files.read_raw(kept.raw_file)

    def _classify(self, mail: ParsedMail, kept: Kept, recipients: Iterable[Recipient]) -> Verdict:
        boxes = {recipient.mailbox for recipient in recipients}
        token = next((box.value for box in (Mailbox.BOUNCE, Mailbox.REPLY) if box in boxes), None)
        return classify(
            mail,
            envelope_from=kept.mail_from,
            token=token,
            loop_headers=self._loop_headers,
            own_domains=self._own_domains,
        )

    def _recognise(self, mail: ParsedMail, recipients: Iterable[Recipient]) -> tuple[list[Posting], list[Result]]:
        """Whose words these are in which case: what may be posted, and what may not with its outcome.

        HARDENING rule 6: recipients are grouped by case first; each case gets one posting at most.
        """
        sender = mail.from_[0].address.lower() if len(mail.from_) == 1 else None
        postings: list[Posting] = []
        results: list[Result] = []
        for case_id, people in self._by_case(recipients, results).items():
            candidates = people if len(people) == 1 else [p for p in people if p.address.lower() == sender]
            if sender is None:
                results.append(_held(case_id, people[0], "it does not name exactly one sender"))
            elif len(candidates) != 1:
                results.append(_held(case_id, people[0], "it came to reply addresses of several people of one case"))
            else:
                person = candidates[0]
                own = person.address.lower() == sender
                judgement = judge(person.role, own_address=own)
                if judgement.trust is Trust.HOLD:
                    results.append(_held(case_id, person, judgement.because))
                else:
                    postings.append(Posting(person, "" if own else mail.from_[0].address))
        return postings, results

    def _by_case(self, recipients: Iterable[Recipient], results: list[Result]) -> dict[str, list[Participant]]:
        """The participants whose reply addresses the mail came to; addresses that no longer count go to results."""
        people: dict[str, dict[int, Participant]] = {}
        for recipient in recipients:
            if recipient.mailbox is not Mailbox.REPLY or recipient.handle is None:
                continue
            person = cases.participant_by_handle(recipient.handle)
            if person is None:
                results.append(_nowhere(Outcome.REFUSED, "its reply address belongs to nobody any more"))
            elif recipient.generation != person.generation:
                results.append(_refused(person, "its reply address was revoked"))
            elif not person.active:
                results.append(_refused(person, "its reply address belongs to somebody who left the store"))
            else:
                people.setdefault(person.case_id, {})[person.id] = person
        return {case_id: list(found.values()) for case_id, found in people.items()}

    def _posted_before(self, kept: Kept) -> list[Result]:
        """What an earlier try had committed already: a mail posts once per case, whatever its key."""
        if kept.attempts == 1:
            return []
        return [result for result in inbox.results(kept.id) if result.outcome is Outcome.POSTED]

    def _post(
        self,
        kept: Kept,
        mail: ParsedMail,
        postings: list[Posting],
        draft: Draft,
        results: list[Result],
        set_aside: list[str],
    ) -> Kept | None:
        """Post to one case after the other; the row is finished in the transaction of the last."""
        done = {result.case_id for result in results}
        todo = [posting for posting in postings if posting.participant.case_id not in done]
        if not draft.body and not draft.files:
            results += [_held(p.participant.case_id, p.participant, "there is nothing new in it") for p in todo]
            todo = []
        following: list[Kept | None] = []
        for place, posting in enumerate(todo, 1):
            person = posting.participant
            actor = Actor(person.role, Door.MAIL, participant_id=person.id, via=posting.via)
            key = mail_key(person, mail, draft, self._bytes(kept))
            is_last = place == len(todo)

            def note(posted: Posted, person: Participant = person, is_last: bool = is_last) -> None:
                """Runs in the posting's transaction: a mail that lost its lease posts nothing."""
                results.append(_posted(person, posted, set_aside))
                if is_last:
                    inbox.finish(kept, results)
                    following.append(self._claim())
                else:
                    inbox.record(kept, results[-1])

            try:
                self._desk.deliver_reply(person.case_id, actor, draft, key=key, also=note)
            except Refused as error:
                results.append(_refused(person, error.text))
        if not following:
            return self._finish(kept, results)
        _tell(results)
        return following[0]

    def _finish(self, kept: Kept, results: list[Result]) -> Kept | None:
        def job() -> Kept | None:
            inbox.finish(kept, results)
            return self._claim()

        following = self._database.write(job, durable=False)
        _tell(results)
        return following

    def _postpone(self, kept: Kept, reason: str, *, tries: int | None = None) -> Kept | None:
        """Later again. Our own trouble waits as long as it takes; a mail that breaks us is held after `tries`."""
        if tries is not None and kept.attempts >= tries:
            return self._finish(kept, [_nowhere(Outcome.HELD, reason)])
        due_at = self._now() + PAUSES[min(kept.attempts - kept.lost, len(PAUSES)) - 1]

        def job() -> Kept | None:
            inbox.postpone(kept, due_at, reason)
            return self._claim()

        try:
            following = self._database.write(job, durable=False)
        except (LeaseLost, Later) as error:
            log.warning("mail.not_postponed", error=type(error).__name__)  # the lease runs out by itself
            return None
        log.info("mail.postponed", reason=reason, due_at=due_at.isoformat())
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


def _without_case(mail: ParsedMail, verdict: Verdict, recipients: tuple[Recipient, ...]) -> Result | None:
    """The outcome of mail that no case sees, or None."""
    boxes = {recipient.mailbox for recipient in recipients}
    if mail.too_complex:
        return _nowhere(Outcome.HELD, "it is too complex to be read")
    if Mailbox.POSTMASTER in boxes and Mailbox.REPLY not in boxes:
        return _nowhere(Outcome.POSTMASTER, "it is for the operator of this gateway")
    if verdict.kind in _AUTOMATIC:
        return _nowhere(_AUTOMATIC[verdict.kind], verdict.because)
    if verdict.kind is Kind.SPAM:
        return _nowhere(Outcome.HELD, verdict.because)
    if Mailbox.REPLY not in boxes:
        return _nowhere(Outcome.HELD, "a person wrote to an address that posts nothing")
    return None


_AUTOMATIC = {
    Kind.AUTO_REPLY: Outcome.AUTOMATIC,
    Kind.LIST: Outcome.AUTOMATIC,
    Kind.LOOP: Outcome.AUTOMATIC,
    Kind.BOUNCE: Outcome.BOUNCE,
    Kind.FEEDBACK: Outcome.COMPLAINT,
}


def _draft(mail: ParsedMail, files: tuple[File, ...]) -> Draft:
    """The new words, with the files that may be posted."""
    reply = split_reply(mail.text, mail.html)
    whole = tidy_body(mail.text if mail.text is not None else html_to_text(mail.html or ""))
    body = tidy_body(reply.new)
    mail_id = mail.message_id or ""
    if len(mail_id) > _MAIL_ID_OCTETS or not mail_id.isprintable() or " " in mail_id:
        mail_id = ""  # nothing that could go into our own References
    return Draft(body, files, whole if whole != body else "", mail_id)


def _nowhere(outcome: Outcome, reason: str) -> Result:
    return Result("", outcome, reason)


def _held(case_id: str, person: Participant, reason: str) -> Result:
    return Result(case_id, Outcome.HELD, reason, person.id)


def _refused(person: Participant, reason: str) -> Result:
    return Result(person.case_id, Outcome.REFUSED, reason, person.id)


def _posted(person: Participant, posted: Posted, set_aside: list[str]) -> Result:
    first = posted.messages[0].id
    if posted.repeated:
        return Result(person.case_id, Outcome.DUPLICATE, "the same mail was posted before", person.id, first)
    reason = f"posted; set aside: {'; '.join(set_aside)}" if set_aside else "posted"
    return Result(person.case_id, Outcome.POSTED, reason, person.id, first)
