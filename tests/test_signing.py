"""Signed tokens: what verifies, and that nothing else does (HARDENING rules 1 and 5)."""

import base64
import hmac
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.signing import (
    HANDLE_BYTES,
    TOKEN_CHARACTERS,
    Forged,
    Keyring,
    Purpose,
    Token,
    UnknownKey,
    fingerprint,
    subkey,
)

SECRET, OTHER = b"s" * 32, b"o" * 32
RING = Keyring({1: SECRET}, 1)
HANDLE, PERSON, SOMEBODY = bytes(range(16)), b"p" * 16, b"q" * 16

handles = st.binary(min_size=HANDLE_BYTES, max_size=HANDLE_BYTES)
generations = st.integers(0, 0xFFFF)


@given(handles, generations, st.sampled_from(Purpose))
def test_a_token_gives_back_what_was_signed(handle: bytes, generation: int, purpose: Purpose) -> None:
    text = RING.token(purpose, handle, generation)
    assert len(text) == TOKEN_CHARACTERS
    assert text.isalnum()
    assert text == text.lower()
    assert RING.verify(purpose, text) == Token(1, handle, generation)


@pytest.mark.parametrize("key_id", [0, 1, 255])
def test_addresses_fit_into_a_local_part(key_id: int) -> None:
    """RFC 5321 §4.5.3.1.1: 64 octets."""
    ring = Keyring({key_id: SECRET}, key_id)
    assert len("reply+" + ring.token(Purpose.REPLY, b"\xff" * 16, 0xFFFF)) == 62
    assert len("bounce+" + ring.token(Purpose.BOUNCE, b"\xff" * 16, 0xFFFF)) == 63


@given(handles, st.data())
def test_programs_may_change_the_case_of_letters(handle: bytes, data: st.DataObject) -> None:
    text = RING.token(Purpose.REPLY, handle, 7)
    mixed = "".join(c.upper() if data.draw(st.booleans()) else c for c in text)
    assert RING.verify(Purpose.REPLY, text.upper()) == RING.verify(Purpose.REPLY, mixed) == Token(1, handle, 7)


def test_a_change_of_any_bit_is_noticed() -> None:
    raw = base64.b32decode(RING.token(Purpose.REPLY, HANDLE, 1).upper())
    for bit in range(8 * len(raw)):
        forged = bytearray(raw)
        forged[bit // 8] ^= 1 << bit % 8
        expected = UnknownKey if bit < 8 else Forged  # the first byte is the key id
        with pytest.raises(expected):
            RING.verify(Purpose.REPLY, base64.b32encode(forged).decode().lower())


def test_another_letter_anywhere_is_noticed() -> None:
    text = RING.token(Purpose.REPLY, HANDLE, 1)
    for place, letter in enumerate(text):
        other = "a" if letter != "a" else "b"
        with pytest.raises((Forged, UnknownKey)):
            RING.verify(Purpose.REPLY, text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: "", id="empty"),
        pytest.param(lambda text: text[:-1], id="a character short"),
        pytest.param(lambda text: text[:-8], id="a group short"),
        pytest.param(lambda text: text + "a", id="a character long"),
        pytest.param(lambda text: text[:-8] + "=" * 8, id="padding"),
        pytest.param(lambda text: text[:-1] + "=", id="one padding"),
        pytest.param(lambda text: text[:-1] + "1", id="no letter of base32"),
        pytest.param(lambda text: text[:-1] + "\0", id="NUL"),
        pytest.param(lambda text: text[:-1] + "é", id="not ASCII"),
        pytest.param(lambda text: text.replace("s", "ſ").replace("i", "ı"), id="letters whose upper case is ASCII"),
        pytest.param(lambda text: text[:-2] + "ß", id="a letter whose upper case is two"),
    ],
)
def test_what_is_no_token_is_forged(change: Callable[[str], str]) -> None:
    text = next(t for t in (RING.token(Purpose.REPLY, HANDLE, n) for n in range(100)) if "s" in t or "i" in t)
    with pytest.raises(Forged):
        RING.verify(Purpose.REPLY, change(text))


@given(st.text(min_size=TOKEN_CHARACTERS, max_size=TOKEN_CHARACTERS))
def test_any_text_of_the_right_length_is_answered(text: str) -> None:
    with pytest.raises((Forged, UnknownKey)):
        RING.verify(Purpose.REPLY, text)


def test_a_token_is_worth_nothing_for_another_purpose() -> None:
    """HARDENING rule 1: a bounce token renamed to `reply+`."""
    for made in Purpose:
        text = RING.token(made, HANDLE)
        for asked in Purpose:
            if asked is made:
                assert RING.verify(asked, text).handle == HANDLE
            else:
                with pytest.raises(Forged):
                    RING.verify(asked, text)


