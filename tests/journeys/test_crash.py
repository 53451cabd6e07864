"""The real process, killed and stopped while mail streams in: what got 250 is posted once, and nothing is lost."""

import smtplib
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway import app, config
from gateway.cases.model import Key, Role
from gateway.signing import Purpose
from store import cases, inbox, outbox
from tests.running import Running, free_port
from tests.sink import PATIENCE, Mail, Sink
from tests.world import DOMAIN, HOOK, MIA, TOM, new_case, send, settings

CASES = 12
A_HOUR = 20  # letters of one person that may come within an hour


@dataclass(frozen=True)
class Letter:
    """A mail of the customer to one of his cases."""

    case_id: str
    recipient: str
    text: str

    @property
    def raw(self) -> bytes:
        head = (
            f"From: Tom <{TOM}>\r\nTo: <{self.recipient}>\r\nSubject: Re: The lid is missing\r\n"
            f"Message-ID: <{self.text.replace(' ', '.')}@customer.example.org>\r\nMIME-Version: 1.0\r\n"
        )
        if not self.has_file:
            return f"{head}\r\n{self.text}\r\n".encode()
        return (
            f"{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{self.text}\r\n--b\r\n"
            "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=log.txt\r\n\r\n"
            + f"A line of the log of {self.text}\r\n" * 3_000
            + "--b--\r\n"
        ).encode()

    @property
    def has_file(self) -> bool:
        """Some are large, and so stand in a file of their own until they are posted."""
        return self.text.endswith("7")


class Installation:
    """A data folder with cases, fixed ports, and customers whose mail servers do not give up."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.sink = sink
        self.port = free_port()
        self.file = settings(folder, sink.port, smtp=f'listen = "127.0.0.1:{self.port}"\nmax_connections = 500')
        self.data = folder / "data"
        self._stopped = threading.Event()
        with self.parts() as parts:
            opened = [parts.desk.open_case(new_case(n), HOOK, key=Key("test", str(n))) for n in range(CASES)]
            self.addresses = {}
            for one in opened:
                person = next(p for p in cases.participants(one.view.case.id) if p.role is Role.CUSTOMER)
                token = parts.secrets.keyring.token(Purpose.REPLY, person.handle, person.generation)
                self.addresses[person.case_id] = f"reply+{token}@{DOMAIN}"

    @contextmanager
    def parts(self) -> Iterator[app.Parts]:
        """The rows, while no process has them."""
        parts = app.build(config.load(self.file), run=True, worker="test")
        try:
            yield parts
        finally:
            parts.dispatcher.close()
            parts.database.close()

    def letters(self, per_case: int, words: str = "Letter") -> list[Letter]:
        return [Letter(*who, f"{words} {number}") for number in range(per_case) for who in self.addresses.items()]

    def post(self, letter: Letter) -> None:
        """Send a letter as a mail server does: again and again until it hears 250."""
        pause = threading.Event()
        for _ in range(PATIENCE * 20):
            try:
                send(self.port, letter.raw, TOM, letter.recipient)
            except smtplib.SMTPResponseException as error:
                if error.smtp_code // 100 == 5:
                    raise  # trouble of ours is never a final refusal
                pause.wait(0.05)
            except (OSError, smtplib.SMTPException):
                pause.wait(0.05)  # until somebody listens again
            else:
                return
        pytest.fail("nobody listened any more")

    @contextmanager
    def stream(self, letters: list[Letter], clients: int = 6) -> Iterator[None]:
        """Letters come in during the block, each case's by one client in order; it ends when all are accepted."""
        queues: defaultdict[str, list[Letter]] = defaultdict(list)
        for letter in letters:
            queues[letter.case_id].append(letter)

        def client(queue: list[Letter]) -> None:
            for letter in queue:
                self.post(letter)

        with ThreadPoolExecutor(clients) as pool:
            running: list[Future[None]] = [pool.submit(client, queue) for queue in queues.values()]
            yield
            for one in running:
                one.result()

    def everything_arrived(self, letters: list[Letter]) -> None:
        """Wait until each opening told two people, and each letter the merchant."""
        self.sink.wait_for(lambda mails: len({mail.message_id for mail in mails}) >= 2 * CASES + len(letters))

    def check(self, letters: list[Letter]) -> None:
        """Every letter is posted once and in order; every mail went out, and repeats are the same to the byte."""
        with self.parts():
            for case_id in self.addresses:
                messages = cases.messages(case_id, page=1, limit=1_000).items
                assert [message.number for message in messages] == list(range(1, len(messages) + 1))
                said = [(m.body, len(m.attachments)) for m in messages if m.sender_type is Role.CUSTOMER]
                assert said[1:] == [(one.text, int(one.has_file)) for one in letters if one.case_id == case_id]
            assert {kept.state for kept in inbox.listing(limit=10_000)} == {"done"}
            sent = outbox.listing(limit=10_000)
            assert {mail.state for mail in sent} == {"sent"}
        assert len(sent) == 2 * CASES + len(letters)
        copies: defaultdict[str, set[bytes]] = defaultdict(set)
        for mail in self.sink.mails:
            copies[mail.message_id].add(mail.raw)
        assert set(copies) == {f"<{mail.rfc_message_id}>" for mail in sent}
        assert {len(one) for one in copies.values()} == {1}


