"""Rule 16: after a restore nothing goes out, closes or comes back by itself, and then everything happens once."""

import os
import shutil
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import config, revoking, staff
from gateway.backups.archive import ROWS
from gateway.backups.make import Made, make
from gateway.backups.restore import Restored, restore
from gateway.errors import Contended, Invalid, StorageFull
from store import audit, backups, cases, credentials, inbox, outbox, parties, retention, switches
from store.backups import UNCLEAR
from store.database import sql
from store.files import Room
from store.ledger import Kind
from store.outbox import Which
from store.switches import Switch
from tests.sink import Sink
from tests.world import BEN, MIA, STORE, TOM, Clock, World, reply_to, settings

PASSPHRASE = "correct horse, battery staple"
LOG = b"A line of the log.\n" * 5_000  # too large for a row, as a mail
both_forms = pytest.mark.parametrize("name", ["backup", "backup.tar"], ids=["folder", "tar"])


@dataclass
class Site:
    """A world, its backups, and the world that stands up after it."""

    world: World
    folder: Path
    sink: Sink
    clock: Clock

    def back_up(self, name: str = "backup.tar", passphrase: str = PASSPHRASE) -> Made:
        parts = self.world.parts
        return make(
            parts.config, parts.database, parts.files, self.folder / name, passphrase=passphrase, now=self.clock
        )

    def restore(
        self, name: str = "backup.tar", *, passphrase: str | None = PASSPHRASE, ledger: bool = False, mail: str = ""
    ) -> Restored:
        """Into a new folder, while the old world is gone."""
        lost = self.world.parts.config.ledger_file if ledger else None
        self.world.close()
        return restore(
            self.new_settings(**({"mail": mail} if mail else {})),
            self.folder / name,
            passphrase=passphrase,
            ledger=lost,
            now=self.clock,
        )

    def new_settings(self, **more: str) -> config.Config:
        folder = self.folder / "new"
        folder.mkdir(exist_ok=True)
        loaded = config.load(settings(folder, self.sink.port, **more))
        loaded.gateway.data_dir.mkdir(exist_ok=True)
        return loaded

    def start(self, **more: str) -> World:
        """The restored world."""
        self.world = World(self.folder / "new", self.sink, self.clock, **more)
        return self.world


