"""What a store decides about its cases: the values behind "Settings → Cases", and how people write them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, Final

from gateway.cases.business_hours import NO_HOURS, BusinessHours
from gateway.errors import Invalid, Problem

#: How far the gateway lets a store go.
CLOSE_DAYS: Final = 365
REOPEN_DAYS: Final = 3_650
THANKS_HOURS: Final = 24 * 365
HOLIDAYS: Final = 400
AUTO_REPLY_CHARACTERS: Final = 8_000  # of its source; what comes out is a message


@dataclass(frozen=True, slots=True)
class CaseSettings:
    """How the cases of a store go. The default is what a store has that has decided nothing.

    auto_reply: what a customer gets with his receipt, "" for nothing. auto_close_days: of silence until a case closes
    that waits for its customer, 0 for never; warn_days: of them, those between the warning and the closing, 0 for no
    warning; None for what the gateway's settings say. skip_weekends: Saturdays and Sundays are no days of silence, nor
    are holidays. reopen_days: after its closing, in which a customer's mail reopens a case; 0 for ever. thanks_hours:
    after its closing, in which a mere "thanks" leaves it closed; 0 for none. business_hours: when somebody answers, in
    the store's time zone. from_name: who speaks in From to customers, "" for the name of the store.
    """

    auto_reply: str = ""
    auto_close_days: int | None = None
    warn_days: int | None = None
    skip_weekends: bool = False
    holidays: tuple[date, ...] = ()
    reopen_days: int = 0
    thanks_hours: int = 72
    business_hours: BusinessHours = NO_HOURS
    from_name: str = ""


USUAL: Final = CaseSettings()


@dataclass(frozen=True, slots=True)
class Form:
    """How one setting is written. read: its value from a text, raises ValueError; write: a text that reads the same."""

    read: Callable[[str], Any]
    write: Callable[[Any], str] = str


def _whole(low: int, high: int) -> Form:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low:,} to {high:,}")
        return int(text)

    return Form(read)


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError(f"there is no {text}; known here: yes, no")
    return text.lower() == "yes"


def _words(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > AUTO_REPLY_CHARACTERS:
        raise ValueError(f"it has {len(text):,} characters, at most {AUTO_REPLY_CHARACTERS:,}")
    return text


def _line(text: str) -> str:
    if len(text) > 60 or not text.isprintable() or text != text.strip():
        raise ValueError("must be one line of 1 to 60 characters")
    return text


def _dates(text: str) -> tuple[date, ...]:
    """`2026-12-25, 2026-12-28..2026-12-31` in order, each day once. Raises ValueError."""
    found: set[date] = set()
    for piece in filter(None, re.split(r"[\s,]+", text)):
        first, _, last = piece.partition("..")
        try:
            start, end = date.fromisoformat(first), date.fromisoformat(last or first)
        except ValueError as error:
            raise ValueError(f"{piece} is no day; write such as 2026-12-25, or 2026-12-24..2026-12-26") from error
        if end < start:
            raise ValueError(f"{piece} ends before it begins")
        days = (end - start).days + 1
        if days > HOLIDAYS or len(found) + days > HOLIDAYS:
            raise ValueError(f"more than {HOLIDAYS} days; leave out those that are over")
        found.update(start + timedelta(days=day) for day in range(days))
    return tuple(sorted(found))


def _ranges(days: tuple[date, ...]) -> str:
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)


#: How each setting is written; an empty text always stands for the default.
FORMS: Final[Mapping[str, Form]] = {
    "auto_reply": Form(_words),
    "auto_close_days": _whole(0, CLOSE_DAYS),
    "warn_days": _whole(0, CLOSE_DAYS),
    "skip_weekends": Form(_yes_or_no, lambda value: "yes" if value else "no"),
    "holidays": Form(_dates, _ranges),
    "reopen_days": _whole(0, REOPEN_DAYS),
    "thanks_hours": _whole(0, THANKS_HOURS),
    "business_hours": Form(BusinessHours.parse),
    "from_name": Form(_line),
}


def read(name: str, text: str) -> Any:
    """The value of a setting from what somebody typed, "" for the default. Raises Invalid."""
    text = text.strip()
    if not text:
        return getattr(USUAL, name)
    try:
        return FORMS[name].read(text)
    except ValueError as error:
        raise Invalid((Problem(name, str(error)),)) from error


def written(name: str, value: Any) -> str:
    """A value as somebody would type it, "" for what is not decided."""
    return "" if value is None else FORMS[name].write(value)


def decided(settings: CaseSettings) -> frozenset[str]:
    """The names of the settings that differ from what a store has that has decided nothing."""
    return frozenset(one.name for one in fields(settings) if getattr(settings, one.name) != getattr(USUAL, one.name))


def check(settings: CaseSettings, *, close_days: int, warn_days: int) -> None:
    """Raises Invalid for what does not go together. close_days, warn_days: the gateway's, where a store has none."""
    problems = tuple(_contradictions(settings, close_days, warn_days))
    if problems:
        raise Invalid(problems)


def _contradictions(settings: CaseSettings, close_days: int, warn_days: int) -> Iterator[Problem]:
    close = close_days if settings.auto_close_days is None else settings.auto_close_days
    warn = warn_days if settings.warn_days is None else settings.warn_days
    own = decided(settings) & {"auto_close_days", "warn_days"}
    if own and 0 < close <= warn:
        mine = "warn_days" if settings.warn_days is not None else "auto_close_days"
        given = f"auto_close_days is {close}, warn_days is {warn}" + (
            "" if len(own) == 2 else " (one is the gateway's)"
        )
        yield Problem(mine, f"the warning comes before the closing: {given}; write fewer days for the warning")


def as_values(settings: CaseSettings) -> dict[str, object]:
    """What a store has decided, for JSON: numbers, yes and no as they are, everything else as it is written."""
    values = {name: getattr(settings, name) for name in FORMS if name in decided(settings)}
    return {name: value if isinstance(value, int) else written(name, value) for name, value in values.items()}


def of_values(values: Mapping[str, Any]) -> CaseSettings:
    """Settings from `as_values`. What is not known here, a later version has written: it is left out."""
    known: dict[str, Any] = {
        name: value if isinstance(value, int) else FORMS[name].read(value)
        for name, value in values.items()
        if name in FORMS
    }
    return CaseSettings(**known)
