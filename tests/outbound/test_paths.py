"""Addresses as MAIL and RCPT say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbound.paths import a_labels, needs_utf8, written


@pytest.mark.parametrize(
    ("domain", "ascii_domain"),
    [
        ("example.org", "example.org"),
        ("Example.ORG", "Example.ORG"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),  # IDNA 2003 would write to strasse.example
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("ＥＸＡＭＰＬＥ．org", "example.org"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        ("a_b.example", "a_b.example"),
    ],
)
def test_domains(domain: str, ascii_domain: str) -> None:
    assert a_labels(domain) == ascii_domain


@pytest.mark.parametrize(
    "domain",
    [
        "",
        ".",
        "a..b",
        "a.",
        "a b.example",
        "a＞.example",
        "a>.example",
        "a\r\n.example",
        "x" * 64,
        "ü" * 63,
        "[a b]",
        "[x>]",
    ],
)
def test_no_domains(domain: str) -> None:
    assert a_labels(domain) is None


@pytest.mark.parametrize(
    ("address", "said", "utf8"),
    [
        ("anna@example.org", b"anna@example.org", False),
        ("o'neil+x=y@example.org", b"o'neil+x=y@example.org", False),
        ('"a b"@example.org', b'"a b"@example.org', False),
        ('"a\\"b@c"@example.org', b'"a\\"b@c"@example.org', False),
        ("anna@bücher.example", b"anna@xn--bcher-kva.example", False),
        ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example".encode(), True),
        ("..odd..@example.org", b"..odd..@example.org", False),  # exist at some carriers
    ],
)
def test_addresses(address: str, said: bytes, utf8: bool) -> None:
    assert written(address) == said
    assert needs_utf8(said) is utf8


@pytest.mark.parametrize(
    "address", ["x" * 243 + "@example.org", '""@example.org', "a(b)@example.org", "a,b@example.org"]
)
def test_no_addresses(address: str) -> None:
    assert written(address) is None


@given(st.text())
def test_whatever_it_is_it_stays_one_path(text: str) -> None:
    for address in (text, f"{text}@example.org", f"anna@{text}.example", f'"{text}"@example.org'):
        said = written(address)
        assert said is None or not set(said) & set(b"\r\n\0<>")
        assert said is None or b" " not in said or said.startswith(b'"')
