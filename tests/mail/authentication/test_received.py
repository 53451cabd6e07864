"""Who handed a mail over: Received fields as programs write them, and how far down they are believed."""

from ipaddress import ip_network

import pytest

from gateway.mail.authentication.received import Hop, origin, read

CLIENT = "203.0.113.5"


@pytest.mark.parametrize(
    ("value", "helo", "client"),
    [
        # Postfix, Sendmail, Gmail
        (
            "from mail.example.net (unknown [203.0.113.5]) by mx.example.org (Postfix) with ESMTPS id A; Fri",
            None,
            CLIENT,
        ),
        ("from mail.example.net (mail.example.net [203.0.113.5]) (using TLSv1.3) by mx; Fri", None, CLIENT),
        ("from mail.example.net (IDENT:root@mail [203.0.113.5] (may be forged)) by mx", None, CLIENT),
        ("from mail.example.net (mail [IPv6:2001:db8::1]) by mx", None, "2001:db8::1"),
        ("from mail.example.net (mail [::ffff:203.0.113.5]) by mx", None, CLIENT),
        # Exim
        ("from mail.example.net ([203.0.113.5]) by mx with esmtp (Exim 4.97)", None, CLIENT),
        ("from rdns.example.net ([203.0.113.5]:41234 helo=mail.example.net) by mx", None, CLIENT),
        ("from [203.0.113.5] (helo=mail.example.net) by mx", None, CLIENT),
        ("from [203.0.113.5]:41234 (port=41234 helo=mail.example.net) by mx", None, CLIENT),
        # Exchange, qmail
        ("from mail.example.net (2001:db8::1) by mx (2001:db8::2) with Microsoft SMTP Server", None, "2001:db8::1"),
        ("from mail.example.net (HELO said.example) (203.0.113.5) by 0 with SMTP", None, CLIENT),
        # a client may call itself what it likes
        ("from [10.0.0.1] (unknown [203.0.113.5]) by mx", "[10.0.0.1]", CLIENT),
        ("from rdns.example.net ([203.0.113.5] helo=[10.0.0.1]) by mx", "[10.0.0.1]", CLIENT),
        ("from unknown (HELO 10.0.0.1) (203.0.113.5) by mx", "unknown", CLIENT),
        ("from from (from [203.0.113.5]) by mx", "from", CLIENT),
        # whatever could be the client's own words says nothing
        ("from [10.0.0.1] by mx", "[10.0.0.1]", ""),
        ("from a (b [10.0.0.1]) by c (d [203.0.113.5]) by mx", "", ""),
        ("from a (b [10.0.0.1] (c [203.0.113.5])) by mx", "a", ""),
        ("from mail.example.net by mx", None, ""),
        ("by mx with SMTP id 1", "", ""),
        ("from mail.example.net (mail [999.0.113.5]) by mx", None, ""),
        ("", "", ""),
        (")))((([[", "", ""),
    ],
)
def test_received(value: str, helo: str | None, client: str) -> None:
    hop = read(value)
    assert (hop.helo, hop.client) == ("mail.example.net" if helo is None else helo, client)


def test_all_of_it() -> None:
    value = "from a.example ([203.0.113.5]) by mx.example.org (Postfix) with ESMTPS id 4XyZ for <x@example.org>; Fri"
    assert read(value) == Hop("a.example", CLIENT, "mx.example.org", "ESMTPS")


def test_a_field_of_any_length_is_read_at_once() -> None:
    assert read("from " + "(" * 1_000_000).client == ""


RELAYS = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))
OURS = ("Received", "from mail.example.net (mail [203.0.113.5]) by relay.test")
INNER = ("Received", "from relay.test (relay.test [10.0.0.1]) by inner.test")
FORGED = ("Received", "from evil.example (evil [198.51.100.9]) by relay.test")
VERDICT = ("Authentication-Results", "relay.test; spf=pass")


@pytest.mark.parametrize(
    ("peer", "headers", "client", "believed"),
    [
        # nobody in front of us is trusted: the peer is the client
        ("203.0.113.77", (VERDICT, OURS, FORGED), "203.0.113.77", 0),
        ("", (VERDICT, OURS), "", 0),
        # one relay: what stands above its own Received is its own
        ("10.0.0.1", (VERDICT, OURS, FORGED), CLIENT, 1),
        ("2001:db8:1::9", (VERDICT, OURS), CLIENT, 1),
        ("10.0.0.1", (OURS, VERDICT, FORGED), CLIENT, 0),
        # two relays: the inner one names the outer one, which names the client
        ("10.0.0.2", (INNER, VERDICT, OURS, VERDICT), CLIENT, 2),
        ("10.0.0.2", (VERDICT, FORGED, OURS), "198.51.100.9", 1),
        # a relay that does not say from whom: then nobody knows
        ("10.0.0.1", (VERDICT, ("Received", "by relay.test"), OURS), "", 1),
        ("10.0.0.2", (INNER, VERDICT), "", 0),
        ("10.0.0.1", (VERDICT,), "", 0),
    ],
)
def test_how_far_relays_are_believed(
    peer: str, headers: tuple[tuple[str, str], ...], client: str, believed: int
) -> None:
    found = origin(headers, client=peer, helo="said.example", relays=RELAYS)
    assert found.client == client
    assert found.believed == headers[:believed]


def test_without_trusted_relays_nothing_in_the_mail_counts() -> None:
    found = origin((VERDICT, OURS), client="10.0.0.1", helo="said.example", relays=())
    assert (found.client, found.helo, found.believed) == ("10.0.0.1", "said.example", ())
