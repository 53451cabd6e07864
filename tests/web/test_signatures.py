"""Standard Webhooks v1, checked against the package that the platform's side may use."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.errors import BadCredential, Unauthenticated
from gateway.web.signatures import key_of, read_headers

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SECRET, OTHER = "whsec_" + "c2VjcmV0LW9uZQ==", "whsec_" + "c2VjcmV0LXR3bw=="


def headers(body: str, secret: str = SECRET, at: datetime = NOW, webhook_id: str = "evt_1") -> dict[str, str]:
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, at, body),
    }


@given(st.text(), st.text(alphabet="evt_0123456789", min_size=1))
def test_what_the_package_signs_is_accepted(body: str, webhook_id: str) -> None:
    signed = read_headers(headers(body, webhook_id=webhook_id), NOW)
    signed.verify(body.encode(), [key_of(OTHER), key_of(SECRET)])
    with pytest.raises(BadCredential):
        signed.verify(body.encode() + b" ", [key_of(OTHER), key_of(SECRET)])


def test_during_a_rotation_one_of_several_signatures_is_enough() -> None:
    both = headers("{}")
    both["webhook-signature"] = f"v1,AAAA v2,x rubbish {Webhook(OTHER).sign('evt_1', NOW, '{}')}"
    read_headers(both, NOW).verify(b"{}", [key_of(OTHER)])


def test_another_secret_is_refused() -> None:
    with pytest.raises(BadCredential):
        read_headers(headers("{}"), NOW).verify(b"{}", [key_of(OTHER)])
    with pytest.raises(BadCredential):
        read_headers(headers("{}"), NOW).verify(b"{}", [])


@pytest.mark.parametrize("seconds", [-301, 301])
def test_old_and_future_calls_are_refused(seconds: int) -> None:
    with pytest.raises(BadCredential, match="300 seconds"):
        read_headers(headers("{}", at=NOW + timedelta(seconds=seconds)), NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_clock_that_is_a_little_off_is_fine(seconds: int) -> None:
    read_headers(headers("{}", at=NOW + timedelta(seconds=seconds)), NOW).verify(b"{}", [key_of(SECRET)])


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed(missing: str) -> None:
    given = headers("{}")
    del given[missing]
    with pytest.raises(Unauthenticated, match="not signed"):
        read_headers(given, NOW)


@pytest.mark.parametrize("timestamp", ["soon", "1.5", "-1", "٣", "9" * 400, " 1", "1e3", "\xb2"])
def test_rubbish_in_the_timestamp(timestamp: str) -> None:
    with pytest.raises(Unauthenticated):
        read_headers(headers("{}") | {"webhook-timestamp": timestamp}, NOW)


@given(st.text())
def test_rubbish_in_the_signature_never_verifies(signature: str) -> None:
    with pytest.raises(Unauthenticated):
        read_headers(headers("{}") | {"webhook-signature": signature}, NOW).verify(b"{}", [key_of(SECRET)])


@pytest.mark.parametrize("extra", [{}, {"x-pandabase-signature": "ab" * 32}])
def test_a_v1_signature_is_refused_with_a_text_that_says_so(extra: dict[str, str]) -> None:
    old = {"webhook-id": "evt_1", "webhook-timestamp": str(int(NOW.timestamp() * 1000))}
    with pytest.raises(BadCredential, match="V1 signature"):
        read_headers(old | {"webhook-signature": "ab" * 32} | extra, NOW)


@pytest.mark.parametrize("secret", ["whsec_c2VjcmV0LW9uZQ==", "whsec_c2VjcmV0LW9uZQ", "c2VjcmV0LW9uZQ=="])
def test_forms_of_a_secret(secret: str) -> None:
    assert key_of(secret) == b"secret-one"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!"])
def test_malformed_secrets(secret: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        key_of(secret)
