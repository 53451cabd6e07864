"""`casegate demo`: everything that `run` does, with a mailbox instead of a relay, and a case to begin with.

Who it is for sits at this machine. The mailbox and its pages show everybody's mail to whoever asks, so nothing of a
demo listens anywhere else, and it works in a data folder of its own.
"""

import asyncio
import ipaddress
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import uvloop

from gateway import rendering, serving
from gateway.app import Parts, build, utc_now
from gateway.cases.model import Actor, Customer, Door, Key, NewCase, Order, Role
from gateway.config import (
    Config,
    DatabaseSection,
    FilesSection,
    HooksSection,
    QueueSection,
    RelaySection,
    SmtpSection,
    TokensSection,
)
from gateway.errors import Invalid, Problem
from gateway.inbound import admit
from gateway.inbound.keep import Envelope
from gateway.inbound.server import SmtpServer
from gateway.outbound.relay import Answer, Relay
from gateway.web.mailbox import KEPT, Mailbox, pages
from store import credentials, outbox

HERE = "127.0.0.1"
GOODBYE = 1.0  # seconds for mails that are on their way into the mailbox

_INSTEAD = "set 127.0.0.1 and a port"
_PROGRAM = "Demo"

STORE, STORE_NAME = "shp_demo0000pixelshop0000001", "Pixel Shop"
# A name under .test belongs to nobody (RFC 6761 §6.2): no mail of the demo could ever reach a stranger.
_CUSTOMER = Customer("cus_demo00000miajensen000001", STORE, "mia@customer.test", "Mia", "Jensen")
_MERCHANT = ("oskar@pixelshop.test", "Oskar Lind")
_SUBJECT = "My order arrived without the power supply"
_BODY = """\
Hello,

order 1042 came this morning, thank you for the quick delivery. The screen is fine, but there is no power supply \
in the box, only the cable that goes to the wall.

Was it forgotten, or does it come in a parcel of its own?

Kind regards
Mia"""


def demo(config: Config) -> int:
    """Run the demo until SIGTERM or SIGINT. Returns the exit status. Raises Invalid."""
    elsewhere = tuple(
        Problem(field, f"the demo shows everybody's mail to whoever asks, so it never listens on {listen}: {_INSTEAD}")
        for field, listen in (("http.listen", config.http.listen), ("smtp.listen", config.smtp.listen))
        if not _is_here(listen)
    )
    if elsewhere:
        raise Invalid(elsewhere)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_demo(config))


def _is_here(listen: str) -> bool:
    """Whether nobody but this machine reaches that host:port."""
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def _demo(config: Config) -> int:
    mailbox = Mailbox()
    door: asyncio.Future[Relay] = asyncio.get_running_loop().create_future()

    async def send(sender: str, recipient: str, data: bytes) -> Answer:
        relay = await asyncio.shield(door)  # whoever goes away while he waits must not take it from the others
        return await relay.send(sender, recipient, data)

    async with _relay(mailbox) as port:
        parts = build(_settings(config, port), run=True, worker="run")
        with serving.only_one(parts.config.gateway.data_dir):
            serving.take_over(parts)
            _bring_back(mailbox)
            _open_case(parts)
            token = _new_token(parts)

            def ready(listening: serving.Listening) -> None:
                assert listening.smtp is not None  # noqa: S101 - RUN has both doors
                door.set_result(Relay(f"smtp://{_place(listening.smtp)}", local_hostname="mailbox.test"))
                _welcome(parts, listening, token)

            try:
                return await serving.work(
                    parts, serving.Role.RUN, ready=ready, pages=pages(mailbox, rendering.built_in(), send)
                )
            finally:
                if door.done():
                    await door.result().close()


# The mailbox as a relay


