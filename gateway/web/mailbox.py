"""The mailbox of `casegate demo`: every outgoing mail as a page, and an answer box that writes as its recipient.

For trying out on one machine only: the pages know no sign-in, so they answer to nobody but this machine's own names,
and what they post must come from a page of theirs.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from importlib.resources import files
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from gateway.cases.model import Actor, CaseQuery, CaseView, Door, Message, Role
from gateway.desk import Desk
from gateway.errors import Forbidden, NotFound, TooLarge
from gateway.locales import manners
from gateway.mail.parse import ParsedMail, parse
from gateway.outbound.relay import Answer, Outcome
from gateway.rendering import Renderer
from gateway.web.backend import Behind
from store import cases, inbox, outbox, parties

KEPT = 200  # mails; older ones are forgotten
ANSWER_BYTES = 30 * 1024 * 1024  # of a form; a file that is too large for the gateway should still get to its door
_CASES, _MESSAGES, _ARRIVALS = 20, 50, 5  # shown
_EXCERPT_CHARACTERS = 120
_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_FILE_KINDS = frozenset({"application", "audio", "image", "text", "video"})
_OURS = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; "
_PAGE_HEADERS = {
    "Content-Security-Policy": _OURS + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # `no-referrer` would take the Origin away from our own forms
}
#: Its links open beside the demo, as in a mail program: our pages are shown in no frame.
LINKS_OPEN = "allow-popups allow-popups-to-escape-sandbox"
# A mail has its own document: within the page the page's policy would take its inline styles away.
_MAIL_HEADERS = {
    "Content-Security-Policy": f"sandbox {LINKS_OPEN}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
}
_ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}

Pages = APIRouter  # for those who hand routes on without knowing FastAPI
#: Hands an answer to the SMTP door: envelope sender, recipient, the whole mail.
Send = Callable[[str, str, bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it lies in its recipient's mailbox. id: 1, 2, 3 … as they came; arrived_at: aware, UTC."""

    id: int
    recipient: str
    arrived_at: datetime
    data: bytes
    parsed: ParsedMail


class Mailbox:
    """Everybody's mail, in memory. Put in by one thread, read by any."""

    def __init__(self) -> None:
        self._mails: tuple[Mail, ...] = ()  # replaced as a whole, so that readers need no lock

    def put(self, recipient: str, data: bytes, arrived_at: datetime) -> None:
        """Take a mail in."""
        number = self._mails[0].id + 1 if self._mails else 1
        self._mails = (Mail(number, recipient, arrived_at, data, parse(data)), *self._mails[: KEPT - 1])

    def mails(self) -> tuple[Mail, ...]:
        """All mails, the newest first."""
        return self._mails

    def find(self, number: int) -> Mail | None:
        """The mail with that id, None when there is none (any more)."""
        return next((mail for mail in self._mails if mail.id == number), None)


def answer(mail: Mail, text: str, file: tuple[str, str, bytes] | None, now: datetime) -> EmailMessage:
    """An answer of the recipient, as a mail program writes it: above the quoted mail, with the headers that thread.

    file: name, content type and bytes of an attachment.
    """
    got = mail.parsed
    writer = got.to[0].name if got.to else ""
    # At the usual 78 octets `email` would encode a long id in In-Reply-To, which RFC 2047 §5 forbids.
    written = EmailMessage(policy=SMTP.clone(max_line_length=998))
    written["Date"] = format_datetime(now)
    written["From"] = Address(writer, addr_spec=mail.recipient)
    written["To"] = Address(_reader(got), addr_spec=reply_address(got))
    written["Message-ID"] = make_msgid(domain=mail.recipient.rpartition("@")[2])
    if got.message_id:
        written["In-Reply-To"] = f"<{got.message_id}>"
        written["References"] = " ".join(f"<{one}>" for one in (*got.references, got.message_id))
    written["Subject"] = got.subject if got.subject.lower().startswith("re:") else f"Re: {got.subject}"
    quote = "\n".join(f"> {line}".rstrip() for line in (got.text or "").rstrip().split("\n"))
    # The time is the arrival's: like a mail program we say when we got it.
    written.set_content(f"{text}\n\nOn {manners().date(mail.arrived_at)}, {_reader(got) or 'you'} wrote:\n{quote}\n")
    if file is not None:
        name, content_type, data = file
        kind, _, subtype = content_type.partition(";")[0].strip().partition("/")
        if kind not in _FILE_KINDS or not subtype.isascii():
            kind, subtype = "application", "octet-stream"
        written.add_attachment(data, maintype=kind, subtype=subtype or "octet-stream", filename=name)
    return written


