"""A whole gateway for journeys: real SMTP and HTTP on loopback, a real database, a relay that a test can upset.

Nothing runs behind a test's back: mail is processed and sent when the test says `work()`.
"""

import asyncio
import json
import re
import smtplib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import make_msgid
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
from standardwebhooks import Webhook

from gateway import app, config
from gateway.cases.model import Actor, Customer, NewCase, Order, Role
from gateway.cases.model import Door as Through
from gateway.serving import Listening, at_work
from gateway.serving import Role as Process
from store import credentials, inbox, parties
from store.database import sql
from tests.nameserver import the_worlds, txt
from tests.sink import PATIENCE, Mail, Sink

DOMAIN = "cases.example.org"
STORE, OTHER_STORE = "shp_aaaaaaaaaaaaaaaaaaaaaaaa", "shp_bbbbbbbbbbbbbbbbbbbbbbbb"
TOM, MIA, BEN = "tom@customer.example.org", "mia@shop.example.org", "ben@shop.example.org"
STRANGER = "someone@elsewhere.example.net"
SUBJECT, FIRST_WORDS = "The lid is missing", "The kettle came without its lid."
START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)

HOOK = Actor(Role.CUSTOMER, Through.HOOK)


@dataclass
class Clock:
    """A clock that a test moves."""

    moment: datetime = START
    jumped: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)

    def jump(self, **span: float) -> None:
        """Somebody sets the clock: no time passes."""
        self.moment += timedelta(**span)
        self.jumped += timedelta(**span)


def settings(folder: Path, relay_port: int, **more: str) -> Path:
    """A settings file for a gateway below `folder` on free ports. more: lines of a section by its name."""
    sections = {
        "gateway": f'data_dir = "{folder / "data"}"\n' + more.pop("gateway", ""),
        "http": 'listen = "127.0.0.1:0"',
        "smtp": 'listen = "127.0.0.1:0"\nmax_connections_per_client = 500',
        "mail": f'reply_domain = "{DOMAIN}"',
        "[relay]": f'url = "smtp://127.0.0.1:{relay_port}"',
        "dns": f'server = "127.0.0.1:{the_worlds().address[1]}"',
    } | more
    file = folder / "settings.toml"
    file.write_text("".join(f"[{name}]\n{lines}\n" for name, lines in sections.items()))
    return file


def new_case(number: int = 1, *, store: str = STORE, members: tuple[str, ...] = (MIA,), **changes: Any) -> NewCase:
    """A case as the platform describes it to the desk: each number has an order of its own, all have one customer."""
    order = Order(
        f"ord_{number:024d}", store, f"cus_{store[-24:]}", str(1000 + number), 2499, "EUR", "COMPLETED", START
    )
    customer = Customer(f"cus_{store[-24:]}", store, TOM, "Tom", "Reed", "en")
    told: dict[str, Any] = {
        "store_id": store, "customer": customer, "order": order, "occurred_at": START, "subject": SUBJECT,
        "body": FIRST_WORDS, "store_name": "Blue Kettle",
        "notify": tuple((address, address.partition("@")[0].title()) for address in members),
    }  # fmt: skip
    return NewCase(**told | changes)


def case_event(number: int = 1, *, members: tuple[str, ...] = (MIA,), **changes: Any) -> dict[str, Any]:
    """The same as CASE_CREATE; `changes` replace fields of its data."""
    new = new_case(number, members=members)
    data = {
        "storeId": new.store_id,
        "store": {"name": new.store_name, "notify": [{"email": email, "name": name} for email, name in new.notify]},
        "customer": {"id": new.customer.id, "email": TOM, "firstName": "Tom", "lastName": "Reed", "locale": "en"},
        "order": {
            "id": new.order.id, "orderNumber": new.order.number, "amount": 2499, "currency": "EUR",
            "status": "COMPLETED", "createdAt": "2026-05-01T08:00:00.000Z",
        },
        "subject": SUBJECT, "priority": "HIGH", "body": FIRST_WORDS,
    }  # fmt: skip
    timestamp = START.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"event": "CASE_CREATE", "id": f"evt_{number:024d}", "timestamp": timestamp, "data": data | changes}


