"""The virus scanner: a client of clamd (clamd(8), command INSTREAM). What was not scanned is never called clean."""

import socket
import struct
import time
from typing import Final
from urllib.parse import urlsplit

from gateway.errors import Later

CONNECT_SECONDS: Final = 5.0
SCAN_SECONDS: Final = 60.0  # from the connection to the answer; clamd itself gives up on a file after 120
_PIECE: Final = 64 * 1024
_LONGEST_ANSWER: Final = 4_096


class Scanner:
    """Asks one clamd, with a connection of its own for every file. Threads may share it."""

    def __init__(self, url: str) -> None:
        """url: `tcp://host:port` or `unix:///path/to/socket` (setting `files.clamd`)."""
        self._url = urlsplit(url)

    def scan(self, data: bytes) -> str | None:
        """Scan a file. Returns the name of what it is infected with, None when it is clean. Blocks.

        Raises Later when clamd is not there, does not answer in time, or did not scan all of the file.
        """
        deadline = time.monotonic() + SCAN_SECONDS
        try:
            with self._connect() as connection:
                answer = _ask(connection, data, deadline)
        except OSError as error:
            raise Later("The virus scanner does not answer") from error
        # `stream: OK`, `stream: Eicar-Test-Signature FOUND`, or words that end in ERROR
        result = answer.removeprefix("stream: ")
        if result == "OK":
            return None
        if result.endswith(" FOUND"):
            return result.removesuffix(" FOUND")
        raise Later(f"The virus scanner did not scan a file of {len(data)} bytes: {answer or 'it hung up'}")

    def _connect(self) -> socket.socket:
        if self._url.scheme == "tcp":
            return socket.create_connection((self._url.hostname, self._url.port or 3310), CONNECT_SECONDS)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.connect(self._url.path)
        except OSError:
            connection.close()
            raise
        return connection


def _ask(connection: socket.socket, data: bytes, deadline: float) -> str:
    """Send the file in pieces, each behind its length, and read the answer up to its NUL."""
    try:
        _send(connection, b"zINSTREAM\0", deadline)
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            _send(connection, struct.pack(">L", len(piece)) + piece, deadline)
        _send(connection, struct.pack(">L", 0), deadline)
    except (BrokenPipeError, ConnectionResetError):
        pass  # past its StreamMaxLength clamd hangs up early; its answer says so, if it can still be read
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
        connection.settimeout(_left(deadline))
        received = connection.recv(_LONGEST_ANSWER)
        if not received:
            break
        answer += received
    return answer.rstrip(b"\0\n").decode("utf-8", "replace")


def _send(connection: socket.socket, data: bytes, deadline: float) -> None:
    connection.settimeout(_left(deadline))
    connection.sendall(data)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
