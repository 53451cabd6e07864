"""From a notice to a finished mail: words, headers that thread, reply address, envelope sender (DESIGN §4)."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from gateway.cases.model import Participant, Role
from gateway.cases.notices import Letter, Notice, Template
from gateway.config import Config
from gateway.mail.classify import LOOP_HEADER
from gateway.outbound import mime, threads
from gateway.outbound.links import Links
from gateway.outbound.sign import Signer
from gateway.outbound.telling import LogoOf, Names, Scene, Teller, author_of, is_supports
from gateway.rendering import OwnWords, Rendered, Renderer
from gateway.signing import HANDLE_BYTES, Keyring, Purpose

OwnWordsOf = Callable[[str, Template, Mapping[str, object]], OwnWords | None]
AutoReplyOf = Callable[[str, str, Mapping[str, object]], str]


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A finished mail; its bytes never change again.

    participant: whom it tells about his case, None for a letter.
    handle: 16 random bytes that the bounce address holds. envelope_from: the signed bounce address.
    rfc_message_id: without angle brackets. data: the whole mail, CRLF line ends, not dot-stuffed.
    """

    template: Template
    recipient: str
    participant: Participant | None
    handle: bytes
    envelope_from: str
    rfc_message_id: str
    subject: str
    data: bytes


class Composer:
    """Makes mails; has no state but the settings, the keys and the compiled templates."""

    def __init__(
        self,
        config: Config,
        keyring: Keyring,
        renderer: Renderer,
        random_bytes: Callable[[int], bytes] = os.urandom,
        own_words: OwnWordsOf = lambda store_id, template, context: None,
        signer: Signer | None = None,
        logo: LogoOf = lambda digest: None,
        auto_reply: AutoReplyOf = lambda store_id, source, told: "",
    ) -> None:
        """own_words: a store's words for a mail, None for ours (`gateway.overrides.words`). signer: None signs none.

        logo: finds a store's picture by its digest (`store.logos`). auto_reply: what a store answers by itself, made of
        its source (`gateway.overrides.auto_reply`).
        """
        self._config = config
        self._keyring = keyring
        self._renderer = renderer
        self._random_bytes = random_bytes
        self._own_words = own_words
        self._auto_reply = auto_reply
        self._signer = signer or Signer()
        self._links = Links(keyring, config.gateway.public_url)
        self._teller = Teller(config, renderer, self._links, logo)
        self._domain = config.mail.reply_domain
        self._brand = mime.clean(config.mail.from_name)
        self._loop_field = f"{LOOP_HEADER}: {keyring.loop_header()}"

    def compose(self, notice: Notice, scene: Scene, now: datetime) -> OutgoingMail:
        """Render and assemble one mail about a case. now: aware; becomes the Date."""
        person = notice.to
        names = self._teller.names(scene, self._teller.speech(person, scene))
        context = self._teller.about_case(notice, scene, names, personal=True)
        rendered = self._render(notice, scene, context)
        from_address = self._from_address(notice, scene)
        fields = [
            mime.mailbox("From", self._sender(person, notice.template, scene, names), from_address),
            mime.mailbox("To", self._teller.safe_name(person.name), person.address),
        ]
        if notice.answerable:
            token = self._keyring.token(Purpose.REPLY, person.handle, person.generation)
            reader = self._reader_of_answers(person, scene, names)
            fields.append(mime.mailbox("Reply-To", reader, f"reply+{token}@{self._domain}"))
        fields += threads.answering(threads.thread_ids(person))
        fields += threads.outlook(scene.view.case, now)
        if person.role is not Role.CUSTOMER:
            fields.append(threads.list_of(scene.store, names.store, self._domain))
        fields += threads.unsubscribing(self._links.unsubscribe(person, notice.template))
        answers = notice.template.answers_mail or bool(person.reference_ids or person.last_sent_id)
        subject = threads.subject_of(rendered.subject, answers=answers)
        image = self._teller.image(context, scene)
        return self._finish(
            notice.template, person.address, person, fields, subject, rendered, now, from_address, image
        )

    def auto_reply(self, person: Participant, scene: Scene, now: datetime) -> str:
        """What the store answers by itself when a case is opened, "" for nothing. person: its customer."""
        source = scene.store.settings.auto_reply
        return source and self._auto_reply(scene.store.id, source, self._teller.about_opening(person, scene, now))

    def compose_test(self, notice: Notice, scene: Scene, recipient: str, now: datetime) -> OutgoingMail:
        """The same mail for somebody who tries its template: marked as a test, in no thread, with no reply address."""
        names = self._teller.names(scene, self._teller.speech(notice.to, scene))
        context = self._teller.about_case(notice, scene, names, personal=False) | {"marker": ""}
        rendered = self._render(notice, scene, context)
        fields = [mime.mailbox("From", self._brand, self._config.from_address), mime.mailbox("To", "", recipient)]
        subject = f"[Test] {mime.clean(rendered.subject)}"
        image = self._teller.image(context, scene)
        return self._finish(notice.template, recipient, None, fields, subject, rendered, now, image=image)

    def _render(self, notice: Notice, scene: Scene, context: Mapping[str, object]) -> Rendered:
        """HARDENING rule 10: whatever support writes or reads has our words, never a store's."""
        own = None
        if notice.template.can_be_overridden and not is_supports(notice, scene):
            own = self._own_words(scene.store.id, notice.template, context)
        return self._renderer.mail(notice.template, context, own)

    def compose_letter(self, letter: Letter, now: datetime) -> OutgoingMail:
        """Render and assemble one mail outside of a case. now: aware; becomes the Date."""
        rendered = self._renderer.mail(letter.template, self._teller.about_letter(letter))
        fields = [
            mime.mailbox("From", self._brand, self._config.from_address),
            mime.mailbox("To", self._teller.safe_name(letter.name), letter.recipient),
            *threads.answering(threads.only_id(letter.answers)),
        ]
        return self._finish(
            letter.template, letter.recipient, None, fields, mime.clean(rendered.subject), rendered, now
        )

    def _finish(
        self,
        template: Template,
        recipient: str,
        participant: Participant | None,
        fields: Sequence[str],
        subject: str,
        rendered: Rendered,
        now: datetime,
        from_address: str = "",
        image: mime.Image | None = None,
    ) -> OutgoingMail:
        """The mail as bytes. fields: those that depend on its recipient.

        from_address: in From, "" for the gateway's own. image: that the HTML shows.
        """
        handle = self._random_bytes(HANDLE_BYTES)
        # The id of a letter is bound to the letter itself: an answer to it never threads into a case.
        message_id = self._keyring.message_id(handle, participant.handle if participant else handle, self._domain)
        head = [
            f"Date: {format_datetime(now.astimezone(UTC))}",
            mime.message_ids("Message-ID", [message_id]),
            mime.unstructured("Subject", subject),
            *fields,
            self._loop_field,
        ]
        if template.automatic:
            # RFC 3834 §5: `auto-replied` only says what answers a mail, everything else is generated.
            how = "auto-replied" if template.answers_mail else "auto-generated"
            head += [f"Auto-Submitted: {how}", "X-Auto-Response-Suppress: All"]
        data = mime.assemble(head, rendered.text, rendered.html, handle.hex(), image)
        domain = (from_address or self._config.from_address).rpartition("@")[2]
        return OutgoingMail(
            template=template,
            recipient=recipient,
            participant=participant,
            handle=handle,
            envelope_from=f"bounce+{self._keyring.token(Purpose.BOUNCE, handle)}@{self._domain}",
            rfc_message_id=message_id,
            subject=subject,
            data=self._signer.sign(data, domain.lower(), now),
        )

    def for_page(self, person: Participant, scene: Scene, *, closes_at: datetime | None = None) -> dict[str, object]:
        """What a page about a case is told, for one participant: `scene.new` is all that he may see there.

        closes_at: when it closes if it stays silent.
        """
        return self._teller.for_page(person, scene, closes_at)

    def _from_address(self, notice: Notice, scene: Scene) -> str:
        """The store's own to its customers, as long as a signature can stand behind it: else From would fail DMARC.

        Nobody else speaks from there: what support writes would pass for the store's.
        """
        own = scene.store.from_address
        if notice.to.role is not Role.CUSTOMER or is_supports(notice, scene):
            own = ""
        return own if own and self._signer.speaks_for(own.rpartition("@")[2]) else self._config.from_address

    def _sender(self, person: Participant, template: Template, scene: Scene, names: Names) -> str:
        """The display name of From: who speaks, and through whom."""
        author = author_of(scene)
        if template is Template.SUPPORT_JOINED:
            return self._via(names.support, names)
        if (
            author is None
            or author.sender_type is person.role
            or (author.sender_type is Role.MERCHANT and not author.via)
        ):
            return self._via(self._store(person, scene, names), names)
        name = names.of(author) or names.speech.label("unknown")
        return self._via(f"{name} ({names.store})" if author.sender_type is Role.CUSTOMER else name, names)

    def _store(self, person: Participant, scene: Scene, names: Names) -> str:
        """The store as the one who speaks or reads: to its customers by the name that it chose for that."""
        chosen = scene.store.settings.from_name if person.role is Role.CUSTOMER else ""
        return self._teller.safe_name(chosen) or names.store

    def _reader_of_answers(self, person: Participant, scene: Scene, names: Names) -> str:
        """The display name of Reply-To: who reads what is answered. It stays the same for one person and case."""
        name = self._store(person, scene, names)
        return self._via(name if person.role is Role.CUSTOMER else f"{names.customer} ({name})", names)

    def _via(self, name: str, names: Names) -> str:
        return names.speech.label("via") % {"name": name, "brand": self._brand}
