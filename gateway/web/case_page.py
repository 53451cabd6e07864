"""`/case/<token>`: a participant reads his case, that one alone. To act he answers his mail (HARDENING rule 3)."""

from fastapi import APIRouter
from fastapi.responses import Response

from gateway.cases.model import Audience
from gateway.errors import NotFound
from gateway.outbound.compose import Composer
from gateway.outbound.telling import Scene
from gateway.rendering import Renderer
from gateway.signing import Keyring, Purpose
from gateway.web.pages import gone, holder, page
from store import cases

SHOWN = 200  # of the newest messages


def pages(keyring: Keyring, composer: Composer, renderer: Renderer) -> APIRouter:
    """The route of the page."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/case/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> Response:
        """The conversation as this person may see it."""
        try:
            person = holder(keyring, Purpose.CASE, token).person
        except NotFound:
            return gone(renderer)
        file = cases.load(person.case_id)
        if file is None:
            return gone(renderer)
        audiences = Audience.of(person.role)
        messages = cases.last_messages(person.case_id, SHOWN, audiences)
        context = composer.for_page(person, Scene(file.store, file.view, messages, ()))
        return page(renderer, "case", {**context, "left_out": cases.message_count(person.case_id, audiences) > SHOWN})

    return router
