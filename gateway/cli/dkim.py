"""Keys that sign outgoing mail: made here, and shown with the DNS records that they need."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now
from gateway.errors import Invalid, Problem

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.outbound.sign import SigningKey

commands = typer.Typer()
dkim = typer.Typer(help="Keys that sign outgoing mail (DKIM).", no_args_is_help=True)
commands.add_typer(dkim, name="dkim")

_STRING = 255  # octets of one string of a TXT record (RFC 1035 §3.3)


@dkim.command("create")
def create(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain in From, after the @.")],
    selector: Annotated[str, typer.Option(help="The name of the key in the DNS; by default made from the month.")] = "",
    algorithm: Annotated[str, typer.Option(metavar="rsa|ed25519", help="rsa is what every receiver knows.")] = "rsa",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="By default below data_dir.")] = None,
    config: ConfigFile = None,
) -> None:
    """Make a key, and print its DNS record and the lines for the settings."""
    from gateway.outbound import sign

    loaded = settings(config)
    domain = values.domain(domain, "DOMAIN")
    algorithm = values.one_of(("rsa", "ed25519"), algorithm, "--algorithm")
    default = f"cg{utc_now():%Y%m}" + ("e" if algorithm == "ed25519" else "")
    key = sign.make_key(domain, values.domain(selector or default, "--selector"), algorithm)
    file = out or loaded.gateway.data_dir / "dkim" / f"{domain}.{key.selector}.pem"
    _write(file, key.pem())
    _audit(loaded, key)
    ours = domain == loaded.from_address.rpartition("@")[2] and loaded.mail.dkim_key_file is None
    selected, path = json.dumps(key.selector), json.dumps(str(file.absolute()))
    lines = ["[mail]", f"dkim_selector = {selected}", f"dkim_key_file = {path}"]
    if not ours:
        lines = ["[[dkim]]", f"domain = {json.dumps(domain)}", f"selector = {selected}", f"key_file = {path}"]
    typer.echo(f"Wrote the private key to {file}; keep it as secret as a password.\n\n1. Add to the DNS:\n")
    typer.echo(zone_line(key))
    typer.echo("\n2. When it is there, add to the settings, and restart:\n\n" + "\n".join(lines))
    typer.echo("\n3. casegate check tells whether receivers find the key.")


@dkim.command("list")
def show(config: ConfigFile = None) -> None:
    """Show the DNS record of each key in the settings, as a zone file has it."""
    from gateway.outbound import sign

    keys = sign.load(settings(config)).keys
    if not keys:
        typer.echo("The settings name no key, so that nothing is signed: see casegate dkim create", err=True)
    for key in keys:
        typer.echo(zone_line(key))


def zone_line(key: "SigningKey") -> str:
    """The record as a zone file has it: a value longer than one string stands in several."""
    strings = [key.record[at : at + _STRING] for at in range(0, len(key.record), _STRING)]
    quoted = " ".join(f'"{one}"' for one in strings)
    return f"{key.place}.  TXT  ( {quoted} )"


def _audit(config: "Config", key: "SigningKey") -> None:
    """Keys are also made before there is a database: then nobody else has done anything yet."""
    from store import audit

    if Path(urlsplit(config.database_url).path[1:]).exists():
        detail = {"domain": key.domain, "selector": key.selector}
        with opened(config) as (database, _):
            database.write(lambda: audit.record(audit.OPERATOR, "dkim.created", utc_now(), detail=detail))


def _write(file: Path, pem: bytes) -> None:
    """A new file that its owner alone may read. Raises Invalid: a key in use must not be lost."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            target.write(pem)
    except FileExistsError as error:
        text = f"{file} is there already; take another --selector or --out, or move it away yourself"
        raise Invalid((Problem("--out", text),)) from error
    except OSError as error:
        raise Invalid((Problem("--out", f"{file}: {error.strerror or error}"),)) from error
