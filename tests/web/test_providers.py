"""Mail that providers hand over by HTTPS: proven, admitted, kept as it is, or refused in their own words (rule 23)."""

import base64
import hashlib
import hmac
import json
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

import httpx2
import pytest
import structlog
from fastapi import FastAPI
from starlette.testclient import TestClient

from gateway.app import tidy
from gateway.config import Config, ProvidersSection, SmtpSection, load
from gateway.errors import Invalid, Later, StorageFull
from gateway.inbound.keep import recipients_from_json
from gateway.web import failures
from gateway.web.providers import door, forms
from gateway.web.providers.routes import make_router
from store import database, inbox
from tests.sink import Sink
from tests.world import DOMAIN, TOM, Clock, World, reply_to

NOTHING: Mapping[str, str] = MappingProxyType({})
LARGEST = 100_000  # bytes of a mail, in these tests; such a one is kept in a file of its own
SIGNING_KEY, SECRET = "key-made-for-these-tests", "a-path-that-nobody-guesses"
POSTMARK_NETWORK, CLIENT = "192.0.2.0/28", "192.0.2.7"
OVER_TLS = {"x-forwarded-for": CLIENT, "x-forwarded-proto": "https"}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1a2b3c.pem"
#: Bytes that no charset has, lines that no mail should have, and characters that forms write differently.
RAW = (
    b"From: tom@customer.example.org\r\nSubject: a+b=c & d%20e\r\nAuthentication-Results: mx.test; spf=pass\r\n"
    b"\r\n8-bit \xe4\xff\xfe\x80, Latin \xe4, UTF-8 \xc3\xa4\nlone LF, lone CR \r and \0 null, --boundary\r\n\x1a end"
)
#: What comes through JSON: text.
TEXT = 'From: tom@customer.example.org\r\nSubject: Grüße\r\n\r\nÄ line,\nanother \\ " / one. ✓\r\n'


# What is at hand


class Openssl:
    """The command, in a folder with its keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, data: bytes = b"") -> bytes:
        done = subprocess.run(["openssl", *words], cwd=self.folder, input=data, check=True, capture_output=True)
        return done.stdout


@pytest.fixture(scope="module")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> Openssl:
    """`ec.pem`, a key on P-256; `rsa.pem`, an RSA key with the certificate `cert.pem`."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = Openssl(tmp_path_factory.mktemp("keys"))
    made.run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem")
    made.run(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=sns.test"),
        *("-keyout", "rsa.pem", "-out", "cert.pem"),
    )
    return made


