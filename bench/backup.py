"""How long a backup and a restore take, and what whoever writes meanwhile feels of them.

    .venv/bin/python -m bench.backup [--messages 100000] [--files 500] [--cases 500]

The desk opens cases; then their rows are copied in the database until there are so many messages, with a mail in and a
mail out for each, as they come to be, and files of 200 kB stand beside it. A thread keeps mails of 2 kB durably, one
after the other, as the SMTP door does, first alone and then while `casegate backup` runs as a command of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.accept import seed

if TYPE_CHECKING:
    from gateway.app import Parts

FILE_BYTES = 200_000
ALONE = 5.0  # seconds
PASSPHRASE = "correct horse, battery staple"


def keep_one(parts: "Parts", raw_file: str = "") -> None:
    """A mail of 2 kB, or one in a file, is durable."""
    from store import inbox

    parts.database.write(
        lambda: inbox.insert(
            now=datetime.now(UTC), mail_from="tom@customer.test", recipients="[]", client="192.0.2.1", helo="",
            size=2_000, sha256="", lane="", raw=None if raw_file else os.urandom(2_000), raw_file=raw_file,
        )
    )  # fmt: skip


def grow(parts: "Parts", messages: int) -> None:
    """Copy rows until there are so many of each."""
    from store.database import sql

    changed = {
        "message": {"id": "id || '_' || n", "number": "number + 100 * n", "mail_id": "''"},
        "outbox": {"id": "NULL", "handle": "randomblob(16)", "rfc_message_id": "rfc_message_id || n"},
        "inbox": {"id": "NULL", "state": "'done'", "outcome": "'posted'"},
    }
    for table, expressions in changed.items():
        columns = [row[1] for row in sql(f"PRAGMA table_info({table})")]
        taken = ", ".join(expressions.get(column, f'"{column}"') for column in columns)
        (count,) = sql(f"SELECT count(*) FROM {table}").fetchone()
        source = f"(SELECT * FROM {table} ORDER BY rowid LIMIT {count})"
        for start in range(1, messages // count, 10):
            numbers = f"WITH t(n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM t WHERE n < {start + 9})"
            statement = f"{numbers} INSERT INTO {table} SELECT {taken} FROM {source} JOIN t"
            parts.database.write(lambda statement=statement: sql(statement), durable=False)  # type: ignore[misc]


def add_files(parts: "Parts", count: int) -> None:
    for _ in range(count):
        keep_one(parts, parts.files.write_raw(os.urandom(16).hex() + ".eml", os.urandom(FILE_BYTES)))


@contextmanager
def writing(parts: "Parts") -> Iterator[list[float]]:
    """Keep one mail after the other. Yields how long each took, in ms."""
    took: list[float] = []
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            begun = time.perf_counter()
            keep_one(parts)
            took.append((time.perf_counter() - begun) * 1_000)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()


def casegate(*words: object) -> float:
    """Run a command. Returns how many seconds it took."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "gateway", *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def tell(name: str, took: list[float], seconds: float = 0.0) -> None:
    parts = statistics.quantiles(took, n=1_000)
    print(
        f"{name:<26} {f'{seconds:.1f}' if seconds else '':>8} {len(took) / (sum(took) / 1_000):>8.0f}"
        f" {parts[499]:>8.2f} {parts[989]:>8.2f} {max(took):>8.1f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--cases", type=int, default=500)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        seed(folder / "data", args.cases)
        from gateway import app, config

        parts = app.build(config.load(), run=True, worker="bench")
        for _ in range(args.cases):
            keep_one(parts)
        grow(parts, args.messages)
        add_files(parts, args.files)
        size = (folder / "data" / "casegate.db").stat().st_size
        print(
            f"{args.messages} messages: database {size / 1e6:.0f} MB, {args.files} files of {FILE_BYTES // 1_000} kB\n"
        )
        print(f"{'':<26} {'seconds':>8} {'writes/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
        with writing(parts) as took:
            time.sleep(ALONE)
        tell("nothing beside it", took)
        with writing(parts) as took:
            seconds = casegate("inbox", "list")
        tell("casegate inbox list", took, seconds)
        os.environ["CASEGATE_BACKUP_PASSPHRASE"] = PASSPHRASE
        for name in ("backup.tar", "backup"):
            with writing(parts) as took:
                seconds = casegate("backup", folder / name)
            tell(f"casegate backup {name}", took, seconds)
        parts.dispatcher.close()
        parts.database.close()
        os.environ["CASEGATE_GATEWAY__DATA_DIR"] = str(folder / "new")
        print(f"{'casegate restore':<26} {casegate('restore', folder / 'backup.tar'):>8.1f}")


if __name__ == "__main__":
    main()
