"""Restoring a backup into an empty data_dir, so that nothing goes wrong twice (HARDENING rule 16).

    unpack, compare ──▶ keys ──▶ schema ──▶ all stands still ──▶ ledger ──▶ into place, the database last

Everything is done in a folder of its own inside data_dir. Until the last step there is no database that a gateway could
start with: a restore that was killed is begun anew, and one that is done cannot send or close by itself.
"""

import base64
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from gateway import revoking
from gateway.backups import lockbox
from gateway.backups.archive import KEYS, LEDGER, ROWS, unpack
from gateway.backups.make import KEY_FOLDERS
from gateway.config import Config
from gateway.erasing import Erasing
from gateway.errors import Invalid, Problem
from gateway.keys import ErasureKey
from store import audit, backups, migrations
from store.backups import Settled
from store.database import Database
from store.files import Files, Room, sync_folder
from store.ledger import Kind, Ledger

_STAGE = ".restoring"  # in data_dir
_LOCK = "run.lock"  # of whoever works in data_dir: that is us
_NEARLY = timedelta(minutes=5)  # a line is older than the commit of its act
_KEY_NAME = re.compile(rf"({'|'.join(KEY_FOLDERS)})/[^/.][^/]*")

log = structlog.get_logger("restore")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. made_at: of the backup. applied: lines of the ledger. migrations: names of those that were due."""

    made_at: datetime
    files: int
    has_keys: bool
    migrations: tuple[str, ...]
    settled: Settled
    applied: int


def restore(
    config: Config, source: Path, *, passphrase: str | None, ledger: Path | None, now: Callable[[], datetime]
) -> Restored:
    """Restore a backup where nothing is. Raises Invalid, after which all is as it was.

    passphrase: of its keys; None leaves them in the archive. ledger: of the lost installation, newer than the
    backup's. The caller holds data_dir, and no database is open in this process.
    """
    _refuse_occupied(config)
    if not source.exists():
        raise Invalid((Problem("FROM", f"there is no {source}"),))
    data_dir = config.gateway.data_dir
    stage = data_dir / _STAGE
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    try:
        manifest = unpack(source, stage)
        has_keys = _open_keys(stage, passphrase)
        made_at = datetime.fromisoformat(str(manifest.about["madeAt"]))
        _add_lines(stage / LEDGER, ledger)
        applied, settled, done = _prepare(config, stage, made_at, now)
        os.sync()
        _into_place(config, stage)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    count = sum(name.startswith("files/") for name in manifest.members)
    log.info("restore.done", files=count, unclear=settled.unclear, ledger=done)
    return Restored(made_at, count, has_keys, applied, settled, done)


def _database_file(config: Config) -> Path:
    return Path(urlsplit(config.database_url).path[1:])


def _refuse_occupied(config: Config) -> None:
    """Two installations must not be mixed. Raises Invalid."""
    data_dir = config.gateway.data_dir
    if [path for path in data_dir.iterdir() if path.name not in (_STAGE, _LOCK)]:
        aside = data_dir.with_name(f"{data_dir.name}.lost")
        text = (
            f"{data_dir} is not empty, and a restore mixes nothing: move it away (mv {data_dir} {aside});"
            f" if its ledger has survived, add --ledger {aside / LEDGER}"
        )
        raise Invalid((Problem("gateway.data_dir", text),))
    # A log that belongs to another database would be written into the restored one.
    for suffix in ("", "-wal", "-journal"):
        file = Path(f"{_database_file(config)}{suffix}")
        if file.exists():
            raise Invalid((Problem("database.url", f"there is a database already, {file}: move it away"),))
    for room in Room:
        if any((config.files_dir / room).rglob("*.*")) or any((config.files_dir / room).glob("*/*")):
            text = f"there are files in {config.files_dir / room}: move them away"
            raise Invalid((Problem("files.url", text),))


def _open_keys(stage: Path, passphrase: str | None) -> bool:
    """Whether there are keys now. Raises Invalid."""
    box = stage / KEYS
    if not box.exists() or passphrase is None:
        box.unlink(missing_ok=True)
        return False
    if not passphrase:
        text = "this backup has keys: give their passphrase, or leave them out with --without-keys"
        raise Invalid((Problem("--passphrase-file", text),))
    try:
        named: dict[str, str] = json.loads(lockbox.unlock(box.read_bytes(), passphrase))
    except lockbox.CannotOpen as error:
        text = "it does not open the keys of this backup; nothing was restored"
        raise Invalid((Problem("--passphrase-file", text),)) from error
    box.unlink()
    for name, content in named.items():
        if not _KEY_NAME.fullmatch(name):
            raise Invalid((Problem("FROM", f"it is no backup of Casegate: it has a key {name[:100]!r}"),))
        place = stage / name
        place.parent.mkdir(exist_ok=True, mode=0o700)
        place.touch(mode=0o600)
        place.write_bytes(base64.b64decode(content))
    return bool(named)


def _add_lines(ledger: Path, newer: Path | None) -> None:
    """Add what the backup's ledger does not have. Raises Invalid."""
    if newer is None:
        return
    try:
        Ledger(newer).lines()
        text = newer.read_text("utf-8")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid((Problem("--ledger", f"{newer} cannot be read as a ledger: {error}"),)) from error
    known = ledger.read_text("utf-8").splitlines() if ledger.exists() else []
    together = dict.fromkeys([*known, *text.rpartition("\n")[0].splitlines()])
    ledger.write_text("".join(f"{line}\n" for line in together), "utf-8")


