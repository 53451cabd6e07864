"""Whether a mail is from whom its From names: HARDENING rules 4 and 14 in mails."""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from gateway.cases.access import Trust, Verdict, judge
from gateway.cases.model import Role
from gateway.dns import Resolver
from gateway.mail.authentication import Authentication, Lookup, MethodResult, Trusted, authenticate
from gateway.mail.authentication.domains import domain_of
from gateway.mail.parse import parse
from tests.mail.authentication.signing import EdKey, Records, Zone, rsa_key, seal, sign
from tests.nameserver import SILENT, NameServer, txt

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CLIENT = "203.0.113.5"
REPLY = "reply+token@cases.test"
RSA, EVIL, LIST = rsa_key(), rsa_key(seed=2), rsa_key(seed=3)

KEYS: Records = {
    ("k1._domainkey.shop.org", "TXT"): (RSA.record,),
    ("k1._domainkey.mail.shop.org", "TXT"): (RSA.record,),
    ("k1._domainkey.evil.org", "TXT"): (EVIL.record,),
    ("arc._domainkey.list.org", "TXT"): (LIST.record,),
}
SPF: Records = {("shop.org", "TXT"): ("v=spf1 ip4:203.0.113.0/24 -all",)}
SPF_EVIL: Records = {("evil.org", "TXT"): ("v=spf1 +all",)}
DMARC: Records = {("_dmarc.shop.org", "TXT"): ("v=DMARC1; p=reject",)}
STRICT: Records = {("_dmarc.shop.org", "TXT"): ("v=DMARC1; p=reject; adkim=s; aspf=s",)}


def mail(sender: str = "Ada <ada@shop.org>", *, to: str = REPLY, more: str = "", body: str = "It arrived.") -> bytes:
    """A mail. more: header fields above the others."""
    return f"{more}From: {sender}\r\nTo: {to}\r\nSubject: An answer\r\n\r\n{body}\r\n".encode()


def ask(
    raw: bytes,
    lookup: Lookup,
    *,
    client: str = "198.51.100.9",
    mail_from: str = "ada@elsewhere.org",
    helo: str = "host.elsewhere.org",
    trusted: Trusted | None = None,
    passed_before: bool = False,
) -> Authentication:
    """Authenticate a mail, from a host that nobody published unless said otherwise."""
    return authenticate(
        raw,
        parse(raw),
        client=client,
        helo=helo,
        mail_from=mail_from,
        lookup=lookup,
        trusted=trusted or Trusted(),
        now=NOW,
        passed_before=passed_before,
    )


def words(found: Authentication) -> list[str]:
    """`spf=pass dkim=fail …`, in the order in which the checks were made."""
    return [f"{result.method}={result.result}" for result in found.results]


# ---- SPF ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "client", "mail_from", "helo", "verdict"),
    [
        (SPF, CLIENT, "ada@shop.org", "x", Verdict.PASS),
        (SPF | DMARC, CLIENT, "bounces@shop.org", "x", Verdict.PASS),
        (SPF | DMARC, "198.51.100.9", "ada@shop.org", "x", Verdict.FAIL),
        (SPF, "198.51.100.9", "ada@shop.org", "x", Verdict.FAIL),
        ({}, CLIENT, "ada@shop.org", "x", Verdict.NONE),
        # another domain's pass is worth nothing
        (SPF | SPF_EVIL, "198.51.100.9", "eve@evil.org", "x", Verdict.FAIL),
        (SPF_EVIL, "198.51.100.9", "eve@evil.org", "x", Verdict.NONE),
        # the null sender: the host's own name
        (SPF, CLIENT, "", "shop.org", Verdict.PASS),
        (SPF | {("host.shop.org", "TXT"): ("v=spf1 ip4:203.0.113.5 -all",)}, CLIENT, "", "host.shop.org", Verdict.PASS),
        (SPF, CLIENT, "", "evil.org", Verdict.FAIL),
        # subdomains speak for their organisation, unless it says that they do not
        ({("b.shop.org", "TXT"): ("v=spf1 +all",)}, CLIENT, "x@b.shop.org", "x", Verdict.PASS),
        (STRICT | {("b.shop.org", "TXT"): ("v=spf1 +all",)}, CLIENT, "x@b.shop.org", "x", Verdict.FAIL),
        # a record that is broken
        ({("shop.org", "TXT"): ("v=spf1 bogus",)}, CLIENT, "ada@shop.org", "x", Verdict.FAIL),
        # nobody knows the client
        (SPF, "", "ada@shop.org", "x", Verdict.FAIL),
    ],
)
def test_spf(records: Records, client: str, mail_from: str, helo: str, verdict: Verdict) -> None:
    found = ask(mail(), Zone(records), client=client, mail_from=mail_from, helo=helo)
    assert found.verdict is verdict
    assert found.spf_aligned is (verdict is Verdict.PASS)
    assert found.client == client


