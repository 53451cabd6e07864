"""Evidence for a payment dispute: making it, its key, and checking it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.cli.output import line
from gateway.errors import Invalid, Problem

if TYPE_CHECKING:
    from gateway.evidence.seal import PublicKey

commands = typer.Typer()
evidence = typer.Typer(help="Evidence for payment disputes: its key, checking it.", no_args_is_help=True)
commands.add_typer(evidence, name="evidence")


def make(case_id: str, output: Path, config: Path | None) -> None:
    """`case evidence`: write the evidence of a case to a new file, and tell of it."""
    from gateway import keys
    from gateway.evidence.make import Evidence
    from gateway.mail.redact import Redactor
    from gateway.rendering import built_in
    from gateway.shapes import case_id as known_id

    read = settings(config)
    with opened(read) as (database, files):
        redactor = Redactor(read.mail.reply_domain, read.gateway.public_url)
        seal = keys.seal(read, database, utc_now())
        maker = Evidence(database, files, redactor, built_in(), seal, public_url=read.gateway.public_url, now=utc_now)
        try:
            made = maker.make(known_id(case_id), output)
        except OSError as error:
            raise Invalid((Problem(str(error.filename or output), str(error.strerror)),)) from error
    typer.echo(f"{output}: {made.files} files, {made.size:,} bytes")
    typer.echo(f"signed by the key {made.key.fingerprint}; `casegate evidence key` prints it, for those who check")


@evidence.command("key")
def show_key(
    new: Annotated[
        bool, typer.Option("--new", help="Make another one. Evidence by the old one stays genuine: publish both.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Print the public key that checks our evidence, for publishing; nothing else stands on the standard output."""
    from gateway import keys

    read = settings(config)
    with opened(read) as (database, _):
        public = keys.seal(read, database, utc_now(), anew=new).public
    typer.echo(public.pem, nl=False)
    typer.echo(f"SHA-256 {public.fingerprint}", err=True)


@evidence.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What was received.", dir_okay=False)],
    key: Annotated[
        str, typer.Option("--key", metavar="FILE|BASE64", help="The key that whoever made it has published.")
    ] = "",
    _: ConfigFile = None,
) -> None:
    """Check that evidence is whole and unchanged since it was signed. Needs neither settings nor a database.

    Ends with status 0 when it is, with 1 and what is wrong when it is not.
    """
    from gateway.evidence.verify import verify as check

    try:
        expected = _given(key) if key else None
        with file.open("rb") as opened_file:
            genuine = check(opened_file, expected)
    except OSError as error:
        _fail((Problem(str(file), error.strerror or "cannot be read"),))
    except Invalid as error:
        _fail(error.problems)
    said = genuine.manifest
    typer.echo(f"{file} is whole and unchanged since it was signed")
    typer.echo(line(f"case {_at(said, 'case', 'id')} of {_at(said, 'store', 'name')}, made {_at(said, 'madeAt')}"))
    if expected is not None:
        typer.echo(f"signed by the key that you gave, {genuine.key.fingerprint}")
        return
    typer.echo(f"signed by the key {genuine.key.fingerprint}, which stands in it:")
    typer.echo("whose key that is, the file cannot show; compare it with the one that its maker has published")


def _given(key: str) -> "PublicKey":
    """A key from a file, or as it is. Raises Invalid, OSError."""
    from gateway.evidence.seal import read_public

    path = Path(key)
    text = path.read_text("ascii", "replace") if len(key) < 4_096 and path.is_file() else key
    return read_public(text, "--key")


def _at(manifest: dict[str, Any], *names: str) -> str:
    """A value of a manifest, "?" where there is none: anybody may have signed it."""
    value: Any = manifest
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else "?"


def _fail(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        typer.echo(line(f"{problem.field}: {problem.text}" if problem.field else problem.text), err=True)
    raise typer.Exit(1)
