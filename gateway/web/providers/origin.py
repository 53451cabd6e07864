"""Where a call comes from, and over what: for providers that do not sign (HARDENING rule 23), and for /metrics."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import structlog
from fastapi import Request

from gateway.errors import BadCredential

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

_STRANGER = "This call is not from where it may come from, or not encrypted, or its secret is not the right one"

log = structlog.get_logger("providers")


@dataclass(frozen=True, slots=True)
class SecretPath:
    """The proof of a provider that does not sign: a secret in the path, from listed networks, over TLS.

    proxies: the TLS proxies before this server; nobody else's word is taken for who called and how.
    """

    provider: str
    secret: str
    networks: Networks
    proxies: Networks

    def check(self, request: Request) -> None:
        """Raises BadCredential, in the same words whatever is wrong; the log tells the operator."""
        given = str(request.path_params["secret"]).encode()
        caller, encrypted = caller_of(request, self.proxies)
        problems = []
        if not hmac.compare_digest(given, self.secret.encode()):
            problems.append("the secret in the path is wrong")
        if caller is None or not within(caller, self.networks):
            problems.append(f"{self.provider}_networks does not list the caller")
        if not encrypted:
            problems.append("it did not come over TLS, or not through a proxy of http.proxy_from")
        if problems:
            log.warning("providers.stranger", provider=self.provider, caller=str(caller), problems=problems)
            raise BadCredential(_STRANGER)


def caller_of(request: Request, proxies: Networks) -> tuple[Address | None, bool]:
    """Who called, as far as it is known for certain, and whether over TLS. proxies: whose word is taken for both."""
    caller = _address(request.client.host if request.client else "")
    if caller is None or not within(caller, proxies):
        return caller, request.url.scheme == "https"
    # Each proxy adds the address that it saw at the end, so what was not written by one of ours comes before.
    for text in reversed(_listed(request.headers.getlist("x-forwarded-for"))):
        caller = _address(text)
        if caller is None or not within(caller, proxies):
            break
    return caller, _listed(request.headers.getlist("x-forwarded-proto"))[-1:] == ["https"]


def _listed(values: Iterable[str]) -> list[str]:
    return [item.strip() for value in values for item in value.split(",")]


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def within(address: Address, networks: Networks) -> bool:
    """Whether an address is in one of them."""
    return any(address in network for network in networks)
