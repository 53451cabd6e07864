"""The same mail or request takes effect once, however often and by whatever way it comes (HARDENING rules 6, 15)."""

import socket
import struct
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from store import inbox
from tests.sink import PATIENCE
from tests.world import FIRST_WORDS, MIA, STRANGER, TOM, World, case_event, reply_to, wait_until


def received(raw: bytes, hop: int) -> bytes:
    """The mail as it comes by another way."""
    trace = (
        f"Received: from mx{hop}.example.net by relay.example.org with ESMTP id {hop:08x};\r\n"
        f"\tMon, 4 May 2026 09:1{hop}:00 +0000\r\nX-Queue-Id: {hop}\r\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=s{hop}; h=from; b={hop}\r\n"
    )
    return trace.encode() + raw


def send_at_once(world: World, copies: list[bytes], sender: str, recipient: str) -> list[int]:
    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(lambda raw: world.send(raw, sender, recipient), copies))


def without(raw: bytes, *names: str) -> bytes:
    """The mail without some of its header lines (each of one line)."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if line.split(b":")[0].decode() not in names]
    return b"\r\n".join(kept) + blank + body


@pytest.mark.parametrize(
    "missing",
    [(), ("Message-ID",), ("Message-ID", "Date", "Subject")],
    ids=["with Message-ID", "without Message-ID", "without any identity"],
)
def test_ten_copies_at_once_by_different_ways_are_one_message(world: World, missing: tuple[str, ...]) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    raw = without(reply_to(receipt, "Once is enough"), *missing)
    kept = send_at_once(world, [received(raw, hop) for hop in range(10)], TOM, receipt.reply_address)
    world.work_in_threads()
    assert Counter(outcome for one in kept for outcome in world.outcomes(one)) == {"posted": 1, "duplicate": 9}
    assert world.said(case) == [("CUSTOMER", FIRST_WORDS), ("CUSTOMER", "Once is enough")]
    assert len(world.sink.to(MIA)) == 2
    assert world.case(case)["unreadCount"] == 2


@pytest.mark.parametrize("missing", [(), ("Message-ID",)], ids=["with Message-ID", "without Message-ID"])
def test_the_same_words_in_two_mails_are_two_messages(world: World, missing: tuple[str, ...]) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    first, second = (reply_to(receipt, "Any news?") for _ in range(2))
    second = second.replace(b"04 May 2026 11:12:49", b"05 May 2026 08:00:00")
    for raw in (first, second):
        world.send(without(raw, *missing), TOM, receipt.reply_address)
    world.work()
    assert world.said(case)[1:] == [("CUSTOMER", "Any news?")] * 2


def test_other_words_under_the_same_message_id_are_posted(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    for words in ("First words", "Other words", "First words"):
        world.answer(receipt, words, message_id="<1@customer.example.org>")
    assert world.said(case)[1:] == [("CUSTOMER", "First words"), ("CUSTOMER", "Other words")]


def test_another_file_under_the_same_message_id_is_posted(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    for note in (b"one", b"two", b"one"):
        files = (("note.txt", note, "text/plain"),)
        world.answer(receipt, "See the note", message_id="<1@customer.example.org>", files=files)
    assert [len(message["attachments"]) for message in world.messages(case) if message["senderType"] != "SYSTEM"] == [
        0, 1, 1,
    ]  # fmt: skip


def test_a_mail_to_two_cases_that_comes_again_is_in_each_of_them_once(world: World) -> None:
    first, second = world.open_case(1), world.open_case(2)
    one, two = world.sink.to(TOM)
    raw = reply_to(one, "About both")
    kept = [
        world.send(raw, TOM, one.reply_address),
        world.send(received(raw, 1), TOM, two.reply_address, one.reply_address),
        world.send(received(raw, 2), TOM, one.reply_address, two.reply_address),
    ]
    world.work()
    assert [sorted(world.outcomes(one)) for one in kept] == [
        ["posted"], ["duplicate", "posted"], ["duplicate", "duplicate"],
    ]  # fmt: skip
    assert world.said(first)[1:] == world.said(second)[1:] == [("CUSTOMER", "About both")]


def test_a_client_that_hangs_up_before_it_hears_250_and_sends_again(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    raw = reply_to(receipt, "Did you get this?")
    with socket.create_connection(("127.0.0.1", world.smtp_port), PATIENCE) as client:
        lines = client.makefile("rb")
        lines.readline()
        for command in ("HELO client.example.org", f"MAIL FROM:<{TOM}>", f"RCPT TO:<{receipt.reply_address}>", "DATA"):
            client.sendall(command.encode() + b"\r\n")
            assert lines.readline()[:1] in b"23"
        client.sendall(raw + b"\r\n.\r\n")
        wait_until(inbox.listing)
        # The line breaks: a reset, with the answer unread.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    again = world.send(received(raw, 1), TOM, receipt.reply_address)
    world.work()
    assert world.outcomes(again) == ["duplicate"]
    assert world.said(case)[1:] == [("CUSTOMER", "Did you get this?")]
    assert len(world.sink.to(MIA)) == 2


def test_a_mail_that_is_replayed_is_posted_no_second_time(world: World) -> None:
    case = world.open_case()
    kept = world.answer(world.newest_mail_to(TOM), "Only once")
    world.parts.database.write(lambda: inbox.replay(kept, world.clock()))
    world.work()
    assert inbox.get(kept).state == "done"
    assert world.said(case)[1:] == [("CUSTOMER", "Only once")]
    assert len(world.sink.to(MIA)) == 2


def test_a_held_copy_uses_nothing_up_and_releasing_both_posts_once(world: World) -> None:
    case = world.open_case()
    notice = world.newest_mail_to(MIA)
    raw = reply_to(notice, "From my private account", sender=STRANGER)
    kept = [world.send(received(raw, hop), STRANGER, notice.reply_address) for hop in range(2)]
    world.work()
    assert [world.outcomes(one) for one in kept] == [["held"], ["held"]]
    for one in kept:
        world.parts.releases.release(one)
    world.work()
    assert [world.outcomes(one) for one in kept] == [["posted"], ["duplicate"]]
    assert world.said(case)[1:] == [("MERCHANT", "From my private account")]
    assert len(world.sink.to(TOM)) == 2


def test_ten_identical_hook_calls_at_once_open_one_case(world: World) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: world.hook(case_event()), range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 9}
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1
    world.work()
    assert [len(world.sink.to(address)) for address in (MIA, TOM)] == [1, 1]
    assert world.api("GET").json()["data"]["pagination"]["total"] == 1


def test_the_same_idempotency_key_at_once_posts_one_answer(world: World) -> None:
    case = world.open_case()
    headers = {"idempotency-key": "the-same-key-0001"}

    def post(body: str) -> int:
        return world.post_answer(case, body, headers).status_code

    with ThreadPoolExecutor(10) as pool:
        assert Counter(pool.map(post, ["From our desk"] * 10)) == {201: 10}
    assert post("Something else") == 409
    assert world.said(case)[1:] == [("MERCHANT", "From our desk")]
    world.work()
    assert len(world.sink.to(TOM)) == 2


def test_many_mails_and_several_workers(world: World) -> None:
    cases = [world.open_case(number) for number in range(8)]
    receipts = world.sink.to(TOM)
    letters = [(receipt, f"Mail {number}") for number in range(6) for receipt in receipts]
    for receipt, words in letters:
        world.send(reply_to(receipt, words), TOM, receipt.reply_address)
    world.work_in_threads()
    for case in cases:
        assert [body for _, body in world.said(case)[1:]] == [f"Mail {number}" for number in range(6)]
    assert len(world.sink.to(MIA)) == 8 + 8 * 6
    assert len({mail.message_id for mail in world.sink.mails}) == len(world.sink.mails)
