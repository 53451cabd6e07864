"""Stores, the people who work for them, and the tokens of their programs."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.cli.output import columns, moment
from gateway.errors import Conflict, Invalid, NotFound, Problem

if TYPE_CHECKING:
    from gateway.config import Config

commands = typer.Typer()
store = typer.Typer(help="Stores: add, set, list.", no_args_is_help=True)
member = typer.Typer(
    help="People who are mailed about a store's cases: add, remove, list, mute, unmute.", no_args_is_help=True
)
token = typer.Typer(help="API tokens of a store's programs: create, list, revoke.", no_args_is_help=True)
commands.add_typer(store, name="store")
commands.add_typer(member, name="member")
commands.add_typer(token, name="token")

StoreId = Annotated[str, typer.Argument(metavar="STORE", help="Id of the store (shp_…).")]
_NOTICES = "case_opened_merchant, message_to_merchant or case_reopened."


# Stores


@store.command("add")
def add_store(
    name: Annotated[str, typer.Option(help="As people read it in mails.")],
    store_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The platform's id of the store (shp_…); else one is made.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Add a store. Prints its id."""
    from gateway.cases.model import Store
    from store import parties
    from store.identifiers import new_id

    now = utc_now()
    new = Store(new_id("shp", now) if store_id is None else values.store_id(store_id), values.name(name), now)
    with opened(settings(config)) as (database, _):
        if not database.write(lambda: parties.add_store(new)):
            raise Conflict(f"There is a store {new.id} already; change it with `casegate store set`")
    typer.echo(new.id)


@store.command("set")
def set_store(
    store_id: StoreId,
    settings_: Annotated[list[str], typer.Argument(metavar="KEY=VALUE…", help="Nothing behind = is what all have.")],
    config: ConfigFile = None,
) -> None:
    """Change settings of a store.

    name=NEW, strict=yes|no. How its mails look: colour=#rrggbb, logo=FILE (PNG or JPEG, at most 48 KiB). How its people
    read and write, and customers of whom nothing is known: locale=pt-BR, time_zone=Europe/Lisbon. From whom its
    customers get mail, once a key signs for that domain (casegate dkim create): from_address=help@shop.example.org.
    """
    from store import logos, parties

    loaded, changes = settings(config), _changes(settings_)
    _require_signed(changes.get("from_address", ""), loaded)
    picture = changes.get("logo")
    if "logo" in changes:
        changes["logo"] = picture.digest if picture else ""

    def job() -> None:
        if picture:
            logos.save(picture)
        parties.save_store(replace(parties.get_store(store_id), **changes))
        logos.forget_unused()

    with opened(loaded) as (database, _):
        database.write(job)


def _require_signed(address: str, config: "Config") -> None:
    """Raises Invalid unless mail from an address of a store passes DMARC, and does not pass for ours (rule 24)."""
    from gateway.outbound import sign

    domain = address.rpartition("@")[2]
    if address in ("", config.from_address):
        return
    if domain == config.mail.reply_domain:
        text = f"{domain} is this gateway's own domain, where only {config.from_address} stands in From"
        raise Invalid((Problem("from_address", text),))
    if not sign.load(config).speaks_for(domain):
        text = f"no key signs for {domain}, so that receivers would take the mail for forged (DMARC); make one"
        raise Invalid((Problem("from_address", f"{text} first: casegate dkim create {domain}"),))


def _yes_or_no(text: str, field: str) -> bool:
    return values.one_of(("yes", "no"), text, field) == "yes"


_SETTINGS: dict[str, Callable[[str, str], Any]] = {
    "name": values.name,
    "strict": _yes_or_no,
    "locale": values.locale,
    "time_zone": values.time_zone,
    "colour": values.colour,
    "logo": values.picture,
    "from_address": values.from_address,
}


def _changes(pairs: list[str]) -> dict[str, Any]:
    """The settings in `KEY=VALUE` words. Raises Invalid with every wrong one."""
    changes: dict[str, Any] = {}
    problems = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            problems.append(Problem(pair, "write KEY=VALUE"))
        elif key not in _SETTINGS:
            problems.append(Problem(key, f"there is no such setting; known here: {', '.join(_SETTINGS)}"))
        else:
            try:
                changes[key] = _SETTINGS[key](value, key)
            except Invalid as error:
                problems += error.problems
    if problems:
        raise Invalid(tuple(problems))
    return changes


@store.command("list")
def list_stores(config: ConfigFile = None) -> None:
    """Show all stores."""
    from store import parties

    with opened(settings(config)):
        rows = [(s.id, moment(s.created_at), s.name, "strict" if s.strict else "") for s in parties.stores()]
    columns("ID", "ADDED", "NAME", "TRUST", rows=rows)


# Members


