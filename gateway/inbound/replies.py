"""What a mail client hears: the one table of errors and replies, and how a reply is written (RFC 2034)."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.errors import (
    BadCredential,
    CasegateError,
    Conflict,
    Contended,
    Erased,
    Forbidden,
    Invalid,
    KeyNotLoaded,
    Later,
    NotAllowed,
    NotFound,
    Overloaded,
    RateLimited,
    Refused,
    RelayingDenied,
    RelayUnavailable,
    StillAsking,
    StorageFull,
    StoreUnavailable,
    TooLarge,
    TooLate,
    Unauthenticated,
    UnknownRecipient,
)

TEXT_CHARACTERS = 400  # of one reply; a line may have 512 bytes with its code (RFC 5321 §4.5.3.1.5)

# What a client hears, by class. Our own fault is never final (5xx would bounce a mail that is well).
ANSWERS: Mapping[type[CasegateError], tuple[int, str]] = MappingProxyType(
    {
        CasegateError: (451, "4.3.0"),
        Refused: (554, "5.0.0"),
        Invalid: (554, "5.6.0"),
        NotAllowed: (554, "5.7.1"),
        TooLate: (554, "5.7.1"),
        Unauthenticated: (550, "5.7.1"),
        BadCredential: (550, "5.7.1"),
        Forbidden: (550, "5.7.1"),
        NotFound: (550, "5.1.1"),
        Erased: (550, "5.1.6"),
        Conflict: (554, "5.0.0"),
        TooLarge: (552, "5.3.4"),
        UnknownRecipient: (550, "5.1.1"),
        RelayingDenied: (550, "5.7.1"),
        Later: (451, "4.3.0"),
        StoreUnavailable: (451, "4.3.0"),
        StorageFull: (452, "4.3.1"),
        KeyNotLoaded: (451, "4.3.5"),
        Contended: (451, "4.3.0"),
        Overloaded: (450, "4.7.1"),
        RateLimited: (450, "4.7.1"),
        StillAsking: (451, "4.4.3"),
        RelayUnavailable: (451, "4.4.1"),
    }
)


class BadCommand(Exception):
    """The client broke the protocol; the reply says how."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.reply = reply(code, enhanced, text)


def reply(code: int, enhanced: str, text: str) -> bytes:
    """One reply line (RFC 2034). The text becomes one line of ASCII."""
    return f"{code} {enhanced} {' '.join(text.split())[:TEXT_CHARACTERS]}\r\n".encode("ascii", "replace")


def error_reply(error: CasegateError) -> bytes:
    """The reply to an error, by its class; its text is read out."""
    code, enhanced = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    return reply(code, enhanced, error.text)


OK = reply(250, "2.0.0", "OK")
SENDER_OK = reply(250, "2.1.0", "OK")
RECIPIENT_OK = reply(250, "2.1.5", "OK")
GO_AHEAD = b"354 End the mail with <CR><LF>.<CR><LF>\r\n"
TOO_LARGE = reply(552, "5.3.4", "This mail is larger than we take; please send it with smaller files or with a link")
NO_ROOM = reply(452, "4.3.1", "Too much mail is coming in at once; please try again later")
INTERNAL_ERROR = reply(451, "4.3.0", "Something went wrong here; please try again later")
