"""The command in this process, on an installation of its own, with cases that the desk opened."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from gateway import app, config
from gateway.__main__ import EXIT_STATUS, readable
from gateway.cases.model import Actor, Customer, Door, Key, NewCase, Order, Role
from gateway.cli import app as commands
from gateway.errors import CasegateError
from gateway.signing import Purpose
from store import cases
from tests.nameserver import the_worlds

STORE = "shp_aaaaaaaaaaaaaaaaaaaaaaaa"
CUSTOMER_ADDRESS, MERCHANT_ADDRESS = "ada@example.org", "grace@shop.example.org"
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str
    raw: bytes

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class OpenedCase:
    """A case, and the address at which each side answers."""

    id: str
    customer: str
    merchant: str


class Installation:
    """A data folder with its settings."""

    def __init__(self, folder: Path, relay_port: int) -> None:
        self.file = folder / "settings.toml"
        self.file.write_text(
            f'[gateway]\ndata_dir = "{folder / "data"}"\npublic_url = "https://cases.example.org"\n'
            '[http]\nlisten = "127.0.0.1:0"\n[smtp]\nlisten = "127.0.0.1:0"\n'
            '[mail]\nreply_domain = "cases.example.org"\n'
            f'[[relay]]\nurl = "smtp://127.0.0.1:{relay_port}"\n'
            f'[dns]\nserver = "127.0.0.1:{the_worlds().address[1]}"\n'
        )
        self.config = config.load(self.file)

    def casegate(self, *words: object, stdin: bytes = b"") -> Done:
        """Run a command; a failure ends as `main` ends it."""
        result = CliRunner().invoke(commands, [*map(str, words), "--config", str(self.file)], input=stdin)
        if isinstance(result.exception, CasegateError):
            text = "\n".join(readable(result.exception))
            return Done(EXIT_STATUS[type(result.exception)], result.stdout, text, result.stdout_bytes)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr, result.stdout_bytes)

    @contextmanager
    def parts(self) -> Iterator[app.Parts]:
        """What a `run` is made of, without anything listening."""
        parts = app.build(self.config, run=True, worker="run")
        try:
            yield parts
        finally:
            parts.dispatcher.close()
            parts.database.close()

    def open_case(self) -> OpenedCase:
        """Open a case with one merchant."""
        new = NewCase(
            store_id=STORE,
            customer=Customer("cus_aaaaaaaaaaaaaaaaaaaaaaaa", STORE, CUSTOMER_ADDRESS, "Ada", "Byron"),
            order=Order(
                "ord_aaaaaaaaaaaaaaaaaaaaaaaa", STORE, "cus_aaaaaaaaaaaaaaaaaaaaaaaa", "1042", 2499, "EUR", "COMPLETED",
                NOW,
            ),
            occurred_at=NOW, subject="The lid is missing", body="The kettle came without its lid.",
            store_name="Blue Kettle", notify=((MERCHANT_ADDRESS, "Grace"),),
        )  # fmt: skip
        with self.parts() as parts:
            opened = parts.desk.open_case(new, Actor(Role.SYSTEM, Door.HOOK), key=Key("test", "1"))
            people = cases.participants(opened.view.case.id)
            token = {p.role: parts.secrets.keyring.token(Purpose.REPLY, p.handle, p.generation) for p in people}
        customer, merchant = (f"reply+{token[role]}@cases.example.org" for role in (Role.CUSTOMER, Role.MERCHANT))
        return OpenedCase(opened.view.case.id, customer, merchant)

    def bodies(self, case: OpenedCase) -> list[str]:
        """What was said on a case, trail included."""
        with self.parts():
            return [message.body for message in cases.messages(case.id, page=1, limit=100).items]

    def deliver(self, to: str, sender: str, text: str = "It arrived, thank you.") -> int:
        """Keep a mail, as a pipe transport does. Returns its inbox id."""
        done = self.casegate("deliver", "--from", sender, "--to", to, stdin=mail(sender, to, text))
        assert done.status == 0, done.err
        return int(done.out)


def mail(sender: str, to: str, text: str) -> bytes:
    """A mail as a pipe hands it over: with the line ends of the system."""
    return f"From: {sender}\nTo: {to}\nSubject: Re: The lid\nMessage-ID: <1@example.org>\n\n{text}\n".encode()


class Mailbox:
    """A relay that takes everything."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append((envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 Ok: taken"