# ---- DKIM -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signed", "records", "verdict", "results"),
    [
        (sign(mail(), RSA, "shop.org"), {}, Verdict.PASS, ["spf=none", "dkim=pass", "dmarc=none"]),
        (sign(mail(), RSA, "shop.org"), DMARC, Verdict.PASS, ["spf=none", "dkim=pass", "dmarc=pass"]),
        # changed on the way: the key shows that the domain signs its mail
        (sign(mail(), RSA, "shop.org") + b"More.\r\n", {}, Verdict.FAIL, ["spf=none", "dkim=fail", "dmarc=none"]),
        # From forged, with another domain's genuine signature
        (sign(mail(), EVIL, "evil.org"), DMARC, Verdict.FAIL, ["spf=none", "dkim=neutral", "dmarc=fail"]),
        (sign(mail(), EVIL, "evil.org"), {}, Verdict.NONE, ["spf=none", "dkim=neutral", "dmarc=none"]),
        (sign(mail(), EVIL, "shop.org"), {}, Verdict.FAIL, ["spf=none", "dkim=fail", "dmarc=none"]),
        # one good signature among others is enough
        (
            sign(sign(mail(), RSA, "shop.org"), EVIL, "evil.org"),
            DMARC,
            Verdict.PASS,
            ["spf=none", "dkim=pass", "dkim=neutral", "dmarc=pass"],
        ),
        # subdomains
        (sign(mail(), RSA, "mail.shop.org"), DMARC, Verdict.PASS, ["spf=none", "dkim=pass", "dmarc=pass"]),
        (sign(mail(), RSA, "mail.shop.org"), STRICT, Verdict.FAIL, ["spf=none", "dkim=pass", "dmarc=fail"]),
        (sign(mail("a@mail.shop.org"), RSA, "shop.org"), DMARC, Verdict.PASS, ["spf=none", "dkim=pass", "dmarc=pass"]),
        (sign(mail("a@mail.shop.org"), RSA, "shop.org"), STRICT, Verdict.FAIL, ["spf=none", "dkim=pass", "dmarc=fail"]),
        # signatures that do not count: part of the body, no From, a key that is not there
        (
            sign(mail(), RSA, "shop.org", extra={b"l": b"3"}),
            {},
            Verdict.FAIL,
            ["spf=none", "dkim=policy", "dmarc=none"],
        ),
        (
            sign(mail(), RSA, "shop.org", signed=(b"to",)),
            DMARC,
            Verdict.FAIL,
            ["spf=none", "dkim=permerror", "dmarc=fail"],
        ),
        (
            sign(mail(), RSA, "shop.org", selector="gone"),
            {},
            Verdict.NONE,
            ["spf=none", "dkim=permerror", "dmarc=none"],
        ),
    ],
)
def test_dkim(signed: bytes, records: Records, verdict: Verdict, results: list[str]) -> None:
    found = ask(signed, Zone(KEYS | records))
    assert found.verdict is verdict
    assert words(found) == results


@pytest.mark.parametrize("length", [b"0", b"3", b"13", b"999999"])  # 13: the body as it is
def test_a_signature_with_l_never_counts(length: bytes) -> None:
    raw = sign(mail(), RSA, "shop.org", extra={b"l": length})
    for text in (raw, raw + b"What nobody signed.\r\n"):
        found = ask(text, Zone(KEYS))
        assert (found.verdict, words(found)[1], found.signed_recipients) == (Verdict.FAIL, "dkim=policy", frozenset())


def test_two_customers_of_a_hosting_provider_are_strangers() -> None:
    zone = Zone().txt("k1._domainkey.two.github.io", RSA.record)
    assert ask(sign(mail("a@one.github.io"), RSA, "two.github.io"), zone).verdict is Verdict.NONE