@pytest.fixture
def world(
    tmp_path: Path, sink: Sink, clock: Clock, openssl: Openssl, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A gateway with all providers, behind a TLS proxy on this machine."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 50)
    public_key = base64.b64encode(openssl.run("ec", "-in", "ec.pem", "-pubout", "-outform", "DER")).decode()
    providers = {
        "mailgun_signing_key": SIGNING_KEY, "sendgrid_public_key": public_key, "sendgrid_secret": SECRET,
        "sendgrid_networks": [POSTMARK_NETWORK], "postmark_secret": SECRET, "postmark_networks": [POSTMARK_NETWORK],
        "ses_topic_arn": TOPIC,
    }  # fmt: skip
    world = World(
        tmp_path, sink, clock,
        http='listen = "127.0.0.1:0"\nproxy_from = ["127.0.0.1"]',
        smtp=f'listen = "127.0.0.1:0"\nmax_size = {LARGEST}',
        providers="\n".join(f"{name} = {json.dumps(value)}" for name, value in providers.items()),
    )  # fmt: skip
    yield world
    world.close()


@pytest.fixture
def address(world: World) -> str:
    """A reply address of a case."""
    world.open_case()
    return world.newest_mail_to(TOM).reply_address


def kept_raw() -> list[bytes]:
    """The mails that were kept, the oldest first."""
    return [row.raw or b"" for row in (inbox.get(kept.id) for kept in reversed(inbox.listing()))]


def taken(answer: httpx2.Response) -> bool:
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True
    kept: bool = answer.json()["data"]["kept"]
    return kept


@dataclass
class Mailgun:
    """What Mailgun posts."""

    world: World
    tokens: int = field(default=0)

    def fields(self, recipient: str, raw: bytes = RAW, **changes: Any) -> dict[str, Any]:
        self.tokens += 1
        timestamp, token = str(int(self.world.clock().timestamp())), f"token-{self.tokens:044d}"
        timestamp, token = changes.get("timestamp", timestamp), changes.get("token", token)
        fields = {
            "recipient": recipient, "sender": TOM, "from": "Tom <tom@customer.example.org>", "body-mime": raw,
            "timestamp": timestamp, "token": token,
            "signature": hmac.new(SIGNING_KEY.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest(),
        } | changes  # fmt: skip
        return {name: value for name, value in fields.items() if value is not None}

    def post(self, fields: Mapping[str, Any], path: str = "/inbound/mailgun/mime") -> httpx2.Response:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.world.http.post(path, content=urlencode(fields).encode(), headers=headers)


@pytest.fixture
def mailgun(world: World) -> Mailgun:
    return Mailgun(world)


def form(fields: Mapping[str, str | bytes], boundary: str = "boundary") -> tuple[bytes, dict[str, str]]:
    """A multipart form, bytes as they are, and its header."""
    parts = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        + (value if isinstance(value, bytes) else value.encode())
        + b"\r\n"
        for name, value in fields.items()
    )
    return parts + f"--{boundary}--\r\n".encode(), {"content-type": f"multipart/form-data; boundary={boundary}"}


def sendgrid_form(*recipients: str, raw: bytes = RAW, sender: str = TOM) -> tuple[bytes, dict[str, str]]:
    envelope = json.dumps({"to": list(recipients), "from": sender})
    return form({"SPF": "pass", "dkim": "{@example.org : pass}", "email": raw, "envelope": envelope}, "xYzZY")


@dataclass
class SendGrid:
    """What SendGrid posts."""

    world: World
    openssl: Openssl

    def sign(self, body: bytes, timestamp: int | None = None) -> dict[str, str]:
        moment = str(int(self.world.clock().timestamp()) if timestamp is None else timestamp)
        signature = self.openssl.run("dgst", "-sha256", "-sign", "ec.pem", data=moment.encode() + body)
        name = "X-Twilio-Email-Event-Webhook"
        return {f"{name}-Timestamp": moment, f"{name}-Signature": base64.b64encode(signature).decode()}

    def post(self, body: bytes, headers: Mapping[str, str], path: str = "/inbound/sendgrid") -> httpx2.Response:
        return self.world.http.post(path, content=body, headers=dict(headers))


@pytest.fixture
def sendgrid(world: World, openssl: Openssl) -> SendGrid:
    return SendGrid(world, openssl)


def postmark(
    world: World, recipient: str = "", headers: Mapping[str, str] = OVER_TLS, path: str = SECRET, **changes: Any
) -> httpx2.Response:
    told = {
        "FromFull": {"Email": TOM, "Name": "Tom", "MailboxHash": ""},
        "OriginalRecipient": recipient,
        "Headers": [
            {"Name": "Received-SPF", "Value": "Fail identity=mailfrom; envelope-from=tom@bounces.example.org; helo=x"}
        ],
        "RawEmail": TEXT,
        "Attachments": [{"Name": "x", "Content": "AAAA"}],
    } | changes
    return world.http.post(f"/inbound/postmark/{path}", content=json.dumps(told).encode(), headers=dict(headers))


@dataclass
class Amazon:
    """What SNS posts, to a door of its own: with a certificate that is fetched from here."""

    client: TestClient
    clock: Clock
    openssl: Openssl
    fetched: list[str]
    offline: list[bool]

    def received(self, *recipients: str, raw: bytes = RAW, **changes: Any) -> dict[str, Any]:
        return {
            "notificationType": "Received",
            "mail": {"source": TOM, "messageId": "m1", "destination": list(recipients)},
            "receipt": {
                "recipients": list(recipients), "spfVerdict": {"status": "PASS"},
                "action": {"type": "SNS", "topicArn": TOPIC, "encoding": "BASE64"},
            },
            "content": base64.b64encode(raw).decode(),
        } | changes  # fmt: skip

    def envelope(self, message: Any, *, version: str = "2", **changes: Any) -> dict[str, Any]:
        """A signed message of SNS; `changes` go in before it is signed."""
        told: dict[str, Any] = {
            "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Receipt Notification",
            "Message": message if isinstance(message, str) else json.dumps(message),
            "Timestamp": self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL,
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        } | changes  # fmt: skip
        told = {name: value for name, value in told.items() if value is not None}
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        if told["Type"] != "Notification":
            names.remove("Subject")
        text = "".join(f"{name}\n{told[name]}\n" for name in names if name in told)
        hash_name = "-sha1" if version == "1" else "-sha256"
        signature = self.openssl.run("dgst", hash_name, "-sign", "rsa.pem", data=text.encode())
        return told | {"Signature": base64.b64encode(signature).decode()}

    def post(self, envelope: Any) -> httpx2.Response:
        headers = {"x-amz-sns-message-type": "Notification", "content-type": "text/plain; charset=UTF-8"}
        body = envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode()
        answer: httpx2.Response = self.client.post("/inbound/ses", content=body, headers=headers)
        return answer


@pytest.fixture
def amazon(world: World, openssl: Openssl) -> Iterator[Amazon]:
    fetched: list[str] = []
    offline: list[bool] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        if offline:
            raise Later("The certificate cannot be fetched")
        return (openssl.folder / "cert.pem").read_bytes()

    app = FastAPI()
    failures.install(app)
    config = Config(smtp=SmtpSection(max_size=LARGEST), providers=ProvidersSection(ses_topic_arn=TOPIC))
    app.include_router(make_router(config, world.parts.intake, now=world.clock, fetch=fetch))
    with TestClient(app) as client:
        yield Amazon(client, world.clock, openssl, fetched, offline)


# All of them


Post = Callable[..., httpx2.Response]


@pytest.fixture(params=["mailgun", "mailgun multipart", "sendgrid", "sendgrid unsigned", "postmark", "ses"])
def post(
    request: pytest.FixtureRequest, world: World, mailgun: Mailgun, sendgrid: SendGrid, amazon: Amazon
) -> tuple[str, Post, bytes]:
    """Hands a mail over for an address: the provider's name, how it posts, and the bytes that must be kept."""

    def by_mailgun(recipient: str, raw: bytes = RAW) -> httpx2.Response:
        return mailgun.post(mailgun.fields(recipient, raw))

    def by_mailgun_multipart(recipient: str, raw: bytes = RAW) -> httpx2.Response:
        body, headers = form(mailgun.fields(recipient, raw))
        return world.http.post("/inbound/mailgun", content=body, headers=headers)

    def by_sendgrid(recipient: str, raw: bytes = RAW) -> httpx2.Response:
        body, headers = sendgrid_form(recipient, raw=raw)
        return sendgrid.post(body, headers | sendgrid.sign(body))

    def by_sendgrid_unsigned(recipient: str, raw: bytes = RAW) -> httpx2.Response:
        body, headers = sendgrid_form(recipient, raw=raw)
        return sendgrid.post(body, headers | OVER_TLS, f"/inbound/sendgrid/{SECRET}")

    def by_postmark(recipient: str, raw: bytes | None = None) -> httpx2.Response:
        return postmark(world, recipient, RawEmail=TEXT if raw is None else raw.decode())

    def by_ses(recipient: str, raw: bytes = RAW) -> httpx2.Response:
        return amazon.post(amazon.envelope(amazon.received(recipient, raw=raw)))

    ways: dict[str, Post] = {
        "mailgun": by_mailgun, "mailgun multipart": by_mailgun_multipart, "sendgrid": by_sendgrid,
        "sendgrid unsigned": by_sendgrid_unsigned, "postmark": by_postmark, "ses": by_ses,
    }  # fmt: skip
    name: str = request.param
    return name.partition(" ")[0], ways[name], TEXT.encode() if name == "postmark" else RAW


def test_a_mail_is_kept_as_it_is_and_without_a_client(address: str, post: tuple[str, Post, bytes]) -> None:
    name, hand_over, raw = post
    assert taken(hand_over(address))
    (row,) = inbox.listing()
    kept = inbox.get(row.id)
    assert kept.raw == raw
    assert kept.mail_from == ("tom@bounces.example.org" if name == "postmark" else TOM)
    assert (kept.client, kept.helo) == ("", "")
    (recipient,) = recipients_from_json(kept.recipients)
    assert (recipient.address, recipient.mailbox) == (address, "reply")


def test_a_mail_for_nobody_here_is_refused_so_that_nobody_tries_again(
    world: World, post: tuple[str, Post, bytes]
) -> None:
    _, hand_over, _ = post
    for recipient in (f"nobody@{DOMAIN}", f"reply+{'a' * 56}@{DOMAIN}", "tom@elsewhere.example.net", "x" * 300):
        answer = hand_over(recipient)
        assert not taken(answer)
        assert answer.json()["data"]["reason"] == "None of the recipients is a mailbox here"
    assert inbox.listing() == ()


def test_a_mail_that_is_too_large_is_refused_in_the_provider_s_words(
    address: str, post: tuple[str, Post, bytes]
) -> None:
    name, hand_over, _ = post
    assert taken(hand_over(address, b"x" * LARGEST))
    refused = hand_over(address, b"y" * (LARGEST + 1))
    assert refused.status_code == {"mailgun": 406, "sendgrid": 200, "postmark": 403, "ses": 413}[name]
    assert refused.json()["ok"] is False
    assert "too large" in refused.json()["error"]
    assert len(inbox.listing()) == 1


@pytest.mark.parametrize("size", [1_000, LARGEST])
def test_what_could_not_be_kept_comes_again_and_is_kept(
    world: World, address: str, mailgun: Mailgun, sendgrid: SendGrid, amazon: Amazon, size: int
) -> None:
    raw = b"x" * size
    fields = mailgun.fields(address, raw)
    body, headers = sendgrid_form(address, raw=raw)
    headers |= sendgrid.sign(body)
    envelope = amazon.envelope(amazon.received(address, raw=raw))
    calls: list[Callable[[], httpx2.Response]] = [
        lambda: mailgun.post(fields),
        lambda: sendgrid.post(body, headers),
        lambda: postmark(world, address),
        lambda: amazon.post(envelope),
    ]
    with closing(sqlite3.connect(world.folder / "data" / "casegate.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for call in calls:
            answer = call()
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert "Retry-After" in answer.headers
        other.execute("ROLLBACK")
    assert inbox.listing() == ()
    for number, call in enumerate(calls, 1):
        assert taken(call())
        assert len(inbox.listing()) == number


def test_no_call_is_begun_while_nothing_can_be_kept(world: World, post: tuple[str, Post, bytes]) -> None:
    world.parts.admission.closed = StorageFull("There is no room")
    assert post[1](f"postmaster@{DOMAIN}").status_code == 503
    world.parts.admission.closed = None
    assert taken(post[1](f"postmaster@{DOMAIN}"))


def test_a_mail_of_a_provider_is_posted(world: World, mailgun: Mailgun) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    assert taken(mailgun.post(mailgun.fields(receipt.reply_address, reply_to(receipt, "By way of Mailgun"))))
    world.work()
    assert world.said(case)[1:] == [("CUSTOMER", "By way of Mailgun")]


def first_answer(world: World, head: bytes) -> bytes:
    """What the server says to a request of which only this is sent."""
    port = world.http.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head)
        return connection.recv(13)


def test_a_body_over_the_limit_is_not_read(world: World) -> None:
    head = b"POST /inbound/mailgun/mime HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
    assert first_answer(world, head) == b"HTTP/1.1 406 "


def test_a_body_that_does_not_end_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "READ_SECONDS", 0.05)
    head = b"POST /inbound/mailgun/mime HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nrecipient="
    assert first_answer(world, head) == b"HTTP/1.1 503 "


def test_a_provider_that_is_not_set_up_answers_as_any_unknown_address(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    with closing(World(tmp_path, sink, clock)) as world:
        unknown = world.http.post("/inbound/pigeon")
        assert unknown.status_code == 404
        for path in ("mailgun", "mailgun/mime", "sendgrid", f"sendgrid/{SECRET}", f"postmark/{SECRET}", "ses"):
            answer = world.http.post(f"/inbound/{path}", content=b"x")
            assert (answer.status_code, answer.content) == (404, unknown.content)


# Mailgun


def test_a_token_of_mailgun_works_once(world: World, address: str, mailgun: Mailgun) -> None:
    fields = mailgun.fields(address)
    assert taken(mailgun.post(fields))
    for replayed in (fields, fields | {"body-mime": b"something else"}, fields | {"recipient": f"postmaster@{DOMAIN}"}):
        answer = mailgun.post(replayed)
        assert (answer.status_code, answer.json()["ok"]) == (406, False)
        assert "taken before" in answer.json()["error"]
    assert len(inbox.listing()) == 1


def test_a_token_works_once_for_many_at_the_same_time(address: str, mailgun: Mailgun) -> None:
    fields = mailgun.fields(address)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: mailgun.post(fields).status_code, range(16)))
    assert sorted(answers) == [200] + [406] * 15
    assert len(inbox.listing()) == 1


