"""What one kept mail means: parse, classify, authenticate, recognise, cut quotes, pick files. Decides, changes nothing.

`process` acts on what comes out of it, `explain` prints it, `release` posts what was held.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.cases.access import Verdict
from gateway.cases.model import Actor, Door, Draft, File, Role, tidy_body
from gateway.cases.notices import NotPosted
from gateway.errors import StillAsking
from gateway.inbound.admit import Mailbox, Recipient
from gateway.inbound.authenticate import Authenticator
from gateway.inbound.keep import recipients_from_json
from gateway.inbound.read import Reader
from gateway.inbound.recognise import Claim, Decision, Recogniser, addressed
from gateway.inbound.reports import Heard, hear
from gateway.mail import classify
from gateway.mail.authentication.verdict import Authentication, only_sender
from gateway.mail.classify import Kind
from gateway.mail.files import Picked, SetAside
from gateway.mail.html import html_to_text
from gateway.mail.parse import ParsedMail, parse
from gateway.mail.quotes import Reply, has_words, split_reply
from gateway.mail.redact import Redactor
from gateway.mail.subjects import new_words
from gateway.signing import Keyring
from store import outbox, senders
from store.cases import Contact
from store.inbox import Kept, Outcome

# How long a mail waits for the DNS of its sender (HARDENING rule 4: an hour at most). Whoever holds a customer's reply
# address may post, marked, from any address: that is not worth a long wait. For the others more is at stake.
WAIT_FOR_CUSTOMERS = timedelta(minutes=5)
WAIT_FOR_OTHERS = timedelta(hours=1)

_MAIL_ID_OCTETS = 250
_UNCUT = ("whole", "closing")
_MAY_QUOTE = 200  # characters of an answer that may hold our words without any sign of quoting


@dataclass(frozen=True, slots=True)
class Words:
    """What a mail says: its text cut in two, and its files picked."""

    reply: Reply
    picked: Picked

    @property
    def kept_back(self) -> tuple[SetAside, ...]:
        """The parts that are not posted and of which the sender is told."""
        return tuple(part for part in self.picked.set_aside if part.told)


@dataclass(frozen=True, slots=True)
class Posting:
    """What is to be posted as whom. via, unverified: as in `Message`."""

    contact: Contact
    draft: Draft
    via: str = ""
    unverified: bool = False

    @property
    def case_id(self) -> str:
        """In which case."""
        return self.contact.person.case_id

    @property
    def actor(self) -> Actor:
        """Who acts."""
        person = self.contact.person
        return Actor(person.role, Door.MAIL, participant_id=person.id, via=self.via, unverified=self.unverified)


@dataclass(frozen=True, slots=True)
class Understanding:
    """All that is known about one mail. authentication, words: None when nobody had to look.

    decisions: one for each case, or one without a case; those that say POSTED have their place in postings.
    for_a_stranger: its sender may get the text for people who wrote without a reply address.
    canary: the handle of our mail to ourselves, when it is one that came back.
    heard: what it reports about mails of ours.
    """

    mail: ParsedMail
    verdict: classify.Verdict
    decisions: tuple[Decision, ...]
    authentication: Authentication | None = None
    words: Words | None = None
    postings: tuple[Posting, ...] = ()
    for_a_stranger: bool = False
    canary: bytes | None = None
    heard: tuple[Heard, ...] = ()

    @property
    def sender(self) -> str:
        """The one address in From, "" when there is none or more than one."""
        return only_sender(self.mail)

    @property
    def passed(self) -> bool:
        """Whether the sender's domain stands behind it."""
        return self.authentication is not None and self.authentication.verdict is Verdict.PASS

    @property
    def may_be_answered(self) -> bool:
        """Whether it may cause a mail of ours at all (RFC 3834 §2, HARDENING rule 11)."""
        known = self.authentication
        return self.verdict.may_answer and known is not None and known.verdict in (Verdict.PASS, Verdict.NONE)


