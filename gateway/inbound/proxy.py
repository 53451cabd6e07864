"""The PROXY header: who a proxy in front of us speaks for. HAProxy's specification, versions 1 and 2."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

TEXT_BYTES = 107  # the longest header of version 1, with its line end (specification §2.1)
BINARY_BYTES = 4_096  # of version 2; proxies add what they know of TLS, and stay far below

_TEXT_START = b"PROXY "
_BINARY_START = b"\r\n\r\n\0\r\nQUIT\n"
_BINARY_HEAD = struct.Struct("!12sBBH")
_LOCAL, _PROXIED = 0x20, 0x21  # version and command
_TCP4, _TCP6 = 0x11, 0x21  # family and transport


class NoHeader(Exception):
    """What was said is not a PROXY header, or a broken one."""


@dataclass(frozen=True, slots=True)
class Header:
    """size: bytes that the header takes; client: whom the proxy speaks for, "" when it does not know.

    client is None when the proxy speaks for itself, to see whether we are well.
    """

    size: int
    client: str | None


def read(data: bytes) -> Header | None:
    """The header at the start of what a peer said first; None while more has to come. Raises NoHeader."""
    if data.startswith(_TEXT_START):
        return _text(data)
    if data.startswith(_BINARY_START):
        return _binary(data)
    if _TEXT_START.startswith(data) or _BINARY_START.startswith(data):
        return None
    raise NoHeader("there is none")


def _text(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, TEXT_BYTES)
    if end < 0:
        if len(data) >= TEXT_BYTES:
            raise NoHeader("its line does not end")
        return None
    match data[:end].decode("ascii", "replace").split(" "):
        case ["PROXY", "UNKNOWN", *_]:
            client = ""
        case ["PROXY", "TCP4" | "TCP6" as family, source, target, from_port, to_port]:
            client = _client(family, source)
            _client(family, target)
            if not (_is_port(from_port) and _is_port(to_port)):
                raise NoHeader("a port is none")
        case _:
            raise NoHeader("its line is not of the right form")
    return Header(end + 2, client)


def _client(family: str, text: str) -> str:
    try:
        address = IPv4Address(text) if family == "TCP4" else IPv6Address(text)
    except ValueError as error:
        raise NoHeader("an address is none") from error
    return _spelt(address)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535


def _binary(data: bytes) -> Header | None:
    if len(data) < _BINARY_HEAD.size:
        return None
    _, command, family, length = _BINARY_HEAD.unpack_from(data)
    size = _BINARY_HEAD.size + length
    if command not in {_LOCAL, _PROXIED} or size > BINARY_BYTES:
        raise NoHeader("it is of another version, or too long")
    if len(data) < size:
        return None
    if command == _LOCAL:
        return Header(size, None)
    addresses = data[_BINARY_HEAD.size : size]
    if (family == _TCP4 and length < 12) or (family == _TCP6 and length < 36):
        raise NoHeader("it is too short for its addresses")
    if family == _TCP4:
        return Header(size, _spelt(IPv4Address(addresses[:4])))
    if family == _TCP6:
        return Header(size, _spelt(IPv6Address(addresses[:16])))
    return Header(size, "")  # UNSPEC, datagrams, sockets of a file system: nobody whom we could name


def _spelt(address: IPv4Address | IPv6Address) -> str:
    """One spelling of each address: an IPv4 client has its own, also where it came in by an IPv6 socket."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
