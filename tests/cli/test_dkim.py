"""`casegate dkim`: keys, their records, and what `check` says of them."""

import stat
from pathlib import Path

import dkim

from tests.cli.installation import Installation, Mailbox
from tests.nameserver import the_worlds, txt


def record(text: str) -> tuple[str, str]:
    """Place and value of the record in a zone line."""
    line = next(line for line in text.splitlines() if "TXT" in line)
    place, _, strings = line.partition(".  TXT  ")
    return place, "".join(strings.strip("( )").replace('" "', '"').split('"'))


def test_a_key_is_made_configured_checked_and_signs(
    installation: Installation, mailbox: Mailbox, tmp_path: Path
) -> None:
    domain = installation.config.mail.reply_domain
    done = installation.casegate("dkim", "create", domain, "--selector", "one", "--out", str(tmp_path / "one.pem"))
    assert done.status == 0
    assert stat.S_IMODE((tmp_path / "one.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in done.out
    place, value = record(done.out)
    assert place == f"one._domainkey.{domain}"
    settings = "\n".join(done.out.splitlines()[done.out.splitlines().index("[mail]") + 1 :])
    text = installation.file.read_text()
    installation.file.write_text(text.replace("[mail]\n", f"[mail]\n{settings}\n"))
    assert record(installation.casegate("dkim", "list").out) == (place, value)

    world = the_worlds()
    world.zone = {}
    missing = installation.casegate("check")
    assert f"{place} has no key" in missing.out
    assert missing.status == 1
    world.zone = {(place, "TXT"): (txt("v=DKIM1; p=b3RoZXI="),)}
    assert f"{place} has another key" in installation.casegate("check").out
    world.zone = {(place, "TXT"): (txt(value),)}
    found = installation.casegate("check")
    assert f"{place} has the key (rsa-sha256)" in found.out
    assert place in found.out.partition("DNS records to add")[2]

    installation.open_case()
    with installation.parts() as parts:
        parts.dispatcher.drain()
    _, raw = mailbox.mails[0]
    assert dkim.DKIM(raw).verify(dnsfunc=lambda name, timeout=5: {f"{place}.": value.encode()}.get(name.decode()))


def test_a_key_is_never_written_over(installation: Installation, tmp_path: Path) -> None:
    create = ("dkim", "create", "shop.example.org", "--algorithm", "ed25519", "--out", str(tmp_path / "key.pem"))
    done = installation.casegate(*create)
    assert "[[dkim]]" in done.out
    before = (tmp_path / "key.pem").read_bytes()
    again = installation.casegate(*create)
    assert again.status != 0
    assert "is there already" in again.err
    assert (tmp_path / "key.pem").read_bytes() == before


def test_clear_words_for_wrong_input(installation: Installation) -> None:
    assert "must be a domain name" in installation.casegate("dkim", "create", "no domain").err
    assert "rsa, ed25519" in installation.casegate("dkim", "create", "a.example.org", "--algorithm", "dsa").err
