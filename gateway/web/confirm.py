"""`/confirm/<token>`: the owner of an address says whether another one is his, too (HARDENING rule 20).

The link comes to him by mail, and programs that look for harm open all links of a mail, some of them press what looks
like a button. So GET and HEAD change nothing; only the form of the page does, with a value that stands in it. The token
in the address is the secret: whatever is wrong with one, the answer is the same page.
"""

from datetime import datetime

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from gateway.cases.model import Actor, Door, Role
from gateway.errors import Forbidden, NotFound
from gateway.outbound.mime import clean
from gateway.rendering import Renderer
from gateway.signing import Forged, Keyring, Purpose, UnknownKey
from gateway.web.backend import Behind
from gateway.web.failures import STATUS
from gateway.web.pages import from_our_page, is_pressed, page, seal
from store import audit, known_addresses
from store.database import Database
from store.known_addresses import Question

_PRESS_IT = "An address is confirmed with the button of its page"
_GONE = "There is no such question, or not any more"

log = structlog.get_logger("web")


def pages(database: Database, keyring: Keyring, renderer: Renderer, *, public_url: str) -> APIRouter:
    """The routes under `/confirm`. They tell the time by the clock of the application that includes them."""
    router = APIRouter(prefix="/confirm", include_in_schema=False)

    @router.api_route("/{token}", methods=["GET", "HEAD"])
    def show(behind: Behind, token: str) -> Response:
        """The question, and a button to say yes with."""
        try:
            _, question = _open_question(keyring, token, behind.now())
        except NotFound:
            return _page(renderer, "gone")
        return _page(renderer, "known" if question.confirmed_at else "asked", question, token)

    @router.post("/{token}", dependencies=[Depends(from_our_page(public_url, _PRESS_IT))])
    async def confirm(request: Request, behind: Behind, token: str) -> Response:
        """The button was pressed."""
        if not await is_pressed(request, "yes", seal(token, "confirm")):
            raise Forbidden(_PRESS_IT)
        return await run_in_threadpool(say_yes, behind.now(), token)

    def say_yes(now: datetime, token: str) -> Response:
        try:
            handle, question = _open_question(keyring, token, now)
            newly = database.write(lambda: _confirm(handle, question, now))
        except NotFound:
            return _page(renderer, "gone")
        if newly:
            log.info("address.confirmed", person_id=question.person_id)
        return _page(renderer, "confirmed" if newly else "known", question, token)

    return router


def _confirm(handle: bytes, question: Question, now: datetime) -> bool:
    newly = known_addresses.confirm(handle, now)
    if newly:
        actor = Actor(question.role, Door.PAGE, id=question.person_id)
        audit.record(actor, "address.confirmed", now, store_id=question.store_id, subject=question.person_id)
    return newly


def _open_question(keyring: Keyring, token: str, now: datetime) -> tuple[bytes, Question]:
    """The handle that a token holds, and the question with it. Raises NotFound when it is not to be answered."""
    try:
        handle = keyring.verify(Purpose.LINK, token).handle
    except (Forged, UnknownKey) as error:
        raise NotFound(_GONE) from error
    question = known_addresses.find(handle)
    if question is None or not question.counts(now):
        raise NotFound(_GONE)
    return handle, question


def _page(renderer: Renderer, state: str, question: Question | None = None, token: str = "") -> Response:
    context: dict[str, object] = {"state": state, "yes": seal(token, "confirm"), "language": "en"}
    if question is not None:
        context |= {
            "address": clean(question.address),
            "name": clean(question.name),
            "email": clean(question.email),
            "store": clean(question.store),
            "merchant": question.role is Role.MERCHANT,
        }
    status = STATUS[NotFound] if question is None else 200
    return page(renderer, "confirm_address", context, status)
