"""When mail comes too fast for people: two programs that answer each other through us (HARDENING rule 24).

Robots that say that they are robots never get this far. These brakes need no sign of theirs, only the pace.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.cases.model import Role

POSTS_AN_HOUR = 20  # of one participant
TURNS = 6  # by turns of two sides, each within TURN after the last
TURN = timedelta(seconds=60)
HOUR = timedelta(hours=1)
LATEST = 40  # messages that hold the turns that count: a mail makes five at most, all at one moment


@dataclass(frozen=True, slots=True)
class Post:
    """A message that came by mail."""

    participant_id: int
    role: Role
    at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast mail of a participant comes, the new one counted. posts: his of the last hour. turns: see TURNS."""

    posts: int
    turns: int

    @property
    def too_fast(self) -> str:
        """Why this is no conversation of people, "" when it may be one."""
        if self.posts > POSTS_AN_HOUR:
            return f"it is the mail number {self.posts} of this person within an hour"
        if self.turns >= TURNS:
            return f"the two sides answer each other within seconds, {self.turns} times by now"
        return ""


def pace(this_hour: int, latest: Sequence[Post], role: Role, now: datetime) -> Pace:
    """The pace at which a new mail comes. this_hour: mails of its author before it. latest: the newest first."""
    turns, next_role, next_at = 1, role, now
    for post in latest:
        if post.at == next_at and post.role is next_role:
            continue  # another part of the same mail
        if post.role is next_role or next_at - post.at >= TURN:
            break
        turns, next_role, next_at = turns + 1, post.role, post.at
    return Pace(this_hour + 1, turns)
