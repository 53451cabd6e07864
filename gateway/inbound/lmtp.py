"""LMTP (RFC 2033): how a mail server in our own house hands mail over. It hears one answer for each recipient."""

from dataclasses import replace
from types import MappingProxyType

from gateway.errors import RateLimited
from gateway.inbound.keep import Envelope
from gateway.inbound.replies import reply
from gateway.inbound.session import Session


class LmtpSession(Session):
    """The dialogue of SMTP, but for the greeting, the code of DATA without recipients, and the answers to a mail."""

    protocol = "LMTP"
    in_house = True
    no_recipient_code = 503  # RFC 2033 §4.2
    commands = MappingProxyType(
        {b"LHLO": Session._ehlo} | {v: c for v, c in Session.commands.items() if v not in {b"EHLO", b"HELO"}}
    )

    async def _kept(self, envelope: Envelope) -> bytes:
        """A recipient who has had too much mail does not stop the mail of the others (RFC 2033 §4.2)."""
        everybody = envelope.recipients
        try:
            return self._for_each(await super()._kept(envelope), len(everybody))
        except RateLimited as error:
            others = tuple(recipient for recipient in everybody if recipient.token not in error.over)
            if not others:
                raise
            refused = self._answer(error)
        kept = reply(250, "2.0.0", await self._door.keep(replace(envelope, recipients=others)))
        return b"".join(kept if recipient in others else refused for recipient in everybody)

    def _for_each(self, answer: bytes, recipients: int) -> bytes:
        return answer * recipients
