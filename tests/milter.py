"""A filter as Postfix asks them (the milter protocol): it adds one header field to every mail."""

import socket
import struct
import threading
from typing import BinaryIO

_MAY_ADD_FIELDS = 0x01
_NEGOTIATE, _MACROS, _ABORT, _QUIT, _END = b"O", b"D", b"A", b"Q", b"E"
_CONTINUE, _ACCEPT, _INSERT = b"c", b"a", b"i"


class Milter:
    """Listens at a port of 127.0.0.1. place: 0 is the top, 1 is below the first field, as most filters ask for."""

    def __init__(self, port: int, name: str, value: str, *, place: int = 1) -> None:
        self._field = struct.pack("!I", place) + f"{name}\0{value}\0".encode()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, name="milter", daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # it was closed
                return
            threading.Thread(target=self._serve, args=(client,), name="milter", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as stream:
            while (command := _read(stream)) not in (b"", _QUIT):
                for answer, data in self._answers(command):
                    client.sendall(struct.pack("!I", 1 + len(data)) + answer + data)

    def _answers(self, command: bytes) -> list[tuple[bytes, bytes]]:
        if command == _NEGOTIATE:
            return [(_NEGOTIATE, struct.pack("!III", 6, _MAY_ADD_FIELDS, 0))]
        if command in (_MACROS, _ABORT):
            return []
        if command == _END:
            return [(_INSERT, self._field), (_ACCEPT, b"")]
        return [(_CONTINUE, b"")]


def _read(stream: BinaryIO) -> bytes:
    """The letter of the next command, "" when Postfix has gone."""
    size = stream.read(4)
    if len(size) < 4:
        return b""
    return stream.read(struct.unpack("!I", size)[0])[:1]
