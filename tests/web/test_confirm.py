"""The page on which somebody says that another address is his, too: over real HTTP, as browsers and scanners come."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from gateway.cases.model import Member
from gateway.rendering import Renderer
from gateway.signing import Keyring, Purpose
from gateway.web.confirm import pages
from gateway.web.pages import FORM_BYTES
from store import known_addresses, parties
from store.database import sql
from tests.web.conftest import CUSTOMER, STORE

if TYPE_CHECKING:
    import httpx2

    from tests.web.conftest import Door
    from tests.world import World

KEYRING = Keyring({0: b"k" * 32}, 0)
RENDERER = Renderer()
HANDLE, OTHER_HANDLE = b"h" * 16, b"o" * 16
MEMBER = "mbr_aaaaaaaaaaaaaaaaaaaaaaaa"
ADDRESS = "ada@private.test"
LINK = f"/confirm/{KEYRING.token(Purpose.LINK, HANDLE)}"
PUBLIC_URL = "https://cases.example.org"
YES = re.compile(r'name="yes" value="([0-9a-f]+)"')


class Asked:
    """A customer and a member of his store, and the page behind the door."""

    def __init__(self, door: Door) -> None:
        self.door = door
        door.app.include_router(pages(door.database, KEYRING, RENDERER, public_url=PUBLIC_URL))
        door.open_case()
        member = Member(MEMBER, STORE, "hopper@shop.example.org", "Grace Hopper")
        door.database.write(lambda: parties.insert_member(member, door.clock()))

    def ask(self, handle: bytes = HANDLE, person: str = CUSTOMER, address: str = ADDRESS) -> None:
        self.door.database.write(lambda: known_addresses.ask(person, address, handle, self.door.clock()))

    def open(self, path: str = LINK, method: str = "GET") -> httpx2.Response:
        return self.door.client.request(method, path)

    def press(self, path: str = LINK, seen: str | None = None, **headers: str) -> httpx2.Response:
        """Send the form of the page. seen: the page's text, otherwise it is opened first."""
        shown = YES.search(seen if seen is not None else self.open(path).text)
        value = {"yes": shown[1]} if shown else {}
        sent = {name.replace("_", "-"): told for name, told in headers.items()}
        return self.door.client.post(path, data=value, headers=sent)

    @property
    def confirmed(self) -> tuple[str, ...]:
        return known_addresses.confirmed(CUSTOMER)


@pytest.fixture
def asked(served: Door) -> Asked:
    asked = Asked(served)
    asked.ask()
    return asked


def words(answer: httpx2.Response) -> str:
    """What a person reads."""
    body = answer.text.partition("<body>")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", "", body)).split())


def test_the_page_tells_who_asks_and_what_changes(asked: Asked) -> None:
    answer = asked.open()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    read = words(answer)
    for told in (
        "Somebody wrote about your case with Blue Kettle from this address: ada@private.test",
        "counts as written by Ada Byron (ada@example.org).",
        "Our mails still go to ada@example.org only.",
        "Nobody can sign in with the other address.",
        "If it was not you, or you are not sure, close this page.",
    ):
        assert told in read


def test_a_member_answers_for_his_store(asked: Asked) -> None:
    asked.ask(OTHER_HANDLE, MEMBER, "grace@private.test")
    link = f"/confirm/{KEYRING.token(Purpose.LINK, OTHER_HANDLE)}"
    assert "written by Grace Hopper (hopper@shop.example.org), for Blue Kettle." in words(asked.open(link))
    assert "written by Grace Hopper (hopper@shop.example.org), for Blue Kettle." in words(asked.press(link))
    assert known_addresses.confirmed(MEMBER) == ("grace@private.test",)
    assert asked.confirmed == ()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
def test_only_the_button_changes_anything(asked: Asked, method: str) -> None:
    before = asked.door.database.write(lambda: known_addresses.find(HANDLE))
    answer = asked.open(method=method)
    assert answer.status_code == (200 if method in ("GET", "HEAD") else 405)
    assert known_addresses.find(HANDLE) == before
    assert asked.confirmed == ()