def test_a_repeated_call_leaves_no_file_behind(world: World, address: str, mailgun: Mailgun) -> None:
    fields = mailgun.fields(address, b"x" * LARGEST)
    assert [mailgun.post(fields).status_code for _ in range(3)] == [200, 406, 406]
    assert len([path for path in (world.parts.files.root / "raw").rglob("*") if path.is_file()]) == 1


def test_a_token_is_known_longer_than_its_timestamp_is_good(world: World, address: str, mailgun: Mailgun) -> None:
    ahead = int(world.clock().timestamp()) + 290
    fields = mailgun.fields(address, timestamp=str(ahead))
    assert taken(mailgun.post(fields))
    world.clock.advance(seconds=580)
    tidy(world.parts.database, world.parts.files, world.clock(), keep_raw=None)
    assert mailgun.post(fields).status_code == 406
    world.clock.advance(seconds=20)
    assert mailgun.post(fields).status_code == 401


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"signature": "0" * 64}, "does not match"),
        ({"signature": "ä"}, "does not match"),
        ({"signature": None}, "not signed"),
        ({"token": None, "signature": "0" * 64}, "not signed"),
        ({"timestamp": ""}, "not signed"),
        ({"timestamp": "soon"}, "does not match"),
        ({"timestamp": "1777887000.5"}, "does not match"),
    ],
)
def test_a_call_that_mailgun_did_not_sign_is_refused(
    address: str, mailgun: Mailgun, changes: dict[str, Any], words: str
) -> None:
    answer = mailgun.post(mailgun.fields(address, **changes))
    assert answer.status_code == 401
    assert words in answer.json()["error"]
    assert inbox.listing() == ()


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-299, 200), (299, 200), (301, 401)])
def test_a_timestamp_of_mailgun_is_good_for_five_minutes(
    world: World, address: str, mailgun: Mailgun, seconds: int, status: int
) -> None:
    timestamp = str(int(world.clock().timestamp()) + seconds)
    assert mailgun.post(mailgun.fields(address, timestamp=timestamp)).status_code == status


