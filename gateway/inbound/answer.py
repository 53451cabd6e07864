"""What the sender of a mail is told about it, and how often at most (HARDENING rules 11 and 19).

    who                                   is told                                         at most
    ------------------------------------  ----------------------------------------------  ----------------------
    a participant, at his own address     what of his mail was kept back, or that it was  one mail a case and day
                                          not posted and why
    anybody whose From is proven          that he wrote without a reply address: one text one mail a day
    everybody else, and every robot       nothing

The brakes below need no sign of a robot: they count what went out. All counts are rows, so every process obeys them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.cases.access import is_own
from gateway.cases.limits import split_text
from gateway.cases.model import Participant
from gateway.cases.notices import KeptBack, Letter, Notice, NotPosted, Template
from gateway.courier import Courier
from gateway.inbound.recognise import Decision
from gateway.inbound.understand import Posting, Understanding
from store import alarms, counts
from store.counts import DAY, HOUR
from store.inbox import Kept, Outcome

SAME_TEXT = 200  # characters from which two mails with one text are from one robot, whatever address it invents
REPEATED_TEXTS_A_DAY = 2


@dataclass(frozen=True, slots=True)
class _Cap:
    """So many of our answers within a span of time. what: in words, for the alarm."""

    scope: str
    what: str
    limit: int
    span: timedelta


def _nothing() -> None:
    """Nobody is told."""


class Answers:
    """Prepares answers. What a method returns queues the mail, or finds that it must not; run it in the writer."""

    def __init__(self, courier: Courier, now: Callable[[], datetime]) -> None:
        self._courier = courier
        self._now = now

    def kept_back(self, kept: Kept, found: Understanding, posting: Posting) -> Callable[[], None]:
        """To the author of a mail that is posted, when a part of it is not."""
        parts = found.words.kept_back if found.words else ()
        goes_on = bool(split_text(posting.draft.body)[1])
        if posting.via or not (parts or goes_on):
            return _nothing
        told = tuple(KeptBack(part.filename, part.reason) for part in parts)
        notice = Notice(Template.NOT_EVERYTHING_POSTED, posting.contact.person, kept_back=told, text_in_file=goes_on)
        return self._to_participant(kept, found, notice, posting.contact.store_id)

    def not_posted(self, kept: Kept, found: Understanding, decision: Decision) -> Callable[[], None]:
        """To a participant whose mail came to nothing."""
        if decision.outcome is not Outcome.REFUSED or decision.told is None or decision.contact is None:
            return _nothing
        person = decision.contact.person
        if decision.told is NotPosted.LEFT and not found.passed:
            return _nothing  # he is no participant any more, so only a proven From is answered
        notice = Notice(Template.NOT_POSTED, person, why=decision.told)
        return self._to_participant(kept, found, notice, decision.contact.store_id)

    def stranger(self, kept: Kept, found: Understanding) -> Callable[[], None]:
        """To somebody who wrote without a reply address: the same whether or not there is a case of his."""
        once = f"answer:{found.sender.lower()}"
        if not (found.passed and self._may_cause(kept, found)) or counts.was_told(once, self._now(), DAY):
            return _nothing
        send = self._courier.letter(Letter(Template.NO_CASE, found.sender, answers=found.mail.message_id or ""))
        return self._once(once, [_by_origin(kept, found, 2), *_by_text(found), *_by_all("strangers", 100)], send)

    def _to_participant(self, kept: Kept, found: Understanding, notice: Notice, store_id: str) -> Callable[[], None]:
        person = notice.to
        # It answers the mail that it is about, which stands in no thread yet.
        notice = replace(notice, to=replace(person, last_sent_id=found.mail.message_id or person.last_sent_id))
        once = f"answer:{_person_key(person)}"
        if not self._may_cause(kept, found) or not is_own(found.sender, person.address):
            return _nothing
        if counts.was_told(once, self._now(), DAY):
            return _nothing
        caps = [_by_origin(kept, found, 20), *_by_text(found), *_by_all(f"store:{store_id}", 60)]
        return self._once(once, caps, self._courier.notice(notice))

    def _may_cause(self, kept: Kept, found: Understanding) -> bool:
        """RFC 3834 §2: the null sender is never answered, two robots would talk for ever."""
        return bool(kept.mail_from) and found.may_be_answered

    def _once(self, once: str, caps: list[_Cap], send: Callable[[], None]) -> Callable[[], None]:
        def job() -> None:
            now = self._now()
            if not counts.tell_once(once, now, DAY):
                return
            over = [cap for cap in caps if counts.add(f"answers:{cap.scope}", now, cap.span) > cap.limit]
            if over:
                text = (
                    f"Answers to {over[0].what} are held back: {over[0].limit} went out. A robot may be writing to us."
                )
                alarms.raise_(f"answers:{over[0].scope}", text, now)
                return
            send()

        return job


def _person_key(person: Participant) -> str:
    return f"{person.case_id}:{person.address.lower()}"


def _by_origin(kept: Kept, found: Understanding, limit: int) -> _Cap:
    """By domain only for senders that passed; who did not could make anybody's domain silent."""
    if found.passed and found.authentication is not None:
        domain = found.authentication.domain
        return _Cap(f"domain:{domain}", f"mail from {domain}", limit, HOUR)
    return _Cap(f"client:{kept.client}", f"mail from {kept.client or 'an unknown client'}", limit, HOUR)


def _by_text(found: Understanding) -> list[_Cap]:
    text = " ".join((found.mail.text or found.mail.html or "").split())
    if len(text) < SAME_TEXT:
        return []
    digest = hashlib.sha256(text.encode()).hexdigest()
    return [_Cap(f"text:{digest}", "mails with one and the same text", REPEATED_TEXTS_A_DAY, DAY)]


def _by_all(scope: str, limit: int) -> list[_Cap]:
    return [_Cap(scope, "one store's people" if scope.startswith("store:") else scope, limit, HOUR)]