def test_a_policy_of_a_public_suffix_binds_nobody() -> None:
    assert ask(mail("a@shop.co.uk"), Zone().txt("_dmarc.co.uk", "v=DMARC1; p=reject")).verdict is Verdict.NONE


# ---- who is meant ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        sign(mail("Ada <ada@shop.org>, Eve <eve@shop.org>"), RSA, "shop.org"),
        mail(more="From: ada@shop.org\r\n"),
        mail(more="From: nobody\r\n"),
        sign(mail(), RSA, "shop.org") .replace(b"\r\nFrom:", b"\r\nFrom: eve@shop.org\r\nFrom:"),
        b"To: reply@cases.test\r\n\r\nNo sender.\r\n",
        b"From: undisclosed\r\n\r\nNo address.\r\n",
        b"From: \"ada@shop.org\" <eve@evil.org>, \r\n bob@evil.org\r\n\r\n",
    ],
)  # fmt: skip
def test_exactly_one_sender_or_none(raw: bytes) -> None:
    zone = Zone(KEYS)
    found = ask(raw, zone)
    assert (found.verdict, found.because) == (Verdict.FAIL, "It does not name exactly one sender.")
    assert zone.asked == []


def test_the_address_counts_not_the_name_before_it() -> None:
    found = ask(mail('"ada@shop.org" <eve@evil.org>'), Zone(DMARC | SPF))
    assert (found.domain, found.verdict) == ("evil.org", Verdict.NONE)


@pytest.mark.parametrize(
    "sender",
    [
        "ada@shop.org",
        "ADA@Shop.ORG",
        '"ada@evil.org" <ada@shop.org>',
        "ada@evil.org <ada@shop.org>",
        "(ada@evil.org) ada@shop.org (eve@evil.org)",
        "<ada@shop.org> eve@evil.org",
        '"eve@evil.org"@shop.org',
        '"a, b" <ada@shop.org>',
        "Team: ada@shop.org;",
        "Team: ada@shop.org, eve@evil.org;",
        "<@evil.org:ada@shop.org>",
        "ada@shop.org@evil.org",
        "ada@shop.org\0@evil.org",
        "ada@evil.org\r\n <ada@shop.org>",
        "=?utf-8?q?ada=40evil.org?= <ada@shop.org>",
        "=?utf-8?q?ada=40evil.org?=",
        "ada@shop.org; eve@evil.org",
    ],
)
def test_alignment_is_about_the_address_that_is_the_identity(sender: str) -> None:
    """Whoever the mail is taken for is the one whose domain is asked, or it names nobody (HARDENING rule 4)."""
    raw = mail(sender)
    found = ask(sign(raw, RSA, "shop.org"), Zone(KEYS))
    who = [person.address for person in parse(raw).from_]
    if len(who) == 1:
        assert found.domain == domain_of(who[0])
        assert (found.verdict is Verdict.PASS) == (found.domain == "shop.org")
    else:
        assert (found.verdict, found.because) == (Verdict.FAIL, "It does not name exactly one sender.")


@pytest.mark.parametrize("sender", ["ada@customer.test", "ada@a.example", "ada@x.invalid", "ada@localhost"])
def test_reserved_domains_are_none_without_a_look_up(sender: str) -> None:
    zone = Zone()
    found = ask(sign(mail(sender), RSA, "shop.org"), zone, passed_before=True)
    assert (found.verdict, found.reserved, zone.asked) == (Verdict.NONE, True, [])
    assert found.as_header("cases.test") == "cases.test; none"


@pytest.mark.parametrize("sender", ["ada@example.org", "ada@shop.example.com"])
@pytest.mark.parametrize("answers", [True, False], ids=["nothing there", "no answer"])
def test_example_domains_are_none_at_once_when_the_dns_tells_nothing(sender: str, answers: bool) -> None:
    domain = sender.partition("@")[2]
    troubled = frozenset() if answers else frozenset({domain, f"_dmarc.{domain}", f"k1._domainkey.{domain}"})
    for raw in (mail(sender), sign(mail(sender), RSA, domain)):
        found = ask(raw, Zone(troubled=troubled), mail_from=sender)
        assert (found.verdict, found.reserved) == (Verdict.NONE, True)
        assert found.because == f"Nobody can own the domain of {sender}."
        # rule 4: an address that once passed and now does not; there is a DNS that knows it, as trials have
        found = ask(raw, Zone(troubled=troubled), mail_from=sender, passed_before=True)
        assert (found.verdict, found.reserved) == (Verdict.FAIL, False)
        assert "Nobody can own" not in found.because


