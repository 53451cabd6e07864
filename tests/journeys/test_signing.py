"""Mail that left the gateway, judged by dkimpy as its recipient's server would, with the keys that the DNS has."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dkim
import pytest

from gateway.outbound.sign import SigningKey, make_key
from store import parties
from tests.sink import Mail, Sink
from tests.world import DOMAIN, MIA, STORE, TOM, Clock, World

SHOP = "shop.example.org"
RSA, ED, SHOPS = make_key(DOMAIN, "one", "rsa"), make_key(DOMAIN, "two", "ed25519"), make_key(SHOP, "one", "rsa")
KEYS = (RSA, ED, SHOPS)


def written(folder: Path, key: SigningKey) -> Path:
    file = folder / f"{key.place}.pem"
    file.write_bytes(key.pem())
    return file


def section(folder: Path, key: SigningKey) -> str:
    return f'domain = "{key.domain}"\nselector = "{key.selector}"\nkey_file = "{written(folder, key)}"\n'


@pytest.fixture
def signing(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[World]:
    """A gateway with two keys of its own, and one of a store's domain."""
    own = f'reply_domain = "{DOMAIN}"\ndkim_selector = "one"\ndkim_key_file = "{written(tmp_path, RSA)}"'
    more = f"{section(tmp_path, ED)}[[dkim]]\n{section(tmp_path, SHOPS)}"
    url = f'public_url = "https://{DOMAIN}"'
    with closing(World(tmp_path, sink, clock, gateway=url, mail=own, **{"[dkim]": more})) as world:
        yield world


def signers(mail: Mail) -> list[str]:
    """The places of the keys whose signatures hold."""
    records = {f"{key.place}.": key.record.encode() for key in KEYS}
    asked: list[str] = []

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        asked.append(name.decode().rstrip("."))
        return records.get(name.decode())

    for place, _ in enumerate(mail.message.get_all("DKIM-Signature", [])):
        assert dkim.DKIM(mail.raw).verify(place, ask)
    return asked


def test_every_mail_of_a_conversation_bears_the_signatures_of_its_domain(signing: World) -> None:
    signing.open_case()
    signing.answer(signing.newest_mail_to(MIA), "We send the lid today.\n.\n\nFrom now on you wait.\n\u00dcber!")
    signing.answer(signing.newest_mail_to(TOM), "Thank you.")
    assert len(signing.sink.mails) >= 4
    for mail in signing.sink.mails:
        assert signers(mail) == [RSA.place, ED.place]


def test_the_button_that_unsubscribes_is_signed(signing: World) -> None:
    """RFC 8058 §4: mail programs show it only then."""
    signing.open_case()
    mail = signing.newest_mail_to(MIA)
    signed = mail.header("DKIM-Signature").partition("h=")[2].partition(";")[0].replace(" ", "").split(":")
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"):
        assert mail.header(name)
        assert name in signed
    assert signers(mail) == [RSA.place, ED.place]


def test_a_store_speaks_from_its_own_domain(signing: World) -> None:
    signing.open_case()
    own = f"help@{SHOP}"
    signing.parts.database.write(lambda: parties.save_store(replace(parties.get_store(STORE), from_address=own)))
    signing.answer(signing.newest_mail_to(MIA), "We send the lid today.")
    mail = signing.newest_mail_to(TOM)
    assert mail.header("From").endswith(f"<{own}>")
    assert signers(mail) == [SHOPS.place]  # aligned with From, so that DMARC passes
    assert mail.reply_address.endswith(f"@{DOMAIN}")
    signing.answer(mail, "Thank you.")
    assert "Thank you." in signing.newest_mail_to(MIA).text


def test_a_store_whose_key_is_gone_speaks_from_ours(signing: World) -> None:
    signing.open_case()
    lost = "help@lost.example.org"
    signing.parts.database.write(lambda: parties.save_store(replace(parties.get_store(STORE), from_address=lost)))
    signing.answer(signing.newest_mail_to(MIA), "We send the lid today.")
    mail = signing.newest_mail_to(TOM)
    assert mail.header("From").endswith(f"<cases@{DOMAIN}>")
    assert signers(mail) == [RSA.place, ED.place]


def test_without_a_key_mail_goes_out_as_it_is(world: World) -> None:
    world.open_case()
    assert signers(world.newest_mail_to(TOM)) == []
