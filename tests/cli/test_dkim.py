"""`casegate dkim`: keys, their records, and what `check` says of them."""

import re
import stat
from pathlib import Path

import dkim

from gateway import config
from gateway.outbound.sign import make_key
from tests.cli.installation import Done, Installation, Mailbox
from tests.nameserver import BROKEN, the_worlds, txt


def add_to(installation: Installation, created: Done) -> None:
    """Put the lines that were printed into the settings."""
    lines = created.out.partition("[mail]\n")[2].splitlines()[:2]
    text = installation.file.read_text()
    installation.file.write_text(text.replace("[mail]\n", "\n".join(["[mail]", *lines, ""])))
    installation.config = config.load(installation.file)


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
    add_to(installation, done)
    assert record(installation.casegate("dkim", "list").out) == (place, value)

    world = the_worlds()
    world.zone = {}
    missing = installation.casegate("check")
    assert f"There is no key at {place}" in missing.out
    assert missing.status == 1
    for other, told in (
        (make_key(domain, "one", "rsa").record, f"Another key is published at {place}"),
        (make_key(domain, "one", "ed25519").record, f"Another key is published at {place}"),
        ("v=DKIM1; p=", f"The key at {place} does not count: it was revoked"),
        (f"{value}; t=y", f"The key at {place} does not count: its domain is only testing"),
    ):
        world.zone = {(place, "TXT"): (txt(other),)}
        assert told in installation.casegate("check").out
    world.zone = {(place, "TXT"): BROKEN}
    lost = installation.casegate("check")
    assert (lost.status, f"{place} could not be looked up" in lost.out) == (0, True)
    world.zone = {(place, "TXT"): (txt(value),)}
    found = installation.casegate("check")
    assert f"{place} is published (rsa-sha256)" in found.out
    assert place in found.out.partition("DNS records to add")[2]

    installation.open_case()
    with installation.parts() as parts:
        parts.dispatcher.drain()
    _, raw = mailbox.mails[0]
    assert dkim.DKIM(raw).verify(dnsfunc=lambda name, timeout=5: {f"{place}.": value.encode()}.get(name.decode()))


def test_a_key_that_others_can_read_is_a_warning(installation: Installation, mailbox: Mailbox, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    add_to(installation, installation.casegate("dkim", "create", "cases.example.org", "--out", str(file)))
    assert "chmod" not in installation.casegate("check").out
    file.chmod(0o640)
    assert f"chmod 600 {file}" in installation.casegate("check").out


def test_without_a_choice_a_key_lies_with_the_data_under_a_selector_of_the_month(installation: Installation) -> None:
    for algorithm, end in (("rsa", ""), ("ED25519", "e")):
        done = installation.casegate("dkim", "create", "Shop.example.org", "--algorithm", algorithm)
        place, value = record(done.out)
        selector, _, rest = place.partition(".")
        assert re.fullmatch(rf"cg20\d{{4}}{end}", selector)
        assert rest == "_domainkey.shop.example.org"
        assert f"k={algorithm.lower()}" in value
        file = installation.config.gateway.data_dir / "dkim" / f"shop.example.org.{selector}.pem"
        assert f'key_file = "{file}"' in done.out
        assert file.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")  # PKCS #8


def test_without_a_key_the_list_says_what_that_means(installation: Installation) -> None:
    done = installation.casegate("dkim", "list")
    assert (done.status, done.out) == (0, "")
    assert "nothing is signed" in done.err


def test_a_key_that_cannot_be_used_is_told_with_its_place(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    text = installation.file.read_text()
    section = f'[[dkim]]\ndomain = "shop.example.org"\nselector = "one"\nkey_file = "{tmp_path / "key.pem"}"\n'
    installation.file.write_text(text + section)
    for command in ("list", "check"):
        done = installation.casegate(*(["dkim", "list"] if command == "list" else ["check"]))
        assert done.status != 0
        assert "dkim.0.key_file" in done.out + done.err


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