def test_an_example_domain_with_a_policy_is_owned_here_even_while_its_key_cannot_be_had() -> None:
    policy: Records = {("_dmarc.example.org", "TXT"): ("v=DMARC1; p=reject",)}
    zone = Zone(policy, troubled=frozenset({"k1._domainkey.example.org"}))
    found = ask(sign(mail("ada@example.org"), RSA, "example.org"), zone)
    assert (found.verdict, found.reserved) == (Verdict.NONE, False)


def test_example_domains_are_asked_about_like_others() -> None:
    policy: Records = {("_dmarc.example.org", "TXT"): ("v=DMARC1; p=reject",)}
    zone = Zone(policy | {("k1._domainkey.example.org", "TXT"): (RSA.record,)})
    passed = ask(sign(mail("ada@example.org"), RSA, "example.org"), zone)
    forged = ask(mail("ada@example.org"), zone)
    assert (passed.verdict, passed.reserved) == (Verdict.PASS, False)
    assert (forged.verdict, forged.reserved) == (Verdict.FAIL, False)
    assert forged.because == "example.org has a DMARC policy (p=reject), and nothing of that fits this mail."


@pytest.mark.parametrize("sender", ["ada@[192.0.2.1]", "ada@a..b", "ada@" + "a" * 64 + ".org"])
def test_domains_that_cannot_be_in_the_dns(sender: str) -> None:
    zone = Zone()
    found = ask(mail(sender), zone)
    assert found.verdict in (Verdict.NONE, Verdict.FAIL)  # some are no addresses at all
    assert (found.reserved, zone.asked) == (False, [])


def test_an_international_domain_is_asked_about_in_ascii() -> None:
    zone = Zone({("_dmarc.xn--mller-kva.org", "TXT"): ("v=DMARC1; p=none",)})
    found = ask(mail("ada@müller.org"), zone)
    assert (found.domain, found.verdict) == ("xn--mller-kva.org", Verdict.FAIL)


# ---- an address that once passed ------------------------------------------------------------------------------------


def test_an_address_that_once_passed_and_now_does_not_fails() -> None:
    assert ask(mail(), Zone()).verdict is Verdict.NONE
    found = ask(mail(), Zone(), passed_before=True)
    assert found.verdict is Verdict.FAIL
    assert "Earlier mail from this address was authentic" in found.because
    assert ask(sign(mail(), RSA, "shop.org"), Zone(KEYS), passed_before=True).verdict is Verdict.PASS


# ---- trouble with the DNS -------------------------------------------------------------------------------------------

SIGNED = sign(mail(), RSA, "shop.org")


@pytest.mark.parametrize(
    ("raw", "records", "troubled", "mail_from", "verdict"),
    [
        # what is not known could have made it pass, or could have forbidden it
        (SIGNED, DMARC, "k1._domainkey.shop.org", "x@elsewhere.org", Verdict.TEMPERROR),
        (mail(), DMARC, "shop.org", "ada@shop.org", Verdict.TEMPERROR),
        (mail(), {}, "_dmarc.shop.org", "x@elsewhere.org", Verdict.TEMPERROR),
        (mail(), {}, "shop.org", "x@elsewhere.org", Verdict.TEMPERROR),
        # what is known is enough
        (SIGNED, KEYS, "_dmarc.shop.org", "x@elsewhere.org", Verdict.PASS),
        (SIGNED, KEYS | DMARC, "shop.org", "ada@shop.org", Verdict.PASS),
        (mail(), SPF | DMARC, "elsewhere.org", "x@elsewhere.org", Verdict.FAIL),
        (mail(), SPF, "_dmarc.shop.org", "x@elsewhere.org", Verdict.FAIL),
        # a subdomain's signature: a policy that nobody could read may forbid that
        (sign(mail(), RSA, "mail.shop.org"), KEYS, "_dmarc.shop.org", "x@elsewhere.org", Verdict.TEMPERROR),
        # somebody else's trouble
        (sign(mail(), EVIL, "evil.org"), {}, "k1._domainkey.evil.org", "x@elsewhere.org", Verdict.NONE),
        (sign(mail(), EVIL, "evil.org"), DMARC, "k1._domainkey.evil.org", "x@evil.org", Verdict.FAIL),
    ],
)
def test_trouble(raw: bytes, records: Records, troubled: str, mail_from: str, verdict: Verdict) -> None:
    zone = Zone(records, troubled=frozenset({troubled}))
    assert ask(raw, zone, mail_from=mail_from).verdict is verdict


