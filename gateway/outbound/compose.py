"""From a notice to a finished mail: words, headers that thread, reply address, envelope sender (DESIGN §4)."""

import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from gateway.cases.model import Attachment, Audience, CaseView, Message, Participant, Role, Store
from gateway.cases.notices import HeldMail, KeptBack, Letter, Notice, NotPosted, Template
from gateway.config import Config
from gateway.locales import Manners, manners, zone_for
from gateway.mail.classify import LOOP_HEADER
from gateway.mail.quotes import MARKER
from gateway.outbound import mime, threads
from gateway.outbound.links import Links
from gateway.outbound.sign import Signer
from gateway.rendering import COLOUR, NO_CONVERSATION, Look, OwnWords, Rendered, Renderer, ShownFile, ShownMessage
from gateway.sentences import Sentence
from gateway.signing import HANDLE_BYTES, Keyring, Purpose
from store.logos import Logo

_HISTORY_CHARACTERS = 1_000  # of each earlier message; the new ones are never cut
_NAME_CHARACTERS = 60
_EXCERPT_CHARACTERS = 120
_LOGO_WIDTH, _LOGO_HEIGHT = 240, 48  # pixels, as shown
_LOGOS = 128  # kept ready, of 64 KiB each at most


_FileLink = Callable[[Attachment], str]
OwnWordsOf = Callable[[str, Template, Mapping[str, object]], OwnWords | None]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a mail may tell: the case as it will be after the change, its store, and its conversation.

    new: the messages that are being posted by this change, in order (empty when only the status changes).
    earlier: the last messages before them that the customer may see, oldest first.
    """

    store: Store
    view: CaseView
    new: tuple[Message, ...]
    earlier: tuple[Message, ...]


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


@dataclass(frozen=True, slots=True)
class _Picture:
    """A logo as a part of mails. width, height: as it is shown, in pixels."""

    image: mime.Image
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Speech:
    """How a reader is spoken to: in his language, with dates and amounts as he writes them."""

    renderer: Renderer
    language: str
    manners: Manners

    def label(self, name: str) -> str:
        """One of the words that all mails share."""
        return self.renderer.label(name, self.language)

    def said(self, text: str) -> str:
        """A text of ours in his language; "" when we have no words for it. Each value is one line, whoever wrote it."""
        if not isinstance(text, Sentence):
            return self.renderer.say(text, self.language)
        values = {
            name: mime.clean(value) if isinstance(value, str) else self.manners.number(value)
            for name, value in text.values.items()
        }
        return self.renderer.say(text.text, self.language, **values)


@dataclass(frozen=True, slots=True)
class _Names:
    """How the sides of a case are called: by us, never by what somebody wrote into his From."""

    speech: _Speech
    customer: str
    store: str
    support: str

    def of(self, message: Message) -> str:
        """Who wrote a message: "" for somebody whom we do not know, and for the system."""
        if message.via:
            return ""
        by_role = {Role.CUSTOMER: self.customer, Role.MERCHANT: self.store, Role.SUPPORT: self.support}
        return by_role.get(message.sender_type, "")


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
        logo: Callable[[str], Logo | None] = lambda digest: None,
    ) -> None:
        """own_words: a store's words for a mail, None for ours (`gateway.overrides.words`). signer: None signs none.

        logo: finds a store's picture by its digest (`store.logos`).
        """
        self._config = config
        self._keyring = keyring
        self._renderer = renderer
        self._random_bytes = random_bytes
        self._own_words = own_words
        self._signer = signer or Signer()
        self._links = Links(keyring, config.gateway.public_url)
        self._find_logo = logo
        self._logos: dict[str, _Picture] = {}
        self._domain = config.mail.reply_domain
        self._brand = mime.clean(config.mail.from_name)
        self._support = mime.clean(config.support.name)
        self._loop_field = f"{LOOP_HEADER}: {keyring.loop_header()}"

    def compose(self, notice: Notice, scene: Scene, now: datetime) -> OutgoingMail:
        """Render and assemble one mail about a case. now: aware; becomes the Date."""
        person = notice.to
        names = self._names(scene, self._speech(person, scene))
        context = self._context(notice, scene, names, self._links)
        rendered = self._render(notice, scene, context)
        from_address = self._from_address(notice, scene)
        fields = [
            mime.mailbox("From", self._sender(person, scene, names), from_address),
            mime.mailbox("To", self._safe_name(person.name), person.address),
        ]
        if notice.answerable:
            token = self._keyring.token(Purpose.REPLY, person.handle, person.generation)
            reader = self._reader_of_answers(person, names)
            fields.append(mime.mailbox("Reply-To", reader, f"reply+{token}@{self._domain}"))
        fields += threads.answering(threads.thread_ids(person))
        fields += threads.outlook(scene.view.case, now)
        if person.role is not Role.CUSTOMER:
            fields.append(threads.list_of(scene.store, names.store, self._domain))
        if person.member_id is not None and notice.template.can_be_muted:
            fields += threads.unsubscribing(self._links.unsubscribe(person, notice.template))
        answers = notice.template.answers_mail or bool(person.reference_ids or person.last_sent_id)
        subject = threads.subject_of(rendered.subject, answers=answers)
        image = self._image(context, scene)
        return self._finish(
            notice.template, person.address, person, fields, subject, rendered, now, from_address, image
        )

    def compose_test(self, notice: Notice, scene: Scene, recipient: str, now: datetime) -> OutgoingMail:
        """The same mail for somebody who tries its template: marked as a test, in no thread, with no reply address."""
        names = self._names(scene, self._speech(notice.to, scene))
        context = self._context(notice, scene, names) | {"marker": ""}
        rendered = self._render(notice, scene, context)
        fields = [mime.mailbox("From", self._brand, self._config.from_address), mime.mailbox("To", "", recipient)]
        subject = f"[Test] {mime.clean(rendered.subject)}"
        image = self._image(context, scene)
        return self._finish(notice.template, recipient, None, fields, subject, rendered, now, image=image)

    def _render(self, notice: Notice, scene: Scene, context: Mapping[str, object]) -> Rendered:
        """HARDENING rule 10: whatever support writes or reads has our words, never a store's."""
        own = None
        if notice.template.can_be_overridden and not _is_supports(notice, scene):
            own = self._own_words(scene.store.id, notice.template, context)
        return self._renderer.mail(notice.template, context, own)

    def compose_letter(self, letter: Letter, now: datetime) -> OutgoingMail:
        """Render and assemble one mail outside of a case. now: aware; becomes the Date."""
        rendered = self._renderer.mail(letter.template, self._letter_context(letter))
        fields = [
            mime.mailbox("From", self._brand, self._config.from_address),
            mime.mailbox("To", self._safe_name(letter.name), letter.recipient),
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

    def for_page(self, person: Participant, scene: Scene) -> dict[str, object]:
        """What the page of a case is told, for one participant: `scene.new` is all that he may see there."""
        names = self._names(scene, self._speech(person, scene))
        context = self._context(Notice(Template.CASE_REOPENED, person), scene, names)
        link = _file_link(person, self._links)
        return {**context, "messages": [_shown(message, names, link) for message in scene.new]}

    def _context(self, notice: Notice, scene: Scene, names: _Names, links: Links | None = None) -> dict[str, object]:
        """What the templates of a mail about a case are told (`gateway.rendering.sample` shows it).

        links: for the participant alone; None when somebody else reads it.
        """
        person, file_link = notice.to, _file_link(notice.to, links)
        case, order, speech = scene.view.case, scene.view.order, names.speech
        author = _author(scene)
        visible = [m for m in (*scene.new, *scene.earlier) if m.sender_type is Role.SUPPORT]
        context: dict[str, object] = {
            "language": speech.language,
            "look": self._look(notice, scene, names),
            "reader": notice.to.role.value,
            "reader_name": self._safe_name(notice.to.name),
            "brand": self._brand,
            "store": names.store,
            "customer": names.customer,
            "customer_first_name": self._safe_name(scene.view.customer.first_name),
            "support": names.support,
            "support_joined": case.escalated or bool(visible),
            "author": names.of(author) if author else "",
            "closed_by": case.closed_by.value if case.closed_by else "",
            "case_subject": case.subject,
            "order_number": mime.clean(order.number),
            "order_amount": speech.manners.amount(order.amount, mime.clean(order.currency)),
            "order_status": mime.clean(order.status),
            "excerpt": " ".join(author.body[: 2 * _EXCERPT_CHARACTERS].split())[:_EXCERPT_CHARACTERS] if author else "",
            "new": [_shown(m, names, file_link) for m in scene.new if m.audience is Audience.ALL],
            "earlier": [
                _shown(m, names, file_link, _HISTORY_CHARACTERS) for m in scene.earlier if m.audience is Audience.ALL
            ],
            "marker": MARKER if notice.answerable else "",
            "link": links.case(person) if links and notice.why is not NotPosted.LEFT else "",
            "gmail_actions": self._config.mail.gmail_actions,
            "kept_back": [
                KeptBack(mime.clean(one.name), mime.clean(speech.said(one.reason))) for one in notice.kept_back
            ],
            "text_in_file": notice.text_in_file,
            "why": notice.why.value if notice.why else "",
            "because": mime.clean(speech.said(notice.because) if notice.why else notice.because),
            "cause": notice.cause,
            "closes_at": speech.manners.date(notice.closes_at) if notice.closes_at else "",
        }
        return context | NO_CONVERSATION if notice.template.answers_mail else context

    def _speech(self, person: Participant, scene: Scene) -> _Speech:
        """How a participant is spoken to; `gateway.locales` has the rules."""
        store, customer = scene.store, scene.view.customer
        if person.role is Role.CUSTOMER:
            locale = customer.locale or store.locale
            return self._spoken(locale, zone_for(customer.time_zone, locale, store.time_zone))
        if person.role is Role.MERCHANT:
            return self._spoken(store.locale, zone_for(store.time_zone, store.locale))
        return self._spoken("", "UTC")

    def _spoken(self, locale: str, zone: str) -> _Speech:
        language = self._renderer.language(locale)
        return _Speech(self._renderer, language, manners(language, locale, zone))

    def _look(self, notice: Notice, scene: Scene, names: _Names) -> Look:
        """As its store looks; what support writes or reads looks like support, so that nobody takes one for another."""
        if _is_supports(notice, scene):
            return Look(names.support, support=True)
        colour = scene.store.colour or COLOUR
        if (picture := self._picture(scene.store.logo)) is None:
            return Look(names.store, colour)
        return Look(names.store, colour, picture.image.content_id, picture.width, picture.height)

    def _picture(self, digest: str) -> _Picture | None:
        """A store's logo, encoded once and small enough for the head of a mail."""
        if digest and digest not in self._logos and (logo := self._find_logo(digest)) is not None:
            if len(self._logos) >= _LOGOS:
                self._logos.clear()
            scale = min(1.0, _LOGO_WIDTH / logo.width, _LOGO_HEIGHT / logo.height)
            image = mime.Image.of(f"{digest[:32]}@{self._domain}", logo.mime_type, logo.data)
            width, height = (max(1, round(side * scale)) for side in (logo.width, logo.height))
            self._logos[digest] = _Picture(image, width, height)
        return self._logos.get(digest)

    def _image(self, context: Mapping[str, object], scene: Scene) -> mime.Image | None:
        """The picture that a mail shows in its head."""
        look = context["look"]
        picture = self._picture(scene.store.logo) if isinstance(look, Look) and look.logo else None
        return picture.image if picture else None

    def _letter_context(self, letter: Letter) -> dict[str, object]:
        """What the templates of a letter are told (`gateway.rendering.letter_sample` shows it)."""
        operator = self._config.mail.operator_address
        speech = self._spoken(letter.locale, zone_for(letter.time_zone, letter.locale))
        facts = {name: _told(fact, speech) for name, fact in letter.facts.items()}
        if "store" in facts:
            facts["store"] = self._store_name(str(facts["store"]), speech)
        return {
            "language": speech.language,
            "look": Look(self._brand),
            "reader": "OPERATOR" if operator and letter.recipient.lower() == operator.lower() else "",
            "reader_name": self._safe_name(letter.name),
            "brand": self._brand,
            "operator_address": operator,
            "marker": "",
            "link": "",
            **NO_CONVERSATION,
            **facts,
        }

    def _names(self, scene: Scene, speech: _Speech) -> _Names:
        nameless = speech.label("customer") % {"number": mime.clean(scene.view.order.number)}
        return _Names(
            speech=speech,
            customer=self._safe_name(scene.view.customer.name) or nameless,
            store=self._store_name(scene.store.name, speech),
            support=self._support,
        )

    def _store_name(self, name: str, speech: _Speech) -> str:
        return self._safe_name(name) or speech.label("store")

    def _safe_name(self, name: str) -> str:
        """A name as we show it; "" for one that passes itself off as support or as us, or holds an address."""
        name = mime.clean(name)[:_NAME_CHARACTERS].rstrip()
        return "" if "://" in name or "@" in name or pretends(name, self._support, self._brand) else name

    def _from_address(self, notice: Notice, scene: Scene) -> str:
        """The store's own to its customers, as long as a signature can stand behind it: else From would fail DMARC.

        Nobody else speaks from there: what support writes would pass for the store's.
        """
        own = scene.store.from_address
        if notice.to.role is not Role.CUSTOMER or _is_supports(notice, scene):
            own = ""
        return own if own and self._signer.speaks_for(own.rpartition("@")[2]) else self._config.from_address

    def _sender(self, person: Participant, scene: Scene, names: _Names) -> str:
        """The display name of From: who speaks, and through whom."""
        author = _author(scene)
        if author is None or author.sender_type is person.role:
            return self._via(names.store, names)
        name = names.of(author) or names.speech.label("unknown")
        return self._via(f"{name} ({names.store})" if author.sender_type is Role.CUSTOMER else name, names)

    def _reader_of_answers(self, person: Participant, names: _Names) -> str:
        """The display name of Reply-To: who reads what is answered. It stays the same for one person and case."""
        return self._via(names.store if person.role is Role.CUSTOMER else f"{names.customer} ({names.store})", names)

    def _via(self, name: str, names: _Names) -> str:
        return names.speech.label("via") % {"name": name, "brand": self._brand}


def _is_supports(notice: Notice, scene: Scene) -> bool:
    """Whether support writes or reads the mail, or is what it tells of."""
    author = _author(scene)
    return (
        notice.to.role is Role.SUPPORT
        or (author is not None and author.sender_type is Role.SUPPORT)
        or notice.template in (Template.SUPPORT_CALLED, Template.SUPPORT_JOINED)
    )


def _author(scene: Scene) -> Message | None:
    """The first new message that a person wrote."""
    return next((m for m in scene.new if m.sender_type is not Role.SYSTEM and m.audience is Audience.ALL), None)


def _file_link(person: Participant, links: Links | None) -> _FileLink:
    """Where a person gets a file. links: None for nowhere."""
    return (lambda file: "") if links is None else lambda file: links.file(person, file)


def _shown(message: Message, names: _Names, link: _FileLink, characters: int | None = None) -> ShownMessage:
    """A message for the templates. link: where its reader gets a file, "" for nowhere.

    characters: how much of the body is shown; None shows all.
    """
    body, trail, form = message.body, message.sender_type is Role.SYSTEM, names.speech.manners
    if trail:  # ours, or the words of a store that answer by themselves
        body = names.speech.said(body) or body
    return ShownMessage(
        author=names.of(message),
        body=body[:characters],
        sent_at=form.date(message.created_at),
        via=mime.clean(message.via),
        files=tuple(ShownFile(mime.clean(f.filename), form.size(f.size_bytes), link(f)) for f in message.attachments),
        trail=trail,
        shortened=characters is not None and len(body) > characters,
        unverified=message.unverified and not message.via,  # which says more
    )


def _told(fact: object, speech: _Speech) -> object:
    """A fact of a letter as its templates read it: each text is one line, whoever wrote it; moments are for people."""
    if isinstance(fact, str):
        return mime.clean(fact)
    if isinstance(fact, datetime):
        return speech.manners.date(fact)
    if isinstance(fact, HeldMail):
        return {name: _told(value, speech) for name, value in asdict(fact).items()} | {
            "why": mime.clean(speech.said(fact.why))
        }
    if isinstance(fact, tuple):
        return [_told(one, speech) for one in fact]
    return fact


#: Letters of other scripts, and digits, that look like the Latin ones.
_LOOKALIKES = str.maketrans("аеорстмѕуυορτα015", "aeopctmsyuoptaols")


@lru_cache(maxsize=4_096)
def pretends(name: str, support: str, brand: str) -> bool:
    """Whether somebody's name would pass for platform support or for the brand (DESIGN §7)."""
    words, official = _letters(name), _letters(support)
    joined = "".join(words)
    return (
        _OFFICIAL.fullmatch(joined) is not None
        or joined in ("".join(official), "".join(_letters(brand)))
        or f" {' '.join(official)} " in f" {' '.join(words)} "
    )


def _letters(name: str) -> list[str]:
    """The words of a name as an eye in a hurry reads them: no accents, no case, no look-alikes."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain.casefold().translate(_LOOKALIKES))


def _official_names() -> re.Pattern[str]:
    """Names that are made of such words alone, in the languages that mails speak; "Arch Support Insoles" is a shop."""
    words = """
        support team customer service help desk care staff official platform the our
        soporte atención cliente equipo servicio ayuda oficial plataforma
        assistance client clientèle équipe aide officiel
        kunden kundendienst kundenservice kundenbetreuung kundensupport hilfe offiziell
        suporte apoio atendimento equipa
        wsparcie pomoc obsługa klienta zespół
        サポート カスタマー チーム お客様 窓口 センター 公式
        客服 支持 客户 服务 团队 官方 中心
        الدعم دعم الفني خدمة العملاء فريق المساعدة
    """
    word = "|".join("".join(_letters(one)) for one in words.split())
    return re.compile(f"(?:{word})(?:(?:al|de|del|du|la|ao|do|of)?(?:{word}))*")


_OFFICIAL = _official_names()
