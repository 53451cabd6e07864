"""What is known about one person: handing it out, and removing it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.installation import ConfigFile, settings, working
from gateway.cli.output import AsJson, as_json, line, moment, tell_facts
from gateway.errors import Conflict, Invalid, NotFound, Problem

if TYPE_CHECKING:
    from gateway.erasing import Receipt

commands = typer.Typer()

OfCustomer = Annotated[str, typer.Option("--customer", metavar="ID", help="The platform's id of the customer (cus_…).")]
WithAddress = Annotated[
    str, typer.Option("--address", metavar="ADDRESS", help="All customers with this address, of whatever store.")
]

_KINDS = {
    "cases": "cases",
    "messages": "messages",
    "files": "files",
    "received_mails": "mails that came in",
    "held_mails": "of them held",
    "sent_mails": "mails that went out",
}


@commands.command()
def export(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The ZIP archive to be made.")],
    customer: OfCustomer = "",
    address: WithAddress = "",
    config: ConfigFile = None,
) -> None:
    """Write all that is known about a customer to an archive; README.txt in it tells what is where."""
    from store import audit, parties

    if output.exists():
        raise Conflict(f"{output} exists; give the name of a new file")
    new = output.with_name(output.name + ".new")
    with working(settings(config)) as parts:
        ids = _customers(customer, address)
        try:
            with new.open("xb") as file:
                counts = parts.exporting.write(ids, file)
                file.flush()
                os.fsync(file.fileno())
            new.rename(output)
        except FileExistsError as error:
            raise Conflict(f"{new} exists: another export is being written, or one was broken off") from error
        except BaseException:
            new.unlink(missing_ok=True)
            raise

        def note() -> None:
            for id_ in ids:
                known = parties.find_customer(id_)
                store_id = known.store_id if known else ""
                audit.record(audit.OPERATOR, "customer.exported", parts.now(), store_id=store_id, subject=id_)

        parts.database.write(note)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("cases", "mails", "files"))
    typer.echo(f"{line(str(output))}: {told}")


@commands.command()
def erase(
    customer: OfCustomer = "",
    address: WithAddress = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Erase a customer: what was said on his cases, his mails, files, addresses and names. It cannot be undone.

    Ids, times and counts stay. An erasure that was broken off is finished by asking for it again.
    """
    from store.audit import OPERATOR

    with working(settings(config)) as parts:
        ids = _customers(customer, address)
        plans = {id_: parts.erasing.preview(id_) for id_ in ids}  # a dispute of one stops all of them
        if dry_run or not yes:
            for id_, (cases, addresses) in plans.items():
                typer.echo(f"{id_}: {cases} cases, {', '.join(map(line, sorted(addresses))) or 'no address'}", err=json)
        if dry_run:
            return
        if not yes:
            typer.confirm("Erase this for good?", abort=True, err=json)
        receipts = [parts.erasing.erase(id_, OPERATOR) for id_ in ids]
    if json:
        as_json([_as_json(receipt) for receipt in receipts])
        return
    for receipt in receipts:
        facts = {"customer": receipt.customer_id, "erased": moment(receipt.at), "digest": receipt.digest}
        tell_facts(facts | {"removed": _counted(receipt)})


def _customers(customer: str, address: str) -> tuple[str, ...]:
    """Who is meant. Raises Invalid, NotFound."""
    from store import erasures, parties

    if bool(customer) == bool(address):
        raise Invalid((Problem("--customer", "give the id of a customer, or his address with --address"),))
    if customer:
        if parties.find_customer(customer) is None:
            raise NotFound(f"There is no customer {customer}")
        return (customer,)
    ids = erasures.customers_with(address)
    if not ids:
        raise NotFound(f"No customer has the address {address}")
    return ids


def _counted(receipt: "Receipt") -> str:
    return ", ".join(f"{receipt.counts[kind]} {words}" for kind, words in _KINDS.items())


def _as_json(receipt: "Receipt") -> dict[str, Any]:
    from gateway import shapes

    names = {kind: "".join(word.title() if i else word for i, word in enumerate(kind.split("_"))) for kind in _KINDS}
    return {
        "customer": receipt.customer_id,
        "digest": receipt.digest,
        "erasedAt": shapes.timestamp(receipt.at),
        "removed": {names[kind]: receipt.counts[kind] for kind in _KINDS},
    }
