"""The settings of a store as people write and read them: how its mails look, and how its cases go."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.cases import settings as case_settings
from gateway.cases.model import Store
from gateway.cli import values
from gateway.errors import Invalid, Problem

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.overrides.child import Child
    from store.database import Database
    from store.logos import Logo

_MOST_BYTES = 256 * 1024  # that are read of a file; what may be saved is less


def _yes_or_no(text: str, field: str) -> bool:
    return values.one_of(("yes", "no"), text, field) == "yes"


def _case_setting(text: str, field: str) -> Any:
    return case_settings.read(field, text)


def _words(text: str, field: str) -> Any:
    """Words, or those of a file behind an @; `@-` for standard input. Raises Invalid."""
    if not text.startswith("@"):
        return case_settings.read(field, text)
    path = text[1:]
    try:
        data = sys.stdin.buffer.read(_MOST_BYTES) if path == "-" else Path(path).read_bytes()[:_MOST_BYTES]
        return case_settings.read(field, data.decode())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise Invalid((Problem(field, f"{path} cannot be read: {why}"),)) from error


_OF_STORE: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "name": values.name,
    "strict": _yes_or_no,
    "locale": values.locale,
    "time_zone": values.time_zone,
    "colour": values.colour,
    "logo": values.picture,
    "from_address": values.from_address,
}
#: How each is read: from what somebody typed, and its name.
READERS: Final[Mapping[str, Callable[[str, str], Any]]] = {
    **_OF_STORE,
    **dict.fromkeys(case_settings.FORMS, _case_setting),
    "auto_reply": _words,
}


@dataclass(frozen=True, slots=True)
class Changes:
    """What somebody wants to be otherwise. of_cases: as in CaseSettings. picture: the new logo, if there is one."""

    of_store: Mapping[str, Any]
    of_cases: Mapping[str, Any]
    picture: "Logo | None" = None

    def made(self, store: Store, config: "Config") -> Store:
        """The store with them. Raises Invalid for what does not go together."""
        chosen = replace(store.settings, **self.of_cases)
        if self.of_cases:
            defaults = config.cases
            case_settings.check(chosen, close_days=defaults.auto_close_days, warn_days=defaults.warn_days)
        return replace(store, **self.of_store, settings=chosen)


def read(pairs: list[str]) -> Changes:
    """The changes in `KEY=VALUE` words. Raises Invalid with every wrong one."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            problems.append(Problem(pair, "write KEY=VALUE"))
        elif key not in READERS:
            problems.append(Problem(key, f"there is no such setting; {_near(key)}"))
        else:
            try:
                found[key] = READERS[key](value, key)
            except Invalid as error:
                problems += error.problems
    if problems:
        raise Invalid(tuple(problems))
    picture = found.get("logo")
    if "logo" in found:
        found["logo"] = picture.digest if picture else ""
    of_store = {key: value for key, value in found.items() if key in _OF_STORE}
    return Changes(of_store, {key: value for key, value in found.items() if key not in _OF_STORE}, picture)


def _near(key: str) -> str:
    near = get_close_matches(key, READERS, 1)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(READERS)}"


def check(changes: Changes, config: "Config", database: "Database") -> None:
    """What a value alone does not tell. Raises Invalid with every problem."""
    problems = [
        *_unsigned(changes.of_store.get("from_address", ""), config),
        *_pretending(changes.of_cases.get("from_name", ""), config),
        *_unfit(changes.of_cases.get("auto_reply", ""), config, database),
    ]
    if problems:
        raise Invalid(tuple(problems))


def _unsigned(address: str, config: "Config") -> Iterator[Problem]:
    """Mail from an address of a store must pass DMARC, and not pass for ours (rule 24)."""
    from gateway.outbound import sign

    domain = address.rpartition("@")[2]
    if address in ("", config.from_address):
        return
    if domain == config.mail.reply_domain:
        text = f"{domain} is this gateway's own domain, where only {config.from_address} stands in From"
        yield Problem("from_address", text)
    elif not sign.load(config).speaks_for(domain):
        text = f"no key signs for {domain}, so that receivers would take the mail for forged (DMARC); make one"
        yield Problem("from_address", f"{text} first: casegate dkim create {domain}")


