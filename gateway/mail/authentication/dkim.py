"""DKIM: which signatures of a mail hold (RFC 6376)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.mail.authentication.domains import domain_of
from gateway.mail.authentication.lookup import Lookup, Trouble
from gateway.mail.authentication.results import MethodResult
from gateway.mail.authentication.signatures import (
    Field,
    Rejected,
    SignedMail,
    Tags,
    check_mail,
    fetch_key,
    read_signature,
    signed_names,
)

_CHECKED = 8  # signatures of one mail whose keys are looked for
_TOLD = 20  # signatures of one mail that are reported


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature. domain: its d=, "" when it cannot be read. result: `pass` only when it counts for us.

    covers: the names of the header fields that it signs wherever they stand, lower case.
    """

    result: MethodResult
    domain: str = ""
    covers: frozenset[str] = frozenset()


def verify(
    mail: SignedMail, lookup: Lookup, *, may_speak: Callable[[str], bool], now: datetime
) -> tuple[Signature, ...]:
    """Check the signatures of a mail. may_speak: whether a d= matters; the keys of others are not asked for.

    now: when the mail arrived. Anybody can add signatures, so the number that costs something is limited.
    """
    found: list[Signature] = []
    checked = 0
    fields = mail.named("dkim-signature")
    for field in fields:
        signature = read(mail, field)
        if signature.result.result in ("none", "policy"):
            if not may_speak(signature.domain):
                why = f"It speaks for {signature.domain}, which is not the sender's domain."
                signature = _with(signature, "neutral", why)
            elif checked == _CHECKED:
                signature = _with(signature, "neutral", f"Only the first {_CHECKED} signatures are checked.")
            else:
                checked += 1
                signature = _check(mail, field, signature, lookup, now)
        found.append(signature)
    found.sort(key=lambda signature: not may_speak(signature.domain))
    return tuple(found[:_TOLD])


def read(mail: SignedMail, field: Field) -> Signature:
    """What a signature says without asking the DNS: result `none` when it could count, else why it cannot."""
    domain = ""
    properties: tuple[tuple[str, str], ...] = ()
    try:
        tags = read_signature(field)
        domain = domain_of(tags["d"])
        properties = (("header.d", domain), ("header.s", tags["s"]), ("header.b", "".join(tags["b"].split())[:8]))
        _require(tags, domain)
        names = signed_names(tags)
        if "from" not in names:
            raise Rejected("permerror", "It does not sign From.")
    except Rejected as error:
        return Signature(MethodResult("dkim", error.result, error.text, properties), domain)
    covers = frozenset(name for name in set(names) if 0 < mail.times[name] <= names.count(name))
    return Signature(MethodResult("dkim", "none", "It was not checked.", properties), domain, covers)


def _require(tags: Tags, domain: str) -> None:
    """What RFC 6376 §3.5 asks of the tags, and what we ask (HARDENING rule 14). Raises Rejected."""
    if tags.get("v") != "1":
        raise Rejected("permerror", "Its version is unknown.")
    if "l" in tags:
        raise Rejected("policy", "Its l= leaves room for a body that nobody signed.")
    agent = domain_of(tags.get("i", domain))
    if agent != domain and not agent.endswith("." + domain):
        raise Rejected("permerror", "Its i= is not below its d=.")


def _check(mail: SignedMail, field: Field, signature: Signature, lookup: Lookup, now: datetime) -> Signature:
    """`fail` and `policy` say that the key is there, so that the domain does sign its mail."""
    tags = read_signature(field)
    try:
        key = fetch_key(tags, lookup)
        if signature.result.result != "none":
            return signature
        if mail.ambiguous:
            raise Rejected("policy", "The header holds lone CRs, which programs read in different ways.")
        _require_time(tags, now)
        check_mail(mail, field, tags, key, default_form="simple/simple")
    except Rejected as error:
        return _with(signature, error.result, error.text)
    except Trouble as trouble:
        return _with(signature, "temperror", f"The DNS did not tell its key: {trouble}.")
    return _with(signature, "pass", f"The mail is as {signature.domain} signed it.")


def _require_time(tags: Tags, now: datetime) -> None:
    """§3.5: a signature past its x= is worth nothing, else a mail could be used again for ever."""
    expires = tags.get("x", "")
    if expires and (not expires.isdecimal() or len(expires) > 12 or int(expires) < now.timestamp()):
        raise Rejected("fail", "It has expired.")


def _with(signature: Signature, result: str, because: str) -> Signature:
    told = MethodResult("dkim", result, because, signature.result.properties)
    return Signature(told, signature.domain, signature.covers if result == "pass" else frozenset())


def reported(mail: SignedMail, results: tuple[MethodResult, ...]) -> Iterator[Signature]:
    """The signatures that a trusted relay checked. Its pass counts when the signature would count if we checked it."""
    fields = [read(mail, field) for field in mail.named("dkim-signature")[:_TOLD]]
    for told in results:
        domain = domain_of(told.property("header.d") or told.property("header.i"))
        if told.result != "pass":
            yield Signature(told, domain)
            continue
        meant = [s for s in fields if s.domain == domain and _fits(s, told)]
        if not meant or mail.ambiguous:
            why = f"{told.because} But no such signature stands in the mail."
            yield Signature(MethodResult("dkim", "policy", why, told.properties), domain)
        elif bad := next((s for s in meant if s.result.result != "none"), None):
            why = f"{told.because} But it does not count: {bad.result.because}"
            yield Signature(MethodResult("dkim", "policy", why, told.properties), domain)
        else:
            yield Signature(told, domain, frozenset.intersection(*(s.covers for s in meant)))


def _fits(signature: Signature, told: MethodResult) -> bool:
    """Whether a result tells about this signature, as far as it says which (RFC 6008)."""
    selector, start = told.property("header.s"), told.property("header.b")
    mine = signature.result
    return (not selector or selector.lower() == mine.property("header.s").lower()) and (
        not start or mine.property("header.b")[: len(start)] == start[:8]
    )
