"""What is removed with time: the bytes of mails, content that nothing refers to, files that no row names.

The sweep runs every minute, in any number of processes. It looks at one shelf of 256 at a time, so that a million files
cost a few milliseconds a minute, and comes round in four and a quarter hours. Rows change first, their files go after
that commit: a crash in between leaves files that no row names, which are found here as well.
"""

from datetime import datetime, timedelta

import structlog

from store import backups, migrations, stored_files, switches
from store.database import Database, sql
from store.files import Files, Room
from store.switches import Switch
from store.tables import to_ms

SHELVES = 256
BATCH = 100  # rows or files in one transaction
BATCHES = 50  # in one sweep
GRACE = timedelta(days=1)  # in which a file that was written must get its row

log = structlog.get_logger("retention")


def sweep(
    database: Database,
    files: Files,
    now: datetime,
    *,
    keep_raw: timedelta | None,
    keep_sent: timedelta | None = None,
) -> None:
    """Remove what has had its time, as far as it is this minute's.

    keep_raw, keep_sent: of the bytes of mails that came in, and of those that went out; None, for ever.
    Nothing goes while a backup is made, or while the clock is not believed (HARDENING rules 16 and 22).
    """
    if switches.is_stopped(Switch.REMOVING):
        database.write(lambda: backups.end_pause_of_the_dead(now), durable=False)
    if switches.is_stopped(Switch.REMOVING, Switch.CLOCK):
        return
    raw = 0 if keep_raw is None else remove_raw(database, files, now - keep_raw)
    sent = 0 if keep_sent is None else remove_sent(database, now - keep_sent)
    shelf = f"{int(now.timestamp()) // 60 % SHELVES:02x}"
    content = remove_unused(database, files, shelf, now)
    leftovers = sum(remove_leftovers(database, files, room, shelf) for room in Room)
    if raw or sent or content or leftovers:
        log.info("files.removed", raw=raw, sent=sent, content=content, leftovers=leftovers)


def remove_raw(database: Database, files: Files, before: datetime) -> int:
    """Remove the bytes of mails that were kept before a moment, are done and are not held. Returns how many."""
    removed = 0
    for _ in range(BATCHES):
        names = database.write(lambda: _take_bytes(before))
        for name in filter(None, names):
            files.remove(Room.RAW, name[:2], name)
        removed += len(names)
        if len(names) < BATCH:
            break
    return removed


def _take_bytes(before: datetime) -> list[str]:
    """Take their bytes from some rows. Returns the names of their files, "" for those that had none."""
    if switches.is_stopped(Switch.REMOVING):  # since this sweep began: see `store.backups`
        return []
    rows = sql(
        "SELECT id, raw_file FROM inbox WHERE state = 'done' AND kept_at < ?"
        " AND outcome NOT IN ('', 'held') AND (data IS NOT NULL OR raw_file <> '')"  # as the index says it
        # Posted in one case, it may be held in another.
        " AND NOT EXISTS (SELECT 1 FROM inbox_result AS one WHERE one.inbox_id = inbox.id AND one.outcome = 'held')"
        " ORDER BY kept_at LIMIT ?",
        (to_ms(before), BATCH),
    ).fetchall()
    places = ", ".join("?" * len(rows))
    sql(f"UPDATE inbox SET data = NULL, raw_file = '' WHERE id IN ({places})", [row[0] for row in rows])
    return [name for _, name in rows]


def remove_sent(database: Database, before: datetime) -> int:
    """Remove the bytes of mails that were made before a moment and are not to be sent any more. Returns how many."""
    removed = 0
    for _ in range(BATCHES):
        emptied = database.write(lambda: _empty(before), durable=False)
        removed += emptied
        if emptied < BATCH:
            break
    return removed


def _empty(before: datetime) -> int:
    emptied: int = sql(
        "UPDATE outbox SET data = ?, emptied = ? WHERE id IN (SELECT id FROM outbox"
        " WHERE state NOT IN ('queued', 'claimed') AND NOT emptied"  # as the index says it
        " AND created_at < ? ORDER BY created_at LIMIT ?)",
        (b"", True, to_ms(before), BATCH),
    ).rowcount
    return emptied


def remove_unused(database: Database, files: Files, shelf: str, now: datetime) -> int:
    """Mark content that nothing refers to, and remove what was marked before. Returns how many were removed."""
    fresh, marked = stored_files.unused(shelf, now, BATCH)

    def job() -> list[str]:
        if switches.is_stopped(Switch.REMOVING):
            return []
        stored_files.mark(fresh, now)
        return stored_files.remove(marked, now)

    names = database.write(job) if fresh or marked else []
    for name in names:
        files.remove(Room.CONTENT, name[:2], name)
    return len(names)


def remove_leftovers(database: Database, files: Files, room: Room, shelf: str) -> int:
    """Remove files that a crash left without a row. Returns how many."""
    found = files.names(room, shelf)  # before the rows: what is on its way to a row is young
    unnamed = set(found) - _names(room, shelf)
    if not unnamed:
        return 0
    # A database that was lost and begun anew must not take the files of the one before for leftovers.
    since, until = migrations.began(), files.disk_clock() - GRACE
    old = []
    for name in sorted(unnamed):
        written = files.written_at(room, shelf, name)
        if written is not None and since < written < until:
            old.append(name)

    def job(batch: list[str]) -> int:
        """In the writer, where rows come to be: nobody names a file between this look and the removal."""
        if switches.is_stopped(Switch.REMOVING):
            return 0
        gone = [name for name in batch if not _is_named(room, name)]
        for name in gone:
            files.remove(room, shelf, name)
        return len(gone)

    batches = [old[start : start + BATCH] for start in range(0, len(old), BATCH)]
    return sum(database.write(lambda batch=batch: job(batch), durable=False) for batch in batches)  # type: ignore[misc]


def _names(room: Room, shelf: str) -> set[str]:
    """The names of all files that rows name on a shelf."""
    if room is Room.CONTENT:
        return stored_files.names(shelf)
    rows = sql(
        "SELECT raw_file FROM inbox WHERE raw_file <> '' AND raw_file >= ? AND raw_file < ?", (shelf, f"{shelf}g")
    )
    return {name for (name,) in rows}


def _is_named(room: Room, name: str) -> bool:
    """Whether a row names this file."""
    if room is Room.CONTENT:
        return stored_files.is_named(name)
    return sql("SELECT 1 FROM inbox WHERE raw_file <> '' AND raw_file = ?", (name,)).fetchone() is not None