def test_another_split_of_what_was_signed_is_the_same_token(world: World, address: str, mailgun: Mailgun) -> None:
    fields = mailgun.fields(address)
    assert taken(mailgun.post(fields))
    timestamp, token = fields["timestamp"], fields["token"]
    moved = mailgun.post(fields | {"timestamp": timestamp[:-1], "token": timestamp[-1] + token})
    assert moved.status_code == 401  # far too old
    assert len(inbox.listing()) == 1


def test_every_recipient_that_is_ours_is_kept(address: str, mailgun: Mailgun) -> None:
    recipients = f"nobody@{DOMAIN}, {address}, tom@elsewhere.example.net, postmaster@{DOMAIN}, {address}"
    assert taken(mailgun.post(mailgun.fields(recipients)))
    found = recipients_from_json(inbox.listing()[0].recipients)
    assert [recipient.address for recipient in found] == [address, f"postmaster@{DOMAIN}"]


def test_the_null_sender_stays_one(address: str, mailgun: Mailgun) -> None:
    for sender in ("", "<>", None):
        assert taken(mailgun.post(mailgun.fields(address, sender=sender)))
    assert [row.mail_from for row in inbox.listing()] == ["", "", ""]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"body-mime": None, "body-plain": "parsed"}, "body-mime"),
        ({"body-mime": b""}, "body-mime"),
        ({"recipient": ""}, "recipient"),
        ({"recipient": ",".join(f"r{n}@{DOMAIN}" for n in range(101))}, "recipient"),
        ({"sender": "x" * 300}, "sender"),
        ({"sender": "a\r\nb@example.org"}, "sender"),
    ],
)
def test_a_signed_call_without_mail_or_envelope_is_told_what_it_lacks(
    address: str, mailgun: Mailgun, changes: dict[str, Any], wrong: str
) -> None:
    answer = mailgun.post(mailgun.fields(**{"recipient": address} | changes))
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["problems"]] == [wrong]
    assert inbox.listing() == ()


