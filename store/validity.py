"""What must still be so when a mail is sent (HARDENING rule 13): a condition that its row holds as text."""

from gateway.cases.model import Case, Status
from gateway.cases.notices import Valid
from store.database import sql
from store.tables import to_ms


def condition(valid: Valid, case: Case) -> str:
    """The condition as text, from the case as it will be when the mail is queued; "" for none."""
    if valid is Valid.WHILE_IDLE:
        return f"idle:{to_ms(case.last_activity_at)}"
    if valid is Valid.WHILE_CLOSED and case.closed_at is not None:
        return f"closed:{to_ms(case.closed_at)}"
    if valid is Valid.WHILE_OPEN:
        return "open:"
    return ""


def broken(condition: str, case_id: str) -> str:
    """Why a condition does not hold any more, "" while it does."""
    kind, _, moment = condition.partition(":")
    row = sql("SELECT status, last_activity_at, closed_at FROM cases WHERE id = ?", (case_id,)).fetchone()
    status, active_at, closed_at = row or ("", None, None)
    if kind == "idle" and (status, active_at) != (Status.AWAITING_CUSTOMER, int(moment)):
        return "the case does not wait in silence any more"
    if kind == "closed" and (status, closed_at) != (Status.CLOSED, int(moment)):
        return "the case was reopened"
    if kind == "open" and status == Status.CLOSED:
        return "the case was closed"
    return ""
