"""Secrets under a passphrase."""

import pytest

from gateway.backups import lockbox
from gateway.backups.lockbox import CannotOpen

SECRET, PASSPHRASE = b"1:c2VjcmV0", "correct horse, battery staple"


def test_the_passphrase_opens_it_and_nothing_else_does() -> None:
    box = lockbox.lock(SECRET, PASSPHRASE)
    assert lockbox.unlock(box, PASSPHRASE) == SECRET
    assert SECRET not in box
    for other in ("", "correct horse", PASSPHRASE + " "):
        with pytest.raises(CannotOpen):
            lockbox.unlock(box, other)


def test_two_boxes_of_the_same_have_nothing_in_common() -> None:
    first, second = (lockbox.lock(SECRET, PASSPHRASE) for _ in range(2))
    assert first[8:40] != second[8:40]


@pytest.mark.parametrize("place", [0, 10, 30, 40, -1], ids=["magic", "salt", "nonce", "content", "tag"])
def test_a_changed_bit_is_noticed(place: int) -> None:
    box = bytearray(lockbox.lock(SECRET, PASSPHRASE))
    box[place] ^= 1
    with pytest.raises(CannotOpen):
        lockbox.unlock(bytes(box), PASSPHRASE)


@pytest.mark.parametrize("length", [0, 7, 20, 36, 40])
def test_half_a_box_is_none(length: int) -> None:
    with pytest.raises(CannotOpen):
        lockbox.unlock(lockbox.lock(SECRET, PASSPHRASE)[:length], PASSPHRASE)
