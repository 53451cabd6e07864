"""The url of a relay, and the files beside it."""

from pathlib import Path

import pytest

from gateway.errors import Invalid
from gateway.outbound.relay import Relay
from gateway.outbound.target import Encryption, Target, read_url

FILE = Path("secret")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("smtp://relay.example.org", Target("relay.example.org", 25, Encryption.OFFERED, False)),
        ("smtp://relay.example.org:587/", Target("relay.example.org", 587, Encryption.OFFERED, False)),
        (
            "smtp://us%40er:p%2Fw@relay.example.org:587?starttls=require",
            Target("relay.example.org", 587, Encryption.REQUIRED, True, "us@er", "p/w"),
        ),
        ("smtps://user@relay.example.org", Target("relay.example.org", 465, Encryption.IMPLICIT, True, "user")),
        (
            "smtps://relay.example.org?starttls=require",
            Target("relay.example.org", 465, Encryption.IMPLICIT, True),
        ),
    ],
)
def test_urls(url: str, target: Target) -> None:
    assert read_url(url) == target


def test_names() -> None:
    assert read_url("smtp://user:secret@relay.example.org").name == "relay.example.org:25"
    assert read_url("smtp://[::1]:2525").name == "[::1]:2525"


@pytest.mark.parametrize(
    "url",
    [
        "relay.example.org",
        "http://relay.example.org",
        "smtp://",
        "smtp://:25",
        "smtp://relay.example.org?starttls=maybe",
        "smtp://relay.example.org?verify=no",
        "smtp://relay.example.org/path",
        "smtp://user:s3c/ret@relay.example.org",
        "smtp://user:s3c#ret@relay.example.org",
        "smtp://user:s3c[ret@relay.example.org",
        "smtp://user:s3c%0Dret@relay.example.org",
        "smtp://:s3cret@relay.example.org",
        "smtp://relay.example.org:70000",
    ],
)
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        Relay(url, local_hostname="gw.example.org")
    [problem] = caught.value.problems
    assert problem.field == "relay.url"
    assert problem.text
    assert "s3c" not in problem.text + repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_password_is_shown_nowhere() -> None:
    target = read_url("smtp://user:s3cret@relay.example.org")
    assert "s3cret" not in repr(target) + str(target) + repr(Relay(target, local_hostname="gw.example.org"))


@pytest.mark.parametrize(
    ("url", "files", "text"),
    [
        ("smtp://user:x@relay.example.org", {"password_file": FILE}, "one secret is enough"),
        ("smtp://user@relay.example.org", {"password_file": FILE, "oauth_token_file": FILE}, "one secret is enough"),
        ("smtp://relay.example.org", {"password_file": FILE}, "user name"),
        ("smtp://relay.example.org", {"oauth_token_file": FILE}, "user name"),
        ("smtp://relay.example.org", {"ca_file": FILE}, "starttls=require"),
    ],
)
def test_files_that_do_not_fit(url: str, files: dict[str, Path], text: str) -> None:
    every: dict[str, Path | None] = {"password_file": None, "oauth_token_file": None, "ca_file": None}
    with pytest.raises(ValueError, match=text):
        read_url(url).with_files(**(every | files))
