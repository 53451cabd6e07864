"""Whose words a mail is (HARDENING rule 4, for mail whose sender is not authenticated)."""

import pytest

from gateway.cases.access import Trust, judge
from gateway.cases.model import Role


@pytest.mark.parametrize(
    ("role", "own_address", "trust"),
    [
        (Role.CUSTOMER, True, Trust.POST),
        (Role.CUSTOMER, False, Trust.POST_MARKED),
        (Role.MERCHANT, True, Trust.POST),
        (Role.MERCHANT, False, Trust.HOLD),
        (Role.SUPPORT, True, Trust.POST),
        (Role.SUPPORT, False, Trust.HOLD),
    ],
)
def test_trust_is_the_role_of_the_token_times_the_address(role: Role, own_address: bool, trust: Trust) -> None:
    judgement = judge(role, own_address=own_address)
    assert judgement.trust is trust
    assert "own address" in judgement.because if own_address else "another address" in judgement.because


def test_nobody_has_a_reply_address_as_the_system() -> None:
    with pytest.raises(KeyError):
        judge(Role.SYSTEM, own_address=True)
