"""What users of other systems missed at the mail door: BEHAVIOURS rows 12 and 13, and the second line."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.inbound.data import LINE_BYTES
from store import inbox
from tests.inbound.doorway import MAIL, Doorway
from tests.inbound.house import DOMAIN, House, bounce_address, reply_address

pytestmark = pytest.mark.anyio

HANDLE = bytes(range(16))
REPLY, BOUNCE = reply_address(HANDLE), bounce_address(HANDLE)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, max_size=100_000)
    yield house
    house.database.close()


@pytest.mark.parametrize(
    ("address", "broken"),
    [
        (REPLY.replace("reply+", "bounce+"), True),
        (REPLY[:-30] + "2" + REPLY[-29:], True),
        ("reply+abc@cases.example.org", True),
        ("reply+@cases.example.org", True),
        ("somebody@cases.example.org", False),
        ("somebody@example.org", False),
    ],
)
async def test_an_unknown_token_is_refused_at_rcpt_in_words(
    house: House, doorway: Doorway, address: str, *, broken: bool
) -> None:
    """Row 12: 550 with a text that a person can act on; broken ones are counted. (mozilla/addons-server#3349)"""
    await doorway.leads_to(house.intake)
    client = await doorway.greets()
    await client.says("MAIL FROM:<ada@example.org>")
    answer = await client.says(f"RCPT TO:<{address}>")
    expected = "550 5.1.1 There is no such mailbox here. Please answer the latest mail"
    assert answer.startswith(expected if address.endswith(DOMAIN) else f"550 5.7.1 We take mail for {DOMAIN} only")
    assert (house.admission.forged, house.admission.unknown, house.admission.accepted) == (broken, not broken, 0)
    assert (await client.says("DATA")).startswith("554 ")
    assert house.rows() == ()


@pytest.mark.parametrize("address", [REPLY, BOUNCE])
@pytest.mark.parametrize("spelt", [str, str.upper, str.title])
async def test_a_token_is_no_longer_than_a_local_part_may_be(
    house: House, doorway: Doorway, address: str, spelt: Callable[[str], str]
) -> None:
    """Row 13: at most 64 octets, and capitals do no harm. (aio-libs/aiosmtpd#257)"""
    assert len(address.partition("@")[0]) <= 64
    await doorway.leads_to(house.intake)
    client = await doorway.greets()
    await client.begins_mail(spelt(address))
    assert (await client.says(MAIL + b".")).startswith("250 2.0.0 kept as ")
    assert spelt(address) in inbox.get(house.rows()[0].id).recipients


async def test_a_mail_over_the_size_costs_one_answer_and_the_session_goes_on(house: House, doorway: Doorway) -> None:
    """aio-libs/aiosmtpd#9, gitlab-org/gitlab!77638, zammad/zammad#4727: once, in words, in the dialogue, counted."""
    smtp = await doorway.leads_to(house.intake, max_size=100_000)
    client = await doorway.greets()
    text = "552 5.3.4 This mail is larger than we take; please send it with smaller files or with a link"
    assert await client.says("MAIL FROM:<ada@example.org> SIZE=100001") == text
    for size in (100_001, 3_000_000):
        await client.begins_mail(REPLY)
        lines = (b"x" * 78 + b"\r\n") * (size // 80 + 1)
        assert await client.says(lines + b".") == text
    await client.begins_mail(REPLY)
    assert (await client.says(MAIL + b".")).startswith("250 ")
    assert smtp.occupancy.too_large == 3
    assert len(house.rows()) == 1


async def test_very_long_lines_come_through(house: House, doorway: Doorway) -> None:
    """aio-libs/aiosmtpd#285: 1,000 octets is what the standard says, 0.7 % of real mail does not care."""
    await doorway.leads_to(house.intake)
    client = await doorway.greets()
    mail = b"Subject: long\r\n\r\n" + b"x" * (LINE_BYTES - 2) + b"\r\n"
    await client.begins_mail(REPLY)
    assert (await client.says(mail + b".")).startswith("250 ")
    assert house.files.read_raw(inbox.get(house.rows()[0].id).raw_file) == mail
    await client.begins_mail(REPLY)
    assert (await client.says(mail[:-2] + b"xx\r\n.")).startswith("554 5.6.0 This mail has a line of more than ")
    assert await client.says("NOOP") == "250 2.0.0 OK"


async def test_parameters_that_nobody_offered_cost_no_mail(house: House, doorway: Doorway) -> None:
    """aio-libs/aiosmtpd#299: Exchange Online was refused for the parameters of MAIL that it adds."""
    await doorway.leads_to(house.intake)
    client = await doorway.greets()
    parameters = "SIZE=1000 AUTH=<> XOORIG=1 XSHADOW=3bd1-4d6c RET=HDRS ENVID=QQ314159"
    assert await client.says(f"MAIL FROM:<ada@example.org> {parameters}") == "250 2.1.0 OK"
    assert await client.says(f"RCPT TO:<{REPLY}> NOTIFY=NEVER ORCPT=rfc822;{REPLY} XWHAT") == "250 2.1.5 OK"
    await client.says("DATA")
    assert (await client.says(MAIL + b".")).startswith("250 ")
    assert inbox.get(house.rows()[0].id).mail_from == "ada@example.org"
