"""The people of a store: who they are, what they are, and of what they are mailed."""

from typing import Annotated

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.cli.output import columns

commands = typer.Typer()
member = typer.Typer(
    help="People who are mailed about a store's cases: add, role, remove, list, mute, unmute.", no_args_is_help=True
)
commands.add_typer(member, name="member")

StoreId = Annotated[str, typer.Argument(metavar="STORE", help="Id of the store (shp_…).")]
Address = Annotated[str, typer.Argument(help="The address of the person.")]
Notices = Annotated[
    list[str],
    typer.Argument(metavar="NOTICE…", help="case_opened_merchant, message_to_merchant or case_reopened."),
]


@member.command("add")
def add_member(
    store_id: StoreId,
    address: Annotated[str, typer.Argument(help="Where the person is mailed.")],
    name: Annotated[str, typer.Option(help="As customers read it; without one they read the store's name.")] = "",
    role: Annotated[
        str, typer.Option(help="owner or agent; by default the first one is the owner, the others are agents.")
    ] = "",
    config: ConfigFile = None,
) -> None:
    """Add a person to a store, or take one back. Prints the person's id.

    An owner also hears of mail to the store that was held.
    """
    from gateway import staff
    from gateway.cases.model import MemberRole
    from store import audit

    loaded, now = settings(config), utc_now()
    email, called = values.person_address(address, loaded), values.name(name) if name else ""
    chosen = MemberRole(values.one_of(tuple(MemberRole), role, "--role")) if role else None
    with opened(loaded) as (database, _):
        person = database.write(lambda: staff.add_member(store_id, email, called, chosen, audit.OPERATOR, now))
    typer.echo(person.id)


@member.command("role")
def set_role(
    store_id: StoreId,
    address: Address,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="owner or agent.")],
    config: ConfigFile = None,
) -> None:
    """Make a person an owner, who also hears of held mail, or an agent. A store keeps one owner at least."""
    from gateway import staff
    from gateway.cases.model import MemberRole
    from store import audit

    chosen = MemberRole(values.one_of(tuple(MemberRole), role, "ROLE"))
    with opened(settings(config)) as (database, _):
        database.write(lambda: staff.set_role(store_id, address, chosen, audit.OPERATOR, utc_now()))


@member.command("remove")
def remove_member(
    store_id: StoreId,
    address: Address,
    force: Annotated[
        bool, typer.Option("--force", help="Also the last owner; then the operator looks at held mail.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Take a person out of a store: from now on his reply addresses post nothing, and mail that waits is not sent."""
    from gateway import staff
    from store import audit
    from store.ledger import Ledger

    loaded = settings(config)
    ledger = Ledger(loaded.ledger_file)
    with opened(loaded) as (database, _):
        database.write(lambda: staff.remove_member(store_id, address, audit.OPERATOR, utc_now(), ledger, force=force))


@member.command("mute")
def mute_notices(store_id: StoreId, address: Address, notices: Notices, config: ConfigFile = None) -> None:
    """Have a person not be mailed these notices any more, as his own mail program can ask for (RFC 8058)."""
    from gateway import staff
    from store import audit, parties

    chosen = _known(notices)

    def job() -> None:
        person = parties.member(store_id, address)
        staff.mute(person.id, store_id, chosen, audit.OPERATOR, utc_now())

    with opened(settings(config)) as (database, _):
        database.write(job)


@member.command("unmute")
def unmute_notices(store_id: StoreId, address: Address, notices: Notices, config: ConfigFile = None) -> None:
    """Have a person be mailed these notices again."""
    from gateway import staff
    from store import audit, parties

    chosen = _known(notices)

    def job() -> None:
        person = parties.member(store_id, address)
        staff.unmute(person.id, store_id, chosen, audit.OPERATOR, utc_now())

    with opened(settings(config)) as (database, _):
        database.write(job)


def _known(notices: list[str]) -> tuple[str, ...]:
    """Notices that can be muted, as the rows have them. Raises Invalid."""
    from gateway.cases.notices import Template

    known = [template for template in Template if template.can_be_muted]
    return tuple(values.one_of(known, notice, "NOTICE") for notice in notices)


@member.command("list")
def list_members(store_id: StoreId, config: ConfigFile = None) -> None:
    """Show the people of a store, what they are, and the notices that each is not mailed."""
    from store import parties

    with opened(settings(config)):
        parties.get_store(store_id)
        rows = [(m.id, m.email, m.role, m.name, " ".join(sorted(m.muted))) for m in parties.members(store_id)]
    columns("ID", "ADDRESS", "ROLE", "NAME", "MUTED", rows=rows)
