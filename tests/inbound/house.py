"""Everything that keeps mail, in one folder, with nobody who processes it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gateway.config import SmtpSection
from gateway.inbound.admit import Admission
from gateway.inbound.keep import Envelope, Intake, Rush
from gateway.inbound.limits import RateLimits
from gateway.signing import Keyring, Purpose
from store import inbox, migrations
from store.database import Database
from store.files import Files
from store.inbox import Kept

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
DOMAIN = "cases.example.org"
RING = Keyring({1: b"s" * 32}, 1)


def reply_address(handle: bytes) -> str:
    return f"reply+{RING.token(Purpose.REPLY, handle)}@{DOMAIN}"


def bounce_address(handle: bytes) -> str:
    return f"bounce+{RING.token(Purpose.BOUNCE, handle)}@{DOMAIN}"


class House:
    """Files, a database and the intake. now: its clock. limits: of the settings."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime] = lambda: NOW, **limits: int) -> None:
        self.files = Files(folder / "files")
        self.files.open()
        self.database = Database(f"sqlite:///{folder / 'cases.db'}")
        self.database.bind()
        migrations.apply()
        self.database.open()
        self.woken: list[int] = []
        self.settings = SmtpSection(**limits)
        self.now = now
        self.admission, self.intake = self.new_intake()

    def new_intake(self) -> tuple[Admission, Intake]:
        """As another process has it, on the same database."""
        admission = Admission(RING, reply_domain=DOMAIN, from_address="", known_key_ids=frozenset({1}))
        limits, rush = RateLimits(self.settings, self.now), Rush(lambda: 0.0)
        return admission, Intake(admission, limits, self.database, self.files, now=self.now, rush=rush, wake=self._wake)

    def _wake(self) -> None:
        self.woken.append(len(self.rows()))

    def rows(self) -> tuple[Kept, ...]:
        return inbox.listing(limit=1_000)

    def raw_files(self) -> list[Path]:
        return [path for path in (self.files.root / "raw").rglob("*") if path.is_file()]

    def keep(self, *envelopes: Envelope) -> list[str]:
        """What the clients of these mails hear, who all end together. Raises the first error."""

        async def run() -> list[str]:
            return await asyncio.gather(*(self.intake.keep(envelope) for envelope in envelopes))

        return asyncio.run(run())
