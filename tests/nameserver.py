"""A name server on 127.0.0.1 that answers from a table: UDP, and TCP for what does not fit."""

import socket
import struct
import threading
from collections.abc import Callable
from functools import cache

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = dict[tuple[str, str], tuple[str, ...]]
"""(name without trailing dot, type) to records in the form of a zone file."""

SILENT, BROKEN = ("silent",), ("broken",)
"""Instead of records: no answer at all, and SERVFAIL."""


class NameServer:
    """Answers until `close`. zone may change meanwhile. asked: the questions, in their order. ttl: of all records."""

    def __init__(self, zone: Zone, *, ttl: int = 300) -> None:
        self.zone = zone
        self.ttl = ttl
        self.asked: list[tuple[str, str]] = []
        self._tcp, self._udp = _one_port()
        self.address = ("127.0.0.1", int(self._tcp.getsockname()[1]))
        self._closed = False
        self._threads = [threading.Thread(target=serve, daemon=True) for serve in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._closed = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.address)
        socket.create_connection(self.address).close()
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while True:
            question, peer = self._udp.recvfrom(4_096)
            if self._closed:
                return
            self._reply(question, 1_232, lambda answer, peer=peer: self._udp.sendto(answer, peer))  # type: ignore[misc]

    def _serve_tcp(self) -> None:
        while True:
            connection, _ = self._tcp.accept()
            with connection:
                if self._closed:
                    return
                stream = connection.makefile("rb")
                (size,) = struct.unpack("!H", stream.read(2))
                self._reply(
                    stream.read(size),
                    65_535,
                    lambda a, c=connection: c.sendall(struct.pack("!H", len(a)) + a),  # type: ignore[misc]
                )

    def _reply(self, question: bytes, room: int, send: Callable[[bytes], object]) -> None:
        query = dns.message.from_wire(question)
        name = query.question[0].name
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        place = name.to_text(omit_final_dot=True).lower()
        self.asked.append((place, kind))
        records = self.zone.get((place, kind), ())
        if records == SILENT:
            return
        response = dns.message.make_response(query)
        if records == BROKEN:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif not self._answer(response, name, kind):
            if not any(known == place for known, _ in self.zone):
                response.set_rcode(dns.rcode.NXDOMAIN)
            soa = f"ns.example. root.example. 1 60 60 60 {self.ttl}"
            response.authority.append(dns.rrset.from_text(name, self.ttl, "IN", "SOA", soa))
        wire = response.to_wire(max_size=65_535)
        if len(wire) > room:
            response.answer.clear()
            response.flags |= dns.flags.TC
            wire = response.to_wire()
        send(wire)

    def _answer(self, response: dns.message.Message, name: dns.name.Name, kind: str) -> bool:
        """Add the records, along CNAMEs."""
        for _ in range(20):
            place = name.to_text(omit_final_dot=True).lower()
            records = self.zone.get((place, kind), ())
            if records:
                response.answer.append(dns.rrset.from_text(name, self.ttl, "IN", kind, *records))
                return True
            alias = self.zone.get((place, "CNAME"))
            if not alias:
                return False
            response.answer.append(dns.rrset.from_text(name, self.ttl, "IN", "CNAME", f"{alias[0]}."))
            name = dns.name.from_text(alias[0])
        return False


def _one_port() -> tuple[socket.socket, socket.socket]:
    """A listening TCP socket and a UDP socket with the same number."""
    for _ in range(50):
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:  # somebody else has that number for UDP
            tcp.close()
            udp.close()
        else:
            return tcp, udp
    raise AssertionError("no port is free for both")


@cache
def the_worlds() -> NameServer:
    """The name server of all worlds of this process. Its zone is empty unless a test fills it."""
    return NameServer({})


def txt(text: str) -> str:
    """A TXT record of one or more strings (RFC 1035 §3.3.14: 255 octets each)."""
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
