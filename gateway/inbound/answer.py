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
from gateway.cases.notices import KeptBack, Letter, Notice, NotPosted, Template, Valid
from gateway.courier import Courier
from gateway.inbound.recognise import Decision
from gateway.inbound.understand import Posting, Understanding
from store import alarms, counts
from store.cases import Contact
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
        notice = keeping_back(found, posting)
        return _nothing if notice is None else self._to_participant(kept, found, notice, posting.contact.store_id)

    def not_posted(self, kept: Kept, found: Understanding, decision: Decision) -> Callable[[], None]:
        """To a participant whose mail came to nothing."""
        if decision.outcome is not Outcome.REFUSED or decision.told is None or decision.contact is None:
            return _nothing
        notice = refusing(found, decision.contact, decision.told)
        return self._to_participant(kept, found, notice, decision.contact.store_id)

    def not_taken(self, kept: Kept, found: Understanding, posting: Posting, because: str) -> Callable[[], None]:
        """To the author of a mail that the law about cases forbids. because: its words."""
        if posting.via:
            return _nothing
        notice = replace(refusing(found, posting.contact, NotPosted.NOT_TAKEN), because=because)
        return self._to_participant(kept, found, notice, posting.contact.store_id)

    def too_late(self, kept: Kept, found: Understanding, posting: Posting) -> Callable[[], None]:
        """To the author of a mail that is held because his case was closed too long ago, while it is closed."""
        if posting.via:
            return _nothing
        return self._to_participant(kept, found, coming_too_late(found, posting), posting.contact.store_id)

    def stranger(self, kept: Kept, found: Understanding) -> Callable[[], None]:
        """To somebody who wrote without a reply address: the same whether or not there is a case of his."""
        if self.objection(kept, found, None):
            return _nothing
        send = self._courier.letter(Letter(Template.NO_CASE, found.sender, answers=found.mail.message_id or ""))
        caps = [_by_origin(kept, found, 2), _by_all("strangers", 100)]
        return self._once(kept, found, _once_for(found, None), caps, send)

    def objection(self, kept: Kept, found: Understanding, notice: Notice | None) -> str:
        """Why its sender is told nothing, "" when he is. notice: to a participant; None for the words for strangers."""
        if not kept.mail_from:
            return "it has the null sender"  # RFC 3834 §2: two robots would talk for ever
        if not found.may_be_answered:
            return "its sender wants no automatic mail, or may be forged"
        if notice is None and not found.passed:
            return "nothing proves its sender"
        if notice is not None and not is_own(found.sender, notice.to.address):
            return "it is not from the participant's own address"
        if notice is not None and notice.why is NotPosted.LEFT and not found.passed:
            return "he is no participant any more, and nothing proves that it is from him"
        if counts.was_told(_once_for(found, notice), self._now(), DAY):
            return "one was told less than a day ago"
        return ""

    def _to_participant(self, kept: Kept, found: Understanding, notice: Notice, store_id: str) -> Callable[[], None]:
        if self.objection(kept, found, notice):
            return _nothing
        # It answers the mail that it is about, which stands in no thread yet.
        person = replace(notice.to, last_sent_id=found.mail.message_id or notice.to.last_sent_id)
        caps = [_by_origin(kept, found, 20), _by_all(f"store:{store_id}", 60)]
        send = self._courier.notice(replace(notice, to=person))
        return self._once(kept, found, _once_for(found, notice), caps, send)

    def _once(
        self, kept: Kept, found: Understanding, once: str, caps: list[_Cap], send: Callable[[], None]
    ) -> Callable[[], None]:
        """Send unless that was told today or a cap is reached; only what is sent counts."""

        def job() -> None:
            now = self._now()
            # One mail to several cases is one text, however many of its participants are told.
            first = not counts.was_told(f"answered:{kept.id}", now, DAY)
            all_caps = [*caps, *(_by_text(found) if first else ())]
            over = [cap for cap in all_caps if counts.amount(f"answers:{cap.scope}", now, cap.span) >= cap.limit]
            if over:
                text = f"Answers to {over[0].what} are held back: {over[0].limit} went out. A robot may write to us."
                alarms.raise_(f"answers:{over[0].scope}", text, now)
            elif counts.tell_once(once, now, DAY):
                for cap in all_caps:
                    counts.add(f"answers:{cap.scope}", now, cap.span)
                counts.tell_once(f"answered:{kept.id}", now, DAY)
                send()

        return job


def refusing(found: Understanding, contact: Contact, why: NotPosted) -> Notice:
    """What a participant is told whose mail is not posted; of a mail without words, also which files are not taken."""
    parts = found.words.kept_back if found.words and why is NotPosted.NOTHING_NEW else ()
    kept_back = tuple(KeptBack(part.filename, part.reason) for part in parts)
    return Notice(Template.NOT_POSTED, contact.person, why=why, kept_back=kept_back)


def coming_too_late(found: Understanding, posting: Posting) -> Notice:
    """What a customer is told whose case was closed too long ago."""
    return replace(refusing(found, posting.contact, NotPosted.TOO_LATE), valid=Valid.WHILE_CLOSED)


def keeping_back(found: Understanding, posting: Posting) -> Notice | None:
    """What the author of a posting is told that is not in it, None when nothing is kept back."""
    parts = found.words.kept_back if found.words else ()
    goes_on = bool(split_text(posting.draft.body)[1])
    if posting.via or not (parts or goes_on):
        return None
    told = tuple(KeptBack(part.filename, part.reason) for part in parts)
    return Notice(Template.NOT_EVERYTHING_POSTED, posting.contact.person, kept_back=told, text_in_file=goes_on)


def _once_for(found: Understanding, notice: Notice | None) -> str:
    """Under which name it is noted that somebody was told today."""
    if notice is None:
        return f"answer:{found.sender.lower()}"
    return f"answer:{notice.to.case_id}:{notice.to.address.lower()}"


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


def _by_all(scope: str, limit: int) -> _Cap:
    return _Cap(scope, "one store's people" if scope.startswith("store:") else scope, limit, HOUR)
