"""The page of a case and its files over real HTTP: what is shown to whom, and what hostile words become there."""

import re
from html import unescape
from html.parser import HTMLParser

import httpx2
import pytest

from gateway.cases.model import Actor, Draft, File, Role
from gateway.cases.model import Door as Through
from gateway.signing import Purpose
from store import cases, stored_files
from store.database import sql
from tests.sink import Mail
from tests.world import MIA, TOM, World

HOSTILE = "<script>alert(1)</script><img src=x onerror=y>\"'{{ 7 * 7 }}\u202e https://example.org/?a=1&b=2"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def words(answer: httpx2.Response) -> str:
    """What a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", answer.text.partition("<body>")[2])).split())


def path(mail: Mail, kind: str) -> str:
    """The last link of a kind in a mail, as a path."""
    return str(re.findall(rf"(/{kind}/\S+)", mail.text)[-1])


def say(world: World, case: str, role: Role, body: str, *files: File, via: str = "", unverified: bool = False) -> None:
    """Somebody's mail is posted."""
    person = next(p for p in cases.participants(case) if p.role is role)
    actor = Actor(role, Through.MAIL, participant_id=person.id, via=via, unverified=unverified)
    world.parts.desk.deliver_reply(case, actor, Draft(body, files))
    world.work()


def link_for(world: World, case: str, role: Role) -> str:
    """The page of a participant."""
    person = next(p for p in cases.participants(case) if p.role is role)
    return f"/case/{world.parts.secrets.keyring.token(Purpose.CASE, person.handle, person.generation)}"


def test_authors_are_named_as_mails_name_them(world: World) -> None:
    case = world.open_case()
    say(world, case, Role.MERCHANT, "Which part?")
    say(world, case, Role.CUSTOMER, "The lid", via="tom@private.example.net")
    say(world, case, Role.CUSTOMER, "I mean it", unverified=True)
    for role in (Role.CUSTOMER, Role.MERCHANT):
        read = words(world.http.get(link_for(world, case, role)))
        assert "Blue Kettle · 4 May 2026, 09:30 UTC Which part?" in read
        assert "sent from tom@private.example.net, an address we do not know · 4 May 2026, 09:30 UTC The lid" in read
        assert "Tom Reed · 4 May 2026, 09:30 UTC · not verified" in read
        assert "answer the newest mail" in read


def test_hostile_words_stay_words_and_nothing_runs_or_is_loaded(world: World) -> None:
    case = world.open_case(subject=HOSTILE.replace("\u202e", ""), body=HOSTILE)
    say(world, case, Role.CUSTOMER, HOSTILE, File(HOSTILE, "image/png", PNG))
    answer = world.http.get(path(world.newest_mail_to(MIA), "case"))
    elements = Elements(answer.text).found
    assert {"script", "img", "iframe", "object", "form", "input", "button"}.isdisjoint(tag for tag, _ in elements)
    assert [name for _, given in elements for name in given if name.startswith("on") or name == "style"] == []
    links = [str(given["href"]) for tag, given in elements if tag == "a"]
    assert {one.split("/files/")[0] for one in links} == {"https://example.org/?a=1&b=2", "http://127.0.0.1:8080"}
    assert "<script>alert(1)</script>" in unescape(answer.text)
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers


def test_the_newest_messages_of_a_long_case_are_shown(world: World) -> None:
    case = world.open_case()
    insert = (
        "INSERT INTO message (id, case_id, number, sender_type, sender_name, audience, via, mail_id, created_at, body,"
        " full_text, unverified) SELECT id || ?, case_id, ?, sender_type, sender_name, audience, via, mail_id,"
        " created_at, ?, full_text, unverified FROM message WHERE case_id = ? AND number = 1"
    )

    def job() -> None:
        for number in range(2, 302):
            sql(insert, (f"_{number}", number, f"Word {number}.", case))
        sql("UPDATE cases SET message_count = 301 WHERE id = ?", (case,))

    world.parts.database.write(job)
    read = words(world.http.get(link_for(world, case, Role.CUSTOMER)))
    assert "Word 301." in read
    assert "Word 102." in read
    assert "Word 101." not in read
    assert "…" in read


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_done_there(world: World, method: str) -> None:
    case = world.open_case()
    say(world, case, Role.MERCHANT, "See", File("a.png", "image/png", PNG))
    mail = world.newest_mail_to(TOM)
    for kind in ("case", "files"):
        assert world.http.request(method, path(mail, kind)).status_code == 405


def test_every_link_that_is_not_valid_gets_the_same_page(world: World) -> None:
    case = world.open_case()
    say(world, case, Role.MERCHANT, "See", File("a.png", "image/png", PNG))
    mail = world.newest_mail_to(TOM)
    page, file = path(mail, "case"), path(mail, "files")
    attachment = file.split("/")[3]
    wrong = [
        "/case/nonsense",
        "/case/%C3%A4" + "a" * 55,
        page[:-1] + ("a" if page[-1] != "a" else "b"),
        page[:-1],
        file.replace(attachment, "catt_000000000000000000000000"),
        file.replace(attachment, "%27%20OR%201=1"),
        "/files/nonsense/x/y",
        "/unsubscribe/nonsense/message_to_merchant",
    ]
    answers = [world.http.get(one) for one in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(item for item in answer.headers.items() if item[0] != "date")) for answer in answers}) == 1
    assert words(answers[0]).startswith("This link is not valid")
    assert world.http.head(page).status_code == 200
    assert world.http.get(page.upper().replace("/CASE/", "/case/")).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="b.exe',
        "a\r\nSet-Cookie: x=1\r\n\r\n<script>",
        "../../etc/passwd",
        "ключ 鍵 🔑.png",
        "x" * 255,
        "a%22%0d%0aX-Y: z.png",
        "\u202egnp.exe",
    ],
)
def test_a_files_name_stays_in_its_header(world: World, name: str) -> None:
    case = world.open_case()
    say(world, case, Role.MERCHANT, "See", File(name, "image/png", PNG))
    answer = world.http.get(path(world.newest_mail_to(TOM), "files"))
    assert (answer.status_code, answer.content) == (200, PNG)
    told = answer.headers["content-disposition"]
    assert re.fullmatch(r"""attachment; filename(?:="[\w .-]+"|\*=utf-8''[\w.~!$&+^`|#%-]+)""", told, re.ASCII), told
    assert "/" not in told
    assert {"set-cookie", "x-y"}.isdisjoint(answer.headers)


def test_a_file_that_was_removed_is_not_there(world: World) -> None:
    case = world.open_case()
    say(world, case, Role.MERCHANT, "See", File("a.png", "image/png", PNG))
    link = path(world.newest_mail_to(TOM), "files")
    (digest,) = sql("SELECT sha256 FROM attachment").fetchone()
    assert stored_files.name_of(digest)
    world.parts.files.place_of(digest).unlink()
    assert world.http.get(link).status_code == 404


def test_a_file_in_many_pieces_costs_little(world: World) -> None:
    case = world.open_case()
    say(world, case, Role.MERCHANT, "See", File("a.png", "image/png", PNG))
    link = path(world.newest_mail_to(TOM), "files")
    assert world.http.get(link, headers={"range": "bytes=0-1,50-60"}).status_code == 206
    assert world.http.get(link, headers={"range": "bytes=5000-"}).status_code == 416
    many = "bytes=" + ",".join("0-" for _ in range(2_000))
    answer = world.http.get(link, headers={"range": many})
    assert len(answer.content) < 10 * len(PNG)
