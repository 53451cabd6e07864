"""Can this installation take and send mail? One line for each thing that it needs, and the DNS records to add."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from gateway.cli.findings import Finding, all_failed, failed, ok, tell, warning
from gateway.cli.installation import ConfigFile, settings, utc_now
from gateway.errors import Invalid

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.mail.authentication.lookup import Lookup
    from gateway.outbound.sign import Signer, SigningKey

commands = typer.Typer()

RELAY_TIMEOUT = 15.0  # seconds for each step of signing in
_LOCAL_DOMAINS = (".localhost", ".test", ".invalid", ".example")  # RFC 6761: no mail from outside finds them
_MOUNTS = Path("/proc/self/mounts")
#: Where SQLite's log in shared memory does not work or its locks are not kept.
_NETWORK_FILE_SYSTEMS = frozenset(
    (
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "ocfs2",
        "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.davfs", "davfs",
    )
)  # fmt: skip


@commands.command()
def check(
    front: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Also send a forged mail through the mail server before us.")
    ] = "",
    front_from: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Its sender; by default none, From is postmaster.")
    ] = "",
    front_wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long it may take to come in.")] = 60,
    relay: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|URL",
            help="Only talk to a relay, the first is 1 (or: operator), and show what both sides say.",
        ),
    ] = "",
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="With --relay: also send a mail to this address.")] = "",
    config: ConfigFile = None,
) -> None:
    """Check all that mail needs; show the DNS records.

    The gateway may run meanwhile, and must with --front. Exit status 1: something does not work.
    """
    try:
        loaded = settings(config)
    except Invalid as error:
        tell("config", all_failed(error))
        raise typer.Exit(1) from error
    if to and not relay:
        raise typer.BadParameter("it needs --relay NUMBER, the relay that the mail goes by", param_hint="--to")
    if relay:
        from gateway.cli.relay import check_relay

        raise typer.Exit(1 if tell("relay", check_relay(loaded, relay, to)) else 0)
    bad = sum([tell(name, look(loaded)) for name, look in CHECKS.items()])
    if front:
        from gateway.cli.front import check_front

        bad += tell("front", check_front(loaded, front, sender=front_from, patience=front_wait))
    typer.echo("\n" + dns_records(loaded))
    raise typer.Exit(1 if bad else 0)


def check_config(config: "Config") -> Iterator[Finding]:
    """The settings, beyond what reading them has checked."""
    yield ok(f"mail comes to {config.mail.reply_domain}, data is in {config.gateway.data_dir.absolute()}")
    domain = config.mail.reply_domain
    if f".{domain}".endswith(_LOCAL_DOMAINS):
        yield warning(
            f"{domain} is for trying out, nobody can answer to it: set mail.reply_domain to a domain of yours"
        )
    if config.from_address.rpartition("@")[2].lower() != domain:
        yield warning(
            f"mail.from_address is not in {domain}: answers of programs that ignore Reply-To do not come here"
        )
    if config.canary.every_minutes and f".{domain}".endswith(_LOCAL_DOMAINS):
        yield failed(f"canary.every_minutes is set, and no relay finds its way back to {domain}: set it to 0")
    if config.support.address.rpartition("@")[2].lower() == domain:
        yield failed("support.address is in this gateway's own domain: give the address of a person")


def check_disk(config: "Config") -> Iterator[Finding]:
    """Free space and the kind of file system."""
    import shutil

    folder = _existing(config.gateway.data_dir)
    free, floor = shutil.disk_usage(folder).free, config.gateway.free_space_floor
    room = f"{free // 1024**2} MiB are free at {folder}"
    if free < floor:
        yield failed(f"{room}, no mail is taken below {floor // 1024**2} MiB: make room")
    elif free < 4 * floor:
        yield warning(f"{room}, no mail is taken below {floor // 1024**2} MiB: make room soon")
    else:
        yield ok(room)
    kind = file_system(_existing(_path(config.database_url)))
    if kind in _NETWORK_FILE_SYSTEMS:
        yield failed(f"the database is on {kind}, where SQLite loses data: put gateway.data_dir on a local disk")


def _path(sqlite_url: str) -> Path:
    return Path(urlsplit(sqlite_url).path[1:])


def _existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """The type of the file system that holds a path, "" where the system does not tell. mounts: as in proc(5)."""
    if not mounts.exists():
        return ""
    where, kind = "", ""
    for entry in mounts.read_text(errors="replace").splitlines():
        _, point, fs_type, *_ = entry.split(" ")
        point = point.replace("\\040", " ")
        if path.resolve().is_relative_to(point) and len(point) >= len(where):
            where, kind = point, fs_type
    return kind


def check_database(config: "Config") -> Iterator[Finding]:
    """Schema, safety of commits, and that it takes changes."""
    from gateway.app import open_store
    from store.database import sql

    if not _path(config.database_url).exists():
        yield warning(f"there is none at {_path(config.database_url)} yet: the first `casegate run` makes it")
        return
    database, _ = open_store(config, migrate=False)
    try:
        database.write(lambda: None)
        synchronous, journal = (sql(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode"))
    finally:
        database.close()
    if synchronous < 2 or journal != "wal":
        yield failed(f"commits are not safe (synchronous {synchronous}, journal {journal}): use a local disk")
    else:
        yield ok("the schema is up to date, changes are taken and synced")


def check_mail(config: "Config") -> Iterator[Finding]:
    """Mail that waits too long, and whether anything goes out at all."""
    from gateway.app import open_store
    from gateway.watch import standing_still, stuck
    from store import outbox

    if not _path(config.database_url).exists():
        return
    database, _ = open_store(config, migrate=False)
    try:
        still = standing_still().values()
        late = [text for text in stuck(utc_now()).values() if text]
        given_up = outbox.count(outbox.Which("failed"))
    finally:
        database.close()
    for text in still:
        yield failed(text)
    for text in late:
        yield warning(f"{text}: is the gateway running?")
    if given_up:
        yield warning(f"{given_up} mails could not be sent: see casegate outbox list --state failed")
    if not still and not late and not given_up:
        yield ok("none waits too long")


def check_keys(config: "Config") -> Iterator[Finding]:
    """Keys of reply addresses and secrets of hooks."""
    from gateway import keys
    from gateway.app import open_store
    from store import credentials

    if not _path(config.database_url).exists():
        yield ok("given in the settings, or made by the first `casegate run`")
        return
    database, _ = open_store(config, migrate=False)
    try:
        unused = not credentials.has_participants() and not credentials.key_fingerprints()
        secrets = keys.load(config, None, may_make=False, now=utc_now())
    except Invalid:
        if not unused:
            raise
        yield warning("not made yet: the first `casegate run` does it")
    else:
        loaded = ", ".join(str(key_id) for key_id in secrets.keyring.secrets)
        yield ok(f"loaded: {loaded}; new reply addresses are signed with {secrets.keyring.current}")
    finally:
        database.close()


def check_queue(config: "Config") -> Iterator[Finding]:
    """The queue of wakes."""
    from tasks.queue import make_queue

    path = _path(config.queue_url)
    if not path.exists():
        yield ok(f"made at {path} when it is needed")
        return
    yield ok(f"{make_queue(config.queue_url).storage.queue_size()} wakes wait at {path}")


def check_relays(config: "Config") -> Iterator[Finding]:
    """Every relay: greeting, encryption, sign-in."""
    from gateway.cli.relay import OPERATOR, remarks
    from gateway.outbound.answers import Outcome
    from gateway.outbound.relay import Relay

    relays = {f"{number}": (section.target, f"relay.{number - 1}") for number, section in enumerate(config.relay, 1)}
    if config.operator_relay is not None:
        relays[OPERATOR] = config.operator_relay, "mail.operator_relay"
    for which, (target, key) in relays.items():
        answer = asyncio.run(Relay(target, local_hostname=config.mail.reply_domain, timeout=RELAY_TIMEOUT).probe())
        if answer.outcome is Outcome.SENT:
            yield ok(str(answer))
        else:
            yield failed(f"{answer}; set in {key}, and casegate check --relay {which} shows what it says")
        yield from remarks(target)


def check_signatures(config: "Config") -> Iterator[Finding]:
    """The keys that sign our mail, and whether the DNS has their public halves."""
    from gateway.dns import Resolver
    from gateway.outbound import sign

    signer = sign.load(config)
    domain = config.from_address.rpartition("@")[2]
    if not signer.speaks_for(domain):
        yield warning(
            f"mail from {domain} is not signed, and many receivers take it for spam: casegate dkim create {domain}"
        )
    for file in (config.mail.dkim_key_file, *(one.key_file for one in config.dkim)):
        if file is not None and file.stat().st_mode & 0o077:
            yield warning(f"{file} can be read by others, who could sign as you: chmod 600 {file}")
    for store, address in _unsigned_stores(config, signer):
        yield warning(f"no key signs for {address}, so that mail of {store} comes from {config.from_address} instead")
    resolver = Resolver(config.name_server, timeout=config.dns.timeout)
    for key in signer.keys:
        yield _published(key, resolver.lookup)


def _unsigned_stores(config: "Config", signer: "Signer") -> list[tuple[str, str]]:
    """Stores that had an address of their own in From as long as a key stood behind it, each with that address."""
    from gateway.app import open_store
    from store import parties

    if not _path(config.database_url).exists():
        return []
    database, _ = open_store(config, migrate=False)
    try:
        own = [(one.id, one.from_address) for one in parties.stores() if one.from_address]
    finally:
        database.close()
    return [
        (store, at) for store, at in own if at != config.from_address and not signer.speaks_for(at.rpartition("@")[2])
    ]


def _published(key: "SigningKey", lookup: "Lookup") -> Finding:
    """What the DNS tells a receiver about a key: looked at with the eyes with which we check others."""
    from gateway.mail.authentication.lookup import Trouble
    from gateway.mail.authentication.signatures import Rejected, fetch_key

    remedy = "receivers will not believe what it signs: casegate dkim list shows the record to publish"
    try:
        published = fetch_key({"d": key.domain, "s": key.selector}, lookup)
    except Trouble as error:
        return warning(f"{key.place} could not be looked up: {error}")
    except Rejected as error:
        return failed(f"{error.text} As it is, {remedy}")
    if published != key.private.public_key():
        return failed(f"Another key is published at {key.place}. As it is, {remedy}")
    return ok(f"{key.place} is published ({key.algorithm})")


def check_doors(config: "Config") -> Iterator[Finding]:
    """The ways in that are on, and whether mail can come by them."""
    from gateway.web.providers.public_keys import p256_key

    yield ok("mail comes in by " + ", ".join(_ways_in(config)))
    public_url = config.gateway.public_url
    if not _is_local(config.mail.reply_domain) and _is_local(urlsplit(public_url).hostname or ""):
        yield warning(f"mails link to {public_url}, which nobody else can open: set gateway.public_url")
    providers = config.providers
    if providers.sendgrid_public_key:
        try:
            p256_key(providers.sendgrid_public_key)
        except ValueError as error:
            yield failed(f"providers.sendgrid_public_key: {error}; write the text that SendGrid shows for the policy")
    if (providers.sendgrid_secret or providers.postmark_secret) and not config.http.proxy_from:
        yield failed(
            "http.proxy_from is empty, and a secret in a path counts over TLS only: name the proxy that speaks TLS"
        )


def _ways_in(config: "Config") -> Iterator[str]:
    smtp, providers = config.smtp, config.providers
    yield f"SMTP at {smtp.listen}"
    if smtp.lmtp_listen:
        yield f"LMTP at {smtp.lmtp_listen}"
    if providers.mailgun_signing_key:
        yield "Mailgun"
    if providers.sendgrid_public_key:
        yield "SendGrid, signed"
    if providers.sendgrid_secret:
        yield "SendGrid, by a secret path"
    if providers.postmark_secret:
        yield "Postmark"
    if providers.ses_topic_arn:
        yield "Amazon SES"


def check_templates(config: "Config") -> Iterator[Finding]:
    """Every mail, rendered with sample data."""
    from gateway.rendering import Renderer

    problems = Renderer().check()
    if problems:
        raise Invalid(tuple(problems))
    yield ok("every mail can be rendered")


CHECKS: "dict[str, Callable[[Config], Iterator[Finding]]]" = {
    "config": check_config,
    "disk": check_disk,
    "database": check_database,
    "doors": check_doors,
    "mail": check_mail,
    "keys": check_keys,
    "queue": check_queue,
    "relay": check_relays,
    "dkim": check_signatures,
    "templates": check_templates,
}


def dns_records(config: "Config") -> str:
    """The records that let mail for the reply domain in (MX) and ours out (SPF, RFC 7208), as text with remarks."""
    domain, host = config.mail.reply_domain, _public_host(config)
    relays = dict.fromkeys(urlsplit(relay.url.get_secret_value()).hostname or "" for relay in config.relay)
    senders = " ".join(f"a:{name}" for name in relays if not _is_local(name))
    spf = f"v=spf1 mx {senders} -all".replace("  ", " ")
    return "\n".join(
        (
            "DNS records to add:",
            f"  {domain}.  MX   10 {host}.",
            f'  {domain}.  TXT  "{spf}"',
            *_signature_records(config),
            f'  _dmarc.{config.from_address.rpartition("@")[2]}.  TXT  "v=DMARC1; p=none"',
            f"{host} is the mail server that hands mail to {config.smtp.listen}. If your relay's operator names an",
            "`include:` for SPF, it stands there instead of `a:`.",
        )
    )


def _signature_records(config: "Config") -> list[str]:
    """The public halves of the keys that sign (RFC 6376 §3.6)."""
    from gateway.cli.dkim import zone_line
    from gateway.outbound import sign

    try:
        return [f"  {zone_line(key)}" for key in sign.load(config).keys]
    except Invalid:  # told by its own check
        return []


def _public_host(config: "Config") -> str:
    """The name under which others reach this machine, as far as it can be told from here."""
    names = (urlsplit(config.gateway.public_url).hostname or "", socket.getfqdn())
    return next((name for name in names if not _is_local(name)), "YOUR-MAIL-SERVER")


def _is_local(name: str) -> bool:
    """Whether a host name or address means nothing to others."""
    try:
        return not ip_address(name).is_global
    except ValueError:
        return "." not in name
