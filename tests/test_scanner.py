"""The client of clamd: against a small one of our own, and against the real one with signatures made by hand."""

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import scanner
from gateway.config import load
from gateway.errors import Invalid, Later
from gateway.scanner import Scanner

# The standard test file of virus scanners, harmless; in two halves, so that no scanner minds this one.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD" + rb"-ANTIVIRUS-TEST-FILE!$H+H*"

Answer = Callable[[bytes], bytes]


class Clamd:
    """Speaks INSTREAM as clamd does, on a socket that somebody else bound. One connection after the other."""

    def __init__(self, listener: socket.socket, answer: Answer, stream_max: int = 1 << 30) -> None:
        self.received: list[bytes] = []
        self._listener, self._answer, self._stream_max = listener, answer, stream_max
        self._thread = threading.Thread(target=self._serve)
        listener.listen()
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                assert stream.read(10) == b"zINSTREAM\0"
                data = b""
                while length := struct.unpack(">L", stream.read(4))[0]:
                    data += stream.read(length)
                    if len(data) > self._stream_max:
                        connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                        break
                else:
                    self.received.append(data)
                    connection.sendall(self._answer(data))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def clamd() -> Iterator[Callable[..., tuple[Clamd, Scanner]]]:
    running: list[Clamd] = []

    def start(answer: Answer = lambda _: b"stream: OK\0", stream_max: int = 1 << 30) -> tuple[Clamd, Scanner]:
        listener = socket.create_server(("127.0.0.1", 0))
        running.append(Clamd(listener, answer, stream_max))
        return running[-1], Scanner(f"tcp://127.0.0.1:{listener.getsockname()[1]}")

    yield start
    for server in running:
        server.close()


Start = Callable[..., tuple[Clamd, Scanner]]


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_clean(clamd: Start, size: int) -> None:
    server, scan = clamd()
    assert scan.scan(b"x" * size) is None
    assert server.received == [b"x" * size]


def test_infected(clamd: Start) -> None:
    _, scan = clamd(lambda data: b"stream: Eicar FOUND\0" if data == EICAR else b"stream: OK\0")
    assert scan.scan(EICAR) == "Eicar"
    assert scan.scan(b"words") is None


def test_on_a_unix_socket(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "clamd.sock"))
    server = Clamd(listener, lambda _: b"stream: OK\0")
    assert Scanner(f"unix://{tmp_path}/clamd.sock").scan(b"words") is None
    server.close()


@pytest.mark.parametrize("answer", [b"", b"\0", b"stream: Can't allocate memory ERROR\0", b"stream: OKAY\0", b"what\0"])
def test_any_other_answer_is_never_clean(clamd: Start, answer: bytes) -> None:
    _, scan = clamd(lambda _: answer)
    with pytest.raises(Later):
        scan.scan(b"words")


def test_larger_than_clamd_takes_is_never_clean(clamd: Start) -> None:
    _, scan = clamd(stream_max=100_000)
    with pytest.raises(Later):
        scan.scan(b"x" * 5_000_000)  # more than the sockets hold: it hangs up while we send
    with pytest.raises(Later):
        scan.scan(b"x" * 100_001)


@pytest.mark.parametrize(
    "url", ["clamd.example.org:3310", "tcp://clamd.example.org", "unix://run/clamd.sock", "unix://"]
)
def test_settings_that_name_no_clamd(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEGATE_FILES__CLAMD", url)
    with pytest.raises(Invalid, match=r"files\.clamd: write"):
        load()


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Later):
        Scanner(f"tcp://127.0.0.1:{port}").scan(b"words")
    with pytest.raises(Later):
        Scanner(f"unix://{tmp_path}/nothing.sock").scan(b"words")


def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "SCAN_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel takes the connection, nobody reads it
        with pytest.raises(Later):
            Scanner(f"tcp://127.0.0.1:{listener.getsockname()[1]}").scan(b"words")
        with pytest.raises(Later):
            Scanner(f"tcp://127.0.0.1:{listener.getsockname()[1]}").scan(b"x" * 30_000_000)


@pytest.mark.skipif(shutil.which("clamd") is None, reason="clamd is not installed")
def test_the_real_clamd(tmp_path: Path) -> None:
    signatures = tmp_path / "signatures"
    signatures.mkdir()
    (signatures / "own.ndb").write_text(f"Own.Eicar:0:*:{EICAR.hex()}\n")
    settings = tmp_path / "clamd.conf"
    settings.write_text(
        f"Foreground yes\nLocalSocket {tmp_path}/clamd.sock\nDatabaseDirectory {signatures}\nStreamMaxLength 1M\n"
        "OfficialDatabaseOnly no\n"
    )
    command = ["clamd", "--config-file", str(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if b"Self checking" in line or b"Listening daemon" in line:
                    break
            scan = Scanner(f"unix://{tmp_path}/clamd.sock")
            assert scan.scan(b"words") is None
            assert scan.scan(EICAR) == "Own.Eicar.UNOFFICIAL"
            with pytest.raises(Later):
                scan.scan(b"x" * 3_000_000)
        finally:
            process.terminate()
