"""Stores and their settings."""

from typing import Annotated

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.cli.output import AsJson, as_json, columns, line, moment
from gateway.errors import Conflict, Invalid

commands = typer.Typer()
store = typer.Typer(help="Stores: add, set, show, list.", no_args_is_help=True)
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
    """Change settings of a store; `casegate store show` prints them all.

    \b
    name=NEW, strict=yes|no       its name, and whether it takes mail from known addresses only
    colour=#rrggbb, logo=FILE     how its mails look (PNG or JPEG, at most 48 KiB)
    locale=pt-BR                  how its people read, and customers of whom nothing is known
    time_zone=Europe/Lisbon       for them, and for its days and business hours
    from_name=WORDS               who speaks in From to its customers
    from_address=ADDRESS          from where, once a key signs for that domain (casegate dkim create)
    auto_reply=WORDS|@FILE|@-     what a customer gets with the receipt of a new case
    business_hours=HOURS          such as "mon-fri 09:00-12:00, 13:00-17:00; sat 10:00-14:00"
    auto_close_days=N             of silence until a case closes that waits for its customer; 0: never
    warn_days=N                   of them, those after the warning; 0: no warning
    skip_weekends=yes|no          Saturdays and Sundays are no days of silence
    holidays=DAYS                 nor are these, such as "2026-12-24..2026-12-26, 2027-01-01"
    reopen_days=N                 after closing, in which a customer's mail reopens a case; 0: always
    thanks_hours=N                after closing, in which mere thanks leave it closed; 0: none
    """
    from gateway.cli import store_settings
    from gateway.overrides import auto_reply
    from store import alarms, audit, logos, parties

    loaded, now = settings(config), utc_now()
    changes = store_settings.read(settings_)

    def job() -> None:
        old = parties.get_store(store_id)
        new = changes.made(old, loaded)
        if changes.picture:
            logos.save(changes.picture)
        parties.save_store(new)
        logos.forget_unused()
        if "auto_reply" in changes.of_cases:
            alarms.resolve(auto_reply.alarm(store_id), now)
        if different := store_settings.differences(old, new):
            audit.record(audit.OPERATOR, "store.changed", now, store_id=store_id, detail=different)

    with opened(loaded) as (database, _):
        store_settings.check(changes, loaded, database)
        database.write(job)


@store.command("show")
def show_store(store_id: StoreId, json: AsJson = False, config: ConfigFile = None) -> None:
    """Show every setting of a store and where it comes from, and its auto-reply as a customer would read it now."""
    from gateway.cli import store_settings
    from store import parties

    loaded = settings(config)
    with opened(loaded):
        shop = parties.get_store(store_id)
    own, usual = store_settings.told(shop), store_settings.usual(shop, loaded)
    rows = [(name, "store" if value else "gateway", value or usual.get(name, "")) for name, value in own.items()]
    sample, broken = "", ""
    try:
        sample = store_settings.sample_auto_reply(shop, loaded)
    except Invalid as error:
        broken = error.problems[0].text
    if json:
        as_json(
            {
                "id": shop.id,
                "createdAt": moment(shop.created_at),
                "settings": {name: {"value": value, "from": source} for name, source, value in rows},
                "autoReply": {"sample": sample, "broken": broken},
            }
        )
        return
    columns("SETTING", "FROM", "VALUE", rows=rows)
    if broken:
        typer.echo(f"\nThe auto-reply fails: {line(broken)}")
    elif sample:
        typer.echo("\nThe auto-reply, as a customer would read it now:\n")
        for text in sample.split("\n"):
            typer.echo(f"  {line(text)}".rstrip())


@store.command("list")
def list_stores(config: ConfigFile = None) -> None:
    """Show all stores."""
    from store import parties

    with opened(settings(config)):
        rows = [(s.id, moment(s.created_at), s.name, "strict" if s.strict else "") for s in parties.stores()]
    columns("ID", "ADDED", "NAME", "TRUST", rows=rows)
