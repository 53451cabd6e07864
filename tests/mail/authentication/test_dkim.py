"""DKIM signatures: which hold, and which do not count although they do (HARDENING rule 14)."""

from collections.abc import Callable
from datetime import UTC, datetime

import dkim
import pytest

from gateway.mail.authentication.dkim import Signature, verify
from gateway.mail.authentication.signatures import SignedMail
from tests.mail.authentication.signing import EdKey, RsaKey, Zone, rsa_key, sign

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MAIL = (
    b"From: Ada <ada@shop.org>\r\nTo: reply@cases.test\r\nSubject:  An   answer\r\n"
    b"\r\nIt  arrived. \r\n\r\nAda\r\n\r\n\r\n"
)
RSA, ED = rsa_key(), EdKey(b"a seed of thirty-two octets here")
ZONE = Zone().txt("k1._domainkey.shop.org", RSA.record).txt("ed._domainkey.shop.org", ED.record)


def check(mail: bytes, zone: Zone = ZONE, now: datetime = NOW) -> tuple[Signature, ...]:
    return verify(SignedMail(mail), zone, may_speak=lambda domain: domain.endswith("shop.org"), now=now)


def result(mail: bytes, zone: Zone = ZONE, now: datetime = NOW) -> tuple[str, str]:
    (signature,) = check(mail, zone, now)
    return signature.result.result, signature.result.because


FORMS = [b"relaxed/relaxed", b"relaxed/simple", b"simple/relaxed", b"simple/simple", b"relaxed", b"simple"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
def test_a_genuine_signature_passes(key: RsaKey | EdKey, form: bytes) -> None:
    selector = "k1" if key is RSA else "ed"
    (signature,) = check(sign(MAIL, key, "shop.org", selector=selector, form=form))
    assert signature.result.result == "pass"
    assert signature.domain == "shop.org"
    assert signature.covers == {"from", "to", "subject"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n \t\r\n",
        b"no line end",
        b"blanks at the end  \t\r\n",
        b" \t leading\r\n  \r\nmiddle \t  \r\n\r\n",
        b"lone\rCR\r\r\n\r\n",
        b"ends in CR\r",
        b"lone\nLF\n\n",
    ],
)
def test_canonical_bodies_are_those_of_dkimpy(body: bytes, form: bytes) -> None:
    mail = MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    signed = sign(mail, RSA, "shop.org", form=form)
    assert dkim.DKIM(signed).verify(0, ZONE.for_dkimpy)
    assert result(signed)[0] == "pass"


def test_line_ends_of_lf_alone_are_read_as_crlf() -> None:
    assert result(sign(MAIL, RSA, "shop.org", form=b"simple/simple").replace(b"\r\n", b"\n"))[0] == "pass"


def test_the_example_of_rfc_8463() -> None:
    mail = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
        b" d=football.example.com; i=@football.example.com;\r\n"
        b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
        b" subject : date : message-id : from : subject : date;\r\n"
        b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
        b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
        b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
        b"From: Joe SixPack <joe@football.example.com>\r\n"
        b"To: Suzie Q <suzie@shopping.example.net>\r\n"
        b"Subject: Is dinner ready?\r\n"
        b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
        b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
        b"\r\n"
        b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
    )
    record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    zone = Zone().txt("brisbane._domainkey.football.example.com", record)
    (signature,) = verify(SignedMail(mail), zone, may_speak=lambda domain: True, now=NOW)
    assert signature.result.result == "pass"


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda mail: mail.replace(old, new, 1)


def _above(field: bytes) -> Callable[[bytes], bytes]:
    return lambda mail: field + b"\r\n" + mail


