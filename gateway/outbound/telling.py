"""What the templates of a mail are told: names, words, dates and amounts as its reader is to see them.

`gateway.rendering` has samples of what comes out here; `compose` makes a mail of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.cases.lifecycle import reopens_until
from gateway.cases.model import Attachment, Audience, CaseView, Message, Participant, Role, Status, Store
from gateway.cases.notices import HeldMail, KeptBack, Letter, Notice, NotPosted, Template
from gateway.config import Config
from gateway.locales import Manners, manners, zone_for
from gateway.mail.quotes import MARKER
from gateway.outbound import mime
from gateway.outbound.links import Links
from gateway.outbound.names import safe_name
from gateway.rendering import COLOUR, NO_CONVERSATION, Look, Renderer, ShownFile, ShownMessage
from gateway.sentences import Sentence
from store.logos import Logo

_HISTORY_CHARACTERS = 1_000  # of each earlier message; the new ones are never cut
_EXCERPT_CHARACTERS = 120
_LOGO_WIDTH, _LOGO_HEIGHT = 240, 48  # pixels, as shown
_LOGOS = 128  # kept ready, of 64 KiB each at most

_FileLink = Callable[[Attachment], str]
LogoOf = Callable[[str], Logo | None]


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
class _Picture:
    """A logo as a part of mails. width, height: as it is shown, in pixels."""

    image: mime.Image
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Speech:
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
class Names:
    """How the sides of a case are called: by us, never by what somebody wrote into his From."""

    speech: Speech
    customer: str
    store: str
    support: str

    def of(self, message: Message) -> str:
        """Who wrote a message: "" for somebody whom we do not know, and for the system."""
        if message.via:
            return ""
        by_role = {Role.CUSTOMER: self.customer, Role.MERCHANT: self.store, Role.SUPPORT: self.support}
        return by_role.get(message.sender_type, "")


class Teller:
    """Tells templates. links: for the pages that mails link to. logo: finds a store's picture by its digest."""

    def __init__(self, config: Config, renderer: Renderer, links: Links, logo: LogoOf) -> None:
        self._config = config
        self._renderer = renderer
        self._links = links
        self._find_logo = logo
        self._logos: dict[str, _Picture] = {}
        self._domain = config.mail.reply_domain
        self._brand = mime.clean(config.mail.from_name)
        self._support = mime.clean(config.support.name)

    def about_case(self, notice: Notice, scene: Scene, names: Names, *, personal: bool) -> dict[str, object]:
        """What the templates of a mail about a case are told (`gateway.rendering.sample` shows it).

        personal: with the links that are for the participant alone; not when somebody else reads it.
        """
        person, links = notice.to, self._links if personal else None
        file_link = _file_link(person, links)
        case, order, speech = scene.view.case, scene.view.order, names.speech
        author = author_of(scene)
        visible = [m for m in (*scene.new, *scene.earlier) if m.sender_type is Role.SUPPORT]
        context: dict[str, object] = {
            "language": speech.language,
            "look": self._look(notice, scene, names),
            "reader": notice.to.role.value,
            "reader_name": self.safe_name(notice.to.name),
            "brand": self._brand,
            "store": names.store,
            "customer": names.customer,
            "customer_first_name": self.safe_name(scene.view.customer.first_name),
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
            "unsubscribe": links.unsubscribe(person, notice.template) if links else "",
            "kept_back": [
                KeptBack(mime.clean(one.name), mime.clean(speech.said(one.reason))) for one in notice.kept_back
            ],
            "text_in_file": notice.text_in_file,
            "why": notice.why.value if notice.why else "",
            "because": mime.clean(speech.said(notice.because) if notice.why else notice.because),
            "cause": notice.cause,
            "lost": notice.lost.value,
            "stays_open": case.status is Status.AWAITING_CUSTOMER,
            "auto_reply": notice.auto_reply,
            "closes_at": _date(notice.closes_at, speech),
            "closed_at": _date(case.closed_at, speech),
            "reopens_until": _date(reopens_until(case, scene.store.settings), speech),
            "new_case_url": self._config.cases.new_case_url,
            "act_link": links.act(person, notice.template) if links else "",
        }
        return context | NO_CONVERSATION if notice.template.answers_mail else context

    def about_opening(self, person: Participant, scene: Scene, now: datetime) -> dict[str, object]:
        """What the words of a store that answers by itself are told (`gateway.overrides.values.AUTO_REPLY`)."""
        store, speech = scene.store, self.speech(person, scene)
        hours, zone = store.settings.business_hours, zone_for(store.time_zone, store.locale)
        there = manners(speech.language, scene.view.customer.locale or store.locale, zone)
        runs = ((first, last, [(span.start, span.end) for span in spans]) for first, last, spans in hours.runs())
        opens_at = hours.opens_at(now, ZoneInfo(zone), store.settings.holidays)
        return {
            "language": speech.language,
            "store": self._store_name(store.name, speech),
            "customer_first_name": self.safe_name(scene.view.customer.first_name),
            "order_number": mime.clean(scene.view.order.number),
            "business_hours": there.hours(runs, now),
            "opens_at": "" if opens_at == now else _date(opens_at, speech),
        }

    def for_page(self, person: Participant, scene: Scene, closes_at: datetime | None) -> dict[str, object]:
        """What the page of a case is told, for one participant: `scene.new` is all that he may see there."""
        names = self.names(scene, self.speech(person, scene))
        context = self.about_case(
            Notice(Template.CASE_REOPENED, person, closes_at=closes_at), scene, names, personal=False
        )
        link = _file_link(person, self._links)
        return {**context, "messages": [_shown(message, names, link) for message in scene.new]}

    def about_letter(self, letter: Letter) -> dict[str, object]:
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
            "reader_name": self.safe_name(letter.name),
            "brand": self._brand,
            "operator_address": operator,
            "marker": "",
            "link": "",
            **NO_CONVERSATION,
            **facts,
        }

    def speech(self, person: Participant, scene: Scene) -> Speech:
        """How a participant is spoken to; `gateway.locales` has the rules."""
        store, customer = scene.store, scene.view.customer
        if person.role is Role.CUSTOMER:
            locale = customer.locale or store.locale
            return self._spoken(locale, zone_for(customer.time_zone, locale, store.time_zone))
        if person.role is Role.MERCHANT:
            return self._spoken(store.locale, zone_for(store.time_zone, store.locale))
        return self._spoken("", "UTC")

    def _spoken(self, locale: str, zone: str) -> Speech:
        language = self._renderer.language(locale)
        return Speech(self._renderer, language, manners(language, locale, zone))

    def names(self, scene: Scene, speech: Speech) -> Names:
        """How the sides of a case are called to somebody who is spoken to like that."""
        nameless = speech.label("customer") % {"number": mime.clean(scene.view.order.number)}
        return Names(
            speech=speech,
            customer=self.safe_name(scene.view.customer.name) or nameless,
            store=self._store_name(scene.store.name, speech),
            support=self._support,
        )

    def _store_name(self, name: str, speech: Speech) -> str:
        return self.safe_name(name) or speech.label("store")

    def safe_name(self, name: str) -> str:
        """A name as we show it, or ""."""
        return safe_name(name, self._support, self._brand)

    def _look(self, notice: Notice, scene: Scene, names: Names) -> Look:
        """As its store looks; what support writes or reads looks like support, so that nobody takes one for another."""
        if is_supports(notice, scene):
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

    def image(self, context: Mapping[str, object], scene: Scene) -> mime.Image | None:
        """The picture that a mail shows in its head."""
        look = context["look"]
        picture = self._picture(scene.store.logo) if isinstance(look, Look) and look.logo else None
        return picture.image if picture else None


def is_supports(notice: Notice, scene: Scene) -> bool:
    """Whether support writes or reads the mail, or is what it tells of."""
    author = author_of(scene)
    return (
        notice.to.role is Role.SUPPORT
        or (author is not None and author.sender_type is Role.SUPPORT)
        or notice.template in (Template.SUPPORT_CALLED, Template.SUPPORT_JOINED)
    )


def author_of(scene: Scene) -> Message | None:
    """The first new message that a person wrote."""
    return next((m for m in scene.new if m.sender_type is not Role.SYSTEM and m.audience is Audience.ALL), None)


def _file_link(person: Participant, links: Links | None) -> _FileLink:
    """Where a person gets a file. links: None for nowhere."""
    return (lambda file: "") if links is None else lambda file: links.file(person, file)


def _shown(message: Message, names: Names, link: _FileLink, characters: int | None = None) -> ShownMessage:
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
        support=message.sender_type is Role.SUPPORT,
    )


def _date(moment: datetime | None, speech: Speech) -> str:
    return speech.manners.date(moment) if moment else ""


def _told(fact: object, speech: Speech) -> object:
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
