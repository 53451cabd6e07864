"""Authentication-Results, read and written."""

import pytest

from gateway.mail.authentication.results import MethodResult, read, write


@pytest.mark.parametrize(
    ("value", "authserv_id", "told"),
    [
        (
            "mx.example.org; spf=pass (allowed; really) smtp.mailfrom=shop.org;\t dkim=pass header.d=shop.org",
            "mx.example.org",
            ["spf=pass smtp.mailfrom=shop.org", "dkim=pass header.d=shop.org"],
        ),
        ("MX.example.org 1; none", "mx.example.org", []),
        ('mx; dkim/1 = PASS header.i=@a.org header.b="b/c="', "mx", ["dkim=pass header.i=@a.org header.b=b/c="]),
        ("mx; dkim=pass header.b=ab= header.s=k1", "mx", ["dkim=pass header.b=ab= header.s=k1"]),
        ("mx (a (nested) one); dmarc=fail (p=none; x=y) header.from=a.org", "mx", ["dmarc=fail header.from=a.org"]),
        ('mx; spf=pass reason="say \\"yes\\"" smtp.helo=a.org', "mx", ['spf=pass reason=say "yes" smtp.helo=a.org']),
        # what a sender may have put into his own address
        ("mx; spf=fail smtp.mailfrom=a=dmarc=pass@b.org", "mx", ["spf=fail smtp.mailfrom=a=dmarc=pass@b.org"]),
        (
            'mx; spf=fail smtp.mailfrom="; arc=pass x=y"@b.org',
            "mx",
            ["spf=fail smtp.mailfrom=; arc=pass x=y@b.org"],
        ),
        ('mx; dkim=fail; spf=fail smtp.mailfrom="; dmarc=pass x=y', "mx", ["dkim=fail"]),
        # nonsense
        ("", "", []),
        (";;;", "", []),
        ("mx; spf", "mx", []),
        ("mx; =pass; spf=; spf==", "mx", ["spf=="]),
        ("mx; spf=pass (never closed smtp.mailfrom=a.org", "mx", ["spf=pass"]),
        ('"', "", []),
    ],
)
def test_read(value: str, authserv_id: str, told: list[str]) -> None:
    who, results = read(value)
    assert who == authserv_id
    assert [_in_words(result) for result in results] == told


def _in_words(result: MethodResult) -> str:
    return " ".join(f"{name}={value}" for name, value in ((result.method, result.result), *result.properties))


def test_a_field_of_any_length_is_read_at_once() -> None:
    for evil in ('"' * 1_000_000, "(" * 1_000_000, "\\" * 1_000_000, "a=" * 500_000, ";" * 1_000_000, '"\\' * 500_000):
        who, results = read("mx; " + evil)
        assert who == "mx"
        assert len(results) <= 50


def test_write() -> None:
    results = [
        MethodResult("spf", "none", "Nobody knows.", (("smtp.mailfrom", ""),)),
        MethodResult("dkim", "fail", 'It says "no"\r\nX: y.', (("header.d", "shop.org"), ("header.s", "a b"))),
    ]
    line = write("cases.example.org", results)
    assert line == (
        'cases.example.org; spf=none reason="Nobody knows."; '
        'dkim=fail reason="It says \\"no\\"  X: y." header.d=shop.org header.s="a b"'
    )
    assert write("cases.example.org", []) == "cases.example.org; none"


def test_what_was_written_can_be_read() -> None:
    result = MethodResult("dkim", "pass", "Fine.", (("header.d", "shop.org"), ("header.b", "ab+/c=")))
    who, (again,) = read(write("cases.example.org", [result]))
    assert who == "cases.example.org"
    assert again.properties == (("reason", "Fine."), *result.properties)