@pytest.mark.parametrize(
    ("change", "found", "because"),
    [
        (_replaced(b"arrived", b"vanished"), "fail", "body was changed"),
        (_replaced(b"An   answer", b"An offer"), "fail", "b= does not fit"),
        (_replaced(b"Ada <ada@shop.org>", b"Eve <eve@shop.org>"), "fail", "b= does not fit"),
        (_replaced(b"s=k1", b"s=k2"), "permerror", "no key at k2._domainkey.shop.org"),
        (_replaced(b"v=1", b"v=2"), "permerror", "version"),
        (_replaced(b"a=rsa-sha256", b"a=rsa-sha1"), "permerror", "rsa-sha1 is not accepted"),
        (_replaced(b"a=rsa-sha256", b"a=ed25519-sha256"), "permerror", "of the kind rsa"),
        (_replaced(b"c=relaxed/relaxed", b"c=nofws/simple"), "permerror", "c= is unknown"),
        (_replaced(b"d=shop.org;", b""), "permerror", "no d="),
        (_replaced(b"d=shop.org", b"d=shop.org; d=shop.org"), "permerror", "tags cannot be read"),
        (_replaced(b"; s=", b"; !=1; s="), "permerror", "tags cannot be read"),
        (_replaced(b" b=", b" b=!"), "permerror", "base64"),
        (_replaced(b" b=", b" b=\xc3\xa4"), "permerror", "base64"),
        (_replaced(b" s=k1", b" s=k1; x=1700000000"), "fail", "expired"),
        (_replaced(b" s=k1", b" s=k1; x=tomorrow"), "fail", "expired"),
        (_replaced(b" s=k1", b" s=k1; i=@evil.org"), "permerror", "i= is not below"),
        (_replaced(b" s=k1", b" s=k1; i=@evilshop.org"), "permerror", "i= is not below"),
        (_replaced(b" s=k1", b" s=k1; n=" + b"x" * 9_000), "permerror", "longer than"),
        (_replaced(b"h=from", b"h=" + b"x:" * 300 + b"from"), "permerror", "more than 200 fields"),
        # fields added above the signed ones, which programs would show instead
        (_above(b"Subject: An offer"), "policy", "field subject was added"),
        (_above(b"From: Eve <eve@shop.org>"), "policy", "field from was added"),
        (_above(b"To: reply+other@cases.test"), "policy", "field to was added"),
        # a lone CR: what one program reads as a field is the rest of a line to another
        (_above(b"X: a\rFrom: eve@shop.org\r\rForged words"), "policy", "lone CRs"),
    ],
)
def test_a_changed_mail_does_not_pass(change: Callable[[bytes], bytes], found: str, because: str) -> None:
    word, reason = result(change(sign(MAIL, RSA, "shop.org")))
    assert word == found
    assert because in reason


def test_more_fields_that_nobody_signed_change_nothing() -> None:
    assert result(b"Received: from a by b\r\nX-Spam: no\r\n" + sign(MAIL, RSA, "shop.org"))[0] == "pass"


def test_a_signature_that_has_not_expired_passes() -> None:
    signed = sign(MAIL, RSA, "shop.org", extra={b"x": b"1900000000", b"i": b"ada@mail.shop.org"})
    assert result(signed)[0] == "pass"
    assert result(signed, now=datetime(2031, 1, 1, tzinfo=UTC)) == ("fail", "It has expired.")


def test_a_signature_over_a_part_of_the_body_does_not_count() -> None:
    signed = sign(MAIL, RSA, "shop.org", extra={b"l": b"5"})
    assert dkim.DKIM(signed).verify(0, ZONE.for_dkimpy)
    word, because = result(signed + b"Pay to this account instead.\r\n")
    assert word == "policy"
    assert "l=" in because


def test_a_signature_without_from_does_not_count() -> None:
    assert result(sign(MAIL, RSA, "shop.org", signed=(b"to", b"subject"))) == ("permerror", "It does not sign From.")


@pytest.mark.parametrize(
    ("signed", "covers"),
    [
        ((b"from",), {"from"}),
        ((b"from", b"to"), {"from", "to"}),
        ((b"from", b"cc"), {"from"}),  # there is none: signed as absent
        ((b"from", b"from", b"to", b"to"), {"from", "to"}),
    ],
)
def test_which_fields_a_signature_covers(signed: tuple[bytes, ...], covers: set[str]) -> None:
    (signature,) = check(sign(MAIL, RSA, "shop.org", signed=signed))
    assert signature.result.result == "pass"
    assert signature.covers == covers


@pytest.mark.parametrize(
    ("record", "found", "because"),
    [
        ("v=DKIM1; p=", "fail", "revoked"),
        ("v=DKIM2; p=AAAA", "permerror", "version"),
        ("v=DKIM1; p=!!", "permerror", "base64"),
        ("v=DKIM1; p=AAAA", "permerror", "cannot be read"),
        ("v=DKIM1; k=dsa; p=AAAA", "permerror", "dsa is unknown"),
        ("v=DKIM1; k=ed25519; p=AAAA", "permerror", "cannot be read"),
        ("v=DKIM1; p=A; p=B", "permerror", "tags cannot be read"),
        ("v=DKIM1; p" + "=" * 5_000, "permerror", "too long"),
        (RSA.record + "; s=tlsrpt", "permerror", "not meant for mail"),
        (RSA.record + "; h=sha1", "permerror", "forbids SHA-256"),
        (RSA.record + "; t=y", "neutral", "only testing"),
        (rsa_key(512).record, "permerror", "512 bits"),
        (rsa_key(seed=2).record, "fail", "another key was used"),
        ("v=spf1 exp=a.shop.org -all", "permerror", "no key"),
    ],
)
def test_keys_that_do_not_count(record: str, found: str, because: str) -> None:
    word, reason = result(sign(MAIL, RSA, "shop.org"), Zone().txt("k1._domainkey.shop.org", record))
    assert word == found
    assert because in reason


