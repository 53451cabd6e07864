"""Reply addresses, and all links that bear the same credential, are taken back by raising a participant's generation.

Functions that write run inside a job of `Database.write`.
"""

import hashlib

from gateway.cases.model import Participant
from store.database import sql


def revoke(participant_id: int, generation: int) -> None:
    """Only addresses and links of that generation, and of later ones, count from now on. Again is harmless."""
    sql(
        "UPDATE participant SET generation = ? WHERE id = ? AND generation < ?",
        (generation, participant_id, generation),
    )


def waiting_messages(person: Participant) -> frozenset[str]:
    """The messages of which a participant is told by mails that were not sent yet."""
    rows = sql(
        "SELECT message_id FROM outbox WHERE case_id = ? AND participant_id = ? AND state IN ('queued', 'claimed')"
        " AND message_id IS NOT NULL",
        (person.case_id, person.id),
    )
    return frozenset(row[0] for row in rows)


def fingerprint(handle: bytes) -> str:
    """What tells a participant from another one who got the same id after a restore; it is no credential."""
    return hashlib.sha256(handle).hexdigest()[:32]


def handle_of(participant_id: int) -> bytes | None:
    """The handle of a participant, or None."""
    row = sql("SELECT handle FROM participant WHERE id = ?", (participant_id,)).fetchone()
    return None if row is None else bytes(row[0])
