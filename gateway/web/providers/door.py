"""What every provider's call goes through: proof, body, admission of the recipients, and `Intake.keep` as by SMTP."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from fastapi import APIRouter, Request, Response

from gateway.cases.model import Key
from gateway.errors import Conflict, Overloaded, RelayingDenied, TooLarge, UnknownRecipient
from gateway.inbound.admit import Recipient
from gateway.inbound.keep import Envelope, Intake
from gateway.shapes import Answer, Shape
from gateway.web.bodies import read
from gateway.web.failures import STATUS, answer

IN_HAND = 8  # bodies that are held in memory at the same time; other calls wait for their turn
READ_SECONDS = 60.0  # for a body to come in
ADDRESS_OCTETS = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
MOST_RECIPIENTS = 100  # as many as a server must take (RFC 5321 §4.5.3.1.8)

log = structlog.get_logger("providers")


@dataclass(frozen=True, slots=True)
class Handed:
    """A mail as a provider hands it over. sender: "" for the null sender; data: the raw mail.

    key: takes effect once, where the call itself must.
    """

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """A call in order that brings no mail. reason: for the log of the provider."""

    reason: str


class Provider(Protocol):
    """One way in."""

    @property
    def name(self) -> str:
        """As in the settings."""

    @property
    def path(self) -> str:
        """Below `/inbound`."""

    @property
    def refused(self) -> int | None:
        """The status after which this provider stops trying, None where the plain status of a refusal does it."""

    def check(self, request: Request, now: datetime) -> None:
        """All that can be checked before the body is read. Raises Unauthenticated."""

    def body_bytes(self, largest: int) -> int:
        """The limit of a body. largest: bytes of a raw mail."""

    async def open(self, request: Request, body: bytes, now: datetime) -> Handed | Nothing:
        """Check the rest of the proof and take the mail out. Raises Unauthenticated, Invalid or Later."""


class Taken(Shape):
    """What became of a call. reason: why nothing was kept."""

    kept: bool
    reason: str = ""


class Entrance:
    """Takes the calls of all providers. largest: bytes of the largest mail taken. now: aware, UTC."""

    def __init__(self, intake: Intake, *, largest: int, now: Callable[[], datetime]) -> None:
        self._intake = intake
        self._largest = largest
        self._now = now
        self._turns = asyncio.Semaphore(IN_HAND)

    def router(self, providers: Iterable[Provider]) -> APIRouter:
        """Their routes. What is not set up is no route, and so answers as any other unknown address does."""
        router = APIRouter(prefix="/inbound")
        for provider in providers:
            router.add_api_route(
                provider.path,
                self._endpoint(provider),
                methods=["POST"],
                name=f"receive_{provider.name}",
                include_in_schema=False,
            )
        return router

    def _endpoint(self, provider: Provider) -> Callable[[Request], object]:
        async def receive(request: Request) -> Response:
            try:
                taken = await self._receive(provider, request)
            except (TooLarge, Conflict) as refusal:
                # The next try would bring the same: a provider that repeats a plain 4xx must be told in its own words.
                log.warning("providers.refused", provider=provider.name, reason=refusal.text)
                status = provider.refused or STATUS[type(refusal)]
                headers = {"Connection": "close"} if isinstance(refusal, TooLarge) else None
                return answer(status, refusal.text, refusal.code, headers=headers)
            return Response(Answer(data=taken).model_dump_json(), media_type="application/json")

        return receive

    async def _receive(self, provider: Provider, request: Request) -> Taken:
        self._intake.begin()
        provider.check(request, self._now())
        async with self._turns:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    body = await read(request, provider.body_bytes(self._largest))
            except TimeoutError as error:
                raise Overloaded(f"The body took more than {READ_SECONDS:.0f} seconds to come in") from error
            found = await provider.open(request, body, self._now())
            if isinstance(found, Nothing):
                log.info("providers.nothing", provider=provider.name, reason=found.reason)
                return Taken(kept=False, reason=found.reason)
            return await self._keep(provider, found)

    async def _keep(self, provider: Provider, handed: Handed) -> Taken:
        if len(handed.data) > self._largest:
            raise TooLarge(f"The mail is too large; up to {self._largest} bytes are taken")
        recipients = self._admitted(provider, handed.recipients)
        if not recipients:
            return Taken(kept=False, reason="None of the recipients is a mailbox here")
        await self._intake.keep(Envelope(handed.sender, recipients, handed.data), key=handed.key)
        return Taken(kept=True)

    def _admitted(self, provider: Provider, addresses: Iterable[str]) -> tuple[Recipient, ...]:
        """The recipients that are ours. Raises KeyNotLoaded, so that the whole mail comes again later."""
        found: list[Recipient] = []
        for address in dict.fromkeys(addresses):
            try:
                if len(address.encode()) > ADDRESS_OCTETS:
                    raise UnknownRecipient("An address of ours is shorter")
                found.append(self._intake.admit(address))
            except (UnknownRecipient, RelayingDenied) as refusal:
                domain = address.rpartition("@")[2][:ADDRESS_OCTETS]
                log.info("providers.recipient_dropped", provider=provider.name, domain=domain, reason=refusal.text)
        return tuple(found)
