"""What the pages share that mails link to: their look, their headers, whose they are, and who may send their forms.

Nobody signs in to them: the token in the address is the secret, so it is told to nobody (no referrer, no index, no
cache), and whatever is wrong with one, the answer is the same page.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse

from gateway.errors import Forbidden, NotFound
from gateway.rendering import Renderer
from gateway.signing import Forged, Keyring, Purpose, UnknownKey
from gateway.web.bodies import read
from gateway.web.failures import STATUS
from store import cases
from store.cases import Contact

FORM_BYTES = 4_096

_STYLE = files("templates").joinpath("static", "pages", "page.css").read_text("utf-8")
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

#: For whatever is reached by a token in its address.
PRIVATE: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HEADERS = {
    **PRIVATE,
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}


def page(renderer: Renderer, name: str, context: Mapping[str, object], status: int = 200) -> HTMLResponse:
    """One page. context: what its template is told, beside the style."""
    return HTMLResponse(renderer.page(name, {**context, "style": _STYLE}), status, _HEADERS)


def gone(renderer: Renderer) -> HTMLResponse:
    """For every link that leads nowhere, whatever the reason."""
    return page(renderer, "gone", {"language": "en"}, STATUS[NotFound])


def holder(keyring: Keyring, purpose: Purpose, token: str) -> Contact:
    """The participant whom a link was sent to. Raises NotFound: forged, revoked, or he takes part no more."""
    try:
        found = keyring.verify(purpose, token)
    except (Forged, UnknownKey) as error:
        raise NotFound("There is no such page") from error
    contact = cases.contact_by_handle(found.handle)
    if contact is None or not contact.person.active or contact.person.generation != found.generation:
        raise NotFound("There is no such page")
    return contact


def from_our_page(public_url: str, why: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses forms of other sites (cross-site request forgery), with `why`.

    Browsers say where a form was sent from, in one header or the other. Ours comes without an Origin, since pages send
    no referrer; and whoever is no browser, as the mail systems of RFC 8058, says nothing.
    """
    own_host = urlsplit(public_url).netloc

    async def check(request: Request) -> None:
        site, origin = request.headers.get("sec-fetch-site", "same-origin"), request.headers.get("origin", "null")
        ours = origin == "null" or urlsplit(origin).netloc in (own_host, request.headers.get("host"))
        if site != "same-origin" or not ours:
            raise Forbidden(why)

    return check


def seal(token: str, form: str) -> str:
    """What a form sends beside the address that it is sent to: only who has seen the page, or the token, knows it."""
    return hmac.digest(token.lower().encode(), form.encode(), "sha256").hex()


async def is_pressed(request: Request, field: str, sealed: str) -> bool:
    """Whether the button of our form was pressed, and not its address called. Raises TooLarge."""
    form = dict(parse_qsl((await read(request, FORM_BYTES)).decode("utf-8", "replace")))
    return hmac.compare_digest(form.get(field, "").encode(), sealed.encode())
