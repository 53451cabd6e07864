"""Reading a kept mail: parse it and pick its files, what is heavy in a child that can be killed (HARDENING rule 18)."""

from dataclasses import replace

from gateway.heavy import Workshop
from gateway.mail.files import SMALL_MAIL, Limits, Picked, SetAside, Why, is_heavy, pick
from gateway.mail.parse import ParsedMail, parse
from gateway.scanner import Scanner
from gateway.sentences import Sentence

_TNEF = (b"ms-tnef", b"winmail.dat")  # unpacked while parsing


class Reader:
    """Reads mails. Starts a child process only for a heavy one."""

    def __init__(self, limits: Limits, *, clamd: str = "") -> None:
        """limits: of the files of one message. clamd: where the virus scanner listens, "" for none."""
        self._limits = limits
        self._workshop = Workshop()
        self._scanner = Scanner(clamd) if clamd else None

    def close(self) -> None:
        """End the children."""
        self._workshop.close()

    def parse(self, raw: bytes) -> ParsedMail:
        """The mail. Raises Killed when reading it takes too much."""
        if len(raw) > SMALL_MAIL or any(mark in raw for mark in _TNEF):
            return self._workshop.run(parse, raw)
        return parse(raw)

    def pick(self, raw: bytes, mail: ParsedMail) -> Picked:
        """The files that may be posted, each scanned, and those set aside. Raises Killed; Later without the scanner."""
        if not mail.files:
            return Picked((), ())
        if is_heavy(len(raw), mail):
            return self._scanned(self._workshop.run(pick, mail, None, self._limits))
        return self._scanned(pick(mail, None, self._limits))

    def _scanned(self, picked: Picked) -> Picked:
        if self._scanner is None:
            return picked
        found = [(file, self._scanner.scan(file.data)) for file in picked.files]
        infected = (SetAside(file.filename, Why.MALWARE, _infected(name)) for file, name in found if name)
        return replace(
            picked, files=tuple(file for file, name in found if not name), set_aside=(*picked.set_aside, *infected)
        )


def _infected(name: str) -> Sentence:
    return Sentence("a virus scanner found something in it: %(name)s", name=name)
