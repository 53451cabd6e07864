"""ARC: chains that hold, chains that do not, and sealers that nobody listed."""

from collections.abc import Callable

import dkim
import pytest

from gateway.mail.authentication.arc import Chain, verify
from gateway.mail.authentication.signatures import SignedMail
from tests.mail.authentication.signing import Zone, rsa_key, seal

MAIL = b"From: ada@shop.org\r\nTo: list@list.org\r\nSubject: [List] An answer\r\n\r\nIt arrived.\r\n-- \r\nThe list\r\n"
LIST, OTHER = rsa_key(), rsa_key(seed=2)
ZONE = Zone().txt("arc._domainkey.list.org", LIST.record).txt("arc._domainkey.other.org", OTHER.record)
SEEN = "list.org; dkim=pass header.d=shop.org; dmarc=pass header.from=shop.org"


def check(mail: bytes, *sealers: str, zone: Zone = ZONE) -> Chain:
    return verify(SignedMail(mail), zone, sealers=frozenset(sealers))


def test_a_chain_of_a_listed_sealer_holds() -> None:
    sealed = seal(MAIL, LIST, "list.org", SEEN)
    assert dkim.arc_verify(sealed, dnsfunc=ZONE.for_dkimpy)[0] == b"pass"
    chain = check(sealed, "list.org")
    assert chain.result.result == "pass"
    assert [(told.method, told.result) for told in chain.told] == [("dkim", "pass"), ("dmarc", "pass")]


def test_a_chain_of_two() -> None:
    sealed = seal(seal(MAIL, OTHER, "other.org", "other.org; spf=pass"), LIST, "list.org", SEEN, instance=2)
    assert dkim.arc_verify(sealed, dnsfunc=ZONE.for_dkimpy)[0] == b"pass"
    both, last = check(sealed, "list.org", "other.org"), check(sealed, "list.org")
    assert both.result.result == last.result.result == "pass"
    assert [told.method for told in both.told] == ["dkim", "dmarc", "spf"]
    assert [told.method for told in last.told] == ["dkim", "dmarc"]  # the first one may be anybody's invention


def test_who_is_not_listed_is_not_believed_and_not_asked_about() -> None:
    zone = Zone(ZONE.records)
    chain = check(seal(MAIL, OTHER, "other.org", SEEN), "list.org", zone=zone)
    assert (chain.result.result, chain.told) == ("policy", ())
    assert "other.org, which is not one of arc_sealers" in chain.result.because
    assert zone.asked == []


def test_the_last_sealer_decides() -> None:
    sealed = seal(seal(MAIL, LIST, "list.org", SEEN), OTHER, "other.org", "other.org; arc=pass", instance=2)
    assert check(sealed, "list.org").told == ()


def test_no_chain() -> None:
    assert check(MAIL, "list.org").result.result == "none"


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda mail: mail.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (_replaced(b"arrived", b"vanished"), "body was changed"),
        (_replaced(b"From: ada@shop.org", b"From: eve@shop.org"), "does not fit"),
        (_replaced(b"header.d=shop.org", b"header.d=bank.org"), "does not fit"),
        (_replaced(b"cv=none", b"cv=pass"), "does not say that the chain"),
        (_replaced(b"cv=none;", b""), "does not say that the chain"),
        (_replaced(b"cv=none", b"cv=none; h=from"), "does not say that the chain"),
        (_replaced(b"ARC-Seal: i=1", b"ARC-Seal: i=2"), "do not count from 1 to 1"),
        (_replaced(b"Results: i=1", b"Results: i=2"), "do not count from 1 to 1"),
        (_replaced(b"Signature: i=1", b"Signature: i=x"), "do not count from 1 to 1"),
        (_replaced(b"ARC-Message-Signature", b"X-Was"), "do not count from 1 to 1"),
        (_replaced(b"d=list.org; s=arc; cv", b"d=list.org; s=gone; cv"), "no key at gone._domainkey.list.org"),
        (_replaced(b"a=rsa-sha256; d=list.org; s=arc; cv", b"a=rsa-sha1; d=list.org; s=arc; cv"), "not accepted"),
        (lambda mail: b"ARC-Authentication-Results: i=1; list.org; spf=pass\r\n" + mail, "do not count"),
        (lambda mail: b"X: a\rFrom: eve@shop.org\r\n" + mail, "lone CRs"),
        (lambda mail: b"ARC-Seal: i=2; nonsense\r\n" * 100 + mail, "longer than"),
        (lambda mail: b"ARC-Seal: i=1; nonsense\r\n" + MAIL, "do not count from 1 to 1"),
        (_replaced(b"ARC-Seal: i=1;", b"ARC-Seal: i=1; nonsense;"), "tags cannot be read"),
    ],
)
def test_broken_chains(change: Callable[[bytes], bytes], because: str) -> None:
    chain = check(change(seal(MAIL, LIST, "list.org", SEEN)), "list.org")
    assert (chain.result.result, chain.told) == ("fail", ())
    assert because in chain.result.because


def test_a_later_sealer_that_says_the_chain_was_broken() -> None:
    sealed = seal(seal(MAIL, OTHER, "other.org", SEEN), LIST, "list.org", SEEN, instance=2, cv="fail")
    assert check(sealed, "list.org").told == ()


def test_trouble_with_the_dns() -> None:
    zone = Zone(ZONE.records, troubled=frozenset({"arc._domainkey.list.org"}))
    assert check(seal(MAIL, LIST, "list.org", SEEN), "list.org", zone=zone).result.result == "temperror"
