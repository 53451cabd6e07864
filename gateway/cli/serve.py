"""Processes that stay: the gateway as a whole, or one role of it."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gateway.cli.installation import ConfigFile, settings, worker_name

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.serving import Listening, Role

commands = typer.Typer()

_NEXT = """\
What next:
  casegate store add --name NAME   a store; then casegate member add and casegate token create
  casegate check                   relay, templates, keys, and the DNS records to add
  Ctrl-C                           stops it; what is kept is worked on at the next start"""


@commands.command()
def run(config: ConfigFile = None) -> None:
    """Run everything in one process: mail in, mail out, HTTP."""
    from gateway.app import build
    from gateway.serving import Role, only_one, serve, take_over

    loaded = settings(config, log_level=logging.INFO)
    with only_one(loaded.gateway.data_dir):
        parts = build(loaded, run=True, worker="run")
        take_over(parts)
        status = serve(parts, Role.RUN, ready=lambda listening: _welcome(loaded, listening))
    raise typer.Exit(status)


@commands.command()
def demo(config: ConfigFile = None) -> None:
    """Try it out: a sample case, and its mail in the browser.

    Runs everything with a mailbox instead of a relay: read each outgoing mail and answer it there.
    """
    from gateway.demo import demo as run_demo

    raise typer.Exit(run_demo(settings(config)))


@commands.command()
def smtp(config: ConfigFile = None) -> None:
    """Run the mail door only."""
    from gateway.serving import Role

    _serve_role(config, Role.SMTP)


@commands.command()
def web(config: ConfigFile = None) -> None:
    """Run the HTTP door only."""
    from gateway.serving import Role

    _serve_role(config, Role.WEB)


@commands.command()
def worker(config: ConfigFile = None) -> None:
    """Run the workers only: processing and sending."""
    from gateway.serving import Role

    _serve_role(config, Role.WORKER)


def _serve_role(file: Path | None, role: "Role") -> None:
    from gateway.app import build
    from gateway.serving import serve

    loaded = settings(file, log_level=logging.INFO)
    parts = build(loaded, run=False, worker=worker_name())
    raise typer.Exit(serve(parts, role, ready=lambda listening: _welcome(loaded, listening)))


def _welcome(config: "Config", listening: "Listening") -> None:
    """Tell a person at a terminal where it listens and what to do next. Logs have it for everybody else."""
    if not sys.stdout.isatty():
        return
    lines = ["", "Casegate is running."]
    if listening.smtp is not None:
        host, port = listening.smtp
        lines.append(f"  mail   {host}:{port}, for mail to {config.mail.reply_domain}")
    if listening.lmtp is not None:
        lines.append(f"  LMTP   {listening.lmtp}, for a mail server that hands mail over")
    if listening.http is not None:
        host, port = listening.http
        lines.append(f"  HTTP   http://{host}:{port}, the API is described at /docs")
    lines.append(f"  data   {config.gateway.data_dir.absolute()}")
    typer.echo("\n".join([*lines, _NEXT, ""]))
