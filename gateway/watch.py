"""Looks at what must not stand still, every minute: mail that comes in, mail that goes out, our own mail to ourselves.

    alarm            while
    ---------------  ----------------------------------------------------------------------------------------------
    queue:inbox      a mail that was kept more than 15 minutes ago is not processed
    queue:outbox     a mail that was made more than 10 minutes ago was tried by no relay, or should have been since then
    canary           two canaries in a row did not come back
    stopped:sending  nothing is sent, but to the operator: after a restore. Then mail that waits is no further alarm
    stopped:closing  no silent case is warned of or closed, likewise

Each is raised and resolved here and nowhere else, and while it lasts `/readyz` says the same words. Mail that a relay
has put off for its recipient's sake waits by itself and is no trouble of ours; mail to the operator is not looked at.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.canary import Canaries
from store import alarms, inbox, outbox, switches
from store.database import Database
from store.switches import Switch

STUCK_INBOX = timedelta(minutes=15)
STUCK_OUTBOX = timedelta(minutes=10)


class Watch:
    """Asks the rows."""

    def __init__(self, database: Database, canaries: Canaries, now: Callable[[], datetime]) -> None:
        self._database = database
        self._canaries = canaries
        self._now = now

    def troubles(self) -> dict[str, str]:
        """For each name of an alarm, what is wrong in words for the operator, "" when nothing is."""
        still = standing_still()
        stopped = {f"stopped:{switch}": still.get(switch, "") for switch in (Switch.SENDING, Switch.CLOSING)}
        if Switch.SENDING in still:  # then all mail waits, and no canary leaves
            return {"queue:inbox": stuck(self._now())["queue:inbox"], "queue:outbox": "", "canary": "", **stopped}
        return {**stuck(self._now()), "canary": self._canaries.trouble(), **stopped}

    def problems(self) -> list[str]:
        """All that is wrong, in words; the alarm about a clock that jumped is `gateway.clocks`' own."""
        clock = standing_still().get(Switch.CLOCK, "")
        return [*filter(None, (*self.troubles().values(), clock))]

    def look(self) -> None:
        """Raise the alarms that are due, and resolve those that are over."""
        troubles = self.troubles()
        stand = {alarm.name for alarm in alarms.raised()}
        if not any(text or name in stand for name, text in troubles.items()):
            return

        def job() -> None:
            now = self._now()
            for name, text in troubles.items():
                if text:
                    alarms.raise_(name, f"{text[0].upper()}{text[1:]}.", now)
                else:
                    alarms.resolve(name, now)

        self._database.write(job, durable=False)


def stuck(now: datetime) -> dict[str, str]:
    """The mail that waits too long, as `Watch.troubles` tells it."""
    came, made = inbox.oldest_waiting(), outbox.stuck_since()
    found = {"queue:inbox": "", "queue:outbox": ""}
    if came is not None and now - came > STUCK_INBOX:
        found["queue:inbox"] = f"a mail waits since {_shown(came)} to be processed; see casegate inbox list"
    if made is not None and now - made > STUCK_OUTBOX:
        found["queue:outbox"] = f"a mail waits since {_shown(made)} to be sent; see casegate outbox list --state queued"
    return found


def standing_still() -> dict[Switch, str]:
    """What was stopped until an operator lets it go on, in words for him."""
    return {
        one.switch: f"{_STILL[one.switch]} since {_shown(one.at)}: {one.reason}; casegate resume {one.switch} ends that"
        for one in switches.stopped()
        if one.switch in _STILL
    }


_STILL = {
    Switch.SENDING: "nothing was sent",
    Switch.CLOSING: "no case was warned of or closed",
    Switch.CLOCK: "the clock is not believed, and nothing was closed or removed by its age",
}


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
