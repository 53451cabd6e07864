"""Making a backup while the gateway works: the rows as of one moment, then the files that they name (rule 16).

Removal of files stands still meanwhile (`store.backups`); nothing else waits. The archive is made beside its place and
gets its name when it is whole and synced: what has the name of a backup is one.
"""

import base64
import errno
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from gateway.backups import lockbox
from gateway.backups.archive import KEYS, LEDGER, ROWS, Writing, name_of, writing
from gateway.config import Config
from gateway.errors import Invalid, Problem, StorageFull
from store import audit, backups
from store.database import Database
from store.files import Files, sync_folder

KEY_FOLDERS = ("secrets", "dkim")  # in data_dir
_RENEW = 60.0  # seconds between two signs of life

log = structlog.get_logger("backup")


@dataclass(frozen=True, slots=True)
class Made:
    """What a backup holds. size: bytes of all members. missing: files that rows name and that were not there.

    has_keys: whether the keys of data_dir are in it. elsewhere: keys that are not in data_dir, so that they are not.
    """

    files: int
    size: int
    has_keys: bool
    elsewhere: tuple[str, ...]
    missing: tuple[str, ...]


def make(
    config: Config, database: Database, files: Files, target: Path, *, passphrase: str, now: Callable[[], datetime]
) -> Made:
    """Make a backup at a path where nothing is: a tar file if its name ends in `.tar`, else a folder.

    passphrase: for the keys; "" leaves them out. Raises Invalid, Contended while another one is made, StorageFull.
    """
    if target.exists() or not target.parent.is_dir():
        text = "is there already: name a new one" if target.exists() else "cannot be made: its folder is not there"
        raise Invalid((Problem("TARGET", f"{target} {text}"),))
    made_at = now()
    with _room_beside(target) as room, _removing_paused(database, now) as goes_on:
        rows = room / ROWS
        backups.copy_rows(Path(urlsplit(config.database_url).path[1:]), rows, goes_on)
        with writing(room / "archive", tar=target.suffix == ".tar") as archive:
            archive.add(ROWS, rows)
            missing = _add_files(archive, files, rows, goes_on)
            if config.ledger_file.exists():
                archive.add(LEDGER, config.ledger_file)
            if passphrase:
                archive.add_bytes(KEYS, lockbox.lock(_keys(config), passphrase))
            has_keys = KEYS in archive.members
            archive.finish({"madeAt": made_at.isoformat(), "casegate": version("casegate"), "keys": has_keys})
        goes_on(at_once=True)  # whoever took this backup for dead may have removed what it was to hold
        (room / "archive").rename(target)
        sync_folder(target.parent)
    members = archive.members
    made = Made(
        sum(name.startswith("files/") for name in members),
        sum(member.size for member in members.values()),
        has_keys,
        tuple(_elsewhere(config)),
        tuple(missing),
    )
    _note(database, made, now)
    return made


def _note(database: Database, made: Made, now: Callable[[], datetime]) -> None:
    detail = {"files": made.files, "bytes": made.size, "keys": made.has_keys, "missing": len(made.missing)}
    database.write(lambda: audit.record(audit.OPERATOR, "backup.made", now(), detail=detail))
    log.info("backup.made", **detail)


@contextmanager
def _room_beside(target: Path) -> Iterator[Path]:
    """A folder for what is being made, on the disk of the target. Raises StorageFull for a disk that is full."""
    room = target.with_name(f".{target.name}.part")
    shutil.rmtree(room, ignore_errors=True)  # of one that was killed
    try:
        room.mkdir(mode=0o700)
        yield room
    except (OSError, sqlite3.Error) as error:
        if _is_full(error):
            text = f"There is no room for the backup at {target.parent}; nothing of it was kept"
            raise StorageFull(text) from error
        raise Invalid((Problem("TARGET", f"{target} cannot be made: {error}"),)) from error
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _is_full(error: OSError | sqlite3.Error) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


class _SignsOfLife:
    """Renews the pause, at most once a minute."""

    def __init__(self, database: Database, owner: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._owner = owner
        self._now = now
        self._last = time.monotonic()

    def __call__(self, *, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self._last >= _RENEW:
            self._database.write(lambda: backups.renew_pause(self._owner, self._now()), durable=False)
            self._last = time.monotonic()


@contextmanager
def _removing_paused(database: Database, now: Callable[[], datetime]) -> Iterator[_SignsOfLife]:
    owner = f"a backup is made, by process {os.getpid()} since {now():%Y-%m-%d %H:%M:%S} UTC"
    database.write(lambda: backups.pause_removing(owner, now()))
    try:
        yield _SignsOfLife(database, owner, now)
    finally:
        database.write(lambda: backups.end_pause(owner))


def _add_files(archive: Writing, files: Files, rows: Path, goes_on: Callable[[], None]) -> list[str]:
    """Returns what was not there. A damaged installation can be backed up, too."""
    missing = []
    for room, name in backups.files_named(rows):
        goes_on()
        try:
            archive.add(name_of(room, name), files.root / room / name[:2] / name)
        except FileNotFoundError:
            log.error("backup.file_missing", room=room, name=name)
            missing.append(f"{room}/{name}")
    return missing


def _keys(config: Config) -> bytes:
    """All that stands in the folders of keys, as JSON: its name below data_dir, its content."""
    data_dir = config.gateway.data_dir
    found = sorted(path for folder in KEY_FOLDERS for path in (data_dir / folder).glob("[!.]*") if path.is_file())
    named = {path.relative_to(data_dir).as_posix(): base64.b64encode(path.read_bytes()).decode() for path in found}
    return json.dumps(named).encode()


def _elsewhere(config: Config) -> Iterator[str]:
    """Keys that must be kept with the settings."""
    if config.tokens.keys:
        yield "tokens.keys"
    if config.hooks.secrets:
        yield "hooks.secrets"
    inside = [config.gateway.data_dir.absolute() / folder for folder in KEY_FOLDERS]
    for file in (config.mail.dkim_key_file, *(one.key_file for one in config.dkim)):
        if file is not None and not any(file.absolute().is_relative_to(folder) for folder in inside):
            yield str(file)
