"""The schema of the database, and the settings with their documentation."""

import typer

from gateway.cli.installation import ConfigFile, settings

commands = typer.Typer()


@commands.command()
def migrate(config: ConfigFile = None) -> None:
    """Bring the database up to date (`run` does, too)."""
    from gateway.app import bind_store
    from store import migrations

    loaded = settings(config)
    database, _ = bind_store(loaded)
    try:
        applied = migrations.apply()
    finally:
        database.close()
    for name in applied:
        typer.echo(f"applied {name}")
    if not applied:
        typer.echo("the schema is up to date")


@commands.command()
def config(
    _: ConfigFile = None,
) -> None:
    """Print every setting with its default, as a file."""
    from gateway.config import document

    typer.echo(document(), nl=False)
