"""Stores and their settings."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.cli.output import columns, moment
from gateway.errors import Conflict, Invalid, Problem

if TYPE_CHECKING:
    from gateway.config import Config

commands = typer.Typer()
store = typer.Typer(help="Stores: add, set, list.", no_args_is_help=True)
commands.add_typer(store, name="store")

StoreId = Annotated[str, typer.Argument(metavar="STORE", help="Id of the store (shp_…).")]


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
    from store import audit, parties
    from store.identifiers import new_id

    now = utc_now()
    new = Store(new_id("shp", now) if store_id is None else values.store_id(store_id), values.name(name), now)

    def job() -> None:
        if not parties.add_store(new):
            raise Conflict(f"There is a store {new.id} already; change it with `casegate store set`")
        audit.record(audit.OPERATOR, "store.added", now, store_id=new.id)

    with opened(settings(config)) as (database, _):
        database.write(job)
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
