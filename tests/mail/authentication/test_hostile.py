"""Mails and records that were tampered with at random: nothing breaks, and nothing forged passes."""

import random
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from gateway.cases.access import Verdict
from gateway.mail.authentication import Authentication, Lookup, Trouble, Trusted, authenticate
from gateway.mail.parse import ParsedMail, parse
from tests.mail.authentication.signing import EdKey, Zone, rsa_key, seal, sign

MAIL = b"From: Ada <ada@shop.org>\r\nTo: reply@cases.test\r\nSubject: An answer\r\n\r\nIt arrived.\r\n"
KEY = rsa_key()
KEYS = Zone().txt("k1._domainkey.shop.org", KEY.record).txt("arc._domainkey.list.org", KEY.record)
SIGNED = sign(MAIL, KEY, "shop.org")
TOLD = b"Authentication-Results: mx; spf=pass smtp.mailfrom=shop.org; dkim=pass header.d=shop.org\r\n"
RELAYED = TOLD + b"Received: from a.org (a.org [203.0.113.5]) by mx; Tue\r\n" + SIGNED
SEALED = seal(seal(SIGNED, KEY, "list.org", "x; dmarc=pass"), KEY, "list.org", "x; arc=pass", instance=2)
TRUSTED = Trusted((ip_network("10.0.0.0/8"),), "mx", frozenset({"list.org"}))
RECORDS = (
    KEY.record,
    EdKey(b"a seed of thirty-two octets here").record,
    "v=spf1 include:a.org exists:%{ir}.%{l}.%{d2r} a mx/24//64 ptr ip4:1.2.3.4/8 ip6:2001:db8::/32 exp=x.%{i} ?all",
    "v=spf1 redirect=%{d}",
    "v=DMARC1; p=reject; adkim=s; sp=none",
)
JUNK = (
    b"\r", b"\n", b"\0", b"=", b";", b":", b"%{", b"}", b'"', b"(", b")", b"\xff", b"\xc3\xa4", b"\\", b"/", b"@",
    b"9" * 30,
)  # fmt: skip


def ask(raw: bytes, lookup: Lookup, client: str = "", mail_from: str = "") -> tuple[ParsedMail, Authentication]:
    mail = parse(raw)
    now = datetime(2026, 11, 24, tzinfo=UTC)
    found = authenticate(
        raw, mail, client=client, helo="a.org", mail_from=mail_from, lookup=lookup, trusted=TRUSTED, now=now
    )
    return mail, found


def tampered(data: bytes, chance: random.Random) -> bytes:
    """Some bytes put in, left out, moved or changed."""
    changed = bytearray(data)
    for _ in range(chance.randrange(6)):
        place = chance.randrange(len(changed) + 1)
        start = chance.randrange(len(changed) + 1)
        act = chance.randrange(4)
        if act == 0:
            changed[place:place] = chance.choice(JUNK)
        elif act == 1:
            del changed[place : place + chance.randrange(30)]
        elif act == 2:
            changed[place:place] = changed[start : start + chance.randrange(40)]
        else:
            changed[place : place + 1] = bytes([chance.randrange(256)])
    return bytes(changed)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_breaks(seed: int) -> None:
    chance = random.Random(seed)

    def lookup(name: str, kind: str) -> tuple[str, ...]:
        if chance.random() < 0.05:
            raise Trouble("no answer in time")
        if kind == "TXT" and chance.random() < 0.5:
            texts = (chance.choice(RECORDS).encode() for _ in range(chance.randrange(3)))
            return tuple(tampered(text, chance).decode("latin-1") for text in texts)
        others = {"MX": ("10 mx.a.org", "0 "), "A": ("203.0.113.5",), "AAAA": ("::1",), "PTR": ("a.shop.org",)}
        return others.get(kind) or KEYS(name, kind)

    for _ in range(40):
        raw = tampered(chance.choice((SIGNED, RELAYED, SEALED)), chance)
        client = chance.choice(("203.0.113.5", "10.0.0.1", "2001:db8::1", ""))
        mail_from = chance.choice(("ada@shop.org", "", "x", "@", "a%{d}@shop.org", '"a b"@shop.org', "é@müller.org"))
        _, found = ask(raw, lookup, client, mail_from)
        assert found.as_header("mx").isprintable()
        assert found.because.endswith(".")


# What could make one reader see another field, another end of the header or another body than the next.
SLIPS = (
    b"From: eve@shop.org\r\n", b"from: eve@shop.org\r\n", b"From : eve@shop.org\r\n", b" From: eve@shop.org\r\n",
    b"From eve\r\n", b"To: other@cases.test\r\n", b"Subject: An offer\r\n",
    b"X: a\rFrom: eve@shop.org\r\revil words\r\n", b"Reply-To: eve@evil.org\r\n", b"Cc: other@cases.test\r\n",
    b"\r", b"\r\r", b"\n", b"\r\n", b"\t\r\n", b"\0", b"\x0b", b"\x0c", b"\x85", b"\xef\xbb\xbf", b"X\r\n",
)  # fmt: skip
SPOTS = [place for place in range(len(SIGNED)) if SIGNED[place : place + 1] in b"\r\n:"] + [0, len(SIGNED)]


@pytest.mark.parametrize("seed", range(10))
def test_nothing_forged_passes(seed: int) -> None:
    """Whatever is slipped in: a mail that still passes says what was signed, to those to whom it was written."""
    chance = random.Random(seed)
    passed = 0
    for _ in range(300):
        raw = bytearray(SIGNED)
        for _ in range(chance.randrange(1, 3)):
            place = min(chance.choice(SPOTS) + chance.randrange(2), len(raw))
            raw[place:place] = chance.choice(SLIPS)
        mail, found = ask(bytes(raw), KEYS)
        if found.verdict is Verdict.PASS:
            passed += 1
            assert [person.address for person in (*mail.from_, *mail.to)] == ["ada@shop.org", "reply@cases.test"]
            assert (mail.subject, (mail.text or "").split()) == ("An answer", ["It", "arrived."])
    assert passed
