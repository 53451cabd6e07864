"""From the single results to one verdict about the From address.

    what speaks for the sender                        counts when
    ------------------------------------------------  ------------------------------------------------------------------
    SPF passed for the envelope sender's domain       that domain may speak for the From domain (DMARC alignment)
    a DKIM signature holds                            the same for its d=; From signed, no l=
    a trusted relay in front of us says so            above what it received, under the configured authserv-id
    a listed ARC sealer saw one of these              the chain holds, and he is its last sealer

Nothing of it: fail when the From domain publishes how its mail is known, else none.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.cases.access import Verdict
from gateway.mail.authentication import arc, dkim, dmarc, results, spf
from gateway.mail.authentication.domains import aligned, domain_of, is_example, is_reserved
from gateway.mail.authentication.lookup import Lookup, Trouble
from gateway.mail.authentication.received import Network, Origin, origin
from gateway.mail.authentication.results import MethodResult
from gateway.mail.authentication.signatures import SignedMail
from gateway.mail.parse import ParsedMail


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whom we believe about a mail. relays: networks of mail relays in front of us, whose Received fields we read.

    authserv_id: under which name they write Authentication-Results; "" believes none. arc_sealers: domains.
    """

    relays: tuple[Network, ...] = ()
    authserv_id: str = ""
    arc_sealers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Authentication:
    """What is known about the sender of one mail; made once near its arrival and kept with it.

    because: one sentence for the operator. domain: of the From address, in the DNS's form; "" when there is none.
    reserved: nobody can own that domain, and the DNS does not say otherwise. client: whom SPF asked about. results:
    every check, in the order made. spf_aligned: SPF speaks for the From domain. signed_recipients: addresses in To and
    Cc, lower case, that stand under a signature of the From domain.
    """

    verdict: Verdict
    because: str
    domain: str = ""
    reserved: bool = False
    client: str = ""
    results: tuple[MethodResult, ...] = ()
    spf_aligned: bool = False
    signed_recipients: frozenset[str] = frozenset()

    def as_sent_to(self, reply_address: str) -> "Authentication":
        """What it is worth from a merchant or support, who act for others (HARDENING rule 14).

        A pass must cover that he sent it to that very address: else a signed mail of his to somebody else, sent on by
        that one, would act in his name. SPF covers it, since his own host handed the mail over.
        """
        bound = self.spf_aligned or reply_address.lower() in self.signed_recipients
        if self.verdict is not Verdict.PASS or bound:
            return self
        because = f"{self.because} But nothing shows that it was sent to this reply address."
        return replace(self, verdict=Verdict.FAIL, because=because)

    def as_header(self, authserv_id: str) -> str:
        """The results as the value of an Authentication-Results field (RFC 8601), on one line."""
        return results.write(authserv_id, self.results)

    def to_json(self) -> str:
        """All of it as one line of ASCII, for `from_json`; what is empty or false is left out."""
        known: dict[str, object] = {
            "verdict": self.verdict,
            "because": self.because,
            "domain": self.domain,
            "reserved": self.reserved,
            "client": self.client,
            "results": [(r.method, r.result, r.because, *r.properties) for r in self.results],
            "spf_aligned": self.spf_aligned,
            "signed_recipients": sorted(self.signed_recipients),
        }
        return json.dumps({name: value for name, value in known.items() if value}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Authentication":
        """What `to_json` wrote."""
        known = json.loads(text)
        return cls(
            Verdict(known["verdict"]),
            known.get("because", ""),
            known.get("domain", ""),
            reserved=known.get("reserved", False),
            client=known.get("client", ""),
            results=tuple(
                MethodResult(method, result, because, tuple((name, value) for name, value in properties))
                for method, result, because, *properties in known.get("results", ())
            ),
            spf_aligned=known.get("spf_aligned", False),
            signed_recipients=frozenset(known.get("signed_recipients", ())),
        )

    def settled(self) -> "Authentication":
        """What a temperror comes to when waiting for the DNS has lasted long enough: none, as HARDENING rule 4 has it.

        Also for an address that passed before: that its mail does not pass now is not known.
        """
        if self.verdict is not Verdict.TEMPERROR:
            return self
        because = "The DNS did not answer for too long, so nothing speaks for or against the sender."
        return replace(self, verdict=Verdict.NONE, because=because)


def authenticate(
    raw: bytes,
    mail: ParsedMail,
    *,
    client: str,
    helo: str,
    mail_from: str,
    lookup: Lookup,
    trusted: Trusted,
    now: datetime,
    passed_before: bool = False,
) -> Authentication:
    """Find out whether a mail is from whom its From names.

    raw, mail: the same mail. client, helo, mail_from: of the session that brought it; client is an IP address or "",
    mail_from "" for the null sender. now: when it came, for signatures that expire. passed_before: whether mail from
    this address ever passed; then mail for which nothing speaks is a forgery.

    Asks the DNS only through `lookup`. Never raises because of what mail or records say.
    """
    sender = only_sender(mail)
    if not sender:
        return Authentication(Verdict.FAIL, "It does not name exactly one sender.")
    domain = domain_of(sender)
    unowned = f"Nobody can own the domain of {sender}."
    if not domain or is_reserved(domain):
        why = unowned if domain else f"The DNS cannot hold the domain of {sender}."
        return Authentication(Verdict.NONE, why, domain, reserved=bool(domain))
    source = origin(mail.headers, client=client, helo=helo, relays=trusted.relays)
    signed = SignedMail(raw)
    findings = _find(domain, signed, source, mail_from, lookup, trusted, now)
    chain = None
    if trusted.arc_sealers and not findings.passes():
        chain = arc.verify(signed, lookup, sealers=trusted.arc_sealers)
    verdict, because = _conclude(findings, chain, lookup)
    known = Authentication(
        verdict,
        because,
        domain,
        client=source.client,
        results=tuple(_results(findings, chain)),
        spf_aligned=findings.spf_passes(),
        signed_recipients=_signed_recipients(mail, findings),
    )
    if is_example(domain) and verdict is Verdict.TEMPERROR:
        verdict = Verdict.NONE  # waiting cannot help: nobody can own it, so nobody will answer for it
    if verdict is not Verdict.NONE:
        return known
    if is_example(domain) and not findings.policy and not passed_before:
        known, because = replace(known, reserved=True), unowned
    return _nothing_speaks(known, passed_before, because)


def only_sender(mail: ParsedMail) -> str:
    """The address in From; "" unless there is one field with one address (RFC 5322 §3.6, HARDENING rule 4)."""
    return mail.from_[0].address if len(mail.from_) == 1 and len(mail.header_all("from")) == 1 else ""


def _nothing_speaks(known: Authentication, passed_before: bool, because: str) -> Authentication:
    if not passed_before:
        return replace(known, verdict=Verdict.NONE, because=because)
    return replace(
        known, verdict=Verdict.FAIL, because=f"{because} Earlier mail from this address was authentic, this is not."
    )


@dataclass(frozen=True, slots=True)
class _Findings:
    """What is known apart from ARC. told: what a trusted relay says about DMARC.

    policy: of the From domain, None when it has none. trouble: why that could not be found out.
    """

    domain: str
    spf: MethodResult
    signatures: tuple[dkim.Signature, ...]
    told: MethodResult | None
    policy: dmarc.Policy | None
    trouble: str

    def spf_speaks(self, result: str, *, strict: bool) -> bool:
        """Whether SPF came to `result` about a domain that may speak for the From domain."""
        return self.spf.result == result and aligned(_spf_domain(self.spf), self.domain, strict=strict)

    def dkim_speaks(self, result: str, *, strict: bool) -> list[dkim.Signature]:
        """The signatures that came to `result` and may speak for the From domain."""
        return [
            s for s in self.signatures if s.result.result == result and aligned(s.domain, self.domain, strict=strict)
        ]

    def spf_passes(self) -> bool:
        # A policy that could not be read may be a strict one.
        return self.spf_speaks("pass", strict=self.policy.strict_spf if self.policy else bool(self.trouble))

    def dkim_passes(self) -> list[dkim.Signature]:
        return self.dkim_speaks("pass", strict=self.policy.strict_dkim if self.policy else bool(self.trouble))

    def passes(self) -> tuple[MethodResult, ...]:
        """All that speaks for the sender."""
        if self.told and self.told.result == "fail":
            return ()
        found = [self.spf] if self.spf_passes() else []
        found += [signature.result for signature in self.dkim_passes()]
        found += [self.told] if self.told and _names(self.told, self.domain) else []
        return tuple(found)

    def may_pass_later(self) -> bool:
        """Whether an answer that the DNS owes could make it pass."""
        open_questions = self.spf_speaks("temperror", strict=False) or self.dkim_speaks("temperror", strict=False)
        near = self.spf_speaks("pass", strict=False) or self.dkim_speaks("pass", strict=False)
        told = self.told is not None and self.told.result == "temperror"
        return bool(open_questions or told or (self.trouble and near))


def _find(
    domain: str,
    signed: SignedMail,
    source: Origin,
    mail_from: str,
    lookup: Lookup,
    trusted: Trusted,
    now: datetime,
) -> _Findings:
    """Take what trusted relays say, and find out the rest."""
    told = _told(source, trusted.authserv_id)
    said = tuple(result for result in told if result.method == "dkim")
    if said:
        signatures = tuple(dkim.reported(signed, said))
    else:
        signatures = dkim.verify(signed, lookup, may_speak=lambda d: aligned(d, domain, strict=False), now=now)
    policy, trouble = None, ""
    try:
        policy = dmarc.find(lookup, domain)
    except Trouble as error:
        trouble = str(error)
    return _Findings(
        domain,
        next((result for result in told if result.method == "spf"), None)
        or _ask_spf(domain, source, mail_from, lookup),
        signatures,
        next((result for result in told if result.method == "dmarc"), None),
        policy,
        trouble,
    )


def _told(source: Origin, authserv_id: str) -> list[MethodResult]:
    """What trusted relays say: fields of their making only, under their name only (RFC 8601 §5)."""
    found: list[MethodResult] = []
    for name, value in source.believed:
        if authserv_id and name.lower() == "authentication-results":
            who, told = results.read(value)
            found += told if who == authserv_id.lower() else ()
    return found


def _ask_spf(domain: str, source: Origin, mail_from: str, lookup: Lookup) -> MethodResult:
    """SPF, unless it says nothing about the From domain anyhow."""
    asked = spf.identity(mail_from, source.helo)[1]
    if source.client and not aligned(asked, domain, strict=False):
        return MethodResult(
            "spf", "none", f"The envelope names {asked or 'no domain'}, which is not the sender's domain."
        )
    return spf.verify(lookup, client=source.client, helo=source.helo, mail_from=mail_from)


def _spf_domain(result: MethodResult) -> str:
    return domain_of(result.property("smtp.mailfrom") or result.property("smtp.helo"))


def _names(told: MethodResult, domain: str) -> bool:
    """Whether a DMARC pass is about this From domain."""
    return told.result == "pass" and domain_of(told.property("header.from") or domain) == domain


def _conclude(findings: _Findings, chain: arc.Chain | None, lookup: Lookup) -> tuple[Verdict, str]:
    domain = findings.domain
    if passes := findings.passes():
        return Verdict.PASS, passes[0].because
    if chain and (seen := next(_seen(chain.told, domain), None)):
        return Verdict.PASS, f"{chain.result.because} On its way there it passed {seen.method.upper()}."
    if findings.may_pass_later() or (chain and chain.result.result == "temperror"):
        return Verdict.TEMPERROR, "The DNS did not answer what would decide whether it is authentic."
    try:
        published = _published(findings, lookup)
    except Trouble as trouble:
        return Verdict.TEMPERROR, f"The DNS did not tell whether {domain} can be forged: {trouble}."
    if published:
        return Verdict.FAIL, f"{domain} {published}, and nothing of that fits this mail."
    return Verdict.NONE, f"{domain} does not publish how its mail is known."


def _seen(told: Iterable[MethodResult], domain: str) -> Iterator[MethodResult]:
    """What speaks for the sender among results that a sealer saw."""
    for result in told:
        if result.method == "dmarc":
            speaks = _names(result, domain)
        elif result.method == "spf":
            speaks = result.result == "pass" and _spf_domain(result) == domain
        else:
            signer = domain_of(result.property("header.d") or result.property("header.i"))
            speaks = result.method == "dkim" and result.result == "pass" and signer == domain
        if speaks:
            yield result


def _published(findings: _Findings, lookup: Lookup) -> str:
    """How the From domain says that its mail is known, "" when it does not. Raises Trouble."""
    if findings.policy:
        return f"has a DMARC policy (p={findings.policy.wish})"
    if findings.told and findings.told.result == "fail":
        return "has a DMARC policy"
    if findings.dkim_speaks("fail", strict=False) or findings.dkim_speaks("policy", strict=False):
        return "signs its mail"
    if spf.is_published(lookup, findings.domain):
        return "says who may send its mail"
    if findings.trouble:
        raise Trouble(findings.trouble)
    return ""


def _results(findings: _Findings, chain: arc.Chain | None) -> Iterator[MethodResult]:
    yield findings.spf
    yield from (signature.result for signature in findings.signatures)
    yield findings.told or _dmarc_result(findings)
    if chain:
        yield chain.result


def _dmarc_result(findings: _Findings) -> MethodResult:
    properties = (("header.from", findings.domain),)
    if findings.trouble:
        return MethodResult("dmarc", "temperror", f"The DNS did not tell the policy: {findings.trouble}.", properties)
    if findings.policy is None:
        return MethodResult("dmarc", "none", f"{findings.domain} has no policy.", properties)
    wish = f"The policy of {findings.policy.domain} is {findings.policy.wish}"
    if findings.passes():
        return MethodResult("dmarc", "pass", f"{wish}; it passed.", properties)
    if findings.may_pass_later():
        return MethodResult("dmarc", "temperror", f"{wish}; the DNS does not tell whether it passes.", properties)
    return MethodResult("dmarc", "fail", f"{wish}; neither SPF nor DKIM speaks for {findings.domain}.", properties)


def _signed_recipients(mail: ParsedMail, findings: _Findings) -> frozenset[str]:
    covered = {name for signature in findings.dkim_passes() for name in signature.covers}
    fields = (("to", mail.to), ("cc", mail.cc))
    return frozenset(person.address.lower() for name, people in fields if name in covered for person in people)
