"""`/files/<token>/<attachment>/<name>`: a file of a case, for the participant whom the link was sent to.

Whatever it is, it is downloaded and never shown by us: a page inside of our origin could act as its reader.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from gateway.cases.model import Audience
from gateway.errors import NotFound
from gateway.mail import filenames
from gateway.rendering import Renderer
from gateway.signing import Keyring, Purpose
from gateway.web.pages import PRIVATE, gone, holder
from store import cases
from store.files import Files

_HEADERS = {**PRIVATE, "Cache-Control": "private, no-store", "Content-Security-Policy": "default-src 'none'; sandbox"}


def routes(keyring: Keyring, files: Files, renderer: Renderer) -> APIRouter:
    """The route of the files."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/files/{token}/{attachment_id}/{name}", methods=["GET", "HEAD"])
    def download(token: str, attachment_id: str) -> Any:
        """The bytes, or those of a Range (RFC 9110 §14). The name in the address is for people."""
        try:
            person = holder(keyring, Purpose.FILE, token).person
            found = cases.find_attachment(attachment_id, person.case_id, Audience.of(person.role))
            if found is None:
                raise NotFound("There is no such file")
            place = files.place_of(found.sha256)
            status = place.stat()
        except (NotFound, FileNotFoundError):
            return gone(renderer)
        # RFC 6266: the name as it was sent, encoded where it is not ASCII.
        name = filenames.safe(found.filename) or filenames.default(found.mime_type)
        return FileResponse(place, media_type=found.mime_type, filename=name, headers=_HEADERS, stat_result=status)

    return router