# Forms


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("", b"a=b"),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b"nothing of the kind"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b; charset=utf-16", b"--b\r\n\xff\xfe"),
        ("multipart/form-data; boundary=b", form({f"field{n}": "x" for n in range(101)}, "b")[0]),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=x" % n for n in range(101))),
    ],
)
def test_a_malformed_form_is_refused(world: World, content_type: str, body: bytes) -> None:
    answer = world.http.post("/inbound/mailgun/mime", content=body, headers={"content-type": content_type})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"].startswith("The body ")


@pytest.mark.parametrize("body", [b"", b"&&&=&", b"%%%41%4", b"timestamp=%ff&token=%zz&signature=+"])
def test_an_odd_form_is_only_not_signed(world: World, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert world.http.post("/inbound/mailgun/mime", content=body, headers=headers).status_code == 401


def test_pieces_of_a_form_are_decoded_as_a_whole() -> None:
    for offset in range(3):
        value = b"x" * (forms._PIECE - 2 + offset) + b"%41%42%" + b"+%e4" * 40_000
        assert forms._unquoted(value) == unquote_to_bytes(value.replace(b"+", b" "))
    assert forms._unquoted(b"%" * 200_000) == b"%" * 200_000


def test_a_form_with_its_files_beside_and_a_charset_comes_through(address: str, mailgun: Mailgun) -> None:
    body, _ = form(mailgun.fields(address), "b")
    file = b'--b\r\nContent-Disposition: form-data; name="body-mime"; filename="x.eml"\r\n\r\nnot this\r\n'
    headers = {"content-type": "multipart/form-data; charset=utf-16; boundary=b"}
    assert taken(mailgun.world.http.post("/inbound/mailgun", content=file + body, headers=headers))
    assert kept_raw() == [RAW]


# SendGrid


def test_a_call_of_sendgrid_counts_once(address: str, sendgrid: SendGrid) -> None:
    body, headers = sendgrid_form(address)
    first, second = sendgrid.sign(body), sendgrid.sign(body)
    assert first != second  # two signatures of one body
    assert taken(sendgrid.post(body, headers | first))
    for signature in (first, second):
        repeated = sendgrid.post(body, headers | signature)
        assert (repeated.status_code, repeated.json()["ok"]) == (200, False)
    assert len(inbox.listing()) == 1


def test_a_call_that_sendgrid_did_not_sign_is_refused(world: World, address: str, sendgrid: SendGrid) -> None:
    body, headers = sendgrid_form(address)
    signed, now = sendgrid.sign(body), int(world.clock().timestamp())
    timestamp, signature = signed
    attempts: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body, {timestamp: signed[timestamp]}),
        (body, {signature: signed[signature]}),
        (body, signed | {timestamp: str(now + 1)}),
        (body, signed | {timestamp: "now"}),
        (body, signed | {signature: "AAAA"}),
        (body, signed | {signature: "not base64"}),
        (body + b" ", signed),
        (body, sendgrid.sign(body, now - 4 * 86_400 - 1)),
        (body, sendgrid.sign(body, now + 4 * 86_400 + 1)),
    ]
    for sent, proof in attempts:
        answer = sendgrid.post(sent, headers | proof)
        assert (answer.status_code, answer.json()["ok"]) == (401, False), proof
    assert inbox.listing() == ()
    assert taken(sendgrid.post(body, headers | sendgrid.sign(body, now - 3 * 86_400)))


