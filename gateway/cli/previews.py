"""A finished mail in the forms in which people look at it: HTML, text, raw, or a page with its headers."""

from base64 import b64encode
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from enum import StrEnum

from gateway.rendering import Renderer

_SHOWN = ("From", "To", "Reply-To", "Date")


class Form(StrEnum):
    """How a mail is shown."""

    HTML = "html"
    TEXT = "text"
    PAGE = "page"
    RAW = "raw"


def shown(data: bytes, form: Form, renderer: Renderer) -> bytes:
    """A mail in a form. data: the whole mail, one of ours. Nothing in the result is loaded from elsewhere."""
    if form is Form.RAW:
        return data
    mail = message_from_bytes(data, policy=default)
    if form is Form.TEXT:
        return _body(mail, "plain").encode()
    html = _with_pictures(_body(mail, "html"), mail)
    if form is Form.HTML:
        return html.encode()
    headers = [(name, str(mail[name])) for name in _SHOWN if mail[name]]
    page = renderer.page("mail_preview", {"subject": str(mail["Subject"]), "headers": headers, "html": html})
    return page.encode()


def _body(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    return "" if part is None else str(part.get_content())


def _with_pictures(html: str, mail: EmailMessage) -> str:
    """The pictures that the mail brings along, written into the HTML itself."""
    for part in mail.walk():
        content_id, data = part["Content-ID"], part.get_payload(decode=True)
        if content_id and isinstance(data, bytes) and part.get_content_maintype() == "image":
            picture = b64encode(data).decode()
            html = html.replace(f"cid:{content_id.strip('<> ')}", f"data:{part.get_content_type()};base64,{picture}")
    return html
