"""`casegate check`: one line for each thing, what to do about it, and the DNS records."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.cli.check import dns_records, file_system
from gateway.config import Config, MailSection, RelaySection
from store.database import sql
from store.tables import to_ms
from tests.cli.installation import NOW, Done, Installation, Mailbox


def verdicts(done: Done) -> dict[str, set[str]]:
    """What was said about each thing."""
    found: dict[str, set[str]] = {}
    for line in done.out.partition("\n\n")[0].splitlines():
        verdict, name, _ = line.split(maxsplit=2)
        found.setdefault(name, set()).add(verdict)
    return found


def test_before_the_first_run_nothing_is_made(installation: Installation, mailbox: Mailbox) -> None:
    done = installation.casegate("check")
    assert done.status == 0
    assert verdicts(done) == {
        "config": {"ok"}, "disk": {"ok"}, "database": {"warning"}, "doors": {"ok"}, "keys": {"ok"}, "queue": {"ok"},
        "relay": {"ok"}, "dkim": {"warning"}, "templates": {"ok"},
    }  # fmt: skip
    assert not installation.config.gateway.data_dir.exists()


def test_beside_a_running_gateway_all_is_well(installation: Installation, mailbox: Mailbox) -> None:
    with installation.parts():
        done = installation.casegate("check")
    assert done.status == 0
    found = verdicts(done)
    assert found.pop("dkim") == {"warning"}  # nothing signs
    assert set.union(*found.values()) == {"ok"}


def test_links_that_nobody_can_open_are_a_warning(installation: Installation, mailbox: Mailbox) -> None:
    text = installation.file.read_text()
    installation.file.write_text(text.replace("https://cases.example.org", "http://127.0.0.1:8080"))
    done = installation.casegate("check")
    assert verdicts(done)["doors"] == {"ok", "warning"}
    assert "set gateway.public_url" in done.out


def test_a_relay_that_is_down_fails_and_is_named(installation: Installation, closed_port: int) -> None:
    done = installation.casegate("check")
    assert done.status == 1
    assert verdicts(done)["relay"] == {"FAILED"}
    assert f"127.0.0.1:{closed_port}" in done.out
    assert "set in relay.0, and casegate check --relay 1 shows" in done.out


def test_every_wrong_setting_is_a_line(installation: Installation) -> None:
    installation.file.write_text('[smtp]\nlisten = "x"\n[http]\nlisten = "y"\n')
    done = installation.casegate("check")
    assert done.status == 1
    assert [line.split()[:3] for line in done.lines] == [
        ["FAILED", "config", "http.listen:"], ["FAILED", "config", "smtp.listen:"],
    ]  # fmt: skip


def test_a_missing_key_fails_once_mails_were_sent_with_it(installation: Installation, mailbox: Mailbox) -> None:
    installation.open_case()
    (installation.config.gateway.data_dir / "secrets" / "token_keys").unlink()
    done = installation.casegate("check")
    assert done.status == 1
    assert verdicts(done)["keys"] == {"FAILED"}


def test_looking_at_a_key_does_not_make_it_a_used_one(installation: Installation, mailbox: Mailbox) -> None:
    installation.casegate("migrate")
    settings = installation.file.read_text()
    hooks = '[hooks]\nsecrets = ["whsec_c2lnbmVkLWJ5LXRoZS1wbGF0Zm9ybQ=="]\n'
    for letter in "AB":  # a key that is corrected before the first start
        installation.file.write_text(f'{settings}{hooks}[tokens]\nkeys = ["1:{letter * 43}="]\n')
        done = installation.casegate("check")
        assert verdicts(done)["keys"] == {"ok"}, done.out


def test_an_old_schema_fails_and_says_what_to_run(installation: Installation, mailbox: Mailbox) -> None:
    installation.config.gateway.data_dir.mkdir()
    (installation.config.gateway.data_dir / "casegate.db").touch()
    done = installation.casegate("check")
    assert done.status == 1
    assert verdicts(done)["database"] == {"FAILED"}
    assert "casegate migrate" in done.out


def test_a_broken_database_does_not_hide_the_rest(installation: Installation, mailbox: Mailbox) -> None:
    installation.config.gateway.data_dir.mkdir()
    (installation.config.gateway.data_dir / "casegate.db").write_bytes(b"not a database" * 1_000)
    done = installation.casegate("check")
    assert done.status == 1
    assert verdicts(done)["database"] == {"FAILED"}
    assert verdicts(done)["templates"] == {"ok"}


def test_mail_that_waits_too_long_is_a_warning(installation: Installation, mailbox: Mailbox) -> None:
    installation.open_case()
    with installation.parts() as parts:
        parts.database.write(lambda: sql("UPDATE outbox SET created_at = ?", (to_ms(NOW - timedelta(hours=1)),)))
        parts.database.write(lambda: sql("UPDATE outbox SET state = 'failed' WHERE id = 1"))
    done = installation.casegate("check")
    assert done.status == 0
    assert verdicts(done)["mail"] == {"warning"}
    assert "casegate outbox list" in done.out
    assert "1 mails could not be sent" in done.out


@pytest.mark.parametrize(
    ("section", "verdict"),
    [
        ('[mail]\nreply_domain = "cases.localhost"', "warning"),
        ('[mail]\nreply_domain = "cases.example.org"\nfrom_address = "cases@example.org"', "warning"),
        (
            '[mail]\nreply_domain = "cases.example.org"\n[support]\naddress = "support@cases.example.org"',
            "FAILED",
        ),
        ('[mail]\nreply_domain = "cases.localhost"\n[canary]\nevery_minutes = 10', "FAILED"),
    ],
)
def test_settings_that_do_not_go_together(
    installation: Installation, mailbox: Mailbox, section: str, verdict: str
) -> None:
    text = installation.file.read_text().replace('[mail]\nreply_domain = "cases.example.org"', section)
    installation.file.write_text(text)
    done = installation.casegate("check")
    assert verdict in verdicts(done)["config"]
    assert done.status == (1 if verdict == "FAILED" else 0)


PUBLIC_KEY = (  # the point G of P-256
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84z"
    "V2sxXs7LtkBoN79R9Q=="
)


@pytest.mark.parametrize(
    ("settings", "verdicts_of_doors", "said"),
    [
        ("", {"ok"}, "mail comes in by SMTP at 127.0.0.1:0\n"),
        ('mailgun_signing_key = "key"', {"ok"}, "SMTP at 127.0.0.1:0, Mailgun\n"),
        ('ses_topic_arn = "arn:aws:sns:eu-west-1:123456789012:mail"', {"ok"}, "SMTP at 127.0.0.1:0, Amazon SES\n"),
        (f'sendgrid_public_key = "{PUBLIC_KEY}"', {"ok"}, "SendGrid, signed\n"),
        (f'sendgrid_public_key = "{PUBLIC_KEY[:-4]}"', {"ok", "FAILED"}, "providers.sendgrid_public_key: is not"),
        (
            'postmark_secret = "abcdefghijklmnopqrstuvwxyz"\npostmark_networks = ["192.0.2.0/24"]',
            {"ok", "FAILED"},
            "http.proxy_from is empty",
        ),
    ],
)
def test_ways_in(
    installation: Installation, mailbox: Mailbox, settings: str, verdicts_of_doors: set[str], said: str
) -> None:
    installation.file.write_text(f"{installation.file.read_text()}[providers]\n{settings}\n")
    done = installation.casegate("check")
    assert verdicts(done)["doors"] == verdicts_of_doors
    assert said in done.out
    assert done.status == ("FAILED" in verdicts_of_doors)


def test_a_secret_path_behind_a_tls_proxy_and_lmtp_are_ways_in(installation: Installation, mailbox: Mailbox) -> None:
    text = installation.file.read_text().replace("[http]", '[http]\nproxy_from = ["127.0.0.1"]')
    text = text.replace("[smtp]", '[smtp]\nlmtp_listen = "127.0.0.1:2524"')
    secret = 'sendgrid_secret = "abcdefghijklmnopqrstuvwxyz"\nsendgrid_networks = ["192.0.2.0/24"]'
    installation.file.write_text(f"{text}[providers]\n{secret}\n")
    done = installation.casegate("check")
    assert "SMTP at 127.0.0.1:0, LMTP at 127.0.0.1:2524, SendGrid, by a secret path\n" in done.out
    assert verdicts(done)["doors"] == {"ok"}


def test_below_the_free_space_floor_it_fails(installation: Installation, mailbox: Mailbox) -> None:
    text = installation.file.read_text().replace("[gateway]", f"[gateway]\nfree_space_floor = {2**62}")
    installation.file.write_text(text)
    assert verdicts(installation.casegate("check"))["disk"] == {"FAILED"}


def test_the_file_system_is_the_one_mounted_nearest(tmp_path: Path) -> None:
    (tmp_path / "my data").mkdir()
    mounts = tmp_path / "mounts"
    escaped = str(tmp_path / "my data").replace(" ", "\\040")
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {escaped} nfs4 rw 0 0\n")
    assert file_system(tmp_path / "my data", mounts) == "nfs4"
    assert file_system(tmp_path / "my data.db", mounts) == "ext4"
    assert file_system(tmp_path, tmp_path / "no such file") == ""


def test_dns_records_name_domain_host_and_relays() -> None:
    relays = [RelaySection.model_validate({"url": f"smtp://u:p@{host}"}) for host in ("127.0.0.1", "out.example.net")]
    config = Config(
        gateway={"public_url": "https://cases.example.com"},
        mail=MailSection(reply_domain="cases.example.org"),
        relay=tuple(relays),
    )
    text = dns_records(config)
    assert "cases.example.org.  MX   10 cases.example.com." in text
    assert 'cases.example.org.  TXT  "v=spf1 mx a:out.example.net -all"' in text
    assert "u:p" not in text
