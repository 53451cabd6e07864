"""Whose words a mail is: the table of HARDENING rule 4, row by row."""

import pytest

from gateway.cases.access import Trust, Verdict, is_own, judge
from gateway.cases.model import Role

POST, MARKED, HOLD = Trust.POST, Trust.POST_MARKED, Trust.HOLD
PASS, NONE, FAIL, TEMPERROR = Verdict.PASS, Verdict.NONE, Verdict.FAIL, Verdict.TEMPERROR


@pytest.mark.parametrize(
    ("role", "own_address", "verdict", "usual", "strict"),
    [
        (Role.CUSTOMER, True, PASS, POST, POST),
        (Role.CUSTOMER, True, NONE, MARKED, MARKED),
        (Role.CUSTOMER, True, FAIL, HOLD, HOLD),
        (Role.CUSTOMER, False, PASS, MARKED, HOLD),
        (Role.CUSTOMER, False, NONE, MARKED, HOLD),
        (Role.CUSTOMER, False, FAIL, HOLD, HOLD),
        (Role.MERCHANT, True, PASS, POST, POST),
        (Role.MERCHANT, True, NONE, MARKED, HOLD),
        (Role.MERCHANT, True, FAIL, HOLD, HOLD),
        (Role.MERCHANT, False, PASS, HOLD, HOLD),
        (Role.MERCHANT, False, NONE, HOLD, HOLD),
        (Role.MERCHANT, False, FAIL, HOLD, HOLD),
        (Role.SUPPORT, True, PASS, POST, POST),
        (Role.SUPPORT, True, NONE, HOLD, HOLD),
        (Role.SUPPORT, True, FAIL, HOLD, HOLD),
        (Role.SUPPORT, False, PASS, HOLD, HOLD),
        (Role.SUPPORT, False, NONE, HOLD, HOLD),
        (Role.SUPPORT, False, FAIL, HOLD, HOLD),
    ],
)
def test_the_table(role: Role, own_address: bool, verdict: Verdict, usual: Trust, strict: Trust) -> None:
    judgement = judge(role, own_address=own_address, authentication=verdict)
    assert judgement.trust is usual
    assert ("own address" if own_address else "another address") in judgement.because
    assert judge(role, own_address=own_address, authentication=verdict, strict=True).trust is strict


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MERCHANT, Role.SUPPORT])
@pytest.mark.parametrize("own_address", [True, False])
def test_trouble_with_the_dns_that_lasted_counts_as_none(role: Role, own_address: bool) -> None:
    assert judge(role, own_address=own_address, authentication=TEMPERROR) == judge(
        role, own_address=own_address, authentication=NONE
    )


@pytest.mark.parametrize(
    ("role", "own_address", "verdict", "trust"),
    [
        (Role.SUPPORT, True, NONE, POST),
        (Role.SUPPORT, False, NONE, HOLD),
        (Role.SUPPORT, True, FAIL, HOLD),
        (Role.MERCHANT, True, NONE, MARKED),
        (Role.CUSTOMER, True, NONE, MARKED),
    ],
)
def test_a_reserved_domain_helps_support_only(role: Role, own_address: bool, verdict: Verdict, trust: Trust) -> None:
    judgement = judge(role, own_address=own_address, authentication=verdict, reserved=True)
    assert judgement.trust is trust
    if role is Role.SUPPORT:  # no store decides about support
        assert judge(role, own_address=own_address, authentication=verdict, reserved=True, strict=True) == judgement
    assert ("nobody can own" in judgement.because) is (trust is POST)


def test_the_reason_says_what_made_the_difference() -> None:
    forged = judge(Role.MERCHANT, own_address=True, authentication=FAIL)
    assert forged.because == (
        "the merchant's reply address, from the merchant's own address, which is forged as far as its domain tells"
    )
    strict = judge(Role.CUSTOMER, own_address=False, authentication=PASS, strict=True)
    assert strict.because.endswith("the store is strict")


def test_nobody_has_a_reply_address_as_the_system() -> None:
    with pytest.raises(KeyError):
        judge(Role.SYSTEM, own_address=True)


def test_own_addresses_are_the_own_one_and_the_confirmed_ones() -> None:
    assert is_own("Ada@Example.org", "ada@example.org")
    assert is_own("ada@home.example", "ada@example.org", ["Ada@Home.example"])
    assert not is_own("ada@example.com", "ada@example.org", ["ada@home.example"])


def test_where_nobody_asked_the_domain_the_operator_is_not_told_that_it_confirmed() -> None:
    held = judge(Role.MERCHANT, own_address=False)
    assert held.trust is Trust.HOLD
    assert held.because == "the merchant's reply address, from another address"