def test_what_trouble_comes_to_in_the_end() -> None:
    troubled = ask(SIGNED, Zone(troubled=frozenset({"k1._domainkey.shop.org"})))
    assert troubled.settled().verdict is Verdict.NONE
    troubled = ask(SIGNED, Zone(troubled=frozenset({"k1._domainkey.shop.org"})), passed_before=True)
    assert troubled.verdict is Verdict.TEMPERROR
    assert troubled.settled().verdict is Verdict.NONE
    passed = ask(SIGNED, Zone(KEYS))
    assert passed.settled() is passed


# ---- merchant and support -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "mail_from", "verdict"),
    [
        (sign(mail(), RSA, "shop.org"), "x@elsewhere.org", Verdict.PASS),
        (sign(mail(to="a@b.test, Cases <REPLY+TOKEN@cases.test>"), RSA, "shop.org"), "x@elsewhere.org", Verdict.PASS),
        (sign(mail(to="a@b.test", more=f"Cc: {REPLY}\r\n"), RSA, "shop.org"), "x@elsewhere.org", Verdict.PASS),
        # a genuine mail of his to somebody else, who sends it on to us
        (sign(mail(to="a@b.test"), RSA, "shop.org"), "x@elsewhere.org", Verdict.FAIL),
        (sign(mail(), RSA, "shop.org", signed=(b"from",)), "x@elsewhere.org", Verdict.FAIL),
        (f"Cc: {REPLY}\r\n".encode() + sign(mail(to="a@b.test"), RSA, "shop.org"), "x@elsewhere.org", Verdict.FAIL),
        (
            f"Cc: {REPLY}\r\n".encode() + sign(mail(to="a@b.test"), RSA, "shop.org", signed=(b"from", b"to")),
            "x@elsewhere.org",
            Verdict.FAIL,
        ),
        # his own host handed it over
        (mail(to="a@b.test"), "ada@shop.org", Verdict.PASS),
    ],
)
def test_who_acts_for_others_must_have_sent_it_to_us(raw: bytes, mail_from: str, verdict: Verdict) -> None:
    found = ask(raw, Zone(KEYS | SPF), client=CLIENT, mail_from=mail_from)
    assert found.as_sent_to(REPLY).verdict is verdict


def test_what_did_not_pass_stays_as_it_is() -> None:
    found = ask(mail(), Zone())
    assert found.as_sent_to(REPLY) is found


# ---- behind a relay of ours -----------------------------------------------------------------------------------------

RELAY = "10.0.0.1"
TRUSTED = Trusted(relays=(ip_network("10.0.0.0/8"),), authserv_id="mx.shop-gateway.test")
RECEIVED = f"Received: from host.example (host [{CLIENT}]) by mx.shop-gateway.test with ESMTPS id 1; Tue\r\n"


def told(results: str, who: str = "mx.shop-gateway.test") -> str:
    return f"Authentication-Results: {who}; {results}\r\n"


def test_spf_is_about_whom_the_relay_received_it_from() -> None:
    zone = Zone(SPF | {("shop.org", "TXT"): ("v=spf1 ip4:203.0.113.5 ip4:10.0.0.1 -all",)})
    raw = mail(more=RECEIVED)
    found = ask(raw, zone, client=RELAY, mail_from="ada@shop.org", trusted=TRUSTED)
    assert (found.verdict, found.client) == (Verdict.PASS, CLIENT)


@pytest.mark.parametrize("more", ["", "Received: by mx.shop-gateway.test\r\n", RECEIVED.replace(CLIENT, "10.9.9.9")])
def test_spf_is_never_about_a_trusted_relay_even_where_the_record_allows_it(more: str) -> None:
    zone = Zone({("shop.org", "TXT"): ("v=spf1 ip4:10.0.0.0/8 -all",)})
    found = ask(mail(more=more), zone, client=RELAY, mail_from="ada@shop.org", trusted=TRUSTED)
    assert (found.verdict, found.client, found.spf_aligned) == (Verdict.FAIL, "", False)


