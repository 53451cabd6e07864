"""RCPT: who may be written to (DESIGN §3, HARDENING rules 1 and 11)."""

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    KeyNotLoaded,
    RelayingDenied,
    StorageFull,
    StoreUnavailable,
    UnknownRecipient,
)
from gateway.inbound.admit import Admission, Mailbox, Recipient
from gateway.signing import Keyring, Purpose

HANDLE = bytes(range(16))
RING = Keyring({1: b"s" * 32}, 1)
REPLY, BOUNCE = RING.token(Purpose.REPLY, HANDLE, 3), RING.token(Purpose.BOUNCE, HANDLE)
GONE = Keyring({2: b"g" * 32}, 2)  # used once, not loaded now
STRANGE = Keyring({3: b"x" * 32}, 3)  # never used here


def make_admission(from_address: str = "cases@cases.example.org") -> Admission:
    return Admission(RING, reply_domain="cases.example.org", from_address=from_address, known_key_ids=frozenset({1, 2}))


ADMISSION = make_admission()


@pytest.mark.parametrize(
    ("address", "mailbox", "handle", "generation"),
    [
        (f"reply+{REPLY}@cases.example.org", Mailbox.REPLY, HANDLE, 3),
        (f"REPLY+{REPLY.upper()}@CASES.EXAMPLE.ORG", Mailbox.REPLY, HANDLE, 3),
        (f"Reply+{REPLY.title()}@Cases.Example.Org", Mailbox.REPLY, HANDLE, 3),
        (f"bounce+{BOUNCE}@cases.example.org", Mailbox.BOUNCE, HANDLE, 0),
        ("cases@cases.example.org", Mailbox.FROM, None, 0),
        ("Cases@Cases.Example.ORG", Mailbox.FROM, None, 0),
        ("postmaster@cases.example.org", Mailbox.POSTMASTER, None, 0),
        ("PostMaster@cases.example.org", Mailbox.POSTMASTER, None, 0),
        ("Postmaster", Mailbox.POSTMASTER, None, 0),
        ("abuse@cases.example.org", Mailbox.POSTMASTER, None, 0),
    ],
)
def test_admitted(address: str, mailbox: Mailbox, handle: bytes | None, generation: int) -> None:
    assert ADMISSION.admit(address) == Recipient(address, mailbox, handle, generation)


def test_the_from_address_may_be_in_another_domain() -> None:
    recipient = make_admission("Help@Shop.example.org").admit("help@shop.example.org")
    assert recipient.mailbox is Mailbox.FROM
    with pytest.raises(RelayingDenied):
        make_admission("help@shop.example.org").admit("postmaster@shop.example.org")


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(f"reply+{BOUNCE}@cases.example.org", id="a bounce token renamed"),
        pytest.param(f"bounce+{REPLY}@cases.example.org", id="a reply token renamed"),
        pytest.param(f"reply+{REPLY[:-1]}@cases.example.org", id="a character short"),
        pytest.param(f"reply+{REPLY}x@cases.example.org", id="a character long"),
        pytest.param(f"reply+{REPLY}+x@cases.example.org", id="something behind"),
        pytest.param(f"{REPLY}@cases.example.org", id="no name before the token"),
        pytest.param(f"replies+{REPLY}@cases.example.org", id="another name"),
        pytest.param("reply+@cases.example.org", id="no token"),
        pytest.param("reply@cases.example.org", id="only the name"),
        pytest.param("@cases.example.org", id="nothing"),
        pytest.param("somebody@cases.example.org", id="nobody"),
        pytest.param("", id="empty"),
        pytest.param(f"reply+{STRANGE.token(Purpose.REPLY, HANDLE)}@cases.example.org", id="a key never used here"),
    ],
)
def test_no_such_mailbox(address: str) -> None:
    with pytest.raises(UnknownRecipient):
        ADMISSION.admit(address)


def test_one_answer_for_all_mailboxes_that_do_not_exist() -> None:
    """HARDENING rule 11: nothing can be learned from the text."""
    texts = set()
    for address in (f"reply+{BOUNCE}", "nobody", f"reply+{STRANGE.token(Purpose.REPLY, HANDLE)}", "reply+x"):
        with pytest.raises(UnknownRecipient) as caught:
            ADMISSION.admit(f"{address}@cases.example.org")
        texts.add(caught.value.text)
    assert len(texts) == 1


@pytest.mark.parametrize("name", ["reply", "bounce"])
def test_a_key_that_we_used_and_lost_is_our_fault(name: str) -> None:
    """HARDENING rule 1: 451, never 550; even when the token cannot be told from a forged one."""
    token = GONE.token(Purpose(name), HANDLE)
    with pytest.raises(KeyNotLoaded):
        ADMISSION.admit(f"{name}+{token}@cases.example.org")


@pytest.mark.parametrize(
    "address",
    [
        f"reply+{REPLY}@example.org",
        f"reply+{REPLY}@evil.cases.example.org",
        f"reply+{REPLY}@cases.example.org.evil.test",
        "postmaster@example.org",
        "somebody@example.org",
        "a@cases.example.org@example.org",
    ],
)
def test_no_relaying(address: str) -> None:
    with pytest.raises(RelayingDenied):
        ADMISSION.admit(address)


@given(st.text(max_size=120), st.sampled_from(("", "@cases.example.org", "@example.org")))
def test_any_address_gets_an_answer(local: str, domain: str) -> None:
    try:
        recipient = ADMISSION.admit(local + domain)
    except (UnknownRecipient, RelayingDenied):
        return
    assert recipient.mailbox in {Mailbox.POSTMASTER, Mailbox.FROM}


# MAIL


def test_mail_may_begin_while_nothing_is_wrong() -> None:
    make_admission().begin()


@pytest.mark.parametrize("reason", [StorageFull("no room"), StoreUnavailable("no database")])
def test_no_mail_begins_while_nothing_can_be_kept(reason: StorageFull | StoreUnavailable) -> None:
    admission = make_admission()
    admission.closed = reason
    with pytest.raises(type(reason)) as caught:
        admission.begin()
    assert caught.value.text == reason.text
    admission.closed = None
    admission.begin()


def test_refused_sessions_leave_nothing_behind() -> None:
    """An exception that is raised twice keeps both tracebacks, and with them all that the sessions held."""

    class Session:
        """Stands for what a session holds in memory."""

    admission = make_admission()
    admission.closed = StorageFull("no room")

    def refused() -> "weakref.ref[Session]":
        session = Session()
        with pytest.raises(StorageFull):
            admission.begin()
        return weakref.ref(session)

    sessions = [refused() for _ in range(3)]
    gc.collect()
    assert [session() for session in sessions] == [None, None, None]
    assert admission.closed.__traceback__ is None
