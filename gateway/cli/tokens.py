"""The tokens with which a store's programs call the API."""

from typing import Annotated

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.cli.output import columns, moment

commands = typer.Typer()
token = typer.Typer(help="API tokens of a store's programs: create, list, revoke.", no_args_is_help=True)
commands.add_typer(token, name="token")


@token.command("create")
def create_token(
    store_id: Annotated[str, typer.Option("--store", metavar="STORE", help="Id of the store (shp_…).")],
    scope: Annotated[list[str], typer.Option(help="CASES_READ or CASES_WRITE; may be given twice.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    config: ConfigFile = None,
) -> None:
    """Make an API token. Prints its secret, which is shown only now."""
    from gateway import staff
    from store import audit, credentials

    scopes = frozenset(values.one_of(credentials.SCOPES, word, "--scope") for word in scope)
    called = values.name(name) if name else ""
    with opened(settings(config)) as (database, _):
        secret = database.write(lambda: staff.create_token(store_id, called, scopes, audit.OPERATOR, utc_now()))
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
    from gateway import staff
    from store import audit
    from store.ledger import Ledger

    loaded = settings(config)
    ledger = Ledger(loaded.ledger_file)
    with opened(loaded) as (database, _):
        database.write(lambda: staff.revoke_token(token_id, audit.OPERATOR, utc_now(), ledger))