def test_the_recipients_of_sendgrid_s_envelope_are_admitted_one_by_one(address: str, sendgrid: SendGrid) -> None:
    body, headers = sendgrid_form(f"nobody@{DOMAIN}", address, sender="")
    assert taken(sendgrid.post(body, headers | sendgrid.sign(body)))
    (row,) = inbox.listing()
    assert ([r.address for r in recipients_from_json(row.recipients)], row.mail_from) == ([address], "")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"envelope": '{"to": ["x@y.test"], "from": ""}', "text": "parsed"}, "email"),
        ({"email": "x"}, "to"),
        ({"email": "x", "envelope": "{"}, ""),
        ({"email": "x", "envelope": '{"to": "x@y.test"}'}, "to"),
        ({"email": "x", "envelope": '{"to": []}'}, "envelope.to"),
        ({"email": "x", "envelope": '{"to": ["x"], "from": 7}'}, "from"),
    ],
)
def test_what_sendgrid_lacks_is_told(sendgrid: SendGrid, fields: dict[str, str], wrong: str) -> None:
    body, headers = form(fields)
    answer = sendgrid.post(body, headers | sendgrid.sign(body))
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["problems"]] == [wrong]


# Secret paths


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        (OVER_TLS, "a-path-that-somebody-guessed"),
        (OVER_TLS, SECRET + "%C3%A4"),
        (OVER_TLS | {"x-forwarded-proto": "http"}, SECRET),
        (OVER_TLS | {"x-forwarded-proto": "https, http"}, SECRET),
        (OVER_TLS | {"x-forwarded-for": "198.51.100.1"}, SECRET),
        (OVER_TLS | {"x-forwarded-for": f"{CLIENT}, 198.51.100.1"}, SECRET),  # he says that he is another
        (OVER_TLS | {"x-forwarded-for": f"{CLIENT}, unknown"}, SECRET),
        ({"x-forwarded-proto": "https"}, SECRET),
        ({"x-forwarded-for": CLIENT}, SECRET),
        ({}, SECRET),
    ],
)
def test_a_call_by_a_secret_path_needs_all_three(
    world: World, address: str, sendgrid: SendGrid, headers: dict[str, str], path: str
) -> None:
    refused = postmark(world, address, headers, path)
    assert (refused.status_code, refused.json()["ok"]) == (401, False)
    body, form_headers = sendgrid_form(address)
    assert sendgrid.post(body, form_headers | headers, f"/inbound/sendgrid/{path}").content == refused.content
    assert inbox.listing() == ()


