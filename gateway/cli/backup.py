"""Backups, restoring one, and letting go on what stands still afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now, working
from gateway.cli.output import columns, moment
from gateway.errors import Invalid, Problem

if TYPE_CHECKING:
    from gateway.app import Parts
    from gateway.backups.make import Made
    from gateway.backups.restore import Restored
    from gateway.config import Config
    from store.switches import Stopped

commands = typer.Typer()

_VARIABLE = "CASEGATE_BACKUP_PASSPHRASE"
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=f"A file with the passphrase of the keys on its first line; else {_VARIABLE} in the environment.",
    ),
]
_RESUMABLE = ("sending", "closing", "clock")


@commands.command()
def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A new folder, or a new file that ends in .tar.")],
    passphrase_file: PassphraseFile = None,
    config: ConfigFile = None,
) -> None:
    """Make a backup while the gateway works: rows, mails, files, ledger; keys too, if there is a passphrase."""
    from gateway.backups.make import make

    loaded = settings(config)
    passphrase = _passphrase(passphrase_file)
    with opened(loaded) as (database, files):
        made = make(loaded, database, files, target, passphrase=passphrase, now=utc_now)
    typer.echo(f"{target}: the rows and {made.files} files, {made.size / 1024**2:.1f} MiB")
    for line in _remarks(made, loaded):
        typer.echo(line)


def _remarks(made: "Made", config: "Config") -> Iterator[str]:
    if made.has_keys:
        yield "keys: in it, encrypted; without the passphrase nobody can use them, you neither"
    else:
        folders = " and ".join(str(config.gateway.data_dir / name) for name in ("secrets", "dkim"))
        yield f"keys: NOT in it, for want of a passphrase. Keep {folders} elsewhere:"
        yield "      without them every answer to a mail that was sent bounces"
    if made.elsewhere:
        yield f"keys: those of the settings are NOT in it, keep them too: {', '.join(made.elsewhere)}"
    if made.missing:
        yield f"MISSING: {len(made.missing)} files that rows name are not on the disk, such as {made.missing[0]}"


@commands.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="A backup: a folder or a .tar file.")],
    passphrase_file: PassphraseFile = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave its keys out; you have them elsewhere.")
    ] = False,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="FILE", help="The ledger.jsonl of the lost data_dir, if it has survived."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Restore a backup into an empty data_dir. Afterwards nothing is sent or closed until `casegate resume`."""
    from gateway.backups.restore import restore as restore_backup
    from gateway.serving import only_one

    loaded = settings(config)
    os.umask(0o077)
    passphrase = None if without_keys else _passphrase(passphrase_file)
    with only_one(loaded.gateway.data_dir):
        done = restore_backup(loaded, source, passphrase=passphrase, ledger=ledger, now=utc_now)
    for line in _told(done, loaded):
        typer.echo(line)


def _told(done: "Restored", config: "Config") -> Iterator[str]:
    yield f"restored: the rows and {done.files} files, as they were at {moment(done.made_at)}; what came later is lost"
    if done.migrations:
        yield f"schema: applied {', '.join(done.migrations)}"
    if done.has_keys:
        yield "keys: restored"
    else:
        yield f"keys: not restored. Put them into {config.gateway.data_dir / 'secrets'}, or nothing starts"
    yield f"ledger: {done.applied} erasures, revocations and removals applied again"
    if done.settled.unclear:
        yield f"unclear: {done.settled.unclear} mails waited then and may have been sent since; they stay until you say"
        yield '         casegate outbox retry --failed --reason "unclear:"  (or by their numbers)'
    yield "sending and closing stand still. Start the gateway, look around, then: casegate resume all"


@commands.command()
def resume(
    what: Annotated[
        str, typer.Argument(metavar="[sending|closing|clock|all]", help="What is to go on; without it, see what waits.")
    ] = "",
    config: ConfigFile = None,
) -> None:
    """Let go on what stands still, or list it."""
    if not what:
        _list_stopped(config)
        return
    wanted = _RESUMABLE if what == "all" else (values.one_of((*_RESUMABLE, "all"), what, "WHAT"),)
    with working(settings(config)) as parts:
        started = _start(parts, wanted)
        parts.jobs.wake_outbox()
    for one in started:
        typer.echo(f"{one.switch} goes on; it stood still since {moment(one.at)}: {one.reason}")
    if not started:
        typer.echo("nothing stood still" if what == "all" else f"{what} did not stand still")


def _start(parts: "Parts", wanted: tuple[str, ...]) -> "list[Stopped]":
    """Returns what stood still."""
    from store import audit, switches

    def job() -> "list[Stopped]":
        found = [one for one in switches.stopped() if one.switch in wanted]
        for one in found:
            switches.start(one.switch)
            detail = {"since": one.at.isoformat(), "reason": one.reason}
            audit.record(audit.OPERATOR, "switch.started", parts.now(), subject=one.switch, detail=detail)
        return found

    return parts.database.write(job)


def _list_stopped(file: Path | None) -> None:
    from store import switches

    with opened(settings(file)):
        stopped = switches.stopped()
    if not stopped:
        typer.echo("nothing stands still")
        return
    columns("WHAT", "SINCE", "WHY", rows=((one.switch, moment(one.at), one.reason) for one in stopped))


def _passphrase(file: Path | None) -> str:
    """Never from the command line, which other users of the machine can read. "" when there is none."""
    if file is None:
        return os.environ.get(_VARIABLE, "")
    try:
        first = file.read_text("utf-8").splitlines()[:1]
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid((Problem("--passphrase-file", f"{file} cannot be read: {error}"),)) from error
    if not first or not first[0].strip():
        raise Invalid((Problem("--passphrase-file", f"the first line of {file} is empty"),))
    return first[0].strip()
