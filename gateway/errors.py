"""Every error that a door translates. `Refused` is final, `Later` is worth another try; the class decides, once.

The text of an error is written for the person outside who has to act on it. It never names internals, and it never
says whether a case exists to somebody who may not know.
"""

from dataclasses import dataclass


class CasegateError(Exception):
    """Base of all errors with an answer. `code` is the stable word of the HTTP contract (CONTRACT §6)."""

    code = "internal_error"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Refused(CasegateError):
    """Asking again with the same input brings the same answer."""

    code = "invalid_request"


class Later(CasegateError):
    """Nothing was done; the same call may succeed later. Our own fault or a passing state, never the caller's."""

    code = "unavailable"
    retry_after = 5  # seconds that a web client should wait


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: the path of the field (`data.order.id`) and what to do about it."""

    field: str
    text: str


class Invalid(Refused):
    """The input is malformed; `problems` names every field at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.text}" if p.field else p.text for p in problems))
        self.problems = problems


class NotAllowed(Refused):
    """The law about cases forbids this act in this status (DESIGN §2)."""


class TooLate(NotAllowed):
    """A customer would open a case again that was closed longer ago than its store allows."""


class Unauthenticated(Refused):
    """We do not know who is calling."""

    code = "authentication_required"


class BadCredential(Unauthenticated):
    """A credential was given and is not valid."""

    code = "invalid_api_key"


class Forbidden(Refused):
    """We know the caller, who may not do this."""

    code = "insufficient_permissions"


class NotFound(Refused):
    """There is no such thing, or none that this caller may know of."""

    code = "not_found"


class Erased(NotFound):
    """The words of the case are gone, and nothing can be added to it any more (HARDENING rule 25)."""


class Conflict(Refused):
    """The input contradicts what is already there."""

    code = "resource_already_exists"


class TooLarge(Refused):
    """The input is over a size limit."""


class UnknownRecipient(Refused):
    """No such mailbox here (RFC 3463 X.1.1)."""

    code = "not_found"


class RelayingDenied(Refused):
    """We take no mail for that domain (RFC 3463 X.7.1)."""

    code = "insufficient_permissions"


class StoreUnavailable(Later):
    """The database or the disk failed: nothing was kept."""


class StorageFull(Later):
    """Below the free-space floor no new mail is taken, so that outcomes can still be written (RFC 3463 X.3.1)."""


class KeyNotLoaded(Later):
    """A token was signed with a key that this installation used, and that is not loaded now."""


class Contended(Later):
    """Too many others changed the same case at the same time."""

    retry_after = 1


class Overloaded(Later):
    """More work at once than the limits allow."""


class RateLimited(Later):
    """More mail than one address or one network may bring in an hour or a day (HARDENING rule 19).

    over: whom it is about, handles of tokens (hex) and networks. retry_after: seconds until their count begins anew.
    """

    def __init__(self, text: str, *, over: frozenset[str] = frozenset(), retry_after: int = 3_600) -> None:
        super().__init__(text)
        self.over = over
        self.retry_after = retry_after


class StillAsking(Later):
    """The DNS has not answered yet what tells whether a sender is genuine. Nothing is wrong with his mail."""


class RelayUnavailable(Later):
    """No relay takes mail at the moment."""
