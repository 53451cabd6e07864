"""`casegate export` and `casegate erase`."""

import os
import stat
import zipfile
from pathlib import Path

import pytest

from store import audit
from store.database import sql
from tests.cli.installation import CUSTOMER_ADDRESS, STORE, Installation

CUSTOMER = "cus_aaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.mark.parametrize("whom", [("--customer", CUSTOMER), ("--address", CUSTOMER_ADDRESS.upper())])
def test_export_writes_one_private_archive(installation: Installation, tmp_path: Path, whom: tuple[str, str]) -> None:
    installation.open_case()
    file = tmp_path / "ada.zip"
    done = installation.casegate("export", *whom, "-o", file)
    assert (done.status, done.out) == (0, f"{file}: 1 cases, 1 mails, 0 files\n")
    assert f"{CUSTOMER}/cases.json" in zipfile.ZipFile(file).namelist()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with installation.parts():
        (entry,) = [one for one in audit.listing(store_id=STORE) if one.action == "customer.exported"]
    assert (entry.subject, entry.role, entry.actor_id) == (CUSTOMER, "SYSTEM", "")
    again = installation.casegate("export", *whom, "-o", file)
    assert (again.status, again.err) == (os.EX_DATAERR, f"{file} exists; give the name of a new file")


def test_an_export_that_fails_leaves_nothing(installation: Installation, tmp_path: Path) -> None:
    installation.open_case()
    done = installation.casegate("export", "--customer", "cus_" + "9" * 24, "-o", tmp_path / "nobody.zip")
    assert done.status == os.EX_NOINPUT
    assert not list(tmp_path.glob("nobody*"))


def test_erase_tells_what_it_would_do_and_asks(installation: Installation) -> None:
    case = installation.open_case()
    plan = installation.casegate("erase", "--address", CUSTOMER_ADDRESS, "--dry-run")
    assert (plan.status, plan.out) == (0, f"{CUSTOMER}: 1 cases, {CUSTOMER_ADDRESS}\n")
    unsure = installation.casegate("erase", "--address", CUSTOMER_ADDRESS, stdin=b"n\n")
    assert unsure.status == 1
    assert "kettle" in installation.bodies(case)[0]
    done = installation.casegate("erase", "--address", CUSTOMER_ADDRESS, stdin=b"y\n")
    assert done.status == 0
    assert installation.bodies(case) == ["(erased)"]
    gone = installation.casegate("erase", "--address", CUSTOMER_ADDRESS, "--yes")
    assert (gone.status, gone.err) == (os.EX_NOINPUT, f"No customer has the address {CUSTOMER_ADDRESS}")


def test_the_receipt_names_nobody(installation: Installation) -> None:
    installation.open_case()
    done = installation.casegate("erase", "--customer", CUSTOMER, "--yes", "--json")
    (receipt,) = done.json()
    assert receipt["customer"] == CUSTOMER
    assert len(receipt["digest"]) == 64
    assert receipt["removed"] == {
        "cases": 1, "messages": 1, "files": 0, "receivedMails": 0, "heldMails": 0, "sentMails": 2,
    }  # fmt: skip
    assert "ada" not in done.out.lower()
    again = installation.casegate("erase", "--customer", CUSTOMER, "--yes")
    assert again.out.endswith(
        "removed  1 cases, 1 messages, 0 files, 0 mails that came in, 0 of them held, 2 mails that went out\n"
    )
    key = installation.config.gateway.data_dir / "secrets" / "erasure_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_dispute_stops_it(installation: Installation) -> None:
    case = installation.open_case()
    with installation.parts() as parts:
        parts.database.write(lambda: sql("UPDATE orders SET disputed = 1"))
    done = installation.casegate("erase", "--customer", CUSTOMER, "--yes")
    assert done.status == os.EX_DATAERR
    assert f"{case.id} (order 1042)" in done.err
    assert "kettle" in installation.bodies(case)[0]


@pytest.mark.parametrize("words", [(), ("--customer", CUSTOMER, "--address", CUSTOMER_ADDRESS)])
def test_one_of_two_ways_says_whom(installation: Installation, words: tuple[str, ...]) -> None:
    installation.open_case()
    done = installation.casegate("erase", *words, "--yes")
    assert done.status == os.EX_DATAERR
    assert "give the id of a customer, or his address" in done.err
