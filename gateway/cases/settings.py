"""What a store decides about its cases: the values behind "Settings → Cases"."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class CaseSettings:
    """How the cases of a store go. The default is what a store has that has decided nothing.

    auto_reply: what a customer gets with his receipt, "" for nothing. auto_close_days: of silence until a case closes
    that waits for its customer, 0 for never; warn_days: of them, those between the warning and the closing, 0 for no
    warning; None for what the gateway's settings say. skip_weekends: Saturdays and Sundays are no days of silence, nor
    are holidays. reopen_days: after its closing, in which a customer's mail reopens a case; 0 for ever. thanks_hours:
    after its closing, in which a mere "thanks" leaves it closed; 0 for none.
    """

    auto_reply: str = ""
    auto_close_days: int | None = None
    warn_days: int | None = None
    skip_weekends: bool = False
    holidays: tuple[date, ...] = ()
    reopen_days: int = 0
    thanks_hours: int = 72