def _prepare(
    config: Config, stage: Path, made_at: datetime, now: Callable[[], datetime]
) -> tuple[tuple[str, ...], Settled, int]:
    """Bring the rows up to date, stop what must not go on by itself, and undo again what was undone since."""
    database = Database(f"sqlite:///{stage / ROWS}")
    database.bind()
    try:
        if unknown := migrations.unknown():
            text = f"it was made by a newer version of Casegate, which knows {', '.join(unknown)}: install that one"
            raise Invalid((Problem("FROM", text),))
        applied = migrations.apply()
        database.open()
        why = f"restored from the backup of {made_at:%Y-%m-%d %H:%M} UTC"

        def job() -> Settled:
            settled = backups.settle(why, now())
            detail = {"madeAt": made_at.isoformat(), "unclear": settled.unclear}
            audit.record(audit.OPERATOR, "backup.restored", now(), detail=detail)
            return settled

        settled = database.write(job)
        done = _undo_again(config, stage, database, made_at, now)
    finally:
        database.close()
    backups.make_single(stage / ROWS)
    return applied, settled, done


def _undo_again(config: Config, stage: Path, database: Database, made_at: datetime, now: Callable[[], datetime]) -> int:
    """Apply the ledger. Returns how many of its lines count."""
    staged = config.model_copy(update={"gateway": config.gateway.model_copy(update={"data_dir": stage})})
    files = Files(stage / "files")
    files.open()
    ledger = Ledger(stage / LEDGER)
    erasing = Erasing(database, files, ledger, ErasureKey(staged), now=now)
    # What was revoked or removed before the backup was so in its rows, unless somebody has taken it back on purpose.
    lines = [line for line in ledger.lines() if line.kind is Kind.ERASED or line.at >= made_at - _NEARLY]
    for line in lines:
        erasing.apply(line)
        database.write(lambda line=line: revoking.apply(line))  # type: ignore[misc]
    return len(lines)


def _into_place(config: Config, stage: Path) -> None:
    """The database last: without it nothing starts."""
    data_dir = config.gateway.data_dir
    for name in (*KEY_FOLDERS, LEDGER):
        if (stage / name).exists():
            _move(stage / name, data_dir / name)
    for room in Room:
        place = config.files_dir / room
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if place.exists():
            shutil.rmtree(place)  # shelves without files
        _move(stage / "files" / room, place)
    _move(stage / ROWS, _database_file(config))


def _move(source: Path, place: Path) -> None:
    """To another disk, too; its name stands for the whole of it."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = place.with_name(f"{place.name}.new")
    shutil.move(source, new)
    if new.parent != source.parent:
        os.sync()
    new.rename(place)
    sync_folder(place.parent)