@pytest.mark.parametrize("addresses", [f"198.51.100.1, {CLIENT}", f"{CLIENT}, 127.0.0.1", f"::ffff:{CLIENT}"])
def test_a_call_through_proxies_is_from_the_last_that_is_none(world: World, address: str, addresses: str) -> None:
    assert taken(postmark(world, address, OVER_TLS | {"x-forwarded-for": addresses}))


def test_nobody_but_a_listed_proxy_is_believed(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    providers = f'postmark_secret = "{SECRET}"\npostmark_networks = ["127.0.0.1", "{POSTMARK_NETWORK}"]'
    with closing(World(tmp_path, sink, clock, providers=providers)) as world:
        for headers in (OVER_TLS, {}):
            assert postmark(world, f"postmaster@{DOMAIN}", headers).status_code == 401


@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        (
            [("Return-Path", "<tom@path.example.org>"), ("Received-SPF", "envelope-from=x@y.test")],
            "tom@path.example.org",
        ),
        ([("return-path", "<>")], ""),
        ([("Received-SPF", "Pass (ok) identity=mailfrom; envelope-from=<>; receiver=x")], ""),
        ([("Received-SPF", 'None envelope-from="tom@spf.example.org"')], "tom@spf.example.org"),
        ([("X-Other", "x")], TOM),
    ],
)
def test_postmark_s_envelope_sender_is_found_where_it_stands(
    world: World, address: str, headers: list[tuple[str, str]], sender: str
) -> None:
    assert taken(postmark(world, address, Headers=[{"Name": name, "Value": value} for name, value in headers]))
    assert inbox.listing()[0].mail_from == sender


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"RawEmail": ""}, "RawEmail"),
        ({"RawEmail": 7}, "RawEmail"),
        ({"OriginalRecipient": ""}, "OriginalRecipient"),
        ({"Headers": [{"Name": "x"}]}, "Headers.0.Value"),
    ],
)
def test_what_postmark_lacks_is_told(world: World, address: str, changes: dict[str, Any], wrong: str) -> None:
    answer = postmark(world, address, **changes)
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["problems"]] == [wrong]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"RawEmail": "\\ud800"}', b"[" * 50_000])
def test_malformed_json_is_refused(world: World, amazon: Amazon, body: bytes) -> None:
    answer = world.http.post(f"/inbound/postmark/{SECRET}", content=body, headers=dict(OVER_TLS))
    assert answer.status_code == 400
    assert amazon.post(body).status_code == 400


# Amazon


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_signatures_hold_and_the_certificate_is_fetched_once(
    address: str, amazon: Amazon, version: str
) -> None:
    for number in range(3):
        subject = None if number == 2 else "x"
        envelope = amazon.envelope(amazon.received(address), version=version, MessageId=f"m{number}", Subject=subject)
        assert taken(amazon.post(envelope))
    assert amazon.fetched == [CERTIFICATE_URL]
    assert kept_raw() == [RAW] * 3


def test_a_message_of_amazon_counts_once(address: str, amazon: Amazon) -> None:
    envelope = amazon.envelope(amazon.received(address))
    assert taken(amazon.post(envelope))
    assert amazon.post(envelope).status_code == 409
    assert len(inbox.listing()) == 1


