"""The demo's mailbox: its mails, its pages, and answers as a mail program writes them."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from gateway.inbound.admit import Admission
from gateway.inbound.admit import Mailbox as Purpose
from gateway.mail.parse import parse
from gateway.mail.quotes import split_reply
from gateway.outbound.relay import Answer, Outcome
from gateway.rendering import Renderer
from gateway.signing import Keyring
from gateway.web.mailbox import ANSWER_BYTES, KEPT, LINKS_OPEN, Mail, Mailbox, answer, pages, reply_address
from store import outbox
from tests.web.conftest import cases_url

if TYPE_CHECKING:
    import httpx2

    from tests.web.conftest import Door

HOME = "http://127.0.0.1"
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
RENDERER = Renderer()
HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} \" ' &"
CUSTOMER, MERCHANT = "ada@example.org", "desk@shop.example.org"


class SmtpDoor:
    """Where answers go; it takes them until it is told otherwise."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, bytes]] = []
        self.says = Answer(Outcome.SENT, 250, "2.0.0", "kept as 1")

    async def send(self, sender: str, recipient: str, data: bytes) -> Answer:
        self.taken.append((sender, recipient, data))
        return self.says


class Demo:
    """The pages in front of a real desk, seen by a browser that sits at the same machine."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.mailbox = Mailbox()
        self.smtp = SmtpDoor()
        door.app.include_router(pages(self.mailbox, RENDERER, self.smtp.send))
        self.browser = TestClient(door.app, base_url=HOME, follow_redirects=False)

    def fetch(self) -> None:
        """Put what waits in the outbox into the mailbox, as a relay would."""
        for row in reversed(outbox.listing()):
            self.mailbox.put(row.recipient, outbox.get(row.id).data, self.door.clock())

    def to(self, address: str) -> Mail:
        """The latest mail to somebody."""
        return next(mail for mail in self.mailbox.mails() if mail.recipient == address)

    def reply(
        self, number: int, text: str, origin: str = HOME, file: tuple[str, bytes, str] = ("", b"", "")
    ) -> httpx2.Response:
        """Fill in the form and send it."""
        path, headers = f"/demo/mails/{number}", {"origin": origin}
        answered: httpx2.Response = self.browser.post(path, data={"text": text}, files={"file": file}, headers=headers)
        return answered

    def page(self, path: str = "/demo") -> str:
        shown = self.browser.get(path)
        assert shown.status_code == 200
        return str(shown.text)


@pytest.fixture
def demo(door: Door) -> Demo:
    return Demo(door)


def one_mail(subject: str = "The lid", text: str = "Where is it?\n", domain: str = "cases.example.org") -> Mail:
    mailbox = Mailbox()
    ids = "".join(f" <{'a' * 53}{place}@{domain}>\r\n" for place in range(12))
    mailbox.put(
        CUSTOMER,
        f'From: "Grace via Cases" <cases@{domain}>\r\nTo: "Ada Byron" <{CUSTOMER}>\r\n'
        f'Reply-To: "Blue Kettle via Cases" <reply+{"b" * 56}@{domain}>\r\nMessage-ID: <{"c" * 53}@{domain}>\r\n'
        f"References:{ids}Subject: {subject}\r\n\r\n{text}".encode(),
        NOW,
    )
    return mailbox.mails()[0]


def test_the_mailbox_keeps_the_newest_mails_first_and_no_more_than_it_should() -> None:
    mailbox = Mailbox()
    for number in range(KEPT + 3):
        mailbox.put(f"{number}@example.org", b"Subject: Hello\r\n\r\nHello\r\n", NOW)
    mails = mailbox.mails()
    assert [mail.id for mail in mails] == list(range(KEPT + 3, 3, -1))
    assert mails[0].recipient == f"{KEPT + 2}@example.org"
    assert mailbox.find(mails[-1].id) is mails[-1]
    assert mailbox.find(3) is None


def test_the_list_shows_what_the_outbox_knows(demo: Demo) -> None:
    assert "No mail was sent yet" in demo.page()
    demo.door.open_case()
    demo.fetch()
    page = demo.page()
    assert page.count("/demo/mails/") == 2
    for shown in ("case opened merchant", "case opened customer", "Ada Byron", "Grace", CUSTOMER, MERCHANT):
        assert shown in page
    assert 'role merchant">merchant<' in page
    assert 'role customer">customer<' in page


def test_the_cases_stand_beside(demo: Demo) -> None:
    first = demo.door.open_case()
    demo.door.clock.advance(minutes=1)
    order = {**demo.door.case_event()["data"]["order"], "id": "ord_bbbbbbbbbbbbbbbbbbbbbbbb", "orderNumber": "1043"}
    demo.door.open_case(order=order, subject="The spout drips", body="It drips and drips.")
    newest = demo.page()
    assert newest.index("The spout drips") < newest.index("The lid is missing")
    assert "It drips and drips." in newest
    assert "came without its lid" not in newest
    assert "came without its lid" in demo.page(f"/demo?case={first['id']}")
    demo.door.client.patch(cases_url(first), json={"status": "CLOSED"}, headers=demo.door.token())
    assert '"status closed">CLOSED<' in demo.page()


def test_a_mail_is_shown_in_every_form(demo: Demo) -> None:
    demo.door.open_case()
    demo.fetch()
    mail = demo.to(CUSTOMER)
    page = demo.page(f"/demo/mails/{mail.id}")
    assert reply_address(mail.parsed) in page
    assert "Auto-Submitted" in page
    assert "Content-Transfer-Encoding: quoted-printable" in page
    assert "Answer as Ada Byron" in page
    assert f'<iframe class="html" sandbox="{LINKS_OPEN}" src="/demo/mails/{mail.id}/html"' in page
    shown = demo.browser.get(f"/demo/mails/{mail.id}/html")
    assert shown.text.replace('\n<base target="_blank">', "", 1) == mail.parsed.html != shown.text
    assert shown.headers["content-security-policy"].startswith(f"sandbox {LINKS_OPEN}; default-src 'none'; ")
    assert "allow-scripts" not in shown.headers["content-security-policy"]


def test_what_strangers_wrote_stays_text(demo: Demo) -> None:
    demo.door.open_case(subject=HOSTILE, body=HOSTILE, customer={"email": CUSTOMER, "firstName": HOSTILE})
    demo.fetch()
    raw = f"From: {CUSTOMER}\r\nSubject: {HOSTILE}\r\nX-Odd: {HOSTILE}\r\n\r\n{HOSTILE}</pre>\r\n"
    demo.mailbox.put('"<i>"@example.org', raw.encode(), NOW)
    demo.smtp.says = Answer(Outcome.FAILED, 554, "5.6.0", HOSTILE)
    number = demo.mailbox.mails()[0].id
    for page in (
        demo.page(),
        demo.page(f"/demo/mails/{number}"),
        demo.page(f"/demo/mails/{demo.to(CUSTOMER).id}"),
        demo.reply(number, HOSTILE + "</textarea>").text,
    ):
        assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }}" in page
        assert "<script>" not in page
        assert "<i>" not in page
        assert page.count("</textarea>") == page.count("<textarea")


def test_the_pages_allow_nothing_but_their_own_files(demo: Demo) -> None:
    demo.door.open_case()
    demo.fetch()
    for path in ("/demo", f"/demo/mails/{demo.to(CUSTOMER).id}"):
        shown = demo.browser.get(path)
        assert shown.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src")
        assert "unsafe" not in shown.headers["content-security-policy"]
        assert shown.headers["cache-control"] == "no-store"
        assert re.search(r"<style|<script(?![^>]* src=)|<[^>]*\s(?:style|on\w+)=", shown.text) is None
        for link in re.findall(r'<(?:script|link)[^>]* (?:src|href)="(/[^"]+)"', shown.text):
            asset = demo.browser.get(link)
            assert (asset.status_code, "://" in asset.text) == (200, False)
    assert demo.browser.get("/demo/page.html").status_code == 404


def test_only_this_machine_is_answered(demo: Demo) -> None:
    for host in ("127.0.0.1:8080", "localhost:8080", "[::1]:8080"):
        assert demo.browser.get("/demo", headers={"host": host}).status_code == 200
    for host in ("rebound.example.org", "rebound.example.org:8080", "10.0.0.1:8080", "127.0.0.1.example.org", ""):
        assert demo.browser.get("/demo", headers={"host": host}).status_code == 403
        assert demo.browser.get("/demo/page.js", headers={"host": host}).status_code == 403


def test_an_answer_goes_to_the_smtp_door(demo: Demo) -> None:
    demo.door.open_case()
    demo.fetch()
    mail = demo.to(MERCHANT)
    answered = demo.reply(mail.id, "It is on its way.\r\n\r\nGrace")
    assert (answered.status_code, answered.headers["location"]) == (303, f"/demo?answered={mail.id}")
    assert "Your answer as <b>Grace</b> is in" in demo.page(answered.headers["location"])
    ((sender, recipient, data),) = demo.smtp.taken
    assert sender == MERCHANT
    admission = Admission(
        Keyring({0: b"k" * 32}, 0), reply_domain="cases.localhost", from_address="", known_key_ids=frozenset()
    )
    assert admission.admit(recipient).mailbox is Purpose.REPLY
    written = parse(data)
    assert [(one.name, one.address) for one in written.from_] == [("Grace", MERCHANT)]
    assert [one.address for one in written.to] == [recipient]
    assert written.in_reply_to == (mail.parsed.message_id,)
    assert written.references[-1] == mail.parsed.message_id
    assert written.subject == "Re: The lid is missing"
    assert split_reply(written.text, written.html).new == "It is on its way.\n\nGrace"
    assert "> The kettle came without its lid." in (written.text or "")


def test_an_answer_may_bring_a_file(demo: Demo) -> None:
    demo.door.open_case()
    demo.fetch()
    image = b"\x89PNG\r\n\x1a\n" + bytes(64)
    number = demo.to(CUSTOMER).id
    assert demo.reply(number, "See here", file=("lid ö.png", image, "image/png")).status_code == 303
    assert demo.reply(number, "", file=("odd", b"1", "multipart/mixed; boundary=x")).status_code == 303
    first, second = (parse(data).files for _, _, data in demo.smtp.taken)
    assert [(file.filename, file.content_type, file.data) for file in first] == [("lid ö.png", "image/png", image)]
    assert [(file.filename, file.content_type, file.data) for file in second] == [
        ("odd", "application/octet-stream", b"1")
    ]


def test_an_answer_that_was_not_taken_is_not_lost(demo: Demo) -> None:
    demo.door.open_case()
    demo.fetch()
    demo.smtp.says = Answer(Outcome.DEFERRED, 452, "4.3.1", "There is no room for mail")
    answered = demo.reply(demo.to(CUSTOMER).id, "Half an hour of typing")
    assert answered.status_code == 200
    assert "452 There is no room for mail" in answered.text
    assert ">Half an hour of typing</textarea>" in answered.text


def test_an_empty_answer_is_not_sent(demo: Demo) -> None:
    demo.door.open_case()
    demo.fetch()
    answered = demo.reply(demo.to(CUSTOMER).id, " \r\n ")
    assert "There is nothing in this answer" in answered.text
    assert demo.smtp.taken == []


def test_an_answer_comes_from_our_own_page(demo: Demo) -> None:
    demo.door.open_case()
    demo.fetch()
    number = demo.to(CUSTOMER).id
    for origin in ("http://evil.example.org", "null", "", "https://127.0.0.1", "http://127.0.0.1:9999"):
        assert demo.reply(number, "Pay me", origin=origin).status_code == 403
    form = {"text": "Pay me"}
    assert demo.browser.post(f"/demo/mails/{number}", data=form).status_code == 403
    assert demo.smtp.taken == []


def test_an_answer_that_is_too_large_is_not_read(demo: Demo) -> None:
    demo.door.open_case()
    demo.fetch()
    path, headers = f"/demo/mails/{demo.to(CUSTOMER).id}", {"origin": HOME}
    declared = {**headers, "content-length": str(ANSWER_BYTES + 1)}
    assert demo.browser.post(path, content=b"", headers=declared).status_code == 413
    assert demo.browser.post(path, content=iter([b"text=1"]), headers=headers).status_code == 413


def test_a_mail_that_is_gone_leads_to_the_list(demo: Demo) -> None:
    for answered in (demo.browser.get("/demo/mails/99"), demo.reply(99, "Hello")):
        assert (answered.status_code, answered.headers["location"]) == (303, "/demo")
    assert demo.browser.get("/demo/mails/99/html").status_code == 404


def test_the_pages_are_no_part_of_the_api(demo: Demo) -> None:
    assert not [path for path in demo.browser.get("/openapi.json").json()["paths"] if path.startswith("/demo")]


@pytest.mark.parametrize("domain", ["cases.example.org", "a-rather-long-name.of-a-department.support.example.org"])
def test_long_ids_are_not_broken_by_the_library(domain: str) -> None:
    mail = one_mail(domain=domain)
    data = answer(mail, "Hello", None, NOW).as_bytes()
    written = email.message_from_bytes(data, policy=policy.default)
    assert isinstance(written, EmailMessage)
    assert b"=?" not in data
    assert written["In-Reply-To"] == f"<{mail.parsed.message_id}>"
    assert parse(data).references == (*mail.parsed.references, mail.parsed.message_id)
    assert parse(data).to[0].address == reply_address(mail.parsed)


def test_a_subject_is_answered_once() -> None:
    assert answer(one_mail("The lid"), "", None, NOW)["Subject"] == "Re: The lid"
    assert answer(one_mail("RE: The lid"), "", None, NOW)["Subject"] == "RE: The lid"


@pytest.mark.parametrize(
    "text", ["Grüße aus Köln", "日本語のテキスト", "a" * 3_000, ".\n.\n..", "From here on\n> quoted"]
)
def test_whatever_is_typed_arrives(text: str) -> None:
    written = parse(answer(one_mail(), text, None, NOW).as_bytes())
    assert (written.text or "").startswith(f"{text}\n\nOn 4 May 2026, 09:30 UTC, Blue Kettle via Cases wrote:\n> Where")
