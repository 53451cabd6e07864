"""Signing in at a relay: PLAIN, LOGIN, XOAUTH2; secrets from files; never in the clear, and shown nowhere."""

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path

import pytest
import structlog.testing

from gateway.outbound import sign_in as sign_in_module
from gateway.outbound.answers import Answer, Gone, Outcome
from gateway.outbound.connect import connect, tls_context
from gateway.outbound.relay import Relay
from gateway.outbound.target import Target, read_url
from tests.relays import Office, ScriptedRelay

pytestmark = pytest.mark.anyio

MAIL = b"Subject: Your case\r\n\r\nHello\r\n"
SENDER, RECIPIENT = "bounce+x@cases.example.org", "anna@example.org"
SECRET = "s3cr3t/p@ss wörd"
PLAIN = b64encode(f"\0us@er\0{SECRET}".encode()).decode()


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


def offering(mechanisms: str) -> str:
    return f"250-relay.example.org\r\n250 AUTH {mechanisms}"


def at(peer: ScriptedRelay, **files: Path) -> Target:
    every: dict[str, Path | None] = {"password_file": None, "oauth_token_file": None, "ca_file": None}
    return read_url(f"smtp://us%40er@127.0.0.1:{peer.port}").with_files(**(every | files))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return file


async def test_plain(office: Office) -> None:
    _, peer = await office.has(EHLO=offering("LOGIN PLAIN CRAM-MD5"), AUTH="235 2.7.0 Welcome")
    relay = office.reaches(f"smtp://us%40er:s3cr3t%2Fp%40ss%20w%C3%B6rd@127.0.0.1:{peer.port}")
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.heard[1] == f"AUTH PLAIN {PLAIN}"


@pytest.mark.parametrize("offer", ["250 AUTH LOGIN", "250 AUTH=LOGIN", "250 auth login"])
async def test_login(office: Office, file: Path, offer: str) -> None:
    _, peer = await office.has(EHLO=f"250-relay.example.org\r\n{offer}", AUTH="334 VXNlcm5hbWU6")
    peer.script["RESPONSE"] = ["334 UGFzc3dvcmQ6", "235 2.7.0 Welcome"]
    assert (await office.reaches(at(peer, password_file=file)).send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.heard[1] == "AUTH LOGIN"
    assert [b64decode(line).decode() for line in peer.heard[2:4]] == ["us@er", SECRET]


@pytest.mark.parametrize("token", ["ya29.short", "x" * 3_000], ids=["short", "long"])
async def test_xoauth2(office: Office, file: Path, token: str) -> None:
    """A long token does not fit into the command and comes as an answer to a challenge (RFC 4954 §4)."""
    file.write_text(token)  # noqa: ASYNC240
    long = len(token) > 400
    _, peer = await office.has(EHLO=offering("PLAIN XOAUTH2"), AUTH="334 " if long else "235 Welcome")
    peer.script["RESPONSE"] = "235 2.7.0 Welcome"
    relay = office.reaches(at(peer, oauth_token_file=file))
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    said = peer.heard[2] if long else peer.heard[1].removeprefix("AUTH XOAUTH2 ")
    assert b64decode(said).decode() == f"user=us@er\x01auth=Bearer {token}\x01\x01"


async def test_xoauth2_refused_with_an_explanation(office: Office, file: Path) -> None:
    explanation = b64encode(json.dumps({"status": "401", "schemes": "bearer"}).encode()).decode()
    _, peer = await office.has(EHLO=offering("XOAUTH2"), AUTH=f"334 {explanation}")
    peer.script["RESPONSE"] = "535 5.7.8 Username and token not accepted"
    answer = await office.reaches(at(peer, oauth_token_file=file)).probe()
    assert peer.heard[2] == ""
    assert (answer.outcome, answer.code, answer.enhanced) == (Outcome.RELAY_DOWN, 535, "5.7.8")
    assert answer.text == (
        '5.7.8 Username and token not accepted {"status": "401", "schemes": "bearer"} '
        f"(the relay does not let us in: see the user name in url and the token in {file})"
    )


async def test_the_file_is_read_for_each_connection(office: Office, file: Path) -> None:
    _, peer = await office.has(EHLO=offering("PLAIN"), AUTH="235 2.7.0 Welcome")
    relay = office.reaches(at(peer, password_file=file))
    passwords = ["first", "second\r\n"]
    for password in passwords:
        file.write_text(password)  # noqa: ASYNC240
        assert (await relay.probe()).outcome is Outcome.SENT
    said = [b64decode(line.split()[2]).decode() for line in peer.heard if line.startswith("AUTH")]
    assert said == ["\0us@er\0first", "\0us@er\0second"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "has to hold one line with the secret"),
        (b"\n", "has to hold one line with the secret"),
        (b"one\ntwo\n", "has to hold one line with the secret"),
        (b"nul\0", "has to hold one line with the secret"),
        (b"\xff\xfe", "is no text in UTF-8"),
    ],
)
async def test_a_file_that_holds_no_secret(office: Office, tmp_path: Path, content: bytes | None, text: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    _, peer = await office.has(EHLO=offering("XOAUTH2"), AUTH="235 2.7.0 Welcome")
    answer = await office.reaches(at(peer, oauth_token_file=file)).send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.code) == (Outcome.RELAY_DOWN, 0)
    assert f"{file} {text}" in answer.text
    assert "AUTH" not in peer.verbs()


