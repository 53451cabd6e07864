"""The links that mails bear: what they show, to whom, and that opening them changes nothing."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from gateway.cases.model import Audience, Role
from gateway.signing import Purpose
from store import cases, parties
from store.database import sql
from tests.sink import Mail, Sink
from tests.world import MIA, STORE, TOM, Clock, World

PDF = b"%PDF-1.4\n" + b"0123456789" * 100
SECURE = 'public_url = "https://cases.example.org"\n'


@pytest.fixture
def world(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[World]:
    """With an address that mails may bear (RFC 8058)."""
    world = World(tmp_path, sink, clock, gateway=SECURE)
    yield world
    world.close()


def link(mail: Mail, kind: str) -> str:
    """The path of the first link of a kind in a mail."""
    found = re.search(rf"https://cases\.example\.org(/{kind}/\S+)", mail.text)
    assert found is not None
    return found[1]


def case_with_a_file(world: World) -> str:
    case = world.open_case()
    merchant = world.newest_mail_to(MIA)
    world.answer(merchant, "Here is the manual.", files=(("Manuäl 1.pdf", PDF, "application/pdf"),))
    world.work()
    return case


# The case


def test_each_side_reads_the_case_by_its_own_link(world: World) -> None:
    case = case_with_a_file(world)
    shown = world.http.get(link(world.newest_mail_to(TOM), "case"))
    assert shown.status_code == 200
    for words in (
        "The lid is missing",
        "The kettle came without its lid.",
        "Here is the manual.",
        "1001",
        "Blue Kettle",
    ):
        assert words in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in shown.headers["x-robots-tag"]
    assert shown.headers["cache-control"] == "no-store"
    staff = "UPDATE message SET audience = ?, body = 'Staff only' WHERE case_id = ? AND sender_type = ?"
    world.parts.database.write(lambda: sql(staff, (Audience.STAFF, case, Role.SYSTEM)))
    assert "Staff only" not in world.http.get(link(world.newest_mail_to(TOM), "case")).text
    assert "Staff only" in world.http.get(link(world.newest_mail_to(MIA), "case")).text


def test_the_page_speaks_the_readers_language(world: World) -> None:
    world.open_case(customer={"id": "cus_xxxxxxxxxxxxxxxxxxxxxxxx", "email": TOM, "firstName": "Tom", "locale": "ar"})
    page = world.http.get(link(world.newest_mail_to(TOM), "case")).text
    assert '<html lang="ar" dir="rtl">' in page
    assert "To answer" not in page


def revoked(world: World, case: str) -> None:
    world.revoke(case, Role.MERCHANT)


def removed(world: World, case: str) -> None:
    world.remove_member(MIA)


@pytest.mark.parametrize("ended", [revoked, removed])
@pytest.mark.parametrize("kind", ["case", "unsubscribe"])
def test_a_link_ends_with_its_holder(world: World, ended: Callable[[World, str], None], kind: str) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(MIA)
    path = link(mail, "case") if kind == "case" else unsubscribe_link(mail)
    assert world.http.get(path).status_code == 200
    ended(world, case)
    gone = world.http.get(path)
    assert gone.status_code == 404
    assert gone.text == world.http.get(f"/{kind}/{'a' * 56}" + ("/case_reopened" if kind == "unsubscribe" else "")).text


def test_a_token_of_one_kind_opens_nothing_else(world: World) -> None:
    case = case_with_a_file(world)
    mail = world.newest_mail_to(TOM)
    token = link(mail, "case").rpartition("/")[2]
    person = next(person for person in cases.participants(case) if person.address == TOM)
    tokens = {purpose: world.parts.secrets.keyring.token(purpose, person.handle) for purpose in Purpose}
    assert tokens[Purpose.CASE] == token
    for purpose, text in tokens.items():
        assert (world.http.get(f"/case/{text}").status_code == 200) is (purpose is Purpose.CASE)
        file = link(mail, "files").split("/")
        file[2] = text
        assert (world.http.get("/".join(file)).status_code == 200) is (purpose is Purpose.FILE)
        assert world.http.get(f"/unsubscribe/{text}/case_reopened").status_code == 404  # a customer has none
        assert world.http.get(f"/confirm/{text}").status_code == 404


# Files


def test_a_file_is_downloaded_whole_and_in_parts(world: World) -> None:
    case_with_a_file(world)
    path = link(world.newest_mail_to(TOM), "files")
    got = world.http.get(path)
    assert (got.status_code, got.content) == (200, PDF)
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["content-disposition"] == "attachment; filename*=utf-8''Manu%C3%A4l%201.pdf"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]
    assert "noindex" in got.headers["x-robots-tag"]
    part = world.http.get(path, headers={"range": "bytes=0-8"})
    assert (part.status_code, part.content) == (206, PDF[:9])
    assert world.http.head(path).status_code == 200


def test_a_file_of_another_case_is_not_there(world: World) -> None:
    case_with_a_file(world)
    path = link(world.newest_mail_to(TOM), "files").split("/")
    second = world.open_case(2)
    tom = next(person for person in cases.participants(second) if person.address == TOM)
    path[2] = world.parts.secrets.keyring.token(Purpose.FILE, tom.handle)
    assert world.http.get("/".join(path)).status_code == 404


# Switching notices off


def unsubscribe_link(mail: Mail) -> str:
    assert mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    return mail.header("List-Unsubscribe").strip(" <>").removeprefix("https://cases.example.org")


def one_click(world: World, path: str, **headers: str) -> httpx2.Response:
    """What a mail system sends (RFC 8058 §3.2)."""
    return world.http.post(path, data={"List-Unsubscribe": "One-Click"}, headers=headers)


def test_one_click_switches_one_notice_off_for_one_person(world: World) -> None:
    first = world.open_case(members=(MIA, "ben@shop.example.org"))
    path = unsubscribe_link(world.newest_mail_to(MIA))
    for method in ("GET", "HEAD"):
        assert world.http.request(method, path).status_code == 200
    assert [member.muted for member in parties.members(STORE)] == [frozenset()] * 2
    assert "Switch it off" in world.http.get(path).text
    assert one_click(world, path).status_code == 200
    assert one_click(world, path).status_code == 200
    assert "switched off" in world.http.get(path).text
    before = len(world.sink.to(MIA))
    world.open_case(2)
    assert len(world.sink.to(MIA)) == before
    assert len(world.sink.to("ben@shop.example.org")) == 2
    receipt = next(mail for mail in world.sink.to(TOM) if mail.header("Subject"))
    world.answer(receipt, "And the spout drips, too.")
    assert len(world.sink.to(MIA)) == before + 1  # another notice of his is not switched off
    assert world.case(first)["status"] == "AWAITING_MERCHANT"


def test_one_click_comes_as_multipart_too(world: World) -> None:
    """RFC 8058 §3.2 prefers it."""
    world.open_case()
    path = unsubscribe_link(world.newest_mail_to(MIA))
    assert world.http.post(path, files={"List-Unsubscribe": (None, "Two-Clicks")}).status_code == 403
    assert [member.muted for member in parties.members(STORE)] == [frozenset()]
    assert world.http.post(path, files={"List-Unsubscribe": (None, "One-Click")}).status_code == 200
    assert [member.muted for member in parties.members(STORE)] == [{"case_opened_merchant"}]


def test_what_is_no_button_switches_nothing_off(world: World) -> None:
    world.open_case()
    path = unsubscribe_link(world.newest_mail_to(MIA))
    assert world.http.post(path).status_code == 403
    assert one_click(world, path, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert one_click(world, path, origin="https://evil.example.net").status_code == 403
    assert one_click(world, path.rpartition("/")[0] + "/sign_in").status_code == 404
    assert one_click(world, path.rpartition("/")[0] + "/message_to_customer").status_code == 404
    assert [member.muted for member in parties.members(STORE)] == [frozenset()]


# HARDENING rule 3


def test_what_a_customer_quotes_gives_the_merchant_no_link_of_his(world: World) -> None:
    case = case_with_a_file(world)
    mail = world.newest_mail_to(TOM)
    secrets = [link(mail, "case"), link(mail, "files"), mail.reply_address]
    html = mail.message.get_body(("html",))
    assert html is not None
    world.answer(mail, f"See {html.get_content()}\n{mail.text}")
    notice = world.newest_mail_to(MIA)
    seen = [notice.text, notice.raw.decode(), world.http.get(link(notice, "case")).text, str(world.messages(case))]
    for secret in secrets:
        token = re.search(r"[a-z2-7]{56}", secret)
        assert token is not None
        assert not [place for place in seen if token[0] in place.replace("=\r\n", "")]
