"""A real Postfix in front of the gateway: what it takes comes in, what we refuse is told, what cannot come in waits."""

import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from store import inbox
from tests.postfix import Postfix, skip_without_postfix
from tests.sink import Mail, Sink
from tests.world import DOMAIN, MIA, TOM, Clock, World, reply_to, send, wait_until

FORGED = f"reply+{'a' * 56}@{DOMAIN}"
WORDS = "We send the lid today."


@contextmanager
def started(transport: str, *, verifies: bool) -> Iterator[Postfix]:
    """A Postfix with its folder below /tmp itself: the folders of pytest are closed to Postfix's user."""
    skip_without_postfix()
    folder = Path(tempfile.mkdtemp(prefix="casegate-postfix-"))
    folder.chmod(0o755)
    postfix = Postfix(folder, transport, verifies=verifies)
    try:
        yield postfix
    finally:
        postfix.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module", params=["lmtp", "smtp"])
def front(request: pytest.FixtureRequest) -> Iterator[Postfix]:
    """One that takes every recipient and hears from us later. It takes seconds to start."""
    with started(request.param, verifies=False) as postfix:
        yield postfix


@pytest.fixture
def postfix(front: Postfix) -> Iterator[Postfix]:
    yield front
    front.forget()


@pytest.fixture
def sink(postfix: Postfix) -> Iterator[Sink]:
    sink = Sink()
    sink.port = postfix.sink_port
    sink.start()
    yield sink
    sink.close()


@pytest.fixture
def world(tmp_path: Path, postfix: Postfix, sink: Sink, clock: Clock) -> Iterator[World]:
    listening = f'listen = "127.0.0.1:{postfix.gateway_port}"\nlmtp_listen = "{postfix.socket}"'
    world = World(tmp_path, sink, clock, smtp=listening)
    yield world
    world.close()


def is_bounce(mail: Mail) -> bool:
    return mail.envelope_from == "<>" and mail.header("Content-Type").startswith("multipart/report")


def test_an_answer_comes_through(world: World, postfix: Postfix) -> None:
    case = world.open_case()
    told = world.newest_mail_to(MIA)
    send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
    world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))
    wait_until(lambda: not postfix.queue())
    assert postfix.told() == [f"{told.reply_address}: sent (250 2.0.0 kept as 1)"]
    assert WORDS in world.newest_mail_to(TOM).text


def test_a_forged_address_is_told_to_the_sender(world: World, postfix: Postfix) -> None:
    send(postfix.port, b"Subject: Hello\r\n\r\nHello\r\n", TOM, FORGED)
    world.sink.wait_for(lambda mails: any(map(is_bounce, mails)))
    [bounce] = world.sink.to(TOM)
    assert b"550 5.1.1 There is no such mailbox here" in bounce.raw
    assert not inbox.listing()


def test_one_recipient_of_two_is_refused(world: World, postfix: Postfix) -> None:
    case = world.open_case()
    told = world.newest_mail_to(MIA)
    send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address, FORGED)
    world.sink.wait_for(lambda mails: any(map(is_bounce, mails)))
    [bounce] = [mail for mail in world.sink.to(MIA) if is_bounce(mail)]
    assert FORGED.encode() in bounce.raw
    assert told.reply_address.encode() not in bounce.message.as_bytes().partition(b"message/rfc822")[0]
    world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))


def test_many_recipients_are_one_mail(world: World, postfix: Postfix) -> None:
    recipients = [f"postmaster@{DOMAIN}", f"abuse@{DOMAIN}", f"cases@{DOMAIN}"]
    send(postfix.port, b"Subject: Hello\r\n\r\nHello\r\n", TOM, *recipients)
    wait_until(lambda: len(postfix.told()) == 3)
    assert sorted(postfix.told()) == sorted(f"{address}: sent (250 2.0.0 kept as 1)" for address in recipients)
    wait_until(lambda: not postfix.queue())
    assert len(inbox.listing()) == 1


def test_what_cannot_be_kept_waits_and_comes_later(world: World, postfix: Postfix) -> None:
    case = world.open_case()
    told = world.newest_mail_to(MIA)
    world.parts.database.healthy = False
    send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
    wait_until(lambda: postfix.waiting("451 4.3.0") == [told.reply_address])
    assert not inbox.listing()

    world.parts.database.healthy = True
    postfix.flush()
    wait_until(lambda: not postfix.queue())
    world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))
    assert not any(map(is_bounce, world.sink.mails))


def test_what_comes_while_we_are_away_waits(world: World, postfix: Postfix) -> None:
    case = world.open_case()
    told = world.newest_mail_to(MIA)
    world.close()
    send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
    wait_until(lambda: any("deferred" in status for status in postfix.told()))
    world.start()
    world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))


def test_addresses_beyond_ascii(world: World, postfix: Postfix) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "jürgen@bücher.example", f"postmaster@{DOMAIN}", "Grüße"
    mail.set_content("Grüße aus Köln")
    with smtplib.SMTP("127.0.0.1", postfix.port, local_hostname="client.example.org") as client:
        client.send_message(mail)
    wait_until(inbox.listing)
    [kept] = inbox.listing()
    assert kept.mail_from == "jürgen@bücher.example"
    raw = inbox.get(kept.id).raw
    assert raw is not None
    assert "From: jürgen@bücher.example".encode() in raw
    assert b"Received: from client.example.org (localhost [127.0.0.1])" in raw


class TestAsTheGuideSays:
    """Postfix asks us about each recipient while the sender waits."""

    @pytest.fixture(params=["lmtp", "smtp"])
    def postfix(self, request: pytest.FixtureRequest) -> Iterator[Postfix]:
        with started(request.param, verifies=True) as postfix:
            yield postfix

    def test_a_forged_address_is_refused_at_the_door(self, world: World, postfix: Postfix) -> None:
        case = world.open_case()
        told = world.newest_mail_to(MIA)
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            send(postfix.port, b"Subject: Hello\r\n\r\nHello\r\n", TOM, FORGED)
        assert refused.value.smtp_code == 550
        assert "There is no such mailbox here" in str(refused.value.smtp_error)
        send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
        world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))
        assert not any(map(is_bounce, world.sink.mails))