def reply_to(
    mail: Mail,
    text: str,
    *,
    sender: str | None = None,
    message_id: str | None = None,
    files: tuple[tuple[str, bytes, str], ...] = (),
    headers: Mapping[str, str] = MappingProxyType({}),
    quotes: bool = True,
) -> bytes:
    """What a mail program sends when its user answers: his words above, the mail that he answers quoted below.

    sender: his address, that of the mailbox by default. message_id: "" leaves it out. files: name, bytes, MIME type.
    headers: more of them. quotes: whether his program quotes at all.
    """
    sender = sender or mail.recipient
    answer = EmailMessage(policy=SMTP_POLICY)
    answer["From"] = f"Somebody <{sender}>"
    answer["To"] = mail.header("Reply-To")
    subject = mail.header("Subject")
    answer["Subject"] = subject if subject.startswith("Re:") else f"Re: {subject}"
    answer["Date"] = "Mon, 04 May 2026 11:12:49 +0200"
    if message_id != "":
        answer["Message-ID"] = message_id or make_msgid(domain=sender.partition("@")[2])
    answer["In-Reply-To"] = mail.message_id
    answer["References"] = f"{mail.header('References')} {mail.message_id}".strip()
    for name, value in headers.items():
        answer[name] = value
    if quotes:
        quoted = "".join(f"> {line}\n" for line in mail.text.splitlines())
        text = f"{text}\n\nOn Mon, 4 May 2026 at 11:30, {mail.header('From')} wrote:\n{quoted}"
    answer.set_content(text)
    for name, data, mime_type in files:
        maintype, _, subtype = mime_type.partition("/")
        answer.add_attachment(data, maintype=maintype, subtype=subtype, filename=name)
    return answer.as_bytes()


def send(port: int, raw: bytes, sender: str, *recipients: str) -> str:
    """Hand a mail to an SMTP server. Returns its last words. Raises SMTPResponseException with the first refusal."""

    def must(expected: int, answer: tuple[int, bytes]) -> str:
        if answer[0] != expected:
            raise smtplib.SMTPResponseException(answer[0], answer[1].decode())
        return answer[1].decode()

    client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.org", timeout=PATIENCE)
    with closing(client):  # without QUIT: how that ends says nothing about the mail
        client.ehlo()
        must(250, client.mail(sender))
        for recipient in recipients:
            must(250, client.rcpt(recipient))
        return must(250, client.data(raw))


def inbox_id(answer: str) -> int:
    """The id of a mail from the server's last words."""
    found = re.fullmatch(r"2\.0\.0 kept as (\d+)", answer)
    assert found is not None, answer
    return int(found[1])


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something has come about that nobody announces."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        pause.wait(0.01)


def process(parts: app.Parts) -> int:
    """Process all that is due, also what only waits for a name server that will answer. Returns how many."""
    count = parts.processor.drain()
    while any("has not answered yet" in mail.reason for mail in inbox.listing(state="pending")):
        wait_until(lambda: inbox.due(parts.now()))
        count += parts.processor.drain()
    return count


