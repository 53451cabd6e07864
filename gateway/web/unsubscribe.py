"""`/unsubscribe/<token>/<notice>`: a member of a store is not mailed one kind of notice any more (RFC 8058).

GET, HEAD   a page with a button; nothing changes, since programs open all links of a mail
POST        the button, or the mail system of whoever pressed `Unsubscribe` in his mail program
"""

from datetime import datetime

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from gateway import staff
from gateway.cases.model import Actor, Door, Role
from gateway.cases.notices import Template
from gateway.errors import Forbidden, Invalid, NotFound
from gateway.outbound.mime import clean
from gateway.rendering import Renderer
from gateway.signing import Keyring, Purpose
from gateway.web.backend import Behind
from gateway.web.bodies import read
from gateway.web.pages import FORM_BYTES, from_our_page, gone, holder, page
from gateway.web.providers.forms import fields
from store import parties
from store.cases import Contact
from store.database import Database

_PRESS_IT = "A notice is switched off with the button of its page"

log = structlog.get_logger("web")


def pages(database: Database, keyring: Keyring, renderer: Renderer, *, public_url: str) -> APIRouter:
    """The routes under `/unsubscribe`."""
    router = APIRouter(prefix="/unsubscribe", include_in_schema=False)

    @router.api_route("/{token}/{notice}", methods=["GET", "HEAD"])
    def show(token: str, notice: str) -> Response:
        """What would be switched off, and a button."""
        try:
            contact, _ = _member(keyring, token, notice)
        except NotFound:
            return gone(renderer)
        return _page(renderer, contact, notice, "off" if notice in contact.person.muted else "asked")

    @router.post("/{token}/{notice}", dependencies=[Depends(from_our_page(public_url, _PRESS_IT))])
    async def switch_off(request: Request, behind: Behind, token: str, notice: str) -> Response:
        """The one click. RFC 8058 §3.2: the body says what it is for, and should be multipart/form-data."""
        body = await read(request, FORM_BYTES)
        try:
            form = await fields(request.headers.get("content-type", ""), body)
        except Invalid as error:
            raise Forbidden(_PRESS_IT) from error
        if form.get("List-Unsubscribe") != b"One-Click":
            raise Forbidden(_PRESS_IT)
        return await run_in_threadpool(mute, behind.now(), token, notice)

    def mute(now: datetime, token: str, notice: str) -> Response:
        try:
            contact, member_id = _member(keyring, token, notice)
        except NotFound:
            return gone(renderer)
        actor = Actor(Role.MERCHANT, Door.PAGE, id=member_id, store_id=contact.store_id)
        database.write(lambda: staff.mute(member_id, contact.store_id, (notice,), actor, now))
        log.info("notice.muted", member_id=member_id, notice=notice)
        return _page(renderer, contact, notice, "off")

    return router


def _member(keyring: Keyring, token: str, notice: str) -> tuple[Contact, str]:
    """Whose link it is, and his id as a member. Raises NotFound, also for a notice that nobody can switch off."""
    contact = holder(keyring, Purpose.UNSUBSCRIBE, token)
    known = {template.value for template in Template if template.can_be_muted}
    if contact.person.member_id is None or notice not in known:
        raise NotFound("There is no such page")
    return contact, contact.person.member_id


def _page(renderer: Renderer, contact: Contact, notice: str, state: str) -> Response:
    store = parties.get_store(contact.store_id)
    context = {
        "state": state,
        "notice": notice,
        "address": clean(contact.person.address),
        "store": clean(store.name),
        "language": "en",
    }
    return page(renderer, "unsubscribe", context)