@pytest.fixture
def installation(tmp_path: Path, sink: Sink) -> Installation:
    return Installation(tmp_path, sink)


def test_killed_again_and_again_while_mail_streams_in(installation: Installation) -> None:
    letters = installation.letters(A_HOUR)
    with installation.stream(letters):
        for event, count in (("mail.kept", 20), ("case.changed", 15), ("mail.done", 20), ("outgoing.tried", 10)):
            with Running(installation.file) as gateway:
                gateway.wait_for(event, count)
        gateway = Running(installation.file)
    with gateway:
        installation.everything_arrived(letters)
        assert gateway.terminate() == 0
    installation.check(letters)


def test_killed_after_the_relay_took_a_mail_and_before_it_could_say_so(installation: Installation) -> None:
    killed: list[Mail] = []
    with Running(installation.file) as gateway:
        installation.everything_arrived([])

        def kill(mail: Mail) -> None:
            killed.append(mail)
            installation.sink.on_mail = lambda mail: None
            gateway.send_kill()

        installation.sink.on_mail = kill
        (letter, *_) = letters = installation.letters(1)[:1]
        installation.post(letter)
        gateway.wait_for("ended")
    with Running(installation.file) as gateway:
        installation.sink.wait_for(lambda mails: len(mails) >= 2 * CASES + 2)
        assert gateway.terminate() == 0
    assert [mail.raw for mail in installation.sink.to(MIA)[CASES:]] == [killed[0].raw, killed[0].raw]
    installation.check(letters)


def test_stopped_in_the_middle_of_traffic(installation: Installation) -> None:
    letters = installation.letters(A_HOUR)
    with installation.stream(letters):
        with Running(installation.file) as gateway:
            gateway.wait_for("mail.kept", 80)
            assert gateway.terminate() == 0
            gateway.wait_for("gateway.stopped")
        gateway = Running(installation.file)
    with gateway:
        installation.everything_arrived(letters)
        assert gateway.terminate() == 0
    installation.check(letters)
    assert len(installation.sink.mails) == 2 * CASES + len(letters)  # who stops in an orderly way repeats nothing


def test_the_queue_is_deleted_while_the_gateway_is_down_and_while_it_runs(installation: Installation) -> None:
    def delete_queue() -> None:
        files = list(installation.data.glob("queue.db*"))
        assert files
        for file in files:
            file.unlink()

    before, after = installation.letters(5, "Before"), installation.letters(5, "After")
    with Running(installation.file) as gateway:
        for letter in before:
            installation.post(letter)
    delete_queue()
    with Running(installation.file) as gateway:
        installation.everything_arrived(before)
        delete_queue()
        for letter in after:
            installation.post(letter)
        installation.everything_arrived(before + after)
        assert gateway.terminate() == 0
    installation.check(before + after)
