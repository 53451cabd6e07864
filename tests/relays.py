"""Relays that follow a script, and what sends through them."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from gateway.outbound.relay import Relay
from gateway.outbound.target import Target

HANG_UP, SAY_NOTHING = "hang up", "say nothing"
OFFERS = "250-relay.example.org\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"
PIPELINING = f"{OFFERS}\r\n250 PIPELINING".replace("250 ENH", "250-ENH")


@dataclass(frozen=True)
class Endless:
    """Said again and again, until nobody listens any more."""

    text: bytes


Reply = str | Endless
Script = Reply | list[str]


class ScriptedRelay:
    """Answers each verb from its script. A list is worked off; its last entry stays.

    "." is the whole mail, also a lone dot; RESPONSE whatever follows a 334. tls: it is encrypted from the first byte.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, /, **script: Script) -> None:
        self.script: dict[str, Script] = {
            "CONNECT": "220 relay.example.org ESMTP",
            "EHLO": OFFERS,
            "MAIL": "250 2.1.0 Ok",
            "RCPT": "250 2.1.5 Ok",
            "DATA": "354 Go ahead",
            ".": "250 2.0.0 Ok: queued as 4F7",
            "RSET": "250 2.0.0 Ok",
            "QUIT": "221 2.0.0 Bye",
        }
        self.script.update(script)
        self.heard: list[str] = []
        self.mails: list[bytes] = []
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def hangs_up(self) -> None:
        for writer in self.open:
            writer.transport.abort()

    def says(self, line: str) -> None:
        """Say it to everybody, although nobody asked."""
        for writer in self.open:
            writer.write(line.encode() + b"\r\n")

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.hangs_up()

    def verbs(self) -> list[str]:
        return [line.split(" ")[0] for line in self.heard]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            said = await self._answers("CONNECT", writer)
            while said != HANG_UP and (line := await reader.readline()):
                self.heard.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                verb = "RESPONSE" if said.startswith("334") else self.verbs()[-1]
                said = await self._answers(verb, writer)
                if verb == "DATA" and said.rpartition("\n")[2].startswith("354"):
                    self.mails.append(await self._mail(reader))
                    said = await self._answers(".", writer)
        except ConnectionError:
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def _mail(self, reader: asyncio.StreamReader) -> bytes:
        lines = []
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("no mail, for it has no end")
            lines.append(line)
        return b"".join(lines) + line

    async def _answers(self, verb: str, writer: asyncio.StreamWriter) -> str:
        """What it says; HANG_UP when nothing more is to come."""
        reply = self.script.get(verb, "500 5.5.1 unknown")
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if isinstance(reply, Endless):
            while True:
                writer.write(reply.text * 100)
                await writer.drain()
        if reply == HANG_UP:
            writer.transport.abort()
        elif reply != SAY_NOTHING:
            writer.write(reply.encode() + b"\r\n")
        return HANG_UP if verb == "QUIT" or reply.startswith("421") else reply


class Office:
    """Starts relays, and what sends through them; ends both."""

    def __init__(self) -> None:
        self.stack = AsyncExitStack()

    async def has(self, **script: Script) -> tuple[Relay, ScriptedRelay]:
        peer = await self.starts(ScriptedRelay(None, **script))
        return self.reaches(f"smtp://127.0.0.1:{peer.port}"), peer

    async def starts(self, peer: ScriptedRelay) -> ScriptedRelay:
        await peer.start()
        self.stack.push_async_callback(peer.stop)
        return peer

    def reaches(
        self, target: Target | str, *, timeout: float = 20, max_idle: float = 30, connections: int = 4
    ) -> Relay:
        relay = Relay(
            target, local_hostname="gw.example.org", timeout=timeout, max_idle=max_idle, connections=connections
        )
        self.stack.push_async_callback(relay.close)
        return relay


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens at the other end of a socket."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.001)