def test_the_null_senders_host_is_the_one_that_the_relay_heard() -> None:
    raw = mail(more=RECEIVED.replace("host.example", "shop.org"))
    assert ask(raw, Zone(SPF), client=RELAY, mail_from="", helo="mx.shop-gateway.test", trusted=TRUSTED).verdict is (
        Verdict.PASS
    )


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ("spf=pass smtp.mailfrom=ada@shop.org", Verdict.PASS),
        ("spf=pass smtp.mailfrom=shop.org", Verdict.PASS),
        ("dmarc=pass header.from=shop.org", Verdict.PASS),
        ("dmarc=pass", Verdict.PASS),
        ("spf=pass smtp.mailfrom=evil.org", Verdict.FAIL),
        ("dmarc=pass header.from=evil.org", Verdict.FAIL),
        ("dmarc=fail header.from=shop.org", Verdict.FAIL),
        ("spf=pass smtp.mailfrom=shop.org; dmarc=fail header.from=shop.org", Verdict.FAIL),
        ("spf=fail smtp.mailfrom=shop.org", Verdict.FAIL),
        ("dkim=pass header.d=shop.org", Verdict.FAIL),  # there is no such signature in the mail
        ("dmarc=temperror", Verdict.TEMPERROR),
        ("none", Verdict.FAIL),
    ],
)
def test_what_the_relay_says_is_believed(results: str, verdict: Verdict) -> None:
    raw = mail(more=told(results) + RECEIVED)
    assert ask(raw, Zone(DMARC), client=RELAY, trusted=TRUSTED).verdict is verdict


@pytest.mark.parametrize(
    ("results", "extra", "verdict"),
    [
        ("dkim=pass header.d=shop.org header.s=k1", {}, Verdict.PASS),
        ("dkim=pass header.i=@shop.org", {}, Verdict.PASS),
        ("dkim=pass header.d=shop.org header.s=k2", {}, Verdict.FAIL),
        ("dkim=pass header.d=shop.org header.b=AAAAAAAA", {}, Verdict.FAIL),
        ("dkim=pass header.d=evil.org", {}, Verdict.FAIL),
        ("dkim=pass header.d=shop.org", {b"l": b"3"}, Verdict.FAIL),
        ("dkim=fail header.d=shop.org", {}, Verdict.FAIL),
    ],
)
def test_a_signature_that_the_relay_checked(results: str, extra: dict[bytes, bytes], verdict: Verdict) -> None:
    # The relay has added a line of its own since: here the body would not fit any more.
    raw = (told(results) + RECEIVED).encode() + sign(mail(), RSA, "shop.org", extra=extra) + b"Scanned.\r\n"
    found = ask(raw, Zone(KEYS | DMARC), client=RELAY, trusted=TRUSTED)
    assert found.verdict is verdict
    assert found.as_sent_to(REPLY).verdict is verdict


ALL_PASS = "spf=pass smtp.mailfrom=shop.org; dkim=pass header.d=shop.org; dmarc=pass header.from=shop.org"


@pytest.mark.parametrize(
    ("more", "client", "trusted"),
    [
        (RECEIVED + told(ALL_PASS), RELAY, TRUSTED),  # below what the relay wrote: the sender's own invention
        (RECEIVED + "Received: from a (a [10.0.0.7]) by b\r\n" + told(ALL_PASS), RELAY, TRUSTED),
        (told(ALL_PASS, who="mx.evil.org") + RECEIVED, RELAY, TRUSTED),  # under another name
        (told(ALL_PASS) + RECEIVED, "198.51.100.9", TRUSTED),  # from a host that is no relay of ours
        (told(ALL_PASS) + RECEIVED, RELAY, Trusted()),
        (told(ALL_PASS) + RECEIVED, RELAY, Trusted(relays=TRUSTED.relays)),  # no name is configured
        (told(ALL_PASS), RELAY, TRUSTED),  # the relay left no Received: nothing shows that it wrote this
    ],
)
def test_a_forged_field_changes_nothing(more: str, client: str, trusted: Trusted) -> None:
    """BEHAVIOURS row 15."""
    clean = more.replace(told(ALL_PASS), "").replace(told(ALL_PASS, who="mx.evil.org"), "")
    found = ask(mail(more=more), Zone(DMARC), client=client, trusted=trusted)
    assert found.verdict is Verdict.FAIL
    assert found == ask(mail(more=clean), Zone(DMARC), client=client, trusted=trusted)


