"""Addresses of our pages that a mail bears: each holds a signed token of the one person whom the mail goes to.

    /case/<token>                        the case, to read
    /files/<token>/<attachment>/<name>   one file of it
    /unsubscribe/<token>/<notice>        a page, or RFC 8058's one click, that switches a notice off
    /keep/<token>                        a page with a button that keeps a silent case open
    /reopen/<token>                      a page with a button that opens a closed case again

A token of one kind is worth nothing for the others, and all of them end with the generation of the participant.
"""

from urllib.parse import quote

from gateway.cases.model import Attachment, Participant, Role
from gateway.cases.notices import Template
from gateway.mail import filenames
from gateway.signing import Keyring, Purpose

_NAME_CHARACTERS = 100


class Links:
    """Makes the addresses. public_url: `https://cases.example.org`, perhaps with a port and a path."""

    def __init__(self, keyring: Keyring, public_url: str) -> None:
        self._keyring = keyring
        self._base = public_url.rstrip("/")

    def case(self, person: Participant) -> str:
        """Where he reads his case."""
        return f"{self._base}/case/{self._token(Purpose.CASE, person)}"

    def file(self, person: Participant, attachment: Attachment) -> str:
        """Where he gets a file of it. The name is for people: nobody looks at it."""
        name = filenames.safe(attachment.filename) or filenames.default(attachment.mime_type)
        name = quote(name[-_NAME_CHARACTERS:], safe="")
        return f"{self._base}/files/{self._token(Purpose.FILE, person)}/{attachment.id}/{name}"

    def unsubscribe(self, person: Participant, notice: Template) -> str:
        """Where a member of a store switches a notice off; "" for others, and for what nobody switches off.

        Also "" without https, which RFC 8058 §3.1 asks for.
        """
        if person.member_id is None or not notice.can_be_muted or not self._base.startswith("https://"):
            return ""
        return f"{self._base}/unsubscribe/{self._token(Purpose.UNSUBSCRIBE, person)}/{notice}"

    def act(self, person: Participant, notice: Template) -> str:
        """What he can do about what a notice tells: keep his case open, or open it again; "" where there is nothing."""
        purpose = {Template.CLOSING_SOON: Purpose.KEEP, Template.CASE_CLOSED: Purpose.REOPEN}.get(notice)
        if purpose is None or person.role is not Role.CUSTOMER:
            return ""
        return f"{self._base}/{purpose}/{self._token(purpose, person)}"

    def _token(self, purpose: Purpose, person: Participant) -> str:
        return self._keyring.token(purpose, person.handle, person.generation)