@pytest.fixture
def site(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[Site]:
    (tmp_path / "old").mkdir()
    no_limits = 'listen = "127.0.0.1:0"\nmax_mails_per_token = 0\nmax_mails_per_client = 0\nmax_bytes_per_token = 0'
    site = Site(World(tmp_path / "old", sink, clock, smtp=no_limits), tmp_path, sink, clock)
    yield site
    site.world.close()


def resume(world: World, *wanted: Switch) -> None:
    world.parts.database.write(lambda: [switches.start(switch) for switch in wanted])


def sweep(world: World) -> None:
    """What a minute brings."""
    world.clock.advance(minutes=1)
    world.parts.sweep()
    world.work()


def status(world: World, case_id: str) -> str:
    answer: str = world.api("GET", f"/{case_id}").json()["data"]["status"]
    return answer


@both_forms
def test_a_life_goes_on_in_a_new_folder(site: Site, name: str) -> None:
    world, sink, clock = site.world, site.sink, site.clock
    case = world.open_case()
    receipt, told = world.newest_mail_to(TOM), world.newest_mail_to(MIA)
    world.answer(receipt, "See the log", files=(("log.txt", LOG, "text/plain"),))
    held = world.answer(told, "From my other address", sender=BEN)
    sink.at_rcpt[TOM] = "451 4.7.1 Please come back"
    world.answer(told, "It is in the mail")  # its notice to the customer waits
    pending = world.send(reply_to(receipt, "And the spoon?"), TOM, receipt.reply_address)
    said = world.messages(case)
    made = site.back_up(name)
    assert (made.files, made.has_keys, made.missing) == (2, True, ())

    del sink.at_rcpt[TOM]
    clock.advance(minutes=10)
    world.work()  # the lost installation sends and processes what the backup has as waiting
    before = Counter(mail.message_id for mail in sink.mails)
    restored = site.restore(name)
    assert (restored.files, restored.has_keys, restored.migrations) == (2, True, ())
    assert restored.settled.unclear == 1
    assert not any((site.folder / "new" / "data" / part).exists() for part in (".restoring", "casegate.db-wal"))

    world = site.start()
    now_said = world.messages(case)
    assert [message["body"] for message in now_said] == [message["body"] for message in said]
    (changed,) = [now for now, then in zip(now_said, said, strict=True) if now != then]
    assert (changed["body"], changed["delivery"]["state"]) == ("It is in the mail", "delayed")
    assert changed["delivery"]["recipients"][0]["reason"] == UNCLEAR
    assert world.parts.files.read(digest_of_a_file(case)) == LOG
    assert world.outcomes(held) == ["held"]
    assert inbox.get(pending).state == "pending"
    (unclear,) = outbox.chosen(Which("failed", reason="unclear:"), limit=10)
    assert (unclear.recipient, unclear.answer) == (TOM, UNCLEAR)
    for _ in range(3):
        sweep(world)
    assert world.outcomes(pending) == ["posted"]  # mail is processed, its notices wait
    assert Counter(mail.message_id for mail in sink.mails) == before
    waiting = outbox.chosen(Which("queued"), limit=10)
    assert {mail.template for mail in waiting} == {"message_to_merchant", "mail_held"}

    world.parts.database.write(lambda: outbox.retry(unclear.id, clock()))
    world.work()
    assert Counter(mail.message_id for mail in sink.mails) == before
    resume(world, Switch.SENDING)
    for _ in range(3):
        sweep(world)
    after = Counter(mail.message_id for mail in sink.mails)
    assert after[f"<{unclear.rfc_message_id.strip('<>')}>"] == 2  # the operator said so: his is the one repetition
    again = after - before
    assert sum(again.values()) == 1 + len(waiting)
    assert [mail.state for mail in outbox.listing()] == ["sent"] * len(outbox.listing())
    # Answers to mails that went out long before the restore are known by their addresses.
    assert world.outcomes(world.answer(receipt, "Thank you")) == ["posted"]


def digest_of_a_file(case_id: str) -> str:
    messages = cases.messages(case_id, page=1, limit=100).items
    return next(file.sha256 for message in messages for file in message.attachments)


def test_it_says_what_stands_still_and_closes_nothing(site: Site) -> None:
    world = site.world
    case = world.open_case()
    world.answer(world.newest_mail_to(MIA), "Which lid?")
    site.back_up()
    site.restore()
    world = site.start()
    answer = world.http.get("/readyz")
    assert answer.status_code == 503
    sending, closing_ = answer.json()["problems"]
    assert sending == (
        "nothing was sent since 2026-05-04 09:30 UTC: restored from the backup of 2026-05-04 09:30 UTC; casegate resume"
        " sending ends that"
    )
    assert closing_.startswith("no case was warned of or closed since")
    assert 'casegate_stopped{what="sending"} 1.0' in world.http.get("/metrics").text
    world.clock.advance(days=20)
    sweep(world)
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert outbox.chosen(Which("queued"), limit=10) == ()  # no warning either
    resume(world, Switch.SENDING, Switch.CLOSING)
    sweep(world)
    sweep(world)
    assert world.newest_mail_to(TOM).header("Auto-Submitted")
    assert status(world, case) == "AWAITING_CUSTOMER"  # he has his two days
    assert world.http.get("/readyz").status_code == 200
    world.clock.advance(days=2)
    sweep(world)
    assert status(world, case) == "CLOSED"


def test_the_operator_is_mailed_that_nothing_is_sent(site: Site) -> None:
    site.back_up()
    mail_section = 'reply_domain = "cases.example.org"\noperator_address = "root@example.org"'
    site.restore(mail=mail_section)
    world = site.start(mail=mail_section)
    sweep(world)
    sweep(world)
    (mail,) = site.sink.mails
    assert mail.recipient == "root@example.org"
    assert "casegate resume sending" in " ".join(mail.text.split())


def test_what_was_undone_after_the_backup_stays_undone(site: Site) -> None:
    world = site.world
    case, other = world.open_case(members=(MIA, BEN)), world.open_case(2, members=(MIA, BEN))
    told = world.newest_mail_to(BEN)
    to_mia = world.newest_mail_to(MIA)
    parts, now = world.parts, site.clock()
    secret = parts.database.write(lambda: credentials.create_token(STORE, "till", frozenset(("CASES_READ",)), now))
    site.back_up()
    site.clock.advance(hours=1)
    parts.database.write(lambda: staff.remove_member(STORE, BEN, audit.OPERATOR, site.clock(), parts.ledger))
    revoking.revoke(parts.changes, parts.ledger, other, MIA, audit.OPERATOR)
    (token,) = [one for one in credentials.tokens() if one.name == "till"]
    parts.database.write(lambda: parts.ledger.note(Kind.REVOKED, site.clock(), token=token.id))
    restored = site.restore(ledger=True)
    assert restored.applied == 3
    world = site.start()
    assert credentials.find_token(secret) is None
    assert [member.email for member in parties.members(STORE)] == [MIA]
    before = len(world.messages(case))
    assert world.outcomes(world.answer(told, "I still work here")) != ["posted"]
    assert world.outcomes(world.answer(to_mia, "This address leaked")) != ["posted"]
    assert len(world.messages(case)) == before
    # The new installation goes on with the ledger of the old one: its own backups have the lines, too.
    assert [line.kind for line in world.parts.ledger.lines()] == [Kind.REMOVED, Kind.REVOKED, Kind.REVOKED]


def test_an_erased_customer_does_not_come_back(site: Site) -> None:
    world = site.world
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    world.answer(receipt, "My secret words", files=(("log.txt", LOG, "text/plain"),))
    found = cases.find(case)
    assert found is not None
    site.back_up()
    site.clock.advance(hours=1)
    world.parts.erasing.erase(found.customer.id, audit.OPERATOR)
    assert site.restore(ledger=True).applied == 1
    world = site.start()
    assert TOM.encode() not in world.parts.config.ledger_file.read_bytes()
    with closing(sqlite3.connect(site.folder / "new" / "data" / "casegate.db")) as rows:
        dump = "\n".join(rows.iterdump())
    assert "My secret words" not in dump
    assert TOM not in dump
    assert list((world.parts.files.root / Room.RAW).rglob("*.eml")) == []


def test_whoever_was_taken_back_before_the_backup_stays(site: Site) -> None:
    world = site.world
    world.open_case(members=(MIA, BEN))
    parts = world.parts
    parts.database.write(lambda: staff.remove_member(STORE, BEN, audit.OPERATOR, site.clock(), parts.ledger))
    site.clock.advance(days=1)
    parts.database.write(lambda: staff.add_member(STORE, BEN, "Ben", None, audit.OPERATOR, site.clock()))
    site.clock.advance(days=1)
    site.back_up()
    assert site.restore(ledger=True).applied == 0
    site.start()
    assert {member.email for member in parties.members(STORE)} == {MIA, BEN}


def test_a_claim_of_the_lost_installation_is_nobodys(site: Site) -> None:
    world = site.world
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    kept = world.send(reply_to(receipt, "And the spoon?"), TOM, receipt.reply_address)
    claimed = world.parts.database.write(lambda: inbox.claim(site.clock(), "run", timedelta(minutes=5)))
    assert claimed is not None
    site.back_up()
    assert site.restore().settled.given_back == 1
    world = site.start()
    world.work()
    assert world.outcomes(kept) == ["posted"]
    assert [message["body"] for message in world.messages(case)].count("And the spoon?") == 1


# While others write


def test_every_file_that_a_row_names_is_in_it(site: Site) -> None:
    world, clock = site.world, site.clock
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    for number in range(40):
        world.answer(receipt, f"Log {number}", files=(("log.txt", LOG + b"%d" % number, "text/plain"),))
    clock.advance(days=91)  # the time of their bytes is over: the sweep and the backups are at them together
    done = threading.Event()

    def take_in() -> None:
        while not done.is_set():
            files = (("log.txt", LOG + os.urandom(4).hex().encode(), "text/plain"),)
            world.send(reply_to(receipt, "More", files=files), TOM, receipt.reply_address)

    def remove() -> None:
        while not done.is_set():
            retention.sweep(world.parts.database, world.parts.files, clock(), keep_raw=timedelta(days=90))

    threads = [threading.Thread(target=work) for work in (take_in, remove)]
    for thread in threads:
        thread.start()
    try:
        made = [site.back_up(f"backup{number}", passphrase="") for number in range(6)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert [one.missing for one in made] == [()] * 6
    for number in range(6):
        folder = site.folder / f"backup{number}"
        for room, name in backups.files_named(folder / ROWS):
            assert (folder / "files" / room / name[:2] / name).is_file()
    assert made[-1].files > 0
    assert not switches.is_stopped(Switch.REMOVING)


def test_nothing_is_removed_by_a_sweep_that_began_before(site: Site) -> None:
    world = site.world
    world.open_case()
    world.answer(world.newest_mail_to(TOM), "See the log", files=(("log.txt", LOG, "text/plain"),))
    parts, now = world.parts, site.clock() + timedelta(days=91)
    parts.database.write(lambda: backups.pause_removing("one", now))
    assert retention.remove_raw(parts.database, parts.files, now - timedelta(days=90)) == 0
    parts.database.write(lambda: backups.end_pause("one"))
    assert retention.remove_raw(parts.database, parts.files, now - timedelta(days=90)) == 1


def test_a_backup_that_was_killed_is_forgotten_after_an_hour(site: Site) -> None:
    parts, clock = site.world.parts, site.clock
    parts.database.write(lambda: backups.pause_removing("the dead one", clock()))
    with pytest.raises(Contended):
        site.back_up()
    clock.advance(minutes=59)
    sweep(site.world)
    assert not switches.is_stopped(Switch.REMOVING)
    with pytest.raises(Contended):  # it was not dead after all: what it copies now is worth nothing
        parts.database.write(lambda: backups.renew_pause("the dead one", clock()))
    site.back_up()
    assert not switches.is_stopped(Switch.REMOVING)


def test_a_file_that_was_lost_before_is_told(site: Site) -> None:
    world = site.world
    world.open_case()
    world.answer(world.newest_mail_to(TOM), "See the log", files=(("log.txt", LOG, "text/plain"),))
    (raw,) = (world.parts.files.root / Room.RAW).rglob("*.eml")
    raw.unlink()
    assert site.back_up().missing == (f"raw/{raw.name}",)
    site.restore()
    site.start()


def test_one_that_was_killed_is_begun_anew(site: Site) -> None:
    site.world.open_case()
    half = site.folder / ".backup.tar.part"
    half.mkdir()
    (half / ROWS).write_bytes(b"half")
    site.back_up()
    assert not half.exists()
    stage = site.new_settings().gateway.data_dir / ".restoring"
    stage.mkdir()
    (stage / ROWS).write_bytes(b"half")
    site.restore()
    assert not stage.exists()
    site.start()


# What is refused


def test_without_the_keys_nothing_starts_until_they_are_there(site: Site) -> None:
    world = site.world
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    assert not site.back_up(passphrase="").has_keys
    assert not site.restore(passphrase="").has_keys
    with pytest.raises(Invalid, match="restore it"):
        site.start()
    shutil.copytree(site.folder / "old" / "data" / "secrets", site.folder / "new" / "data" / "secrets")
    assert site.start().outcomes(site.world.answer(receipt, "Here I am")) == ["posted"]


@pytest.mark.parametrize("passphrase", ["wrong", ""])
def test_another_passphrase_restores_nothing(site: Site, passphrase: str) -> None:
    site.world.open_case()
    site.back_up()
    with pytest.raises(Invalid, match="--passphrase-file"):
        site.restore(passphrase=passphrase)
    assert list((site.folder / "new" / "data").iterdir()) == []
    restored = restore(site.new_settings(), site.folder / "backup.tar", passphrase=None, ledger=None, now=site.clock)
    assert not restored.has_keys  # they are somewhere else
    shutil.copytree(site.folder / "old" / "data" / "secrets", site.folder / "new" / "data" / "secrets")
    site.start()


def test_two_installations_are_never_mixed(site: Site) -> None:
    site.back_up()
    parts = site.world.parts
    site.world.close()
    with pytest.raises(Invalid, match=r"is not empty.*mv .*--ledger .*ledger\.jsonl"):
        restore(parts.config, site.folder / "backup.tar", passphrase=PASSPHRASE, ledger=None, now=site.clock)
    site.world.start()
    assert not switches.stopped()


@pytest.mark.parametrize("left", ["casegate.db", "casegate.db-wal", "files"])
def test_what_is_left_outside_of_data_dir_is_not_mixed_in_either(site: Site, left: str) -> None:
    site.back_up(passphrase="")
    site.world.close()
    elsewhere = site.folder / "elsewhere"
    (elsewhere / "raw" / "ab").mkdir(parents=True)
    (elsewhere / ("raw/ab/abcd.eml" if left == "files" else left)).touch()
    folder = site.folder / "new"
    folder.mkdir()
    places = {"database": f'url = "sqlite:///{elsewhere}/casegate.db"', "files": f'url = "file://{elsewhere}"'}
    loaded = config.load(settings(folder, site.sink.port, **places))
    loaded.gateway.data_dir.mkdir()
    with pytest.raises(Invalid, match=r"move (it|them) away"):
        restore(loaded, site.folder / "backup.tar", passphrase="", ledger=None, now=site.clock)
    for path in elsewhere.rglob("*.*"):
        path.unlink()
    restore(loaded, site.folder / "backup.tar", passphrase="", ledger=None, now=site.clock)
    assert {path.name for path in elsewhere.iterdir()} == {"casegate.db", "raw", "content"}
    site.world.start()


def test_a_damaged_backup_leaves_nothing_behind(site: Site) -> None:
    site.world.open_case()
    site.back_up("backup")
    rows = site.folder / "backup" / ROWS
    rows.write_bytes(rows.read_bytes().replace(b"Tom", b"Tim"))
    with pytest.raises(Invalid, match=f"{ROWS} has changed"):
        site.restore("backup")
    assert list((site.folder / "new" / "data").iterdir()) == []
    site.world.start()


def test_a_newer_version_is_named(site: Site) -> None:
    site.world.parts.database.write(
        lambda: sql("INSERT INTO schema_migration (name, applied) VALUES ('0999_future', '2026-05-04')")
    )
    site.back_up()
    with pytest.raises(Invalid, match="newer version of Casegate, which knows 0999_future"):
        site.restore()
    assert list((site.folder / "new" / "data").iterdir()) == []
    site.world.parts.database.open()
    site.world.start()


def test_what_is_no_ledger_is_refused(site: Site) -> None:
    site.world.parts.config.ledger_file.write_text("all of them\n")
    site.back_up(passphrase="")
    with pytest.raises(Invalid, match="--ledger"):
        site.restore(ledger=True)
    site.world.parts.config.ledger_file.unlink()
    site.world.start()


def test_a_place_that_is_taken_and_one_that_is_not_there(site: Site) -> None:
    site.back_up()
    for name, words in (("backup.tar", "is there already"), ("nowhere/backup.tar", "its folder is not there")):
        with pytest.raises(Invalid, match=words):
            site.back_up(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_a_full_disk_leaves_no_half_backup(site: Site, name: str) -> None:
    site.world.open_case()
    disk = site.folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr}")
    try:
        with pytest.raises(StorageFull):
            site.back_up(f"disk/{name}")
        assert list(disk.iterdir()) == []
        assert not switches.is_stopped(Switch.REMOVING)
    finally:
        subprocess.run(["umount", disk], check=True)
