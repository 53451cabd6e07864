"""Which relay, and how we come to it: `smtp://user:password@host:port`, `smtps://…`, and the files beside the url."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

PORTS = {"smtp": 25, "smtps": 465}
_HOW = "write smtp://user:password@host:port or smtps://user:password@host:port"


class Encryption(StrEnum):
    """When a connection is encrypted."""

    OFFERED = "when offered"  # STARTTLS when the relay has it, else not; with whoever answers (RFC 7435)
    REQUIRED = "required"  # STARTTLS or nothing
    IMPLICIT = "implicit"  # from the first byte (RFC 8314)


@dataclass(frozen=True, slots=True)
class Target:
    """A relay and how to sign in to it. "" and None: there is none.

    checked: whether its certificate has to be good. ca_file: a PEM file with the authorities of a private relay, in
    place of those that the system knows. The secrets in files are read for each connection, so that whoever renews
    them tells nobody.
    """

    host: str
    port: int
    encryption: Encryption
    checked: bool
    username: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None
    oauth_token_file: Path | None = None
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """host:port, for logs and people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def with_files(
        self, *, password_file: Path | None, oauth_token_file: Path | None, ca_file: Path | None
    ) -> "Target":
        """The same with what stands in files. Raises ValueError, in words for the settings, when they do not fit."""
        if sum((bool(self.password), password_file is not None, oauth_token_file is not None)) > 1:
            raise ValueError("one secret is enough: a password in url, or password_file, or oauth_token_file")
        if (password_file or oauth_token_file) and not self.username:
            raise ValueError("url needs the user name that the secret belongs to: smtp://user@host:port")
        if ca_file and not self.checked:
            raise ValueError("ca_file checks nothing yet: add ?starttls=require to url, or write smtps://")
        return replace(self, password_file=password_file, oauth_token_file=oauth_token_file, ca_file=ca_file)


def read_url(url: str) -> Target:
    """Read a relay's url. Raises ValueError, in words for the settings and without any secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text would show a piece of the password
        raise ValueError(f"{_HOW}, and in user and password %2F for /, %40 for @, %5B for [") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.fragment:
        raise ValueError(_HOW)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if options not in ({}, {"starttls": "require"}):
        raise ValueError("the only option is ?starttls=require")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (username + password).isprintable():
        raise ValueError("user and password hold a control character")
    if password and not username:
        raise ValueError("the password has no user name before it")
    encryption = Encryption.OFFERED
    if parts.scheme == "smtps":
        encryption = Encryption.IMPLICIT
    elif options:
        encryption = Encryption.REQUIRED
    checked = encryption is not Encryption.OFFERED
    return Target(parts.hostname, port or PORTS[parts.scheme], encryption, checked, username, password)
