"""The HTTP door in front of a real desk on a SQLite file."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from standardwebhooks import Webhook
from starlette.testclient import TestClient

from gateway.cases.escalation import Rules
from gateway.cases.model import Store
from gateway.changes import Changes
from gateway.config import Config
from gateway.desk import Desk
from gateway.outbound.compose import Composer
from gateway.rendering import built_in
from gateway.signing import Keyring
from gateway.support import Support
from gateway.web.server import make_app
from store import credentials, migrations, parties
from store.database import Database, sql
from store.files import Files

STORE, OTHER_STORE = "shp_aaaaaaaaaaaaaaaaaaaaaaaa", "shp_bbbbbbbbbbbbbbbbbbbbbbbb"
SUPPORT = "help@platform.example.org"
CUSTOMER, ORDER = "cus_aaaaaaaaaaaaaaaaaaaaaaaa", "ord_aaaaaaaaaaaaaaaaaaaaaaaa"
SECRET, OLD_SECRET = "whsec_c2lnbmVkLWJ5LXRoZS1wbGF0Zm9ybS0wMDAwMDE=", "whsec_c2lnbmVkLWJ5LXRoZS1wbGF0Zm9ybS0wMDAwMDA="


@dataclass
class Clock:
    """A clock that a test moves."""

    moment: datetime = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Door:
    """What a test does at the door: sends hooks as the platform, calls the API as a store's program."""

    client: httpx2.Client
    app: FastAPI
    clock: Clock
    database: Database
    problems: list[str]
    sent: int = field(default=0)

    def case_event(self, **changes: Any) -> dict[str, Any]:
        """A good CASE_CREATE; `changes` replace fields of its data, None removes one."""
        data: dict[str, Any] = {
            "storeId": STORE,
            "store": {"name": "Blue Kettle", "notify": [{"email": "desk@shop.example.org", "name": "Grace"}]},
            "customer": {"id": CUSTOMER, "email": "ada@example.org", "firstName": "Ada", "lastName": "Byron"},
            "order": {
                "id": ORDER, "orderNumber": "1042", "amount": 2499, "currency": "EUR", "status": "COMPLETED",
                "createdAt": "2026-05-01T08:00:00.000Z",
            },
            "subject": "The lid is missing",
            "body": "The kettle came without its lid.",
        }  # fmt: skip
        data.update(changes)
        data = {name: value for name, value in data.items() if value is not None}
        return {"event": "CASE_CREATE", "id": "evt_1", "timestamp": "2026-05-04T09:30:00.000Z", "data": data}

    def hook(
        self, event: Any, webhook_id: str | None = None, secret: str = SECRET, to: str = "cases", **headers: str
    ) -> httpx2.Response:
        """Send an event (an object, or the text of a body), signed by the sending side of the standard's package."""
        self.sent += 1
        webhook_id = webhook_id or f"evt_sent_by_the_test_{self.sent}"
        body = event if isinstance(event, str) else json.dumps(event)
        signed = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(self.clock().timestamp())),
            "webhook-signature": Webhook(secret).sign(webhook_id, self.clock(), body),
        }
        return self.client.post(f"/hooks/{to}", content=body.encode(), headers=signed | headers)

    def open_case(self, **changes: Any) -> dict[str, Any]:
        """Open a case. Returns it as the API shows it."""
        answer = self.hook(self.case_event(**changes))
        assert answer.status_code == 201, answer.text
        case: dict[str, Any] = answer.json()["data"]
        return case

    def token(self, *scopes: str, store: str = STORE) -> dict[str, str]:
        """The header of a new token of the store (all scopes by default). The store must exist."""
        given = frozenset(scopes or credentials.SCOPES)
        secret = self.database.write(lambda: credentials.create_token(store, "Desk program", given, self.clock()))
        return {"authorization": f"Bearer {secret}"}

    def add_store(self, store: str) -> None:
        """Add a store without a case."""
        added = Store(store, "Red Teapot", self.clock())
        self.database.write(lambda: parties.add_store(added))

    def count(self, table: str) -> int:
        """How many rows a table has."""
        count: int = sql(f"SELECT count(*) FROM {table}").fetchone()[0]
        return count


def cases_url(case: dict[str, Any] | None = None, tail: str = "", store: str = STORE) -> str:
    """The path of a store's cases, of one case, of something below it."""
    return f"/v2/core/stores/{store}/cases" + (f"/{case['id']}{tail}" if case else "")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'cases.db'}")
    database.bind()
    migrations.apply()
    database.open()
    yield database
    database.close()


@pytest.fixture
def make_door(tmp_path: Path, clock: Clock, database: Database) -> Callable[[], tuple[FastAPI, list[str]]]:
    """The application, and the list of problems that its readiness tells."""

    def make() -> tuple[FastAPI, list[str]]:
        files = Files(tmp_path / "files")
        files.open()
        composer = Composer(Config(), Keyring({0: b"k" * 32}, 0), built_in())
        whom = (SUPPORT, "Support Team")
        changes = Changes(database, files, composer, now=clock, wake=lambda: None, support=whom)
        desk = Desk(changes, composer, reply_domain=Config().mail.reply_domain, support_name="Support Team")
        problems: list[str] = []
        secrets = [OLD_SECRET, SECRET]
        support = Support(database, changes, Rules(3, 30, 0), address=SUPPORT)
        app = make_app(
            desk,
            support,
            credentials.find_token,
            hook_secrets=secrets,
            problems=lambda: list(problems),
            now=clock,
        )
        return app, problems

    return make


@pytest.fixture
def door(make_door: Callable[[], tuple[FastAPI, list[str]]], clock: Clock, database: Database) -> Iterator[Door]:
    """The door without a socket."""
    app, problems = make_door()
    with TestClient(app) as client:
        yield Door(client, app, clock, database, problems)


@pytest.fixture
def served(make_door: Callable[[], tuple[FastAPI, list[str]]], clock: Clock, database: Database) -> Iterator[Door]:
    """The door behind a real server on a port of its own."""
    app, problems = make_door()
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)
    server, started = uvicorn.Server(config), threading.Event()
    startup = server.startup

    async def announced(*args: Any, **options: Any) -> None:
        await startup(*args, **options)
        started.set()

    server.startup = announced  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(20)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield Door(client, app, clock, database, problems)
    server.should_exit = True
    thread.join()