class _EveryMail:
    """The door of the mailbox: all mail for everybody may come in."""

    def __init__(self, mailbox: Mailbox, now: Callable[[], datetime]) -> None:
        self._mailbox = mailbox
        self._now = now

    def begin(self) -> None:
        """Always."""

    def admit(self, address: str, network: str) -> admit.Recipient:
        """Anybody. Which of the gateway's own mailboxes it is means nothing here."""
        return admit.Recipient(address, admit.Mailbox.FROM)

    async def keep(self, envelope: Envelope) -> str:
        """Into the mailbox of each recipient."""
        for recipient in envelope.recipients:
            self._mailbox.put(recipient.address, envelope.data, self._now())
        return "in the mailbox"


@asynccontextmanager
async def _relay(mailbox: Mailbox) -> AsyncIterator[int]:
    """The mailbox, listening. Yields its port."""
    server = SmtpServer(_EveryMail(mailbox, utc_now), SmtpSection(), hostname="mailbox.test")
    port = await server.start(HERE, 0)
    try:
        yield port
    finally:
        await server.stop(GOODBYE)


def _bring_back(mailbox: Mailbox) -> None:
    """The mailbox forgets with its process; the outbox has what was sent before."""
    for row in reversed(outbox.listing(state="sent", limit=KEPT)):
        mailbox.put(row.recipient, outbox.get(row.id).data, row.sent_at or row.created_at)


def _settings(config: Config, relay_port: int) -> Config:
    """The given settings with the mailbox as the only relay.

    What holds data or secrets is the demo's own; TLS, proxies and other neighbours of the real door stay out of it.
    """
    return config.model_copy(
        update={
            "gateway": config.gateway.model_copy(
                update={"data_dir": config.gateway.data_dir / "demo", "public_url": f"http://{config.http.listen}"}
            ),
            "smtp": SmtpSection(listen=config.smtp.listen),
            "relay": (RelaySection.model_validate({"url": f"smtp://{HERE}:{relay_port}"}),),
            "database": DatabaseSection(),
            "queue": QueueSection(),
            "files": FilesSection(),
            "hooks": HooksSection(),
            "tokens": TokensSection(),
        }
    )


# What there is to see


def _open_case(parts: Parts) -> None:
    """Open the sample case as a call of the platform does; the key makes it once for each data folder."""
    now = parts.now()
    order = Order(
        "ord_demo00000000order1042001", STORE, _CUSTOMER.id, "1042", 24_900, "EUR", "COMPLETED", now - timedelta(days=4)
    )
    new = NewCase(STORE, _CUSTOMER, order, now, _SUBJECT, _BODY, store_name=STORE_NAME, notify=(_MERCHANT,))
    actor = Actor(Role.CUSTOMER, Door.HOOK, id=_CUSTOMER.id, name=_CUSTOMER.name)
    parts.desk.open_case(new, actor, key=Key("demo", "sample case"))


def _new_token(parts: Parts) -> str:
    """A token for the sample store. Its secret is shown at each start and kept nowhere, so the one before ends."""
    now = parts.now()

    def job() -> str:
        for token in credentials.tokens(STORE):
            if token.name == _PROGRAM and token.revoked_at is None:
                credentials.revoke_token(token.id, now)
        return credentials.create_token(STORE, _PROGRAM, frozenset(credentials.SCOPES), now)

    return parts.database.write(job)


def _place(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _welcome(parts: Parts, listening: serving.Listening, token: str) -> None:
    """Tell where everything is. It goes to standard output, whoever reads it."""
    assert listening.smtp is not None and listening.http is not None  # noqa: S101, PT018 - RUN has both doors
    web = f"http://{_place(listening.http)}"
    folder = parts.config.gateway.data_dir.absolute()
    sys.stdout.write(f"""
The Casegate demo is running, for trying out on this machine only. Open this page:

  {web}/demo

Every outgoing mail lies there; answer one as the merchant or the customer, and see the case change.

  mail   {_place(listening.smtp)}, for mail to {parts.config.mail.reply_domain}
  HTTP   {web}, the API is described at /docs
  token  {token}
         curl -H 'Authorization: Bearer {token}' {web}/v2/core/stores/{STORE}/cases
  hooks  the secret that signs them: {folder / "secrets" / "hook_secret"}
  data   {folder}; remove it to begin anew

Ctrl-C stops it.
""")
    sys.stdout.flush()
