"""The audit trail: who did what, when, through which door. Rows are only added.

They hold ids and values of settings, never names, addresses or words: they outlive an erasure (HARDENING rule 25).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gateway.cases.model import Actor, Door, Role
from store.database import sql
from store.tables import from_ms, to_ms

OPERATOR = Actor(Role.SYSTEM, Door.COMMAND)  # whoever may run the commands
SYSTEM = Actor(Role.SYSTEM, Door.SYSTEM)
_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. actor_id: `cus_…`, `mbr_…`, `stk_…`, `participant:7`, or "" for the operator and the system.

    action: such as `case.closed`. subject: the id of what was changed, when it is no case. detail: more about it.
    """

    id: int
    at: datetime
    role: Role
    actor_id: str
    door: Door
    action: str
    store_id: str
    case_id: str
    subject: str
    detail: Mapping[str, object]


def record(
    actor: Actor,
    action: str,
    now: datetime,
    *,
    store_id: str = "",
    case_id: str = "",
    subject: str = "",
    detail: Mapping[str, object] = _NOTHING,
) -> None:
    """Note an act, in the transaction of the act."""
    sql(
        "INSERT INTO audit (at, role, actor_id, door, action, store_id, case_id, subject, detail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            to_ms(now), actor.role, _id_of(actor), actor.door, action, store_id, case_id, subject,
            json.dumps(dict(detail), default=str) if detail else "",
        ),
    )  # fmt: skip


def _id_of(actor: Actor) -> str:
    if actor.id:
        return actor.id
    return f"participant:{actor.participant_id}" if actor.participant_id else ""


def listing(*, store_id: str = "", case_id: str = "", before: int | None = None, limit: int = 50) -> tuple[Entry, ...]:
    """The latest acts, newest first; of a store or a case only, where one is given. before: an id, to go on from."""
    words, params = ["1 = 1"], list[object]()
    for column, value in (("case_id", case_id), ("store_id", store_id)):
        if value:
            words.append(f"{column} = ? AND {column} <> ''")  # word for word the condition of the index
            params.append(value)
    if before is not None:
        words.append("id < ?")
        params.append(before)
    rows = sql(
        "SELECT id, at, role, actor_id, door, action, store_id, case_id, subject, detail FROM audit"
        f" WHERE {' AND '.join(words)} ORDER BY id DESC LIMIT ?",
        (*params, limit),
    )
    return tuple(map(_entry, rows))


def _entry(row: Sequence[Any]) -> Entry:
    id_, at, role, actor_id, door, action, store_id, case_id, subject, detail = row
    return Entry(
        id_, from_ms(at), Role(role), actor_id, Door(door), action, store_id, case_id, subject,
        json.loads(detail) if detail else {},
    )  # fmt: skip
