"""What stands in evidence, after real conversations."""

import hashlib
import json
import re
import tracemalloc
import zipfile
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import keys
from gateway.cases.model import Audience, Message, Role
from gateway.errors import Conflict, Erased, NotFound
from gateway.evidence.make import Evidence, Made
from gateway.evidence.verify import Genuine, verify
from gateway.mail.redact import ADDRESS_REMOVED, LINK_REMOVED, Redactor
from gateway.rendering import built_in
from store import audit, cases, inbox, retention
from store.database import sql
from store.files import Files
from tests import postmaster
from tests.journeys.test_links import PDF
from tests.sink import Sink
from tests.world import FIRST_WORDS, MIA, STORE, TOM, Clock, World, reply_to

CUSTOMER = f"cus_{STORE[-24:]}"
ANSWER, THANKS = "We send you a new lid tomorrow.", "Thank you, I wait for it."


def make(world: World, case: str, path: Path) -> Made:
    """As the command does it."""
    parts = world.parts
    maker = Evidence(
        parts.database,
        parts.files,
        Redactor(parts.config.mail.reply_domain, parts.config.gateway.public_url),
        built_in(),
        keys.seal(parts.config, parts.database, world.clock()),
        public_url=parts.config.gateway.public_url,
        now=world.clock,
    )
    return maker.make(case, path)


