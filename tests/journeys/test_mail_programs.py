"""Real mail programs read our mail, answer it, and the answer is in the case with its new words only."""

import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from store import inbox
from tests.mail_programs import Mutt, Nail, in_mailbox
from tests.world import MIA, TOM, World

WORDS = "The lid never came, only the kettle itself.\nCould you send it?"


@pytest.mark.parametrize("program", ["mutt", "s-nail", "s-nail that ignores Reply-To"])
def test_an_answer_of_a_mail_program_threads_with_its_new_words(world: World, tmp_path: Path, program: str) -> None:
    case = world.open_case()
    world.clock.advance(hours=1)
    world.post_answer(case, "Which part is missing?")
    world.work()
    mails = world.sink.to(TOM)
    box = in_mailbox(mails, tmp_path / "box")
    home, port = tmp_path / "home", world.smtp_port
    if program == "mutt":
        Mutt(home, TOM, port).answers(box, 2, WORDS)
    elif program == "s-nail":
        Nail(home, TOM, port, **{"reply-to-honour": "yes"}).answers(box, 2, WORDS)
    else:
        world.proves(TOM.partition("@")[2])  # without a reply address only who is proven posts
        Nail(home, TOM, port).answers(box, 2, WORDS)
    world.work()
    assert world.said(case)[-1] == ("CUSTOMER", WORDS)
    assert world.case(case)["status"] == "AWAITING_MERCHANT"
    kept = inbox.get(inbox.listing()[0].id)
    answer = message_from_bytes(inbox.bytes_of(kept, world.parts.files), policy=policy.default)
    assert answer["In-Reply-To"] == mails[1].message_id
    assert mails[0].message_id in answer["References"]
    assert WORDS.splitlines()[0] in world.newest_mail_to(MIA).text


def test_the_mails_of_a_case_are_one_thread(world: World, tmp_path: Path) -> None:
    first, second = world.open_case(1), world.open_case(2, subject="The spout drips")
    for words in ("Which one?", "We send it."):
        for case in (first, second):
            world.clock.advance(minutes=10)
            world.post_answer(case, words)
    world.work()
    index = Mutt(tmp_path / "home", TOM, world.smtp_port).index(in_mailbox(world.sink.to(TOM), tmp_path / "box"))
    # A subject is shown where it differs from that of the mail above it in the thread.
    assert re.findall(r"The lid is missing|The spout drips|(?:  )?`->", index) == [
        "The lid is missing", "`->", "  `->", "The spout drips", "`->", "  `->",
    ]  # fmt: skip