def _pretending(name: str, config: "Config") -> Iterator[Problem]:
    """Nobody passes himself off as support or as the brand (DESIGN §7)."""
    from gateway.outbound.names import safe_name

    if safe_name(name, config.support.name, config.mail.from_name) != name:
        yield Problem("from_name", "people would take it for platform support or for us, or it holds an address")


def _unfit(source: str, config: "Config", database: "Database") -> tuple[Problem, ...]:
    from gateway.cli.installation import utc_now
    from gateway.mail.redact import Redactor
    from gateway.overrides.auto_reply import AutoReplies

    if not source:
        return ()
    with _child() as child:
        redactor = Redactor(config.mail.reply_domain, config.gateway.public_url)
        return AutoReplies(child, database, redactor, utc_now).check(source)


@contextmanager
def _child() -> "Iterator[Child]":
    from gateway.overrides.child import Child

    child = Child()
    try:
        yield child
    finally:
        child.close()


def differences(old: Store, new: Store) -> dict[str, list[str]]:
    """Old and new value of each setting that is not the same, for the audit trail: a long text as its digest."""
    before, after = told(old), told(new)
    return {
        name: [_noted(name, before[name]), _noted(name, after[name])] for name in after if before[name] != after[name]
    }


def _noted(name: str, value: str) -> str:
    if name != "auto_reply" or not value:
        return value
    return f"{len(value)} characters, SHA-256 {sha256(value.encode()).hexdigest()}"


def told(store: Store) -> dict[str, str]:
    """Every setting of a store as somebody would type it, "" for what all have; of a picture its digest."""
    own = {name: getattr(store, name) for name in _OF_STORE}
    of_cases = {
        name: case_settings.written(name, getattr(store.settings, name))
        if name in case_settings.decided(store.settings)
        else ""
        for name in case_settings.FORMS
    }
    return own | {"strict": "yes" if store.strict else ""} | of_cases


def usual(store: Store, config: "Config") -> dict[str, str]:
    """What each setting is where a store has decided nothing, "" for nothing."""
    from gateway.locales import SOURCE, zone_for
    from gateway.rendering import COLOUR

    of_cases = {name: case_settings.written(name, getattr(case_settings.USUAL, name)) for name in case_settings.FORMS}
    return of_cases | {
        "strict": "no",
        "locale": SOURCE,
        "time_zone": zone_for("", store.locale),
        "colour": COLOUR,
        "from_address": config.from_address,
        "from_name": store.name,
        "auto_close_days": str(config.cases.auto_close_days),
        "warn_days": str(config.cases.warn_days),
    }


def sample_auto_reply(store: Store, config: "Config") -> str:
    """What an invented customer would read now, "" for nothing. Raises Invalid when it fails."""
    import os

    from gateway.cases.notices import Template
    from gateway.cli import specimens
    from gateway.cli.installation import utc_now
    from gateway.outbound.compose import Composer
    from gateway.overrides import render
    from gateway.overrides.render import Broken
    from gateway.rendering import built_in
    from gateway.signing import Keyring

    if not store.settings.auto_reply:
        return ""
    with _child() as child:
        composer = Composer(
            config,
            Keyring({0: os.urandom(32)}, 0),
            built_in(),
            auto_reply=lambda _, source, told: child.made(render.render_auto_reply, source, told),
        )
        specimen = specimens.of(Template.CASE_OPENED_CUSTOMER, store=store)
        try:
            return composer.auto_reply(specimen.notice.to, specimen.scene, utc_now())
        except Broken as error:
            raise Invalid((Problem("auto_reply", error.why),)) from error