class Read:
    """Evidence as its receiver sees it."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self.genuine: Genuine = verify(file, None)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            self.files = {name: archive.read(name) for name in archive.namelist()}

    @property
    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.files["messages.json"])
        return found

    @property
    def events(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.files["events.json"])
        return found

    def said(self, body: str) -> dict[str, Any]:
        """The message with these words."""
        return next(message for message in self.messages if message["body"] == body)

    def text(self, name: str) -> str:
        return self.files[name].decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evidence.zip"


@pytest.fixture
def case(world: World) -> str:
    """A customer opens a case, a program of the store answers, the customer writes back with a file."""
    world.proves("customer.example.org")
    case = world.open_case()
    world.clock.advance(minutes=10)
    assert world.post_answer(case, ANSWER).status_code == 201
    world.work()
    world.clock.advance(minutes=10)
    mail = world.newest_mail_to(TOM)
    world.answer(mail, THANKS, files=(("Räport 1.pdf", PDF, "application/pdf"),))
    return case


def test_each_message_tells_when_and_how_it_came(world: World, case: str, path: Path) -> None:
    make(world, case, path)
    read = Read(path)
    spoken = [message for message in read.messages if message["sender"]["role"] != "SYSTEM"]
    assert [(one["sender"]["role"], one["body"], one["door"], one["createdAt"]) for one in spoken] == [
        ("CUSTOMER", FIRST_WORDS, "hook", "2026-05-04T09:30:00.000Z"),
        ("MERCHANT", ANSWER, "api", "2026-05-04T09:40:00.000Z"),
        ("CUSTOMER", THANKS, "mail", "2026-05-04T09:50:00.000Z"),
    ]
    assert [message["number"] for message in read.messages] == list(range(1, len(read.messages) + 1))


def test_a_mail_that_came_in_is_there_with_what_was_found_about_its_sender(world: World, case: str, path: Path) -> None:
    make(world, case, path)
    read = Read(path)
    mail = read.said(THANKS)["mail"]
    kept = inbox.listing(limit=1)[0]
    raw = inbox.bytes_of(inbox.get(kept.id), world.parts.files)
    assert (mail["size"], mail["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert (mail["client"], mail["helo"], mail["envelopeFrom"]) == ("127.0.0.1", "client.example.org", TOM)
    assert mail["arrivedAt"] == "2026-05-04T09:50:00.000Z"
    assert mail["authentication"]["verdict"] == "pass"
    assert ("spf", "pass") in [(check["method"], check["result"]) for check in mail["authentication"]["checks"]]
    assert mail["messageId"].encode() in raw
    assert f"Message-ID: <{mail['messageId']}>".encode() in read.files[mail["file"]]
    assert THANKS.encode() in read.files[mail["file"]]


def test_a_mail_that_went_out_is_there_with_the_words_of_the_relay(world: World, case: str, path: Path) -> None:
    make(world, case, path)
    read = Read(path)
    sent = next(mail for mail in world.sink.to(TOM) if ANSWER in mail.text)
    (told,) = read.said(ANSWER)["deliveries"]
    assert (told["to"], told["recipient"], told["state"]) == ("CUSTOMER", TOM, "sent")
    assert told["handedOverAt"] == "2026-05-04T09:40:00.000Z"
    assert told["answer"].startswith("250 ")
    assert told["relay"] == f"127.0.0.1:{world.sink.port}"
    assert f"<{told['messageId']}>" == sent.message_id
    assert told["sha256"] == hashlib.sha256(sent.raw).hexdigest()
    assert told["file"] in read.files
    assert read.said(THANKS)["deliveries"][0]["recipient"] == MIA
    assert read.said(THANKS)["deliveries"][0]["file"] is None  # the words of the customer stand above it


def test_a_file_is_there_as_it_was_sent(world: World, case: str, path: Path) -> None:
    make(world, case, path)
    read = Read(path)
    (file,) = read.said(THANKS)["attachments"]
    assert (file["name"], file["type"], file["sha256"]) == (
        "Räport 1.pdf", "application/pdf", hashlib.sha256(PDF).hexdigest(),
    )  # fmt: skip
    assert re.fullmatch(r"files/\d+-1\.pdf", file["file"])
    assert read.files[file["file"]] == PDF


def test_a_bounce_is_told_in_its_words(world: World, case: str, path: Path) -> None:
    mail = next(mail for mail in world.sink.to(TOM) if ANSWER in mail.text)
    world.clock.advance(minutes=3)
    world.send(postmaster.postfix(mail), "", mail.envelope_from)
    world.work()
    make(world, case, path)
    read = Read(path)
    (told,) = read.said(ANSWER)["deliveries"]
    assert (told["state"], told["handedOverAt"]) == ("bounced", "2026-05-04T09:40:00.000Z")
    assert told["reportedAt"] == "2026-05-04T09:53:00.000Z"
    assert "There is no mailbox of this name here" in told["report"]
    assert told["report"] in read.text("conversation.txt")


def test_the_manifest_tells_of_whom_it_is(world: World, case: str, path: Path) -> None:
    made = make(world, case, path)
    read = Read(path)
    said = read.genuine.manifest
    assert said["case"]["id"] == case
    assert said["case"]["status"] == "AWAITING_MERCHANT"
    assert said["store"] == {"id": STORE, "name": "Blue Kettle"}
    assert said["customer"]["email"] == TOM
    assert (said["order"]["number"], said["order"]["amountInMinorUnits"], said["order"]["currency"]) == (
        "1001", 2499, "EUR",
    )  # fmt: skip
    assert (said["order"]["status"], said["order"]["statusSince"]) == ("COMPLETED", "2026-05-04T09:30:00.000Z")
    assert said["madeAt"] == "2026-05-04T09:50:00.000Z"
    assert made.files == len(read.files)
    assert made.size == path.stat().st_size
    assert {one["name"] for one in said["files"]} == read.files.keys() - {"manifest.json", "manifest.sig"}


def test_the_reports_say_what_was_said_and_run_nothing(world: World, path: Path) -> None:
    case = world.open_case(body="<script>alert(1)</script> & {{ 7 * 7 }}", subject='"><img src=x>')
    make(world, case, path)
    read = Read(path)
    html, text = read.text("conversation.html"), read.text("conversation.txt")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; {{ 7 * 7 }}" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "default-src 'none'" in html
    assert not re.search(r'(?:src|href)="(?!#|files/|mails/)', html)
    assert "<script>alert(1)</script> & {{ 7 * 7 }}" in text
    assert "customer Tom Reed" in text


def test_no_credential_leaves_with_it(world: World, case: str, path: Path) -> None:
    """HARDENING rule 3: a bank, and whoever it shows the file to, must not be able to write as anybody."""
    merchant = world.newest_mail_to(MIA)
    world.answer(merchant, f"See {merchant.reply_address} yourself.")
    world.post_answer(case, f"Write to {merchant.reply_address} please.")
    world.work()
    make(world, case, path)
    read = Read(path)
    handles = [person.handle for person in cases.participants(case)]
    secrets = {mail.reply_address.partition("@")[0].partition("+")[2] for mail in (*world.sink.to(TOM), merchant)}
    secrets |= {mail.envelope_from.partition("@")[0].partition("+")[2] for mail in world.sink.mails}
    links = {link for mail in world.sink.mails for link in re.findall(r"/case/([a-z2-7]{56})", mail.text)}
    assert len(secrets) > 4
    assert links
    for name, data in read.files.items():
        plain = data + b"".join(_decoded(data)) + data.replace(b"=\r\n", b"").replace(b"=3D", b"=")
        for secret in secrets | links:
            assert secret.encode() not in plain.lower(), name
        assert not [handle for handle in handles if handle in data or handle.hex().encode() in data], name
    everything = b"".join(read.files.values())
    assert ADDRESS_REMOVED.encode() in everything
    assert LINK_REMOVED.encode() in everything


def _decoded(data: bytes) -> list[bytes]:
    """What stands in base64 in a mail."""
    blocks = re.findall(rb"(?:^[A-Za-z0-9+/=]{60,76}\r?\n)+(?:[A-Za-z0-9+/=]*\r?\n)?", data, re.MULTILINE)
    return [b64decode(b"".join(block.split()) + b"==") for block in blocks]


def test_the_same_state_gives_the_same_bytes(world: World, case: str, path: Path, tmp_path: Path) -> None:
    again, later = tmp_path / "again.zip", tmp_path / "later.zip"
    make(world, case, path)
    make(world, case, again)
    assert path.read_bytes() == again.read_bytes()
    world.clock.advance(minutes=1)
    world.post_answer(case, "It is on its way.")
    make(world, case, later)
    assert Read(later).messages[: len(Read(path).messages)] == Read(path).messages


def test_every_making_is_noted(world: World, case: str, path: Path) -> None:
    made = make(world, case, path)
    (newest, *_) = audit.listing(case_id=case, limit=1)
    assert (newest.action, newest.store_id) == ("case.evidence", STORE)
    assert newest.detail == {"manifest": made.digest, "key": made.key.fingerprint}
    assert made.digest == hashlib.sha256(Read(path).files["manifest.json"]).hexdigest()


def test_what_retention_removed_is_said_to_be_gone(world: World, case: str, path: Path) -> None:
    raw = inbox.bytes_of(inbox.get(inbox.listing(limit=1)[0].id), world.parts.files)
    retention.remove_raw(world.parts.database, world.parts.files, world.clock() + timedelta(days=1))
    make(world, case, path)
    read = Read(path)
    mail = read.said(THANKS)["mail"]
    assert (mail["file"], mail["missing"]) == (None, "no longer kept")
    assert mail["sha256"] == hashlib.sha256(raw).hexdigest()
    assert mail["authentication"]["verdict"] == "pass"
    assert "no longer kept" in read.text("conversation.txt")
    assert not [name for name in read.files if name.endswith("-in.eml")]


def test_what_was_never_sent_says_why(world: World, case: str, path: Path) -> None:
    world.post_answer(case, "Did you get it?")
    world.parts.database.write(
        lambda: sql(
            "UPDATE outbox SET state = 'cancelled', answer = 'cancelled: revoked', data = x''"
            " WHERE case_id = ? AND state = 'queued'",
            (case,),
        )
    )
    make(world, case, path)
    read = Read(path)
    (told,) = read.said("Did you get it?")["deliveries"]
    assert (told["state"], told["handedOverAt"], told["answer"]) == ("cancelled", None, None)
    assert told["report"] == "cancelled: revoked"
    assert (told["file"], told["sha256"], told["missing"]) == (None, None, "no longer kept")
    assert "not sent: cancelled: revoked" in read.text("conversation.txt")


def test_evidence_keeps_what_was_exported(world: World, case: str, path: Path, tmp_path: Path) -> None:
    """HARDENING rule 25: the erased customer is in the archive that was made before, and in none that is made later."""
    make(world, case, path)
    before = Read(path)
    world.parts.erasing.erase(CUSTOMER, audit.OPERATOR)
    assert Read(path).files == before.files
    with pytest.raises(Erased):
        make(world, case, tmp_path / "later.zip")


def test_a_file_that_was_damaged_is_not_passed_off_as_the_one_that_was_sent(
    world: World, case: str, path: Path
) -> None:
    world.parts.files.place_of(hashlib.sha256(PDF).hexdigest()).write_bytes(b"%PDF-1.4 something else")
    make(world, case, path)
    read = Read(path)
    (file,) = read.said(THANKS)["attachments"]
    assert (file["file"], file["missing"]) == (None, "damaged where it was kept")
    assert b"something else" not in b"".join(read.files.values())


def test_a_long_mail_is_told_once(world: World, path: Path) -> None:
    case = world.open_case()
    world.answer(world.newest_mail_to(TOM), "\n\n".join(["A long story about a lid. " * 40] * 10), quotes=False)
    make(world, case, path)
    parts = [one for one in Read(path).messages if one["body"].startswith("A long story")]
    assert len(parts) > 1
    assert [bool(one["mail"]) for one in parts] == [True] + [False] * (len(parts) - 1)
    assert [one["continues"] for one in parts] == [None, *(one["number"] for one in parts[:-1])]


def test_support_s_own_is_left_out(world: World, case: str, path: Path) -> None:
    """HARDENING rule 21: why support was called, also as the merchant knows it: a bank may show it to the customer."""

    def job() -> None:
        moment, ids = world.clock(), cases.load(case)
        assert ids is not None
        entries = (("Early fraud warning", Audience.SUPPORT), ("Three cases in a week", Audience.STAFF))
        for number, (body, audience) in enumerate(entries, ids.message_count + 1):
            message = Message(f"cmsg_{number}", case, number, Role.SYSTEM, None, "", body, moment, audience)
            cases.insert_message(message, participant_id=None, mail_id="", full_text="")
        sql(
            "INSERT INTO escalation (case_id, signal, about, at, reason) VALUES (?, 'EARLY_FRAUD_WARNING', '', 0, ?)",
            (case, "The card issuer warns"),
        )

    world.parts.database.write(job)
    make(world, case, path)
    read = Read(path)
    everything = b"".join(read.files.values())
    for secret in (b"Early fraud", b"EARLY_FRAUD", b"The card issuer", b"Three cases"):
        assert secret not in everything
    assert len(read.events["supportCalled"]) == 1


def test_of_support_s_people_nothing_is_told(tmp_path: Path, sink: Sink, clock: Clock, path: Path) -> None:
    """HARDENING rule 21: what they say is there, not where they sit."""
    help_desk = "help@desk.example.org"
    world = World(tmp_path, sink, clock, support=f'address = "{help_desk}"')
    try:
        world.proves("desk.example.org")
        case = world.open_case()
        world.parts.support.call(case, audit.OPERATOR, "The lid is not the only thing")
        world.answer(world.newest_mail_to(help_desk), "We have a look at it.")
        make(world, case, path)
    finally:
        world.close()
    read = Read(path)
    message = read.said("We have a look at it.")
    assert (message["sender"]["role"], message["sender"]["name"], message["door"]) == (
        "SUPPORT",
        "Support Team",
        "mail",
    )
    known = {name for name, value in message["mail"].items() if value}
    assert known == {"arrivedAt", "size", "sha256", "missing"}
    assert message["mail"]["missing"] == "left out"
    told = [one for said in read.messages for one in said["deliveries"]] + read.events["notices"]
    assert {one["recipient"] for one in told if one["to"] == "SUPPORT"} == {None}
    everything = b"".join(read.files.values())
    assert help_desk.encode() not in everything
    assert [name for name, data in read.files.items() if b"not the only thing" in data] == []


def test_a_case_that_is_not_there_leaves_no_file(world: World, path: Path) -> None:
    with pytest.raises(NotFound):
        make(world, "case_0000000000000000", path)
    assert list(path.parent.glob("evidence*")) == []


def test_evidence_is_not_written_over(world: World, case: str, path: Path) -> None:
    path.write_bytes(b"the one of last week")
    with pytest.raises(Conflict):
        make(world, case, path)
    assert path.read_bytes() == b"the one of last week"


def test_a_long_conversation_needs_no_more_memory(world: World, case: str, path: Path) -> None:
    words = "The kettle whistles. " * 190

    def job() -> None:
        for number in range(100, 2_100):
            message = Message(f"cmsg_{number:08}", case, number, Role.CUSTOMER, None, "Tom", words, world.clock())
            cases.insert_message(message, participant_id=None, mail_id="", full_text="")

    world.parts.database.write(job)
    make(world, case, path)  # what is made once, such as templates, is there now
    path.unlink()
    tracemalloc.start()
    try:
        made = make(world, case, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.size > 3 * 2_000 * len(words)
    assert peak < 4_000_000


def test_a_merchant_s_mail_is_told_of_without_what_it_quotes(world: World, case: str, path: Path) -> None:
    """His quotes hold what was for him alone."""
    world.proves("shop.example.org")
    raw = reply_to(world.newest_mail_to(MIA), "It was the wrong lid.")
    world.send(raw, MIA, world.newest_mail_to(MIA).reply_address)
    world.work()
    make(world, case, path)
    said = Read(path).said("It was the wrong lid.")
    mail = said["mail"]
    assert (mail["envelopeFrom"], mail["sha256"]) == (MIA, hashlib.sha256(raw).hexdigest())
    assert mail["authentication"]["verdict"] == "pass"
    assert (mail["file"], mail["missing"], said["fullText"]) == (None, "left out", None)


def test_files_of_the_store_are_only_read(world: World, case: str, path: Path) -> None:
    files: Files = world.parts.files
    before = sorted(place for place in files.root.rglob("*") if place.is_file())
    make(world, case, path)
    assert sorted(place for place in files.root.rglob("*") if place.is_file()) == before
