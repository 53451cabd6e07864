"""Values that people type, checked by the same rules as those that the platform sends."""

import re
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import Invalid, Problem

if TYPE_CHECKING:
    from gateway.config import Config
    from store.logos import Logo

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_LOGO_BYTES = 48 * 1024
_LOGO_PIXELS = 2_000
_STORE_ID = re.compile(r"shp_[A-Za-z0-9_-]{8,44}")  # CONTRACT §1: 12 to 48 characters in all


def store_id(text: str) -> str:
    """The id of a store that is to be made. Raises Invalid."""
    if not _STORE_ID.fullmatch(text):
        raise Invalid((Problem("ID", "write shp_ and 24 letters and digits, or leave it out to have one made"),))
    return text


def name(text: str, field: str = "--name") -> str:
    """The name of a store, a person or a token: one line of at most 200 characters. Raises Invalid."""
    from gateway.web.hooks.values import Line

    return _checked(Line, text, Problem(field, "must be one line of 1 to 200 characters"))


def person_address(text: str, config: "Config") -> str:
    """The address of a person. Raises Invalid, also for our own domain: we would write to ourselves (rule 24)."""
    from gateway.web.hooks.values import Email

    address = _checked(Email, text, Problem("ADDRESS", "must be an e-mail address such as ada@example.org"))
    domain = address.rpartition("@")[2].lower()
    if domain == config.mail.reply_domain:
        raise Invalid((Problem("ADDRESS", f"{domain} is this gateway's own domain; give a person's address"),))
    return address


def from_address(text: str, field: str) -> str:
    """The address in From with its domain in lower case, or "" for the gateway's own. Raises Invalid."""
    from gateway.web.hooks.values import Email

    problem = Problem(field, "must be an address such as help@shop.example.org")
    local, at, domain = _checked(Email, text, problem).rpartition("@") if text else ("", "", "")
    return f"{local}{at}{domain.lower()}"


def domain(text: str, field: str) -> str:
    """A domain name, or a part of one, in lower case. Raises Invalid."""
    from gateway.config import Domain

    return _checked(Domain, text, Problem(field, "must be a domain name such as cases.example.org"))


def one_of(known: Collection[str], text: str, field: str) -> str:
    """One of some words, in any case. Raises Invalid with all of them."""
    for word in known:
        if text.lower() == word.lower():
            return str(word)
    raise Invalid((Problem(field, f"there is no {text}; known here: {', '.join(known)}"),))


def span(text: str, field: str) -> timedelta:
    """A span of time such as `10m`. Raises Invalid."""
    found = _SPAN.fullmatch(text.lower())
    if found is None:
        raise Invalid((Problem(field, "write a number and s, m, h or d, such as 10m"),))
    return timedelta(seconds=int(found[1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[found[2]])


def locale(text: str, field: str) -> str:
    """The name of a locale such as `pt-BR`, or "" for none. Raises Invalid."""
    from gateway.locales import check_locale

    if text:
        check_locale(text, field)
    return text


def time_zone(text: str, field: str) -> str:
    """The name of a time zone such as `Europe/Lisbon`, or "" for none. Raises Invalid."""
    from gateway.locales import check_zone

    if text:
        check_zone(text, field)
    return text


def colour(text: str, field: str) -> str:
    """A colour as `#rrggbb` in lower case, or "" for none. Raises Invalid."""
    if text and not _COLOUR.fullmatch(text):
        raise Invalid((Problem(field, "write six digits of a colour such as #0b57d0"),))
    return text.lower()


def picture(path: str, field: str) -> "Logo | None":
    """The picture in a file, None for no file. Raises Invalid for what is too large or mail programs would not show."""
    from gateway.mail import images
    from gateway.mail.file_types import detect
    from store.logos import Logo

    if not path:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise Invalid((Problem(field, f"{path} cannot be read: {error.strerror}"),)) from error
    kind = detect(path, data)
    if kind not in ("image/png", "image/jpeg"):
        raise Invalid((Problem(field, f"{path} is neither PNG nor JPEG; mail programs show nothing else for sure"),))
    if len(data) > _LOGO_BYTES:
        text = f"{path} has {len(data):,} bytes, at most {_LOGO_BYTES:,}: it goes with every mail"
        raise Invalid((Problem(field, text),))
    width, height = images.size(kind, data) or (0, 0)
    if not (0 < width <= _LOGO_PIXELS and 0 < height <= _LOGO_PIXELS):
        raise Invalid((Problem(field, f"{path} must have 1 to {_LOGO_PIXELS:,} pixels a side"),))
    return Logo(kind, width, height, data)


def _checked(kind: Any, text: str, problem: Problem) -> str:
    from pydantic import TypeAdapter, ValidationError

    try:
        return str(TypeAdapter(kind).validate_python(text))
    except ValidationError as error:
        raise Invalid((problem,)) from error