@pytest.mark.parametrize(
    "record", [RSA.record + "; s=email:x; h=sha1:sha256; t=s; n=note", RSA.record[9:], " " + RSA.record + " ;"]
)
def test_keys_that_count(record: str) -> None:
    assert result(sign(MAIL, RSA, "shop.org"), Zone().txt("k1._domainkey.shop.org", record))[0] == "pass"


def test_a_key_may_be_kept_from_subdomains() -> None:
    zone = Zone().txt("k1._domainkey.shop.org", RSA.record + "; t=s")
    word, because = result(sign(MAIL, RSA, "shop.org", extra={b"i": b"@mail.shop.org"}), zone)
    assert word == "permerror"
    assert "subdomains" in because


def test_two_keys_at_one_place_are_none() -> None:
    zone = Zone().txt("k1._domainkey.shop.org", RSA.record, ED.record)
    assert "more than one key" in result(sign(MAIL, RSA, "shop.org"), zone)[1]


def test_trouble_with_the_dns() -> None:
    zone = Zone(troubled=frozenset({"k1._domainkey.shop.org"}))
    assert result(sign(MAIL, RSA, "shop.org"), zone)[0] == "temperror"


def test_every_signature_is_looked_at() -> None:
    broken = sign(MAIL, RSA, "shop.org", selector="gone")
    both = sign(broken, ED, "shop.org", selector="ed")
    assert [s.result.result for s in check(both)] == ["pass", "permerror"]
    first_breaks = sign(sign(MAIL, ED, "shop.org", selector="ed"), RSA, "shop.org", selector="gone")
    assert [s.result.result for s in check(first_breaks)] == ["permerror", "pass"]


def test_signatures_of_others_cost_no_look_up_and_stand_behind() -> None:
    signed = sign(MAIL, RSA, "shop.org")
    for number in range(100):
        signed = b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.evil.org; s=s; h=from; bh=AA; b=AAAA\r\n" % number + signed
    zone = Zone(ZONE.records)
    found = check(signed, zone)
    assert found[0].result.result == "pass"
    assert {signature.result.result for signature in found[1:]} == {"neutral"}
    assert len(found) <= 20
    assert zone.asked == [("k1._domainkey.shop.org", "TXT")]


def test_a_hundred_signatures_in_the_senders_name_cost_few_look_ups() -> None:
    signed = MAIL
    for number in range(100):
        signed = b"DKIM-Signature: v=1; a=rsa-sha256; d=shop.org; s=s%d; h=from; bh=AA==; b=AAAA\r\n" % number + signed
    zone = Zone(ZONE.records)
    check(signed, zone)
    assert len(zone.asked) == 8


@pytest.mark.parametrize(
    "value",
    [
        b"; b=" + b"\r\n " * 2_500 + b"!",
        b"v=1; a=rsa-sha256; d=shop.org; s=k1; h=from; bh=AAAA; b=" + b" " * 7_000 + b"AAAA",
        b"v=1; a=rsa-sha256; d=shop.org; s=k1; h=" + b"from:" * 190 + b"; bh=AAAA; b=AAAA",
        b"=;" * 4_000,
    ],
)
def test_hostile_signatures_are_read_at_once(value: bytes) -> None:
    blanks = (b" " * 60_000 + b"x\r\n") * 100 + b"\r\n" * 1_000_000
    assert result(b"DKIM-Signature: " + value + b"\r\n" + MAIL + blanks)[0] != "pass"


def test_a_body_of_blanks_and_empty_lines_is_hashed_at_once() -> None:
    body = (b" " * 60_000 + b"x\r\n") * 50 + b" \r\n" * 500_000
    mail = SignedMail(MAIL + body)
    assert mail.body_digest("relaxed") != mail.body_digest("simple")