def reply_address(mail: ParsedMail) -> str:
    """Where an answer goes; "" when the mail does not say."""
    return next((one.address for one in (*mail.reply_to, *mail.from_)), "")


def _reader(mail: ParsedMail) -> str:
    return next((one.name for one in (*mail.reply_to, *mail.from_)), "")


def pages(mailbox: Mailbox, renderer: Renderer, send: Send) -> Pages:
    """The routes under `/demo`. They work with the backend of the application that includes them."""
    router = APIRouter(prefix="/demo", include_in_schema=False, dependencies=[Depends(_from_here)])

    @router.get("")
    def listing(behind: Behind, case: str = "", answered: int = 0) -> Response:
        """All mails, and the cases beside them. answered: the id of the mail that was answered just now."""
        context = _around(mailbox, behind.desk, case)
        return _page(renderer, "mailbox", {**context, "answered": _answered(mailbox, answered)})

    @router.get("/mails/{number}")
    def show(behind: Behind, number: int) -> Response:
        """One mail, and the box for its answer."""
        mail = mailbox.find(number)
        return _show(renderer, mailbox, behind.desk, mail) if mail else RedirectResponse("/demo", 303)

    @router.get("/mails/{number}/html")
    def body(number: int) -> Response:
        """The HTML body, for the frame of `show`."""
        mail = mailbox.find(number)
        if mail is None or mail.parsed.html is None:
            raise NotFound("There is no such mail here")
        html = mail.parsed.html.replace("<head>", '<head>\n<base target="_blank">', 1)
        return Response(html, media_type="text/html", headers=_MAIL_HEADERS)

    @router.post("/mails/{number}", dependencies=[Depends(_from_our_page)])
    async def reply(request: Request, behind: Behind, number: int) -> Response:
        """Answer a mail as its recipient, through the SMTP door."""
        mail = mailbox.find(number)
        if mail is None:
            return RedirectResponse("/demo", 303)
        text, file = await _form(request)
        if text.strip() or file:
            written = answer(mail, text, file, behind.now())
            heard = await send(mail.recipient, reply_address(mail.parsed), written.as_bytes())
            if heard.outcome is Outcome.SENT:
                return RedirectResponse(f"/demo?answered={number}", 303)
            trouble = f"The SMTP door did not take this answer: {heard}"
        else:
            trouble = "There is nothing in this answer: write a text or add a file"
        return await run_in_threadpool(_show, renderer, mailbox, behind.desk, mail, text, trouble)

    @router.get("/{name}")
    async def asset(name: str) -> Response:
        """Script and style of the pages."""
        if name not in _ASSETS:
            raise NotFound("There is nothing at this address")
        data = files("templates").joinpath("static", "mailbox", name).read_bytes()
        return Response(data, media_type=_ASSETS[name], headers=_PAGE_HEADERS)

    return router


async def _from_here(request: Request) -> None:
    """A foreign page may make its own name point to this machine (DNS rebinding); then the Host is that name."""
    if urlsplit(f"//{request.headers.get('host', '')}").hostname not in _NAMES:
        raise Forbidden("The demo's pages are for this machine only: open them as http://127.0.0.1:…")


async def _from_our_page(request: Request) -> None:
    """Cross-site request forgery: browsers say from which origin a form was sent."""
    if request.headers.get("origin") != f"{request.url.scheme}://{request.headers.get('host')}":
        raise Forbidden("An answer is sent from the page of its mail")


async def _form(request: Request) -> tuple[str, tuple[str, str, bytes] | None]:
    """The text of an answer with `\\n` line ends, and its file. Raises TooLarge."""
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal() or int(declared) > ANSWER_BYTES:
        raise TooLarge(f"The answer is too large; up to {ANSWER_BYTES} bytes are read")
    async with request.form(max_files=1, max_fields=5) as form:
        text, upload = form.get("text"), form.get("file")
        file = None
        if isinstance(upload, UploadFile) and upload.filename:
            file = upload.filename, upload.content_type or "", await upload.read()
        return (text if isinstance(text, str) else "").replace("\r\n", "\n"), file