class World:
    """A gateway at work in this process, with everybody around it."""

    def __init__(self, folder: Path, sink: Sink, clock: Clock, **sections: str) -> None:
        self.folder = folder
        self.sink = sink
        self.clock = clock
        self.names = the_worlds()
        self.names.zone = {}
        self.file = settings(folder, sink.port, **sections)
        self._closed: Future[None] | None = None
        self.start()

    def elapsed(self) -> float:
        """The clock that nobody sets: it goes along with the other one until a test has that jump."""
        return (self.clock() - self.clock.jumped).timestamp()

    def start(self) -> None:
        """Build everything and open the doors."""
        self.parts = app.build(config.load(self.file), run=True, worker="run", now=self.clock, elapsed=self.elapsed)
        started: Future[Listening] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="doors")
        self._thread.start()
        listening = started.result(PATIENCE)
        assert listening.smtp is not None
        assert listening.http is not None
        self.smtp_port = listening.smtp[1]
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{listening.http[1]}", timeout=PATIENCE)

    async def _serve(self, started: "Future[Listening]") -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with at_work(self.parts, Process.SMTP | Process.WEB) as listening:
            started.set_result(listening)
            await self._ended.wait()

    def close(self) -> None:
        """Shut the doors in an orderly way."""
        self.http.close()
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self.parts.database.close()  # for the connection of the test's own thread, which lives on

    def work(self) -> None:
        """Process and send all that is due."""
        while process(self.parts) + self.parts.dispatcher.drain() + self.parts.deliveries.settle():
            pass

    def work_until(self, condition: Callable[[], object]) -> None:
        """`work` again and again: relays rest in real time."""

        def come_about() -> object:
            self.work()
            return condition()

        wait_until(come_about)

    def work_in_threads(self, count: int = 4) -> None:
        """`work`, begun by several workers at once."""
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda _: self.parts.processor.drain(), range(count)))
        self.work()

    def proves(self, *domains: str) -> None:
        """Mail of these domains comes from this machine, and from nowhere else."""
        self.names.zone |= {(domain, "TXT"): (txt("v=spf1 ip4:127.0.0.1 -all"),) for domain in domains}

    def forbids(self, *domains: str) -> None:
        """Mail of these domains never comes from this machine."""
        self.names.zone |= {(domain, "TXT"): (txt("v=spf1 -all"),) for domain in domains}

    # The platform

    def hook(self, event: dict[str, Any], to: str = "cases") -> httpx2.Response:
        """Call a hook, signed. to: what it is about, cases or orders."""
        body, now = json.dumps(event), self.clock()
        headers = {
            "webhook-id": event["id"],
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.parts.secrets.hook_secrets[0]).sign(event["id"], now, body),
        }
        return self.http.post(f"/hooks/{to}", content=body.encode(), headers=headers)

    def open_case(self, number: int = 1, **changes: Any) -> str:
        """Open a case through the hook and send its mails. Returns its id."""
        answer = self.hook(case_event(number, **changes))
        assert answer.status_code == 201, answer.text
        self.work()
        case_id: str = answer.json()["data"]["id"]
        return case_id

    # The store's program

    @cached_property
    def _token(self) -> str:
        scopes = frozenset(credentials.SCOPES)
        return self.parts.database.write(lambda: credentials.create_token(STORE, "program", scopes, self.clock()))

    def api(
        self, method: str, path: str = "", headers: Mapping[str, str] = MappingProxyType({}), **options: Any
    ) -> httpx2.Response:
        """Call the Store API of the store with a token of all scopes. path: below `…/cases`."""
        headers = {**headers, "authorization": f"Bearer {self._token}"}
        return self.http.request(method, f"/v2/core/stores/{STORE}/cases{path}", headers=headers, **options)

    def post_answer(
        self, case_id: str, body: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> httpx2.Response:
        """Answer as the store's program does."""
        return self.api("POST", f"/{case_id}/messages", headers=headers, json={"body": body})

    def case(self, case_id: str) -> dict[str, Any]:
        """A case as the API shows it."""
        answer = self.api("GET", f"/{case_id}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()["data"]
        return shown

    def messages(self, case_id: str) -> list[dict[str, Any]]:
        """A conversation as the API shows it."""
        answer = self.api("GET", f"/{case_id}/messages", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["data"]["items"]
        return items

    def said(self, case_id: str) -> list[tuple[str, str]]:
        """Who said what on a case, trail left out."""
        shown = ((message["senderType"], message["body"]) for message in self.messages(case_id))
        return [(who, body) for who, body in shown if who != Role.SYSTEM]

    def revoke(self, case_id: str, role: Role) -> None:
        """Make the reply addresses of a side worth nothing from now on."""
        change = "UPDATE participant SET generation = generation + 1 WHERE case_id = ? AND role = ?"
        self.parts.database.write(lambda: sql(change, (case_id, role)))

    def remove_member(self, address: str) -> None:
        self.parts.database.write(lambda: parties.remove_member(STORE, address))

    # People and their mail

    def newest_mail_to(self, address: str) -> Mail:
        """The last mail in a mailbox."""
        self.work()
        return self.sink.to(address)[-1]

    def send(self, raw: bytes, sender: str, *recipients: str) -> int:
        """Hand over a mail. Returns its inbox id. Raises SMTPResponseException with the first refusal."""
        return inbox_id(send(self.smtp_port, raw, sender, *recipients))

    def answer(
        self, mail: Mail, text: str, *, sender: str | None = None, to: str | None = None, upper: bool = False,
        **options: Any,
    ) -> int:  # fmt: skip
        """Answer a mail as its reader and have it processed. Returns the inbox id; `options` as in `reply_to`."""
        recipient = to or mail.reply_address
        raw = reply_to(mail, text, sender=sender, **options)
        kept = self.send(raw, sender or mail.recipient, recipient.upper() if upper else recipient)
        self.work()
        return kept

    def outcomes(self, kept: int) -> list[str]:
        """What became of a mail, case by case."""
        assert inbox.get(kept).state == "done"
        return [result.outcome.value for result in inbox.results(kept)]

    def reasons(self, kept: int) -> str:
        """Why, for the operator."""
        return "; ".join(result.reason for result in inbox.results(kept))