def test_a_forged_merchant_with_his_token_is_held() -> None:
    """BEHAVIOURS row 15: failed DMARC, and a field that says otherwise."""
    found = ask(mail(more=RECEIVED + told(ALL_PASS)), Zone(DMARC), client=RELAY, trusted=TRUSTED)
    judgement = judge(Role.MERCHANT, own_address=True, authentication=found.as_sent_to(REPLY).verdict)
    assert judgement.trust is Trust.HOLD
    assert "forged" in judgement.because


# ---- ARC ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sealers", "results", "verdict"),
    [
        ({"list.org"}, "dmarc=pass header.from=shop.org", Verdict.PASS),
        ({"list.org"}, "dkim=pass header.d=shop.org", Verdict.PASS),
        ({"list.org"}, "spf=pass smtp.mailfrom=ada@shop.org", Verdict.PASS),
        ({"list.org"}, "spf=pass smtp.mailfrom=evil.org; dkim=pass header.d=evil.org", Verdict.FAIL),
        ({"list.org"}, "dmarc=fail header.from=shop.org", Verdict.FAIL),
        ({"other.org"}, "dmarc=pass header.from=shop.org", Verdict.FAIL),
        (set(), "dmarc=pass header.from=shop.org", Verdict.FAIL),
    ],
)
def test_arc(sealers: set[str], results: str, verdict: Verdict) -> None:
    changed = SIGNED.replace(b"arrived", b"arrived at the list")
    raw = seal(changed, LIST, "list.org", f"list.org; {results}")
    found = ask(raw, Zone(KEYS | DMARC), trusted=Trusted(arc_sealers=frozenset(sealers)))
    assert found.verdict is verdict
    assert any(word.startswith("arc=") for word in words(found)) is bool(sealers)


def test_arc_is_not_asked_when_the_mail_passes_by_itself() -> None:
    raw = seal(SIGNED, LIST, "list.org", "list.org; dmarc=pass")
    zone = Zone(KEYS)
    assert ask(raw, zone, trusted=Trusted(arc_sealers=frozenset({"list.org"}))).verdict is Verdict.PASS
    assert ("arc._domainkey.list.org", "TXT") not in zone.asked


def test_trouble_with_a_sealers_key() -> None:
    raw = seal(mail(), LIST, "list.org", "list.org; dmarc=pass")
    zone = Zone(DMARC, troubled=frozenset({"arc._domainkey.list.org"}))
    assert ask(raw, zone, trusted=Trusted(arc_sealers=frozenset({"list.org"}))).verdict is Verdict.TEMPERROR


# ---- what the operator reads ----------------------------------------------------------------------------------------


def test_every_check_is_told_in_one_line() -> None:
    found = ask(SIGNED, Zone(KEYS | SPF | DMARC), client=CLIENT, mail_from="ada@shop.org")
    b = found.results[1].property("header.b")
    assert found.as_header("cases.example.org") == (
        'cases.example.org; spf=pass reason="shop.org lets 203.0.113.5 send its mail." smtp.mailfrom=shop.org; '
        f'dkim=pass reason="The mail is as shop.org signed it." header.d=shop.org header.s=k1 header.b={b}; '
        'dmarc=pass reason="The policy of shop.org is reject; it passed." header.from=shop.org'
    )


@pytest.mark.parametrize(
    ("raw", "records", "because"),
    [
        (mail(), DMARC, "shop.org has a DMARC policy (p=reject), and nothing of that fits this mail."),
        (mail(), SPF, "shop.org says who may send its mail, and nothing of that fits this mail."),
        (SIGNED + b"x", KEYS, "shop.org signs its mail, and nothing of that fits this mail."),
        (mail(), {}, "shop.org does not publish how its mail is known."),
        (SIGNED, KEYS, "The mail is as shop.org signed it."),
    ],
)
def test_the_reason(raw: bytes, records: Records, because: str) -> None:
    assert ask(raw, Zone(records)).because == because


