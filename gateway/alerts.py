"""The operator is mailed about alarms: the first within a minute, further ones together, a mail in 15 minutes at most.

    when                                                he is told
    --------------------------------------------------  --------------------------------------
    an alarm is raised                                  at the next look, every minute
    others follow within 15 minutes of that mail        when the 15 minutes are over, all in one
    one that he was told of is over                     the same way, once

His mails go by the route `operator`: by a relay of their own when there is one, so that they leave while the main relay
is what is broken. They are no sign of trouble themselves: what waits on that route raises no alarm.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.cases.notices import Letter, Template
from gateway.courier import Courier
from store import alarms, counts
from store.alarms import Alarm
from store.database import Database

PAUSE = timedelta(minutes=15)
AT_ONCE = 50  # alarms that one mail names; a flood of them has one cause

log = structlog.get_logger("alerts")


class Alerts:
    """Tells the operator. operator: his address, "" when nobody is to be mailed."""

    def __init__(self, database: Database, courier: Courier, *, operator: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._courier = courier
        self._operator = operator
        self._now = now

    def tell(self) -> int:
        """Send the mail that is due. Returns how many: one or none."""
        news = alarms.untold()
        if not news:
            return 0
        if not self._operator:
            self._database.write(lambda: self._note(news), durable=False)
            return 0
        if counts.was_told("alarms", self._now(), PAUSE):
            return 0
        return self._send(news)

    def _send(self, news: tuple[Alarm, ...]) -> int:
        begun = [alarm for alarm in news if alarm.cleared_at is None]
        over = [alarm for alarm in news if alarm.cleared_at is not None]
        facts = {
            "alarms": tuple(alarm.text for alarm in begun[:AT_ONCE]),
            "more": max(0, len(begun) - AT_ONCE),
            "over": tuple(alarm.text for alarm in over[:AT_ONCE]),
        }
        send = self._courier.letter(Letter(Template.ALARM, self._operator, facts=facts))

        def job() -> int:
            if [*map(_state, alarms.untold())] != [*map(_state, news)]:  # what was composed is not true any more
                return 0
            if not counts.tell_once("alarms", self._now(), PAUSE):
                return 0
            send()
            self._note(news)
            return 1

        sent = self._database.write(job)
        log.info("alerts.told", raised=len(begun), over=len(over), sent=sent)
        return sent

    def _note(self, news: tuple[Alarm, ...]) -> None:
        for alarm in news:
            alarms.mark_told(alarm, self._now())


def _state(alarm: Alarm) -> tuple[str, bool]:
    return alarm.name, alarm.cleared_at is None
