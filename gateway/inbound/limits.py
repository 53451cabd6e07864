"""How much mail one token and one network may bring (HARDENING rule 19): counted where mail is kept, refused at RCPT.

The counts are rows, written in the transaction that keeps the mail, so that all processes count together and a mail
that is not kept is not counted. They begin anew with every hour and every day of UTC. A process remembers whom it has
refused until then: RCPT answers them without a look-up, and they do not send their megabytes again and again.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from gateway.config import SmtpSection
from gateway.errors import RateLimited
from store import counts

REMEMBERED = 10_000  # tokens and networks; whoever is forgotten is refused by the count again, after his mail came in

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WAIT = "Please send no further copies; your mail server tries this one again by itself."
_MANY = f"This address has had as many mails within the hour as it takes. {_WAIT}"
_HEAVY = f"This address has had as many bytes of mail within the day as it takes. {_WAIT}"
_FROM_CLIENT = f"Your mail server has sent us as many mails within the hour as we take. {_WAIT}"


class RateLimits:
    """The limits of the settings, 0 for none. now: aware, UTC. `check` and `remember` belong to one event loop."""

    def __init__(self, settings: SmtpSection, now: Callable[[], datetime]) -> None:
        self._mails = settings.max_mails_per_token
        self._bytes = settings.max_bytes_per_token
        self._mails_of_client = settings.max_mails_per_client
        self._now = now
        self._refused: dict[str, tuple[datetime, str]] = {}  # who, until when, in which words; the oldest first

    def check(self, *names: str) -> None:
        """At RCPT: whether one of these was refused already, token or network, "" for none. Raises RateLimited."""
        if not self._refused:
            return
        now = self._now()
        for name in names:
            until, text = self._refused.get(name, (now, ""))
            if until > now:
                raise RateLimited(text, over=frozenset({name}), retry_after=_seconds(until - now))

    def remember(self, error: RateLimited) -> None:
        """Let `check` refuse whoever was over his limit, until the count begins anew."""
        until = self._now() + timedelta(seconds=error.retry_after)
        for name in error.over:
            self._refused.pop(name, None)
            if len(self._refused) >= REMEMBERED:
                del self._refused[next(iter(self._refused))]
            self._refused[name] = until, error.text

    def count(self, tokens: Collection[str], network: str, size: int) -> None:
        """Count a mail, in the transaction that keeps it. Raises RateLimited, which takes all of that back.

        tokens: the handles that it is for, each once. network: "" for one that is not counted. size: bytes.
        """
        now = self._now()
        mails, weight = self._mails, self._bytes
        # In one order everywhere, or two transactions would wait for each other.
        names = sorted(tokens)
        many = [n for n in names if mails and not counts.add_within(f"mails:{n}", now, counts.HOUR, mails)]
        heavy = [n for n in names if weight and not counts.add_within(f"bytes:{n}", now, counts.DAY, weight, size)]
        if many or heavy:
            raise _over({*many, *heavy}, _MANY if many else _HEAVY, now, counts.HOUR if many else counts.DAY)
        most = self._mails_of_client
        if network and most and not counts.add_within(f"mails:{network}", now, counts.HOUR, most):
            raise _over({network}, _FROM_CLIENT, now, counts.HOUR)


def _over(names: Collection[str], text: str, now: datetime, span: timedelta) -> RateLimited:
    return RateLimited(text, over=frozenset(names), retry_after=_seconds(span - (now - _EPOCH) % span))


def _seconds(span: timedelta) -> int:
    """Rounded up: never too early."""
    return -(-span // timedelta(seconds=1))