class Understander:
    """Understands kept mails. Reads rows, asks the DNS, writes nothing."""

    def __init__(
        self,
        reader: Reader,
        authenticator: Authenticator,
        keyring: Keyring,
        redactor: Redactor,
        *,
        own_domains: frozenset[str],
        now: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._authenticator = authenticator
        self._recogniser = Recogniser(keyring, now)
        self._redactor = redactor
        self._loop_headers = keyring.loop_headers()
        self._own_domains = own_domains
        self._now = now

    def understand(self, kept: Kept, raw: bytes, *, patient: bool = True, in_full: bool = False) -> Understanding:
        """The stages. kept: its authentication is used when there is one, else made.

        patient: whether to wait for a DNS that does not answer, or a mail that is being sent. in_full: read words and
        files also when nothing is to be posted. Raises StillAsking and Later to wait, Killed when it takes too much.
        """
        mail = self._reader.parse(raw)
        recipients = recipients_from_json(kept.recipients)
        verdict = self._classify(mail, kept, recipients)
        known = _without_case(verdict, recipients)
        if canary := _canary(verdict, recipients):
            # Before anything else is made of it: it is from us, and would be a loop.
            returned = Decision(Outcome.AUTOMATIC, "the canary came back")
            found = Understanding(mail, verdict, (returned,), canary=canary)
        elif heard := hear(mail, verdict, recipients, kept.kept_at, patient=patient):
            outcome = _AUTOMATIC[verdict.kind]
            found = Understanding(mail, verdict, (Decision(outcome, _because(verdict, heard)),), heard=heard)
        elif known is not None:
            found = Understanding(mail, verdict, (known,))
        else:
            found = self._recognise(Understanding(mail, verdict, ()), kept, raw, recipients, patient=patient)
        if in_full or any(decision.outcome is Outcome.POSTED for decision in found.decisions):
            found = self._read_words(found, raw)
        return found

    def has_answer(self, inbox_id: int) -> bool:
        """Whether the DNS of the sender of a mail, for which StillAsking was raised, has answered."""
        return self._authenticator.has_result(inbox_id)

    def _classify(self, mail: ParsedMail, kept: Kept, recipients: Iterable[Recipient]) -> classify.Verdict:
        boxes = {recipient.mailbox for recipient in recipients}
        token = next((box.value for box in (Mailbox.BOUNCE, Mailbox.REPLY) if box in boxes), None)
        return classify.classify(
            mail,
            envelope_from=kept.mail_from,
            token=token,
            loop_headers=self._loop_headers,
            own_domains=self._own_domains,
        )

    def _recognise(
        self, found: Understanding, kept: Kept, raw: bytes, recipients: tuple[Recipient, ...], *, patient: bool
    ) -> Understanding:
        """Authenticate the sender, then find whose words these are. Tokens beat ids (HARDENING rule 5)."""
        groups, decisions = addressed(recipients)
        roles = {contact.person.role for group in groups for contact in group}
        authentication = None
        if not found.mail.too_complex:
            authentication = self._authenticate(kept, raw, found.mail, roles, patient=patient)
        claim = Claim(found.sender, authentication)
        decisions += [self._recogniser.by_token(claim, group, recipients) for group in groups]
        for_a_stranger = False
        if Mailbox.REPLY not in {recipient.mailbox for recipient in recipients}:
            address = next(r.address for r in recipients if r.mailbox is Mailbox.FROM)
            decisions.append(self._recogniser.by_ids(claim, found.mail, address))
            # Whoever is only too fast is known: the words for strangers would be wrong for him.
            for_a_stranger = decisions[-1].outcome is Outcome.HELD and decisions[-1].pace is None
        decisions = [_doubted(found, decision) for decision in decisions]
        return replace(found, decisions=tuple(decisions), authentication=authentication, for_a_stranger=for_a_stranger)

    def _authenticate(
        self, kept: Kept, raw: bytes, mail: ParsedMail, roles: Iterable[Role], *, patient: bool
    ) -> Authentication:
        """What is known about the sender, made once near the arrival (HARDENING rule 4). Raises StillAsking."""
        if kept.authentication:
            return Authentication.from_json(kept.authentication)
        sender = only_sender(mail)
        passed_before = bool(sender) and senders.has_passed(sender)
        found = self._authenticator.authenticate(
            kept.id,
            raw,
            mail,
            client=kept.client,
            helo=kept.helo,
            mail_from=kept.mail_from,
            kept_at=kept.kept_at,
            passed_before=passed_before,
        )
        wait = WAIT_FOR_CUSTOMERS if set(roles) == {Role.CUSTOMER} else WAIT_FOR_OTHERS
        if found.verdict is Verdict.TEMPERROR and patient and self._now() - kept.kept_at < wait:
            raise StillAsking(found.because)
        return found.settled()

    # The words and the files

    def _read_words(self, found: Understanding, raw: bytes) -> Understanding:
        """Cut quotes, pick files, and make the draft for each case."""
        if found.mail.too_complex:
            return found
        words = Words(_split(found.mail), self._reader.pick(raw, found.mail))
        decisions, postings = [], []
        for decision in found.decisions:
            if decision.outcome is Outcome.POSTED and decision.contact is not None:
                draft = self.draft(found.mail, words, decision.contact)
                if draft.body or draft.files:
                    postings.append(Posting(decision.contact, draft, decision.via, decision.unverified))
                else:
                    because = "there is nothing new in it"
                    decision = replace(decision, outcome=Outcome.REFUSED, because=because, told=NotPosted.NOTHING_NEW)
            decisions.append(decision)
        return replace(found, words=words, decisions=tuple(decisions), postings=tuple(postings))

    def draft(self, mail: ParsedMail, words: Words, contact: Contact) -> Draft:
        """What a mail posts as somebody. Credentials that the writer quotes are in none of it (HARDENING rule 3)."""
        whole = tidy_body(self._redactor.text(mail.text if mail.text is not None else html_to_text(mail.html or "")))
        says_something = has_words(words.reply.new) and words.reply.how != "echo"
        body = tidy_body(self._redactor.text(words.reply.new)) if says_something else ""
        if in_subject := self._redactor.text(new_words(mail.subject, contact.subject)):
            body = f"{in_subject}\n\n{body}".rstrip()
        mail_id = mail.message_id or ""
        if len(mail_id) > _MAIL_ID_OCTETS or not mail_id.isprintable() or " " in mail_id:
            mail_id = ""  # nothing that could go into our own References
        files = tuple(
            File(
                self._redactor.text(file.filename),
                file.mime_type,
                self._redactor.raw(file.data) if file.mime_type == "text/plain" else file.data,
            )
            for file in words.picked.files
        )
        all_of_it = not words.kept_back and words.reply.how != "forward"
        return Draft(body, files, whole if whole != body else "", mail_id, all_of_it)


def _canary(verdict: classify.Verdict, recipients: tuple[Recipient, ...]) -> bytes | None:
    """The handle of our own mail to ourselves. Whatever else comes to such an address is none."""
    if verdict.kind is not Kind.LOOP:
        return None
    return next((recipient.handle for recipient in recipients if recipient.mailbox is Mailbox.CANARY), None)


def _because(verdict: classify.Verdict, heard: Iterable[Heard]) -> str:
    """Why a mail is a report, and what follows from that."""
    return f"{verdict.because.rstrip('.')}; {'; '.join(one.because for one in heard)}"


def _without_case(verdict: classify.Verdict, recipients: tuple[Recipient, ...]) -> Decision | None:
    """What becomes of mail that no case sees, or None."""
    boxes = {recipient.mailbox for recipient in recipients}
    if Mailbox.POSTMASTER in boxes and not boxes & {Mailbox.REPLY, Mailbox.FROM}:
        return Decision(Outcome.POSTMASTER, "it is for the operator of this gateway")
    if verdict.kind in _AUTOMATIC:
        return Decision(_AUTOMATIC[verdict.kind], verdict.because)
    if not boxes & {Mailbox.REPLY, Mailbox.FROM}:
        return Decision(Outcome.HELD, "a person wrote to an address that posts nothing")  # HARDENING rule 8
    return None


_AUTOMATIC = {
    Kind.AUTO_REPLY: Outcome.AUTOMATIC,
    Kind.LIST: Outcome.AUTOMATIC,
    Kind.LOOP: Outcome.AUTOMATIC,
    Kind.BOUNCE: Outcome.BOUNCE,
    Kind.FEEDBACK: Outcome.COMPLAINT,
}


def _doubted(found: Understanding, decision: Decision) -> Decision:
    """What would be posted, if it were not for the mail itself."""
    if decision.outcome is Outcome.POSTED and found.mail.too_complex:
        return replace(decision, outcome=Outcome.HELD, because="it is too complex to be read")
    if decision.outcome is Outcome.POSTED and found.verdict.kind is Kind.SPAM:
        return replace(decision, outcome=Outcome.HELD, because=found.verdict.because)
    return decision


def _split(mail: ParsedMail) -> Reply:
    """The new words. The mail that is answered is only looked up when nothing else tells where it is quoted."""
    reply = split_reply(mail.text, mail.html)
    # Our marker line stands below the words that we sent, so it alone does not tell where they begin.
    doubtful = reply.how == "marker" or (reply.how in _UNCUT and len(reply.new) >= _MAY_QUOTE)
    if not doubtful or not mail.in_reply_to:
        return reply
    answered = outbox.data_of(mail.in_reply_to[:3])
    return split_reply(mail.text, mail.html, answered=parse(answered).text) if answered else reply