@member.command("add")
def add_member(
    store_id: StoreId,
    address: Annotated[str, typer.Argument(help="Where the person is mailed.")],
    name: Annotated[str, typer.Option(help="As customers read it; without one they read the store's name.")] = "",
    config: ConfigFile = None,
) -> None:
    """Add a person to a store, or take one back. Prints the person's id."""
    from store import parties

    loaded = settings(config)
    email, called = values.person_address(address, loaded), values.name(name) if name else ""
    with opened(loaded) as (database, _):
        known = _known_address(store_id, email)
        person = database.write(lambda: parties.add_member(store_id, known, called, utc_now()))
    typer.echo(person.id)


@member.command("remove")
def remove_member(
    store_id: StoreId,
    address: Annotated[str, typer.Argument(help="The address of the person.")],
    config: ConfigFile = None,
) -> None:
    """Take a person out of a store: from now on his reply addresses post nothing."""
    from store import parties

    with opened(settings(config)) as (database, _):
        known = _known_address(store_id, address)
        database.write(lambda: parties.remove_member(store_id, known))


@member.command("mute")
def mute_notices(
    store_id: StoreId,
    address: Annotated[str, typer.Argument(help="The address of the person.")],
    notices: Annotated[list[str], typer.Argument(metavar="NOTICE…", help=_NOTICES)],
    config: ConfigFile = None,
) -> None:
    """Have a person not be mailed these notices any more, as his own mail program can ask for (RFC 8058)."""
    from store import parties

    _change_notices(parties.mute, store_id, address, notices, config)


@member.command("unmute")
def unmute_notices(
    store_id: StoreId,
    address: Annotated[str, typer.Argument(help="The address of the person.")],
    notices: Annotated[list[str], typer.Argument(metavar="NOTICE…", help=_NOTICES)],
    config: ConfigFile = None,
) -> None:
    """Have a person be mailed these notices again."""
    from store import parties

    _change_notices(parties.unmute, store_id, address, notices, config)


def _change_notices(
    change: Callable[[str, str], None], store_id: str, address: str, notices: list[str], config: ConfigFile
) -> None:
    from gateway.cases.notices import Template
    from store import parties

    known = [template for template in Template if template.can_be_muted]
    chosen = [values.one_of(known, notice, "NOTICE") for notice in notices]

    def job() -> None:
        person = next((m for m in parties.members(store_id) if m.email.lower() == address.lower()), None)
        if person is None:
            raise NotFound(f"{address} is no member of {store_id}")
        for notice in chosen:
            change(person.id, notice)

    with opened(settings(config)) as (database, _):
        database.write(job)


def _known_address(store_id: str, address: str) -> str:
    """An address as the store has it: nobody is two people because of a capital letter."""
    from store import parties

    return next((m.email for m in parties.members(store_id) if m.email.lower() == address.lower()), address)


@member.command("list")
def list_members(store_id: StoreId, config: ConfigFile = None) -> None:
    """Show the people of a store."""
    from store import parties

    with opened(settings(config)):
        parties.get_store(store_id)
        rows = [(m.id, m.email, m.name, " ".join(sorted(m.muted))) for m in parties.members(store_id)]
    columns("ID", "ADDRESS", "NAME", "MUTED", rows=rows)


# Tokens


@token.command("create")
def create_token(
    store_id: Annotated[str, typer.Option("--store", metavar="STORE", help="Id of the store (shp_…).")],
    scope: Annotated[list[str], typer.Option(help="CASES_READ or CASES_WRITE; may be given twice.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    config: ConfigFile = None,
) -> None:
    """Make an API token. Prints its secret, which is shown only now."""
    from store import credentials

    scopes = frozenset(values.one_of(credentials.SCOPES, word, "--scope") for word in scope)
    called = values.name(name) if name else ""
    with opened(settings(config)) as (database, _):
        secret = database.write(lambda: credentials.create_token(store_id, called, scopes, utc_now()))
    typer.echo(secret)


@token.command("list")
def list_tokens(
    store_id: Annotated[str | None, typer.Option("--store", metavar="STORE", help="Of this store only.")] = None,
    config: ConfigFile = None,
) -> None:
    """Show all tokens; their secrets are not kept."""
    from store import credentials

    with opened(settings(config)):
        rows = [
            (t.id, t.store_id, " ".join(sorted(t.scopes)), moment(t.created_at), moment(t.revoked_at), t.name)
            for t in credentials.tokens(store_id)
        ]
    columns("ID", "STORE", "SCOPES", "MADE", "REVOKED", "NAME", rows=rows)


@token.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the token (stk_…).")],
    config: ConfigFile = None,
) -> None:
    """Make a token worthless at once."""
    from store import credentials

    with opened(settings(config)) as (database, _):
        database.write(lambda: credentials.revoke_token(token_id, utc_now()))
