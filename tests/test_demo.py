"""The demo as a user tries it: a process of its own, its page, and answers through the page's form."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx2
import pytest

from gateway.config import Config, HttpSection, SmtpSection
from gateway.demo import demo
from gateway.errors import Invalid

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
PATIENCE = 30  # seconds after which a wait has failed
# Of somebody who runs a real gateway from the same folder.
SETTINGS = """
http.listen = "127.0.0.1:0"
smtp.listen = "127.0.0.1:0"
relay = [{url = "smtp://127.0.0.1:9"}]
database.url = "sqlite:///real.db"
queue.url = "sqlite:///real-queue.db"
files.url = "file:///nowhere/real-files"
"""


@dataclass
class Running:
    """A demo at work. told: what it wrote at its start."""

    process: "subprocess.Popen[str]"
    told: str
    browser: httpx2.Client

    def after(self, word: str) -> str:
        """What stands behind a word of what it told."""
        match = re.search(rf"(?m)(?:^|\b){word}\b:? +(\S+)", self.told)
        assert match is not None, self.told
        return match[1].rstrip(",;")

    def page(self) -> str:
        return unescape(self.browser.get("/demo").text)

    def wait_for(self, condition: Callable[[str], bool]) -> str:
        """Look at the page until it is as expected."""
        deadline = time.monotonic() + PATIENCE
        while not condition(page := self.page()):
            assert time.monotonic() < deadline, page
        return page

    def answer(self, number: str, text: str) -> None:
        """Fill in the form of a mail, and send it."""
        origin = str(self.browser.base_url).rstrip("/")
        sent = self.browser.post(f"/demo/mails/{number}", files={"text": (None, text)}, headers={"origin": origin})
        assert (sent.status_code, sent.headers["location"]) == (303, f"/demo?answered={number}"), sent.text

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


def listed(page: str) -> list[tuple[str, str, str]]:
    """The mails of a page, the newest first: number, recipient, template."""
    return re.findall(r'href="/demo/mails/(\d+)".*?class="facts">(\S+) · [^·]+ · ([a-z ]+)<', page, re.DOTALL)


def status(page: str) -> str:
    match = re.search(r'class="status [a-z_]+">([A-Z_]+)<', page)
    assert match is not None
    return match[1]


def start(folder: Path) -> Running:
    """Start the demo, and wait until it says that it is ready."""
    (folder / "config.toml").write_text(SETTINGS)
    command = [sys.executable, "-m", "gateway", "demo"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if "Ctrl-C" in line:
            break
    else:
        process.wait()
        pytest.fail((folder / "log").read_text())
    running = Running(process, told, httpx2.Client(timeout=PATIENCE))
    running.browser.base_url = running.after("HTTP")
    return running


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = start(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.communicate()
    running.browser.close()


def test_it_begins_with_a_case_and_its_two_mails_and_each_answer_brings_the_next(running: Running) -> None:
    page = running.wait_for(lambda page: len(listed(page)) == 2)
    mails = {template: (number, recipient) for number, recipient, template in listed(page)}
    merchant, merchant_address = mails["case opened merchant"]
    customer_address = mails["case opened customer"][1]
    assert status(page) == "OPEN"
    assert "for trying out on this machine only" in page

    running.answer(merchant, "It was forgotten; it leaves today.")
    page = running.wait_for(lambda page: len(listed(page)) == 3)
    number, recipient, template = listed(page)[0]
    assert (recipient, template, status(page)) == (customer_address, "message to customer", "AWAITING_CUSTOMER")

    running.answer(number, "Thank you, that was quick.")
    page = running.wait_for(lambda page: len(listed(page)) == 4)
    number, recipient, template = listed(page)[0]
    assert (recipient, template, status(page)) == (merchant_address, "message to merchant", "AWAITING_MERCHANT")
    shown = unescape(running.browser.get(f"/demo/mails/{number}").text)
    assert "Thank you, that was quick." in shown
    assert page.count("<b>posted</b>") == 2
    assert running.stop() == 0


def test_what_it_tells_is_true(running: Running, tmp_path: Path) -> None:
    assert "for trying out on this machine only" in running.told
    assert f"{running.browser.base_url.netloc.decode()}/demo\n" in running.told
    token, store = running.after("token"), re.search(r"/stores/(shp_\w+)/cases", running.told)
    assert store is not None
    cases = running.browser.get(f"/v2/core/stores/{store[1]}/cases", headers={"authorization": f"Bearer {token}"})
    assert [case["status"] for case in cases.json()["data"]["items"]] == ["OPEN"]
    assert Path(running.after("them")).read_text().startswith("whsec_")
    assert Path(running.after("data")) == tmp_path / "data" / "demo"
    assert {path.name for path in tmp_path.iterdir()} == {"config.toml", "log", "data"}
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo"]
    assert running.browser.get("/readyz").json() == {"ok": True}


def test_the_worked_example_of_the_readme(running: Running, tmp_path: Path) -> None:
    """A hook opens a case, the merchant's mail is answered, the customer has the new words."""
    running.wait_for(lambda page: len(listed(page)) == 2)
    store = re.search(r"/stores/(shp_\w+)/cases", running.told)
    assert store is not None
    assert store[1] in (ROOT / "README.md").read_text()
    environment = os.environ | {"CASEGATE_GATEWAY__DATA_DIR": running.after("data"), "PYTHONPATH": str(ROOT)}

    def run(*command: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *command], input=stdin, capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    opened = run(f"{EXAMPLES}/open_case.py", running.after("them"), str(running.browser.base_url).rstrip("/"), store[1])
    assert opened.startswith("201 ")
    page = running.wait_for(lambda page: len(listed(page)) == 4)
    number = next(number for number, _, template in listed(page) if template == "case opened merchant")
    mail = run("-m", "gateway", "outbox", "show", number, "--raw")
    answered = run(f"{EXAMPLES}/answer_mail.py", running.after("  mail"), "Here is a new key: ABC-123", stdin=mail)
    assert answered.startswith("taken: ")
    page = running.wait_for(lambda page: len(listed(page)) == 5)
    assert "posted" in run("-m", "gateway", "inbox", "list")
    shown = run("-m", "gateway", "outbox", "show", listed(page)[0][0], "--raw")
    assert "tom@customer.test" in shown
    assert "Here is a new key: ABC-123" in shown


def test_a_second_start_goes_on_where_the_first_ended(running: Running, tmp_path: Path) -> None:
    before = running.wait_for(lambda page: len(listed(page)) == 2)
    assert running.stop() == 0
    again = start(tmp_path)
    try:
        assert sorted(mail[1:] for mail in listed(again.page())) == sorted(mail[1:] for mail in listed(before))
        store = re.search(r"/stores/(shp_\w+)/cases", again.told)
        assert store is not None
        url = f"/v2/core/stores/{store[1]}/cases"
        for token, code in ((running.after("token"), 401), (again.after("token"), 200)):
            assert again.browser.get(url, headers={"authorization": f"Bearer {token}"}).status_code == code
    finally:
        assert again.stop() == 0
        again.browser.close()


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080", "mail.example.org:8080"])
def test_it_never_listens_to_other_machines(listen: str, tmp_path: Path) -> None:
    settings = Config(http=HttpSection(listen=listen), smtp=SmtpSection(listen=listen))
    with pytest.raises(Invalid) as refused:
        demo(settings)
    assert [problem.field for problem in refused.value.problems] == ["http.listen", "smtp.listen"]
    assert listen in refused.value.text
