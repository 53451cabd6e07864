"""DMARC policies: where they are found, and what a malformed one still says."""

import pytest

from gateway.mail.authentication.dmarc import Policy, find
from tests.mail.authentication.signing import Zone


@pytest.mark.parametrize(
    ("record", "policy"),
    [
        ("v=DMARC1; p=reject", Policy("shop.org", "reject", strict_dkim=False, strict_spf=False)),
        ("v=DMARC1;p=QUARANTINE;adkim=s;aspf=S;", Policy("shop.org", "quarantine", strict_dkim=True, strict_spf=True)),
        (" v = DMARC1 ; p=none; sp=reject", Policy("shop.org", "none", strict_dkim=False, strict_spf=False)),
        ("v=DMARC1; rua=mailto:a@shop.org", Policy("shop.org", "none", strict_dkim=False, strict_spf=False)),
        ("v=DMARC1; p=bogus", Policy("shop.org", "none", strict_dkim=False, strict_spf=False)),
        ("v=DMARC1; p=reject; p=none", Policy("shop.org", "none", strict_dkim=False, strict_spf=False)),
        ("v=DMARC1", Policy("shop.org", "none", strict_dkim=False, strict_spf=False)),
        ("v=dmarc1; p=reject", None),
        ("p=reject; v=DMARC1", None),
        ("v=DMARC1; p=reject; n=" + "x" * 5_000, None),
        ("v=spf1 -all", None),
        ("", None),
    ],
)
def test_records(record: str, policy: Policy | None) -> None:
    assert find(Zone().txt("_dmarc.shop.org", record), "shop.org") == policy


def test_two_policies_are_none() -> None:
    assert find(Zone().txt("_dmarc.shop.org", "v=DMARC1; p=none", "v=DMARC1; p=reject"), "shop.org") is None


def test_other_records_beside_it_do_not_matter() -> None:
    found = find(Zone().txt("_dmarc.shop.org", "hello", "v=DMARC1; p=reject"), "shop.org")
    assert found is not None
    assert found.wish == "reject"


@pytest.mark.parametrize(
    ("record", "wish"), [("v=DMARC1; p=reject; sp=none", "none"), ("v=DMARC1; p=reject", "reject")]
)
def test_a_subdomain_without_a_policy_has_that_of_its_organisation(record: str, wish: str) -> None:
    zone = Zone().txt("_dmarc.shop.co.uk", record)
    found = find(zone, "a.mail.shop.co.uk")
    assert found is not None
    assert (found.domain, found.wish) == ("shop.co.uk", wish)
    assert zone.asked == [("_dmarc.a.mail.shop.co.uk", "TXT"), ("_dmarc.shop.co.uk", "TXT")]


def test_a_public_suffix_speaks_for_nobody() -> None:
    assert find(Zone().txt("_dmarc.co.uk", "v=DMARC1; p=reject"), "shop.co.uk") is None
