"""The PROXY header: read byte by byte, and believed from listed peers alone."""

import socket
import ssl
import struct
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.config import SmtpSection
from gateway.inbound import proxy
from gateway.inbound.proxy import Header, NoHeader
from gateway.inbound.server import SmtpServer
from tests.inbound.doorway import MAIL, Doorway, until

pytestmark = pytest.mark.anyio

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOOPBACK = (ip_network("127.0.0.0/8"),)


def binary(command: int, family: int, addresses: bytes) -> bytes:
    """A header of version 2. command: version and command; family: family and transport."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses)) + addresses


def tcp4(client: str, more: bytes = b"") -> bytes:
    ends = socket.inet_pton(socket.AF_INET, client) + socket.inet_pton(socket.AF_INET, "192.0.2.1")
    return binary(0x21, 0x11, ends + struct.pack("!HH", 40_000, 25) + more)


def tcp6(client: str) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    return binary(0x21, 0x21, ends + struct.pack("!HH", 40_000, 25))


GOOD = [
    (b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n", "198.51.100.7"),
    (b"PROXY TCP6 2001:DB8:0::7 2001:db8::1 0 65535\r\n", "2001:db8::7"),
    (b"PROXY TCP6 ::ffff:198.51.100.7 ::1 40000 25\r\n", "198.51.100.7"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN ffff:f...f:ffff whatever 1 2 3\r\n", ""),
    (tcp4("198.51.100.7"), "198.51.100.7"),
    (tcp4("198.51.100.7", more=b"\x04\x00\x10" + b"\n" * 16), "198.51.100.7"),
    (tcp4("198.51.100.7", more=b"\x20" * 3_000), "198.51.100.7"),
    (tcp6("2001:db8::7"), "2001:db8::7"),
    (tcp6("::ffff:198.51.100.7"), "198.51.100.7"),
    (binary(0x20, 0x00, b""), None),
    (binary(0x20, 0x11, b"x" * 12), None),
    (binary(0x21, 0x00, b""), ""),
    (binary(0x21, 0x12, b"x" * 12), ""),
    (binary(0x21, 0x31, b"x" * 216), ""),
]

BROKEN = [
    b"EHLO client.example.org\r\n",
    b"PROXZ",
    b"proxy TCP4 198.51.100.7 192.0.2.1 40000 25\r\n",
    b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\n" + b"x" * 100,
    b"PROXY TCP4 198.51.100.7 192.0.2.1 40000\r\n",
    b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 25 \r\n",
    b"PROXY  TCP4 198.51.100.7 192.0.2.1 40000 25\r\n",
    b"PROXY TCP4 198.51.100.700 192.0.2.1 40000 25\r\n",
    b"PROXY TCP4 2001:db8::7 192.0.2.1 40000 25\r\n",
    b"PROXY TCP6 198.51.100.7 2001:db8::1 40000 25\r\n",
    b"PROXY TCP4 198.51.100.7 here 40000 25\r\n",
    b"PROXY TCP4 198.51.100.7 192.0.2.1 65536 25\r\n",
    b"PROXY TCP4 198.51.100.7 192.0.2.1 -1 25\r\n",
    "PROXY TCP4 198.51.100.7 192.0.2.1 ４ 25\r\n".encode(),
    b"PROXY UDP4 198.51.100.7 192.0.2.1 40000 25\r\n",
    b"PROXY \r\n",
    b"PROXY UNKNOWN" + b"x" * 94,
    SIGNATURE[:-1] + b"\r",
    binary(0x11, 0x11, b"x" * 12),
    binary(0x22, 0x11, b"x" * 12),
    binary(0x21, 0x11, b"x" * 11),
    binary(0x21, 0x21, b"x" * 35),
    SIGNATURE + b"\x21\x11\xff\xff",
]


@pytest.mark.parametrize(("header", "client"), GOOD)
def test_a_header_is_read_when_it_is_all_there(header: bytes, client: str | None) -> None:
    assert proxy.read(header + b"EHLO me\r\n") == Header(len(header), client)
    for end in range(len(header)):
        assert proxy.read(header[:end]) is None


@pytest.mark.parametrize("said", BROKEN)
def test_what_is_no_header(said: bytes) -> None:
    with pytest.raises(NoHeader):
        proxy.read(said)


def test_the_longest_header_of_version_1() -> None:
    longest = b"PROXY UNKNOWN " + b"x" * (proxy.TEXT_BYTES - 16) + b"\r\n"
    assert proxy.read(longest) == Header(proxy.TEXT_BYTES, "")


# The door


async def opens(doorway: Doorway, tls: ssl.SSLContext | None = None, **limits: Any) -> SmtpServer:
    return await doorway.opens(tls, **{"proxy_from": LOOPBACK} | limits)


@pytest.mark.parametrize(("header", "client"), GOOD)
async def test_the_client_is_whom_the_proxy_names(doorway: Doorway, header: bytes, client: str | None) -> None:
    smtp = await opens(doorway)
    peer = await doorway.connects()
    peer.writer.write(header)
    assert await peer.hears() == "220 mx.cases.example.org ESMTP"
    await peer.says("EHLO client.example.org")
    assert await peer.sends_mail() == "250 2.0.0 kept as 1"
    assert doorway.door.kept[0].client == ("127.0.0.1" if client is None else client)
    assert (await peer.says("QUIT")).startswith("221 ")
    await until(lambda: not smtp.occupancy.sessions)
    assert not smtp.occupancy._by_network


async def test_a_header_may_come_in_pieces_and_with_what_follows(doorway: Doorway) -> None:
    await opens(doorway)
    for header in (GOOD[0][0], tcp4("198.51.100.7", more=b"\x20" * 500)):
        peer = await doorway.connects()
        stream = header + b"EHLO client.example.org\r\n"
        for byte in stream[:-20]:
            peer.writer.write(bytes([byte]))
            await peer.writer.drain()
        peer.writer.write(stream[-20:])
        assert await peer.hears() == "220 mx.cases.example.org ESMTP"
        assert (await peer.hears()).startswith("250-")
        assert (await peer.sends_mail()).startswith("250 ")
    assert [envelope.client for envelope in doorway.door.kept] == ["198.51.100.7"] * 2


@pytest.mark.parametrize("said", BROKEN)
async def test_a_listed_peer_without_a_good_header_is_sent_away(doorway: Doorway, said: bytes) -> None:
    smtp = await opens(doorway)
    peer = await doorway.connects()
    peer.writer.write(said + b"MAIL FROM:<>\r\n")
    assert (await peer.hears()).startswith("421 4.3.5 A PROXY header is expected here")
    assert await peer.is_at_the_end()
    await until(lambda: not smtp.occupancy.sessions)


async def test_a_listed_peer_that_says_nothing_is_sent_away(doorway: Doorway) -> None:
    await opens(doorway, idle_timeout=0.05)
    silent, slow = await doorway.connects(), await doorway.connects()
    slow.writer.write(b"PROXY TCP4 ")
    for peer in (silent, slow):
        assert (await peer.hears()).startswith("421 4.4.2 ")
        assert await peer.is_at_the_end()


async def test_a_proxy_that_looks_whether_we_are_there(doorway: Doorway) -> None:
    smtp = await opens(doorway)
    peer = await doorway.connects()
    peer.writer.close()
    await until(lambda: not smtp.occupancy.sessions)


@pytest.mark.parametrize("networks", [(), (ip_network("192.0.2.0/24"), ip_network("::/0"))])
@pytest.mark.parametrize("header", [GOOD[0][0], tcp4("198.51.100.7")])
async def test_others_are_not_believed(doorway: Doorway, networks: tuple[Any, ...], header: bytes) -> None:
    await opens(doorway, proxy_from=networks)
    client = await doorway.greets()
    client.writer.write(header)
    assert (await client.hears()).startswith("500 5.5.1 ")
    other = await doorway.greets()
    assert await other.sends_mail() == "250 2.0.0 kept as 1"
    assert doorway.door.kept[0].client == "127.0.0.1"


async def test_one_header_for_each_connection(doorway: Doorway) -> None:
    await opens(doorway)
    peer = await doorway.connects()
    peer.writer.write(GOOD[0][0] * 2)
    assert (await peer.hears()).startswith("220 ")
    assert (await peer.hears()).startswith("500 5.5.1 ")


async def test_tls_changes_nothing_about_the_client(
    doorway: Doorway, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    await opens(doorway, server_tls)
    peer = await doorway.connects()
    peer.writer.write(GOOD[0][0])
    await peer.hears()
    await peer.says("EHLO client.example.org")
    peer.writer.write(b"STARTTLS\r\n" + tcp4("203.0.113.9") + b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 25\r\n")
    assert (await peer.hears()).startswith("220 ")
    await peer.writer.start_tls(client_tls, server_hostname="localhost")
    assert (await peer.says("PROXY TCP4 203.0.113.9 192.0.2.1 40000 25")).startswith("500 ")
    await peer.says("EHLO client.example.org")
    assert await peer.sends_mail(MAIL * 1_000) == "250 2.0.0 kept as 1"
    assert doorway.door.kept[0].client == "198.51.100.7"


async def test_limits_count_the_clients_and_not_the_proxy(doorway: Doorway) -> None:
    await opens(doorway, max_connections_per_client=1)
    greetings = []
    for address in ("198.51.100.7", "198.51.100.7", "198.51.100.8"):
        peer = await doorway.connects()
        peer.writer.write(tcp4(address))
        greetings.append((await peer.hears())[:4])
    assert greetings == ["220 ", "421 ", "220 "]


async def test_lmtp_knows_no_proxies(doorway: Doorway) -> None:
    smtp = await opens(doorway)
    doorway.port = await smtp.start_lmtp("127.0.0.1", 0)
    client = await doorway.connects()
    assert await client.hears() == "220 mx.cases.example.org LMTP"


def test_networks_come_from_the_settings() -> None:
    section = SmtpSection.model_validate({"proxy_from": ["192.0.2.1", "2001:db8::/32"]})
    assert section.proxy_from == (ip_network("192.0.2.1/32"), ip_network("2001:db8::/32"))
    with pytest.raises(ValueError, match=r"10\.1\.0\.0/16"):
        SmtpSection.model_validate({"proxy_from": ["192.0.2.1/24"]})
