"""What is known about addresses that mail came from, whoever they belong to.

Functions that write run inside a job of `Database.write`.
"""

from datetime import datetime, timedelta

from store.database import sql
from store.tables import to_ms

_NOTED_EVERY = timedelta(days=1)
_LONGEST = 254  # characters


def has_passed(address: str) -> bool:
    """Whether mail from this address ever passed authentication (HARDENING rule 4)."""
    return sql("SELECT 1 FROM sender WHERE address = ?", (address.lower(),)).fetchone() is not None


def note_pass(address: str, now: datetime) -> None:
    """Mail from this address passed authentication. Written once a day at most."""
    if len(address) > _LONGEST:
        return  # no mail system has one that long (RFC 5321 §4.5.3.1)
    sql(
        "INSERT INTO sender (address, passed_at) VALUES (?, ?)"
        " ON CONFLICT (address) DO UPDATE SET passed_at = excluded.passed_at WHERE sender.passed_at <= ?",
        (address.lower(), to_ms(now), to_ms(now - _NOTED_EVERY)),
    )
