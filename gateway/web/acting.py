"""`/keep/<token>` and `/reopen/<token>`: a customer keeps his silent case open, or opens his closed one again.

GET, HEAD   what is so now, and a button where there is something to do; nothing changes, since programs open all links
            of a mail, and some of them press what looks like a button
POST        the button of the page, with the value that stands in it

A link does that one thing for that one case; to say something he answers his mail (HARDENING rule 3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from gateway.cases.lifecycle import reopens_until
from gateway.cases.model import Actor, Door, Participant, Role, Status
from gateway.closing import Closing
from gateway.desk import Desk
from gateway.errors import Forbidden, NotAllowed, NotFound
from gateway.outbound.compose import Composer
from gateway.outbound.telling import Scene
from gateway.rendering import Renderer
from gateway.signing import Keyring, Purpose
from gateway.web.backend import Behind
from gateway.web.pages import from_our_page, gone, holder, is_pressed, page, seal
from store import cases, warnings
from store.cases import CaseFile

_PRESS_IT = "A case is kept open, or opened again, with the button of its page"

log = structlog.get_logger("web")


class State(StrEnum):
    """What a page tells."""

    ASKED = "asked"  # there is something to do, and a button for it
    DONE = "done"  # just now
    OPEN = "open"  # the case is open, and nothing closes it
    CLOSED = "closed"  # there is nothing to be kept open; an answer opens it again
    LATE = "late"  # it was closed too long ago to be opened again


@dataclass(frozen=True, slots=True)
class _Seen:
    """Whose link it is, his case, what is so now, and when the case closes if he does nothing."""

    person: Participant
    file: CaseFile
    state: State
    closes_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return Actor(Role.CUSTOMER, Door.PAGE, id=self.file.view.customer.id, participant_id=self.person.id)


def pages(
    desk: Desk, closing: Closing, keyring: Keyring, composer: Composer, renderer: Renderer, *, public_url: str
) -> APIRouter:
    """The routes under `/keep` and `/reopen`. They tell the time by the clock of the application that includes them."""
    router = APIRouter(include_in_schema=False)
    only_ours = [Depends(from_our_page(public_url, _PRESS_IT))]

    def keep(seen: _Seen) -> bool:
        return closing.keep_open(seen.file.view.case.id, seen.actor)

    def reopen(seen: _Seen) -> bool:
        desk.change_case(seen.file.view.case.id, seen.actor, status=Status.OPEN)
        return True

    def shown(purpose: Purpose, token: str, seen: _Seen, state: State) -> Response:
        told = composer.for_page(seen.person, Scene(seen.file.store, seen.file.view, (), ()), closes_at=seen.closes_at)
        return page(renderer, "acting", {**told, "act": purpose, "state": state, "pressed": seal(token, purpose)})

    def press(purpose: Purpose, do: Callable[[_Seen], bool], token: str, now: datetime) -> Response:
        try:
            seen = _look(keyring, purpose, token, now)
            if seen.state is State.ASKED and _done(do, seen):
                log.info("case.acted", act=purpose, case_id=seen.file.view.case.id)
                return shown(purpose, token, seen, State.DONE)
            seen = _look(keyring, purpose, token, now)  # it may have moved since it was looked at
        except NotFound:
            return gone(renderer)
        return shown(purpose, token, seen, seen.state)

    def add(purpose: Purpose, do: Callable[[_Seen], bool]) -> None:
        @router.api_route(f"/{purpose}/{{token}}", methods=["GET", "HEAD"])
        def show(behind: Behind, token: str) -> Response:
            """What is so, and a button where there is something to do."""
            try:
                seen = _look(keyring, purpose, token, behind.now())
            except NotFound:
                return gone(renderer)
            return shown(purpose, token, seen, seen.state)

        @router.post(f"/{purpose}/{{token}}", dependencies=only_ours)
        async def act(request: Request, behind: Behind, token: str) -> Response:
            """The button was pressed."""
            if not await is_pressed(request, "pressed", seal(token, purpose)):
                raise Forbidden(_PRESS_IT)
            return await run_in_threadpool(press, purpose, do, token, behind.now())

    add(Purpose.KEEP, keep)
    add(Purpose.REOPEN, reopen)
    return router


def _done(do: Callable[[_Seen], bool], seen: _Seen) -> bool:
    """Do it, unless the case has moved meanwhile. Raises NotFound."""
    try:
        return do(seen)
    except NotAllowed:
        return False


def _look(keyring: Keyring, purpose: Purpose, token: str, now: datetime) -> _Seen:
    """What is so now for the one whose link it is. Raises NotFound."""
    person = holder(keyring, purpose, token).person
    file = cases.load(person.case_id)
    if file is None or person.role is not Role.CUSTOMER:
        raise NotFound("There is no such page")
    case = file.view.case
    if case.status is Status.CLOSED:
        until = reopens_until(case, file.store.settings)
        late = until is not None and now >= until
        return _Seen(person, file, State.LATE if late else State.ASKED if purpose is Purpose.REOPEN else State.CLOSED)
    warned = warnings.of_silence(case.id, case.last_activity_at) if purpose is Purpose.KEEP else None
    if warned is None or case.status is not Status.AWAITING_CUSTOMER:
        return _Seen(person, file, State.OPEN)
    return _Seen(person, file, State.ASKED, warned.closes_at)