# What the pages show


@dataclass(frozen=True, slots=True)
class ShownMail:
    """A mail in the list. role, template, case_id: "" for a mail that is not from the outbox."""

    id: int
    name: str
    address: str
    sender: str
    subject: str
    excerpt: str
    at: str
    role: str
    template: str
    case_id: str


@dataclass(frozen=True, slots=True)
class ShownArrival:
    """A mail that came in, and what became of it. outcome: "" while it waits."""

    sender: str
    outcome: str
    reason: str


def _page(renderer: Renderer, name: str, context: dict[str, object]) -> Response:
    return Response(renderer.page(name, context), media_type="text/html", headers=_PAGE_HEADERS)


def _show(renderer: Renderer, mailbox: Mailbox, desk: Desk, mail: Mail, text: str = "", trouble: str = "") -> Response:
    """The page of one mail. text, trouble: an answer that was not taken, and why."""
    shown = _listed([mail])[0]
    context = {
        **_around(mailbox, desk, shown.case_id),
        "mail": shown,
        "parsed": mail.parsed,
        "reply_to": reply_address(mail.parsed),
        "raw": mail.data.decode("utf-8", "replace").replace("\r\n", "\n"),
        "draft": text,
        "trouble": trouble,
    }
    return _page(renderer, "mailbox_mail", context)


def _around(mailbox: Mailbox, desk: Desk, case_id: str) -> dict[str, object]:
    """What stands on every page: the mails, the cases, one of them with its conversation, what came in lately."""
    views = sorted(
        (
            view
            for store in parties.stores()
            for view in desk.cases(CaseQuery(limit=_CASES), Actor(Role.SYSTEM, Door.PAGE, store_id=store.id)).items
        ),
        key=lambda view: view.case.last_message_at,
        reverse=True,
    )[:_CASES]
    chosen = next((view for view in views if view.case.id == case_id), views[0] if views else None)
    return {
        "mails": _listed(mailbox.mails()),
        "cases": views,
        "chosen": chosen,
        "messages": _conversation(desk, chosen) if chosen else (),
        "arrivals": [
            ShownArrival(kept.mail_from, kept.outcome, kept.reason) for kept in inbox.listing(limit=_ARRIVALS)
        ],
        "date": manners().date,
    }


def _listed(mails: Sequence[Mail]) -> list[ShownMail]:
    """Mails with what the outbox knows of them."""
    rows = {row.rfc_message_id: row for row in outbox.listing(limit=2 * KEPT)}
    roles = {
        person.id: person.role
        for case_id in {row.case_id for row in rows.values()}
        for person in cases.participants(case_id)
    }
    shown = []
    for mail in mails:
        got, row = mail.parsed, rows.get(mail.parsed.message_id or "")
        shown.append(
            ShownMail(
                id=mail.id,
                name=next((one.name for one in got.to), ""),
                address=mail.recipient,
                sender=next((one.name or one.address for one in got.from_), ""),
                subject=got.subject,
                excerpt=" ".join((got.text or "")[: 2 * _EXCERPT_CHARACTERS].split())[:_EXCERPT_CHARACTERS],
                at=manners().date(mail.arrived_at),
                role=roles.get(row.participant_id or 0, "") if row else "",
                template=row.template.replace("_", " ") if row else "",
                case_id=row.case_id if row else "",
            )
        )
    return shown


def _answered(mailbox: Mailbox, number: int) -> ShownMail | None:
    mail = mailbox.find(number)
    return _listed([mail])[0] if mail else None


def _conversation(desk: Desk, view: CaseView) -> tuple[Message, ...]:
    """The end of a conversation, oldest first."""
    actor = Actor(Role.SYSTEM, Door.PAGE, store_id=view.case.store_id)
    first = desk.messages(view.case.id, actor, page=1, limit=_MESSAGES)
    if first.total <= _MESSAGES:
        return first.items
    return desk.messages(view.case.id, actor, page=-(-first.total // _MESSAGES), limit=_MESSAGES).items
