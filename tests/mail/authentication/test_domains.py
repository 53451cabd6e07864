"""Domains: their form, their organisation, and which may speak for which."""

import pytest

from gateway.mail.authentication.domains import aligned, domain_of, is_example, is_reserved, organisation_of


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("ada@Shop.Example.ORG.", "shop.example.org"),
        ("shop.example.org", "shop.example.org"),
        ("ada@straße.example", "strasse.example"),
        ("ada@müller.example", "xn--mller-kva.example"),
        ('"a@b"@example.org', "example.org"),
        ("_dmarc.example.org", "_dmarc.example.org"),
        ("ada@[192.0.2.1]", ""),
        ("ada@", ""),
        ("", ""),
        ("ada@a..b", ""),
        ("ada@" + "a" * 64 + ".org", ""),
        ("ada@" + "a.b" * 120, ""),
        ("ada@\ud800.org", ""),
        ("ada@exa mple.org", ""),
    ],
)
def test_the_form_of_the_dns(address: str, domain: str) -> None:
    assert domain_of(address) == domain


@pytest.mark.parametrize(
    ("domain", "reserved"),
    [
        ("shop.test", True), ("localhost", True), ("cases.localhost", True), ("a.invalid", True), ("a.example", True),
        ("example.org", False), ("test.org", False), ("attest", False),
    ],
)  # fmt: skip
def test_reserved_names(domain: str, reserved: bool) -> None:
    assert is_reserved(domain) is reserved


@pytest.mark.parametrize(
    ("domain", "example"),
    [
        ("example.org", True), ("example.com", True), ("example.net", True), ("shop.example.org", True),
        ("a.b.example.net", True), ("example.de", False), ("myexample.org", False), ("example.org.evil.org", False),
        ("a.example", False), ("example", False), ("", False),
    ],
)  # fmt: skip
def test_example_names(domain: str, example: bool) -> None:
    assert is_example(domain) is example


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("mail.shop.org", "shop.org"),
        ("a.b.shop.co.uk", "shop.co.uk"),
        ("co.uk", "co.uk"),
        ("one.github.io", "one.github.io"),
        ("shop.unheard-of", "shop.unheard-of"),
    ],
)
def test_organisations(domain: str, organisation: str) -> None:
    assert organisation_of(domain) == organisation


@pytest.mark.parametrize(
    ("domain", "sender", "relaxed", "strict"),
    [
        ("shop.org", "shop.org", True, True),
        ("mail.shop.org", "shop.org", True, False),
        ("shop.org", "mail.shop.org", True, False),
        ("evil.org", "shop.org", False, False),
        ("shop.org.evil.org", "shop.org", False, False),
        ("evilshop.org", "shop.org", False, False),
        ("one.co.uk", "two.co.uk", False, False),
        ("co.uk", "two.co.uk", False, False),
        ("one.github.io", "two.github.io", False, False),
        ("", "shop.org", False, False),
        ("", "", False, False),
    ],
)
def test_alignment(domain: str, sender: str, relaxed: bool, strict: bool) -> None:
    assert aligned(domain, sender, strict=False) is relaxed
    assert aligned(domain, sender, strict=True) is strict