def test_head_is_get_without_a_body(asked: Asked) -> None:
    shown, head = asked.open(), asked.open(method="HEAD")
    assert head.content == b""
    assert head.headers["content-length"] == shown.headers["content-length"]
    assert asked.open("/confirm/nonsense", "HEAD").status_code == 404


def test_the_button_confirms(asked: Asked) -> None:
    answer = asked.press()
    assert answer.status_code == 200
    assert words(answer).startswith("Thank you, it is confirmed ada@private.test What comes from there counts")
    assert asked.confirmed == (ADDRESS,)


def test_the_second_press_says_so(asked: Asked) -> None:
    seen = asked.open().text
    asked.press(seen=seen)
    for answer in (asked.press(seen=seen), asked.open()):
        assert answer.status_code == 200
        assert words(answer).startswith("It is confirmed already ada@private.test")
        assert "<button" not in answer.text
    assert asked.confirmed == (ADDRESS,)


def test_capitals_in_the_address_of_the_page_are_the_same_page(asked: Asked) -> None:
    assert asked.press(f"/confirm/{LINK.removeprefix('/confirm/').upper()}").status_code == 200
    assert asked.confirmed == (ADDRESS,)


# -- Who may press


def test_a_scanner_that_posts_without_the_form_changes_nothing(asked: Asked) -> None:
    value = YES.search(asked.open().text)
    assert value is not None
    for body in (b"", b"yes=", b"yes=1", b"yes=%FF%00", f"no={value[1]}".encode(), f"yes={value[1][:-1]}".encode()):
        answer = asked.door.client.post(LINK, content=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert asked.confirmed == ()


def test_the_form_of_another_question_does_not_do(asked: Asked) -> None:
    asked.ask(OTHER_HANDLE, address="eve@evil.test")
    other = asked.open(f"/confirm/{KEYRING.token(Purpose.LINK, OTHER_HANDLE)}").text
    assert asked.press(seen=other).status_code == 403
    assert asked.confirmed == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "https://cases.example.org.evil.test"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"origin": PUBLIC_URL, "sec_fetch_site": "cross-site"},
        {"origin": "null", "sec_fetch_site": "cross-site"},
    ],
    ids=str,
)
def test_a_form_on_another_page_does_not_do(asked: Asked, headers: dict[str, str]) -> None:
    assert asked.press(**headers).status_code == 403
    assert asked.confirmed == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": PUBLIC_URL, "sec_fetch_site": "same-origin"},
        {"origin": "null", "sec_fetch_site": "same-origin"},  # as browsers send it from a page without a referrer
        {"origin": PUBLIC_URL},
        {"origin": "null"},
        {"sec_fetch_site": "same-origin"},
    ],
    ids=str,
)
def test_browsers_old_and_new_may_press(asked: Asked, headers: dict[str, str]) -> None:
    assert asked.press(**headers).status_code == 200
    assert asked.confirmed == (ADDRESS,)


def test_the_gateways_own_name_is_its_origin(asked: Asked) -> None:
    url = asked.door.client.base_url
    assert asked.press(origin=f"http://{url.host}:{url.port}").status_code == 200


def test_a_large_form_is_not_read(asked: Asked) -> None:
    answer = asked.door.client.post(LINK, content=b"yes=" + b"1" * FORM_BYTES)
    assert answer.status_code == 413
    assert asked.confirmed == ()


# -- Links that are not valid


