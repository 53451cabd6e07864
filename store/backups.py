"""Copies of all rows while others write, and what a copy must forget before it is used in place of what was lost.

Theory of operation (HARDENING rule 16). A backup first stops the removal of files, then copies the rows as they are at
one moment, then the files that this copy names. What comes in meanwhile has new names, and nothing that was named goes,
so every file of the copy is there. Whoever removes files asks for the switch in the job that takes their names away:
that job commits before the copy, which does not name them any more, or it finds the switch.

A backup that was killed lets go of the files by itself: its pause ends when nobody has renewed it for `PAUSE`.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway.errors import Contended
from store import switches
from store.database import sql
from store.files import Room
from store.outbox import ACTIVE
from store.switches import Switch
from store.tables import to_ms

PAUSE = timedelta(hours=1)  # in which a backup says again that it is at work
PAGES = 2_048  # that are copied between two looks at the clock
#: What is said of a mail that the lost installation may have sent after the backup, to the people of its case as well.
UNCLEAR = "unclear: it waited when the backup was made that was restored, and may have been sent since"


# ---- making one: within a job of `Database.write`, but for the copying ----------------------------------------------


def pause_removing(owner: str, now: datetime) -> None:
    """Files stay where they are from now on. Raises Contended while another backup is made."""
    end_pause_of_the_dead(now)
    since = switches.since(Switch.REMOVING)
    if since is not None:
        raise Contended(
            f"Another backup is at work, or was killed: it was last heard of at {since:%H:%M} UTC."
            " Try again when it is done; one that was killed is forgotten in an hour"
        )
    switches.stop(Switch.REMOVING, owner, now)


def renew_pause(owner: str, now: datetime) -> None:
    """The backup goes on. Raises Contended when it was taken for dead, since files may have gone."""
    found = sql("UPDATE switch SET at = ? WHERE name = ? AND reason = ?", (to_ms(now), Switch.REMOVING, owner))
    if found.rowcount != 1:
        raise Contended("This backup stood still for so long that files may have been removed; please begin anew")


def end_pause(owner: str) -> None:
    """The backup is done, or has failed."""
    sql("DELETE FROM switch WHERE name = ? AND reason = ?", (Switch.REMOVING, owner))


def end_pause_of_the_dead(now: datetime) -> None:
    """Forget a backup that nobody has heard of for too long; a clock that was set back counts as long, too."""
    since = switches.since(Switch.REMOVING)
    if since is not None and abs(now - since) >= PAUSE:
        switches.start(Switch.REMOVING)


def copy_rows(source: Path, target: Path, goes_on: Callable[[], None]) -> None:
    """Copy a database as it is now into a new file, synced. Others may write meanwhile; goes_on is called often.

    Raises sqlite3.Error, such as for a disk that is full.
    """
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA synchronous = off")
        # One transaction around all steps: without it, each write of others would have the copy begin anew.
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        live.backup(copy, pages=PAGES, progress=lambda status, left, all_pages: goes_on(), sleep=0)
    make_single(target)


def make_single(database: Path) -> None:
    """Bring the log of a database that nobody uses into its file, and sync that."""
    with closing(sqlite3.connect(database)) as rows:
        rows.execute("PRAGMA journal_mode = delete")
    descriptor = os.open(database, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def files_named(copy: Path) -> Iterator[tuple[Room, str]]:
    """The files that the rows of a copy name."""
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as rows:
        for (name,) in rows.execute("SELECT raw_file FROM inbox WHERE raw_file <> ''"):
            yield Room.RAW, name
        for (name,) in rows.execute("SELECT name FROM stored_file"):
            yield Room.CONTENT, name


# ---- using one: within a job of `Database.write` --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settled:
    """How many mails are unclear, and how many claims of workers that are gone were taken back."""

    unclear: int
    given_back: int


def settle(why: str, now: datetime) -> Settled:
    """Make a copy fit to be used: nothing of it is sent or closed by itself. why: for the operator."""
    switches.start(Switch.REMOVING)  # the copy was made while it stood still
    for switch in (Switch.SENDING, Switch.CLOSING):
        switches.start(switch)
        switches.stop(switch, why, now)
    # Given up, so that only `outbox retry` sends them. Most of them did arrive: nobody is told otherwise (told_at), and
    # on their messages they show as delayed.
    unclear: int = sql(
        "UPDATE outbox SET state = 'failed', answer = ?, report = 'delayed', report_text = ?, reported_at = ?,"
        f" told_at = ?, worker = '' WHERE {ACTIVE} AND (due_at <= ? OR state = 'claimed')",
        (UNCLEAR, UNCLEAR, to_ms(now), to_ms(now), to_ms(now)),
    ).rowcount
    # What their workers have posted after the copy is lost with the rest, so they are processed as if for the first
    # time; what they had posted before it is not posted twice (rule 6).
    given_back: int = sql(
        "UPDATE inbox SET state = 'pending', due_at = ?, worker = '' WHERE state = 'claimed'", (to_ms(now),)
    ).rowcount
    return Settled(unclear, given_back)
