"""The people of one case: who they are, and taking their reply addresses back."""

from typing import Annotated

import typer

from gateway.cli.installation import ConfigFile, opened, settings, utc_now, working
from gateway.cli.output import columns, line
from gateway.errors import NotFound

commands = typer.Typer()
participant = typer.Typer(help="The people of one case: list, revoke, forget.", no_args_is_help=True)
commands.add_typer(participant, name="participant")

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="Id of the case.")]
Who = Annotated[str, typer.Argument(metavar="ADDRESS|ID", help="The person, as the list has him.")]


@participant.command("list")
def list_participants(case_id: CaseId, config: ConfigFile = None) -> None:
    """Show the people of a case: how often the address of each was revoked, and from where else he may write."""
    from gateway.shapes import case_id as known_id
    from store import cases, known_addresses

    with opened(settings(config)):
        file = cases.load(known_id(case_id))
        if file is None:
            raise NotFound("There is no such case")
        rows = []
        for person in file.participants:
            someone = person.member_id or (file.view.customer.id if person.role == "CUSTOMER" else "")
            others = " ".join(known_addresses.confirmed(someone)) if someone else ""
            state = "" if person.active else "left"
            rows.append((person.id, person.role, person.address, person.name, person.generation, state, others))
    columns("ID", "ROLE", "ADDRESS", "NAME", "REVOKED", "STATE", "ALSO WRITES FROM", rows=rows)


@participant.command("revoke")
def revoke(case_id: CaseId, who: Who, config: ConfigFile = None) -> None:
    """Take the reply addresses and the links of a person back, after one was passed on; he is mailed a new one."""
    from gateway import revoking
    from gateway.shapes import case_id as known_id
    from store import audit

    with working(settings(config)) as parts:
        person, mailed = revoking.revoke(parts.changes, parts.ledger, known_id(case_id), who, audit.OPERATOR)
        parts.jobs.wake_outbox()
    typer.echo(f"the reply addresses and links that {line(person.address)} had in this case count no more")
    new = "a mail with a new one is on its way" if mailed else "the next mail to him has a new one"
    typer.echo(new if person.active else "he has left the store, and gets no new one")


@participant.command("forget")
def forget(
    case_id: CaseId,
    who: Who,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="An address that he had confirmed.")],
    config: ConfigFile = None,
) -> None:
    """Take back that another address is a person's: what comes from there is no longer posted as his, in any case."""
    from gateway import revoking
    from gateway.shapes import case_id as known_id
    from store import audit

    with opened(settings(config)) as (database, _):
        database.write(lambda: revoking.forget_address(known_id(case_id), who, other, audit.OPERATOR, utc_now()))