def test_a_message_that_amazon_did_not_sign_is_refused(world: World, address: str, amazon: Amazon) -> None:
    good = amazon.envelope(amazon.received(address))
    stranger = "https://sns.eu-west-1.amazonaws.com.evil.test/x.pem"
    attempts: list[dict[str, Any]] = [
        good | {"Message": json.dumps(amazon.received(f"postmaster@{DOMAIN}"))},
        good | {"Subject": "another"},
        good | {"MessageId": "another"},
        good | {"Type": "UnsubscribeConfirmation"},
        good | {"Signature": "AAAA"},
        good | {"Signature": "ä"},
        good | {"SignatureVersion": "1"},
        amazon.envelope(amazon.received(address), SignatureVersion="3"),
        amazon.envelope(amazon.received(address), TopicArn=TOPIC + "x"),
        amazon.envelope(amazon.received(address), Timestamp="2026-05-03T09:29:59.000Z"),
        amazon.envelope(amazon.received(address), Timestamp="2026-05-05T09:30:01.000Z"),
    ]
    for envelope in attempts:
        assert amazon.post(envelope).status_code == 401, envelope
    assert set(amazon.fetched) == {CERTIFICATE_URL}
    for url in (
        stranger,
        CERTIFICATE_URL.replace("https", "http"),
        CERTIFICATE_URL.replace("eu-west-1", "us-east-1"),
        CERTIFICATE_URL.replace("sns.", "s3."),
        CERTIFICATE_URL.replace("sns.", "user@sns."),
        CERTIFICATE_URL.replace(".com/", ".com:8443/"),
        CERTIFICATE_URL.replace(".com/", ".com/bucket/"),
        CERTIFICATE_URL + "?x=.pem",
        CERTIFICATE_URL + "\n",
        CERTIFICATE_URL.removesuffix(".pem"),
    ):
        assert amazon.post(amazon.envelope(amazon.received(address), SigningCertURL=url)).status_code == 401
    assert set(amazon.fetched) == {CERTIFICATE_URL}
    assert inbox.listing() == ()
    assert amazon.client.post("/inbound/ses", content=json.dumps(good)).status_code == 401  # without SNS's header


def test_a_certificate_that_cannot_be_fetched_is_our_trouble_and_passes(address: str, amazon: Amazon) -> None:
    envelope = amazon.envelope(amazon.received(address))
    amazon.offline.append(True)
    assert amazon.post(envelope).status_code == 503
    amazon.offline.clear()
    assert taken(amazon.post(envelope))


def test_a_subscription_is_left_to_an_operator(amazon: Amazon) -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t0k3n"
    told: dict[str, Any] = {"Type": "SubscriptionConfirmation", "SubscribeURL": url, "Token": "t0k3n", "Subject": None}
    with structlog.testing.capture_logs() as lines:
        answer = amazon.post(amazon.envelope("You have chosen to subscribe.", **told))
    assert not taken(answer)
    assert "t0k3n" not in answer.text
    assert [line["confirm_at"] for line in lines if line["event"] == "providers.ses_subscription"] == [url]
    assert amazon.fetched == [CERTIFICATE_URL]
    assert amazon.post(amazon.envelope("x", **told) | {"SubscribeURL": "https://evil.test/"}).status_code == 401


def test_a_notification_that_brings_no_mail_is_done_with(amazon: Amazon) -> None:
    assert not taken(amazon.post(amazon.envelope({"notificationType": "Bounce", "bounce": {}})))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"content": None}, "Message.content"),
        ({"content": "not base64!"}, "Message.content"),
        ({"content": "AAAAA"}, "Message.content"),
        ({"receipt": None}, "Message.content"),
        ({"receipt": {"recipients": []}}, "Message.receipt.recipients"),
        ({"mail": {"source": 1}}, "mail.source"),
    ],
)
def test_what_amazon_lacks_is_told(address: str, amazon: Amazon, changes: dict[str, Any], wrong: str) -> None:
    answer = amazon.post(amazon.envelope(amazon.received(address, **changes)))
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["problems"]] == [wrong]
    assert inbox.listing() == ()


def test_a_mail_as_text_is_taken_too(address: str, amazon: Amazon) -> None:
    receipt = {"recipients": [address], "action": {"encoding": "UTF-8"}}
    assert taken(amazon.post(amazon.envelope(amazon.received(receipt=receipt, content=TEXT))))
    assert kept_raw() == [TEXT.encode()]


# Settings


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (f'postmark_secret = "{SECRET}"', "postmark_networks"),
        (f'sendgrid_secret = "{SECRET}"', "sendgrid_networks"),
        ('postmark_secret = "short"', "20 or more"),
        ('postmark_secret = "twenty-or-more/with-a-slash"', "20 or more"),
        ('postmark_networks = ["somewhere"]', "network"),
        ('ses_topic_arn = "mail"', "arn:aws:sns"),
        ('ses_topic_arn = "arn:aws:sns:eu.evil.test/:123456789012:mail"', "arn:aws:sns"),
    ],
)
def test_settings_that_would_not_be_safe_are_told(tmp_path: Path, lines: str, wrong: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"[providers]\n{lines}\n")
    with pytest.raises(Invalid, match=wrong):
        load(file)


def test_a_key_that_is_none_is_told_when_the_doors_open(world: World) -> None:
    config = Config(providers=ProvidersSection(sendgrid_public_key="AAAA"))
    with pytest.raises(Invalid, match="sendgrid_public_key"):
        make_router(config, world.parts.intake, now=world.clock)
