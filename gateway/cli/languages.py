"""The languages of our mails: which there are, and what translators need."""

import typer

from gateway.cli.installation import ConfigFile
from gateway.cli.output import columns

commands = typer.Typer()
language = typer.Typer(help="Languages of our mails: list, messages.", no_args_is_help=True)
commands.add_typer(language, name="language")


@language.command("list")
def list_languages(_: ConfigFile = None) -> None:
    """Show all languages. One that lacks messages is not used: its readers get English."""
    from gateway.locales import SOURCE, Catalogues, problems
    from gateway.rendering import built_in

    catalogues, messages = Catalogues(), built_in().messages()
    rows = []
    for name in catalogues.languages:
        found = () if name == SOURCE else problems(catalogues.get(name), messages)
        rows.append((name, "lacking" if found else "used", str(len(found)) if found else ""))
    columns("LANGUAGE", "STATE", "PROBLEMS", rows=rows)


@language.command("messages")
def show_messages(_: ConfigFile = None) -> None:
    """Print every message as a file for translators (`.pot`)."""
    from gateway.locales import as_template
    from gateway.rendering import built_in

    typer.echo(as_template(built_in().messages()), nl=False)