async def test_a_wrong_password(office: Office, file: Path) -> None:
    _, peer = await office.has(EHLO=offering("PLAIN LOGIN"), AUTH="535 5.7.8 Wrong password")
    answer = await office.reaches(at(peer, password_file=file)).send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.code) == (Outcome.RELAY_DOWN, 535)
    assert answer.text == (
        f"5.7.8 Wrong password (the relay does not let us in: see the user name in url and the password in {file})"
    )
    assert peer.verbs().count("AUTH") == 1  # two wrong passwords at once bring many accounts nearer to being locked


async def test_a_mechanism_that_is_offered_and_not_known(office: Office, file: Path) -> None:
    _, peer = await office.has(EHLO=offering("PLAIN LOGIN"), AUTH=["504 5.5.4 Unknown", "334 VXNlcm5hbWU6"])
    peer.script["RESPONSE"] = ["334 UGFzc3dvcmQ6", "235 2.7.0 Welcome"]
    assert (await office.reaches(at(peer, password_file=file)).probe()).outcome is Outcome.SENT
    assert [line for line in peer.heard if line.startswith("AUTH")][1] == "AUTH LOGIN"


@pytest.mark.parametrize("ehlo", [offering("CRAM-MD5 GSSAPI"), "250 relay.example.org"])
async def test_nothing_that_we_know_is_offered(office: Office, file: Path, ehlo: str) -> None:
    _, peer = await office.has(EHLO=ehlo)
    answer = await office.reaches(at(peer, password_file=file)).send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.RELAY_DOWN
    assert "does not let anybody sign in with PLAIN or LOGIN" in answer.text
    assert ("CRAM-MD5 GSSAPI" if "CRAM" in ehlo else "AUTH: not offered") in answer.text


async def test_a_challenge_that_never_ends(office: Office, file: Path) -> None:
    _, peer = await office.has(EHLO=offering("PLAIN"), AUTH="334 and?", RESPONSE=["334 and?", "501 5.5.2 Cancelled"])
    answer = await office.reaches(at(peer, password_file=file)).probe()
    assert (answer.outcome, answer.code) == (Outcome.RELAY_DOWN, 334)
    assert peer.heard[2] == "*"


async def test_no_secret_goes_over_the_net_in_the_clear(
    office: Office, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_module, "_is_this_machine", lambda peer: False)
    _, peer = await office.has(EHLO=offering("PLAIN"), AUTH="235 2.7.0 Welcome")
    answer = await office.reaches(at(peer, password_file=file)).send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.RELAY_DOWN
    assert "offers no encryption, and the password is not said without it: write ?starttls=require" in answer.text
    assert peer.verbs() == ["EHLO"]


@pytest.mark.parametrize(
    ("peer", "here"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("192.0.2.1", False), ("::ffff:0:1", False),
     ("fe80::1%eth0", False), ("", False), ("localhost", False)],
)  # fmt: skip
def test_who_is_this_machine(peer: str, here: bool) -> None:
    assert sign_in_module._is_this_machine(peer) is here


class Watcher:
    """All that a witness is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def said(self, line: str) -> None:
        self.lines.append(f"C: {line}")

    def heard(self, line: str) -> None:
        self.lines.append(f"S: {line}")

    def encrypted(self, tls: object, *, checked: bool) -> None:
        self.lines.append("--")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "XOAUTH2"])
async def test_nothing_secret_is_shown_even_when_the_relay_repeats_it(
    office: Office, file: Path, mechanism: str
) -> None:
    token = b64encode(f"user=us@er\x01auth=Bearer {SECRET}\x01\x01".encode()).decode()
    password = b64encode(SECRET.encode()).decode()
    secrets = (SECRET, PLAIN, token, password)
    gossip = f"535 5.7.8 No: {' '.join(secrets)}"
    login = mechanism == "LOGIN"
    _, peer = await office.has(EHLO=offering(mechanism), AUTH="334 VXNlcm5hbWU6" if login else gossip)
    peer.script["RESPONSE"] = ["334 UGFzc3dvcmQ6", gossip]
    target = at(peer, **{"oauth_token_file" if mechanism == "XOAUTH2" else "password_file": file})
    watcher = Watcher()
    with structlog.testing.capture_logs() as logs, pytest.raises(Gone) as caught:
        await connect(target, local_hostname="gw", patience=20, tls=tls_context(target), witness=watcher)
    answer = caught.value.answer
    said = {"PLAIN": (SECRET, PLAIN), "LOGIN": (SECRET, password), "XOAUTH2": (SECRET, token)}[mechanism]
    everything = "\n".join((*watcher.lines, str(answer), repr(answer), repr(caught.value), repr(target), repr(logs)))
    assert not [secret for secret in said if secret in everything]
    assert "C: AUTH LOGIN" in watcher.lines if login else f"C: AUTH {mechanism} …" in watcher.lines
    assert [line for line in watcher.lines if line.startswith("S: 535 5.7.8 No: …")]


async def test_without_a_user_name_nobody_signs_in(office: Office) -> None:
    relay, peer = await office.has(EHLO=offering("PLAIN"))
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert "AUTH" not in peer.verbs()


async def test_probing_sends_nothing(office: Office) -> None:
    relay, peer = await office.has()
    answer = await relay.probe()
    assert answer == Answer(Outcome.SENT, 0, "", f"127.0.0.1:{peer.port} takes our mail")
    assert peer.verbs() == ["EHLO", "QUIT"]


def test_a_relay_shows_no_secret() -> None:
    target = replace(read_url("smtps://user@relay.example.org"), password=SECRET)
    assert SECRET not in repr(Relay(target, local_hostname="gw.example.org"))