def test_every_link_that_is_not_valid_gets_the_same_page(asked: Asked) -> None:
    token = LINK.removeprefix("/confirm/")
    asked.ask(OTHER_HANDLE, address="old@private.test")
    old = f"/confirm/{KEYRING.token(Purpose.LINK, OTHER_HANDLE)}"
    seen = asked.open(old).text
    asked.door.clock.advance(days=7)
    invalid = {
        "nonsense": "/confirm/nonsense",
        "forged": f"/confirm/{token[:-1]}{'a' if token[-1] != 'a' else 'b'}",
        "cut": f"/confirm/{token[:-1]}",
        "not ASCII": "/confirm/%C3%A4" + "a" * 55,
        "of a reply address": f"/confirm/{KEYRING.token(Purpose.REPLY, HANDLE)}",
        "of another key": f"/confirm/{Keyring({7: b'x' * 32}, 7).token(Purpose.LINK, HANDLE)}",
        "of no question": f"/confirm/{KEYRING.token(Purpose.LINK, b'n' * 16)}",
        "old": old,
    }
    answers = {name: asked.open(path) for name, path in invalid.items()}
    answers["old, pressed"] = asked.press(old, seen=seen)
    assert {name for name, answer in answers.items() if answer.status_code != 404} == set()
    assert len({answer.content for answer in answers.values()}) == 1
    assert len({tuple(sorted(set(answer.headers.items()) - dates(answer))) for answer in answers.values()}) == 1
    assert words(answers["old"]).startswith("This link is not valid")
    assert asked.confirmed == ()


def dates(answer: httpx2.Response) -> set[tuple[str, str]]:
    return {("date", answer.headers["date"])}


def test_a_newer_question_replaces_the_link(asked: Asked) -> None:
    seen = asked.open().text
    asked.ask(OTHER_HANDLE)
    assert asked.open().status_code == 404
    assert asked.press(seen=seen).status_code == 404
    assert asked.press(f"/confirm/{KEYRING.token(Purpose.LINK, OTHER_HANDLE)}").status_code == 200


def test_a_database_that_takes_no_changes_is_told_by_the_table(asked: Asked) -> None:
    seen = asked.open().text
    asked.door.database.healthy = False
    answer = asked.press(seen=seen)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


# -- The page in a browser


def test_the_headers_keep_the_link_to_its_reader(asked: Asked) -> None:
    for answer in (asked.open(), asked.open("/confirm/nonsense"), asked.press()):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "noindex" in answer.headers["x-robots-tag"]
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "script-src" not in policy
        assert "unsafe" not in answer.headers["content-security-policy"]


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_is_loaded_and_nothing_runs(asked: Asked) -> None:
    for answer in (asked.open(), asked.open("/confirm/nonsense"), asked.press()):
        elements = Elements(answer.text).found
        assert {"script", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in elements)
        attributes = [(name, value) for _, given in elements for name, value in given.items()]
        assert [value for name, value in attributes if name in ("src", "href", "action")] == ["data:,"]
        assert [name for name, _ in attributes if name.startswith("on") or name == "style"] == []
        style = answer.text.partition("<style>")[2].partition("</style>")[0]
        assert "url(" not in style
        assert "@import" not in style


def test_names_from_outside_stay_text(asked: Asked) -> None:
    hostile = "<b>x</b>\"'{{ 7 * 7 }}\u202e@private.test"
    asked.ask(OTHER_HANDLE, address=hostile)
    answer = asked.open(f"/confirm/{KEYRING.token(Purpose.LINK, OTHER_HANDLE)}")
    assert "<b>x</b>" not in answer.text
    assert "<b>x</b>\"'{{ 7 * 7 }}@private.test" in unescape(answer.text)
    assert "\u202e" not in answer.text


def test_the_gateway_serves_it(world: World) -> None:
    world.open_case()
    (customer_id,) = sql("SELECT id FROM customer").fetchone()
    database, keyring = world.parts.database, world.parts.secrets.keyring
    database.write(lambda: known_addresses.ask(customer_id, ADDRESS, HANDLE, world.parts.now()))
    answer = world.http.get(f"/confirm/{keyring.token(Purpose.LINK, HANDLE)}")
    assert answer.status_code == 200
    assert words(answer).startswith("Is this address yours, too?")


def test_the_page_is_no_part_of_the_api(asked: Asked) -> None:
    assert [path for path in asked.door.client.get("/openapi.json").json()["paths"] if "confirm" in path] == []
