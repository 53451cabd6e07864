"""The short way to read an address reads it as the full parser does, and leaves everything odd to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailparser.utils import get_addresses

from gateway.mail.addresses import Address, read_plain

PLAIN = [
    ("Tom Reed <tom@customer.test>", Address("Tom Reed", "tom@customer.test")),
    ('"Reed, Tom" <tom.reed+shop@mail.customer.test>', Address("Reed, Tom", "tom.reed+shop@mail.customer.test")),
    ("<tom@customer.test>", Address("", "tom@customer.test")),
    ('"" <tom@customer.test>', Address("", "tom@customer.test")),
    ("  Mia O'Hara-Lind  <mia@shop.example.org> ", Address("Mia O'Hara-Lind", "mia@shop.example.org")),
]
ODD = [
    "tom@customer.test",
    "Tom <tom@customer.test>, Eve <eve@evil.test>",
    '"eve@evil.test" <tom@customer.test>',
    '"<eve@evil.test>" <tom@customer.test>',
    "Tom (home) <tom@customer.test>",
    '"Tom \\"T\\" Reed" <tom@customer.test>',
    "Tom <tom@@customer.test>",
    "Tom <tom@customer.test> <eve@evil.test>",
    "Tom <tom@localhost>",
    "",
]


@pytest.mark.parametrize(("value", "address"), PLAIN)
def test_the_usual_form_is_read(value: str, address: Address) -> None:
    assert read_plain(value) == address
    assert get_addresses(value) == [(address.name, address.address)]


@pytest.mark.parametrize("value", ODD)
def test_everything_else_is_left_to_the_full_parser(value: str) -> None:
    assert read_plain(value) is None


@given(st.from_regex(r'("[ -~]{0,12}"|[ -~]{0,12}) ?<[a-z.+]{1,8}@[a-z.-]{1,12}>', fullmatch=True))
def test_it_never_reads_what_the_full_parser_reads_otherwise(value: str) -> None:
    address = read_plain(value)
    if address is not None:
        assert [(" ".join(name.split()), found) for name, found in get_addresses(value)] == [
            (" ".join(address.name.split()), address.address)
        ]