def test_another_secret_under_the_same_id_verifies_nothing() -> None:
    with pytest.raises(Forged):
        Keyring({1: OTHER}, 1).verify(Purpose.REPLY, RING.token(Purpose.REPLY, HANDLE))


def test_an_unknown_key_id_is_told_apart_from_a_forgery() -> None:
    with pytest.raises(UnknownKey) as caught:
        RING.verify(Purpose.REPLY, Keyring({9: OTHER}, 9).token(Purpose.REPLY, HANDLE))
    assert caught.value.key_id == 9


def test_old_keys_verify_after_a_rotation() -> None:
    rotated = Keyring({1: SECRET, 2: OTHER}, 2)
    assert rotated.verify(Purpose.REPLY, RING.token(Purpose.REPLY, HANDLE, 3)) == Token(1, HANDLE, 3)
    assert rotated.verify(Purpose.REPLY, rotated.token(Purpose.REPLY, HANDLE)).key_id == 2
    assert rotated.is_message_id_for(RING.message_id(HANDLE, PERSON, "cases.example.org"), PERSON)
    assert RING.loop_header() in rotated.loop_headers()
    assert rotated.loop_header() in rotated.loop_headers()
    assert RING.loop_header() != rotated.loop_header()


def test_the_current_key_must_be_loaded() -> None:
    with pytest.raises(ValueError, match="current key id 2"):
        Keyring({1: SECRET}, 2)


def test_a_keyring_does_not_show_its_subkeys() -> None:
    derived = subkey(SECRET, Purpose.REPLY)
    assert repr(derived) not in repr(RING)


# Message-IDs


@given(handles, handles, handles)
def test_a_message_id_belongs_to_one_participant(mail: bytes, person: bytes, other: bytes) -> None:
    message_id = RING.message_id(mail, person, "cases.example.org")
    assert RING.is_message_id_for(message_id, person)
    assert RING.is_message_id_for(message_id.upper(), person)
    assert RING.is_message_id_for(message_id, other) is (other == person)


def test_a_message_id_is_an_id_of_rfc_5322() -> None:
    left, at, right = RING.message_id(HANDLE, PERSON, "cases.example.org").partition("@")
    assert (at, right) == ("@", "cases.example.org")
    assert left.isascii()
    assert left.isalnum()
    assert len(left) <= 64


def test_no_change_of_a_message_id_makes_another_mail() -> None:
    message_id = RING.message_id(HANDLE, PERSON, "cases.example.org")
    for place in range(message_id.index("@") - 1):  # the last letter holds a spare bit
        other = "a" if message_id[place] != "a" else "b"
        assert not RING.is_message_id_for(message_id[:place] + other + message_id[place + 1 :], PERSON)


def test_a_message_id_of_another_installation_or_key_is_not_ours() -> None:
    assert not RING.is_message_id_for(Keyring({1: OTHER}, 1).message_id(HANDLE, PERSON, "x.test"), PERSON)
    assert not RING.is_message_id_for(Keyring({2: SECRET}, 2).message_id(HANDLE, PERSON, "x.test"), PERSON)


@given(st.one_of(st.text(), st.text("abcdefghijklmnopqrstuvwxyz234567=@", min_size=50, max_size=60)))
def test_any_text_may_stand_where_a_message_id_should(text: str) -> None:
    assert not RING.is_message_id_for(text, PERSON)
    assert not RING.is_message_id_for(f"{text}@cases.example.org", SOMEBODY)


# Keys


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 §2 as it stands there: extract, then expand."""
    pseudorandom = hmac.digest(salt or b"\0" * 32, secret, "sha256")
    output, block, counter = b"", b"", 1
    while len(output) < length:
        block = hmac.digest(pseudorandom, block + info + bytes([counter]), "sha256")
        output, counter = output + block, counter + 1
    return output[:length]


def test_the_derivation_that_subkeys_are_compared_with_is_the_one_of_the_rfc() -> None:
    """RFC 5869 appendix A, test cases 1 and 3 (SHA-256, with and without salt and info)."""
    first = hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert first.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    third = hkdf(b"\x0b" * 22, b"", b"", 42)
    assert third.hex() == ("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")


@pytest.mark.parametrize("purpose", Purpose)
def test_a_subkey_is_that_derivation_with_its_purpose_as_info(purpose: Purpose) -> None:
    assert subkey(SECRET, purpose) == hkdf(SECRET, b"", f"casegate {purpose.value}".encode(), 32)


def test_every_purpose_has_a_key_of_its_own() -> None:
    assert len({subkey(SECRET, purpose) for purpose in Purpose} | {SECRET}) == len(Purpose) + 1


def test_a_fingerprint_tells_keys_apart_and_nothing_about_them() -> None:
    assert fingerprint(SECRET) == fingerprint(SECRET) != fingerprint(OTHER)
    assert len(fingerprint(SECRET)) == 32  # characters: the column holds no more
    assert SECRET.hex() not in fingerprint(SECRET)
