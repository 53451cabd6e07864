"""SPF: what domains publish, against who sent; limits, loops and records that are broken."""

import pytest

from gateway.mail.authentication.spf import is_published, verify
from tests.mail.authentication.signing import Records, Zone

CLIENT = "203.0.113.5"


def spf(record: str, **more: tuple[str, ...]) -> Records:
    """shop.org with this record; more records as `A_mail_shop_org=(…)`."""
    records: Records = {("shop.org", "TXT"): ("some other text", record)}
    for key, values in more.items():
        kind, _, name = key.partition("_")
        records[name.replace("__", "-").replace("_", "."), kind] = values
    return records


@pytest.mark.parametrize(
    ("records", "result", "because"),
    [
        (spf("v=spf1 ip4:203.0.113.0/24 -all"), "pass", "shop.org lets 203.0.113.5 send its mail."),
        (spf("v=spf1 -all"), "fail", "shop.org forbids 203.0.113.5 to send its mail."),
        (spf("v=spf1 ~all"), "softfail", "does not expect"),
        (spf("v=spf1 ?all"), "neutral", "does not say whether"),
        (spf("V=SPF1 ip4:198.51.100.1"), "neutral", "does not say whether"),
        (spf("v=spf10 -all"), "none", "does not say who"),
        ({}, "none", "does not say who"),
        (spf("v=spf1 a -all", A_shop_org=(CLIENT,)), "pass", "lets"),
        (spf("v=spf1 mx -all", MX_shop_org=("10 mx.shop.org",), A_mx_shop_org=(CLIENT,)), "pass", "lets"),
        (spf("v=spf1 mx -all", MX_shop_org=("0 ",)), "fail", "forbids"),
        (spf("v=spf1 include:other.org -all", TXT_other_org=("v=spf1 ip4:203.0.113.5 ~all",)), "pass", "lets"),
        (spf("v=spf1 include:other.org -all", TXT_other_org=("v=spf1 -all",)), "fail", "forbids"),
        (spf("v=spf1 redirect=other.org", TXT_other_org=("v=spf1 ip4:203.0.113.5 -all",)), "pass", "lets"),
        (spf("v=spf1 exists:%{ir}.%{l}.shop.org -all", A_5_113_0_203_ada_shop_org=("127.0.0.2",)), "pass", "lets"),
        (
            spf("v=spf1 ptr -all", PTR_5_113_0_203_in__addr_arpa=("a.shop.org",), A_a_shop_org=(CLIENT,)),
            "pass",
            "lets",
        ),
        # broken ones
        (spf("v=spf1 include:nowhere.org -all"), "permerror", "nowhere.org"),
        (spf("v=spf1 include:shop.org -all"), "permerror", "cannot be used"),
        (spf("v=spf1 ip4:999.1.1.1 -all"), "permerror", "Invalid IP4"),
        (spf("v=spf1 bogus -all"), "permerror", "Unknown mechanism"),
        (spf("v=spf1 include:%{ -all"), "permerror", "cannot be used"),
        (spf("v=spf1 a:a1.org a:a2.org a:a3.org -all"), "permerror", "more than 2 names without records"),
        (spf("v=spf1 " + "a:%{d} " * 11 + "-all", A_shop_org=("192.0.2.1",)), "permerror", "Too many DNS lookups"),
        (spf("v=spf1 " + "ip4:192.0.2.1 " * 400 + "-all"), "permerror", "longer than"),
        (spf("v=spf1 caf\u00e9 -all"), "permerror", "cannot be used"),
        ({("shop.org", "TXT"): ("v=spf1 -all", "v=spf1 +all")}, "permerror", "Two or more"),
        (
            spf("v=spf1 include:a.org", TXT_a_org=("v=spf1 include:b.org",), TXT_b_org=("v=spf1 include:a.org",)),
            "permerror",
            "Too many DNS lookups",
        ),
    ],
)  # fmt: skip
def test_results(records: Records, result: str, because: str) -> None:
    found = verify(Zone(records), client=CLIENT, helo="mail.shop.org", mail_from="ada@shop.org")
    assert found.result == result
    assert because in found.because
    assert found.properties == (("smtp.mailfrom", "shop.org"),)


@pytest.mark.parametrize("client", ["2001:db8::5", "2001:DB8:0::5"])
def test_ipv6(client: str) -> None:
    zone = Zone(spf("v=spf1 ip6:2001:db8::/32 -all"))
    assert verify(zone, client=client, helo="x", mail_from="ada@shop.org").result == "pass"


def test_the_null_sender_is_the_hosts_postmaster() -> None:
    zone = Zone({("mail.shop.org", "TXT"): ("v=spf1 ip4:203.0.113.5 -all",)})
    found = verify(zone, client=CLIENT, helo="mail.shop.org", mail_from="")
    assert found.result == "pass"
    assert found.properties == (("smtp.helo", "mail.shop.org"),)


@pytest.mark.parametrize(
    ("client", "helo", "mail_from"),
    [("", "mail.shop.org", "ada@shop.org"), (CLIENT, "[203.0.113.5]", ""), (CLIENT, "", ""), (CLIENT, "x", "ada")],
)
def test_nothing_to_ask_about(client: str, helo: str, mail_from: str) -> None:
    zone = Zone()
    assert verify(zone, client=client, helo=helo, mail_from=mail_from).result == "none"
    assert [name for name, _ in zone.asked if name != "ada"] == []


@pytest.mark.parametrize("troubled", ["shop.org", "other.org"])
def test_trouble_with_the_dns(troubled: str) -> None:
    zone = Zone(spf("v=spf1 include:other.org -all"), troubled=frozenset({troubled}))
    found = verify(zone, client=CLIENT, helo="x", mail_from="ada@shop.org")
    assert found.result == "temperror"
    assert f"no answer in time (TXT of {troubled})" in found.because


def test_explanations_are_not_asked_for() -> None:
    zone = Zone(spf("v=spf1 -all exp=why.shop.org"))
    assert verify(zone, client=CLIENT, helo="x", mail_from="ada@shop.org").result == "fail"
    assert zone.asked == [("shop.org", "TXT")]


def test_published() -> None:
    assert is_published(Zone(spf("V=spf1 -all")), "shop.org")
    assert not is_published(Zone(), "shop.org")