def test_mail_that_is_too_complex_is_not_believed_and_does_not_break_anything() -> None:
    raw = SIGNED.replace(b"Subject:", b"X: y\r\n" * 2_000 + b"Subject:")
    found = ask(raw, Zone(KEYS | DMARC))
    assert found.verdict is Verdict.FAIL


# ---- kept with the mail ---------------------------------------------------------------------------------------------

ODD = 'a "b" \\ \r\n\t\0 é 👋 \u2028 \ud800 {}[],:'


@pytest.mark.parametrize(
    "known",
    [
        Authentication(Verdict.FAIL, ""),
        Authentication(Verdict.NONE, "Nobody can own it.", "customer.test", reserved=True),
        Authentication(
            Verdict.TEMPERROR,
            ODD,
            ODD,
            client="2001:db8::1",
            results=(
                MethodResult("spf", "none", ""),
                MethodResult(ODD, ODD, ODD, ((ODD, ODD), ("header.b", ""), ("header.b", "twice"))),
            ),
            spf_aligned=True,
            signed_recipients=frozenset({ODD, REPLY, ""}),
        ),
        ask(SIGNED, Zone(KEYS | SPF | DMARC), client=CLIENT, mail_from="ada@shop.org"),
        ask(mail('"\u00e9 \\" b"@shop.org'), Zone(DMARC), passed_before=True),
    ],
)
def test_what_is_kept_is_what_was_found(known: Authentication) -> None:
    text = known.to_json()
    assert Authentication.from_json(text) == known
    assert text.isascii()
    assert text.isprintable()


def test_little_is_kept_of_mail_that_was_not_asked_about() -> None:
    assert ask(mail("ada@a.test"), Zone()).to_json() == (
        '{"verdict":"none","because":"Nobody can own the domain of ada@a.test.","domain":"a.test","reserved":true}'
    )


# ---- with a real name server ----------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[NameServer]:
    ed = EdKey(b"a seed of thirty-two octets here")
    server = NameServer(
        {
            ("shop.org", "TXT"): (txt("v=spf1 include:_spf.shop.org -all"),),
            ("_spf.shop.org", "TXT"): (txt("v=spf1 mx:shop.org -all"),),
            ("shop.org", "MX"): ("10 mx.shop.org.",),
            ("mx.shop.org", "A"): (CLIENT,),
            ("_dmarc.shop.org", "CNAME"): ("policy.shop.org",),
            ("policy.shop.org", "TXT"): (txt("v=DMARC1; p=reject"),),
            ("k1._domainkey.shop.org", "CNAME"): ("keys.hosting.org",),
            ("keys.hosting.org", "TXT"): (txt(rsa_key().record),),
            ("ed._domainkey.shop.org", "TXT"): (txt(ed.record),),
            ("_dmarc.slow.org", "TXT"): SILENT,
        }
    )
    yield server
    server.close()


@pytest.mark.parametrize(
    ("raw", "client", "verdict", "results"),
    [
        (mail(), CLIENT, Verdict.PASS, ["spf=pass", "dmarc=pass"]),
        (mail(), "198.51.100.9", Verdict.FAIL, ["spf=fail", "dmarc=fail"]),
        (SIGNED, "198.51.100.9", Verdict.PASS, ["spf=fail", "dkim=pass", "dmarc=pass"]),
        (
            sign(mail(), EdKey(b"a seed of thirty-two octets here"), "shop.org", selector="ed"),
            "198.51.100.9",
            Verdict.PASS,
            ["spf=fail", "dkim=pass", "dmarc=pass"],
        ),
        (mail("ada@unheard-of.org"), CLIENT, Verdict.NONE, ["spf=none", "dmarc=none"]),
        (mail("ada@slow.org"), CLIENT, Verdict.TEMPERROR, ["spf=none", "dmarc=temperror"]),
    ],
)
def test_over_the_wire(server: NameServer, raw: bytes, client: str, verdict: Verdict, results: list[str]) -> None:
    resolver = Resolver(server.address, timeout=0.2)
    found = ask(raw, resolver.for_one_mail(), client=client, mail_from="ada@shop.org")
    assert (found.verdict, words(found)) == (verdict, results)
