"""SPF: whether the client may send mail for the envelope sender's domain (RFC 7208)."""

from ipaddress import ip_address

import spf

from gateway.mail.authentication.domains import domain_of
from gateway.mail.authentication.lookup import Lookup, Trouble
from gateway.mail.authentication.results import MethodResult

_RECORD_CHARACTERS = 4 * 1024  # longer records are refused: reading one takes pyspf quadratic time
# What a record can make pyspf stumble over: it was written before hostile records were.
_BREAKS = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_BECAUSE = {
    "pass": "{domain} lets {client} send its mail.",
    "fail": "{domain} forbids {client} to send its mail.",
    "softfail": "{domain} does not expect {client} to send its mail.",
    "neutral": "{domain} does not say whether {client} may send its mail.",
    "none": "{domain} does not say who may send its mail.",
    "temperror": "The DNS did not tell who may send mail of {domain}: {problem}.",
    "permerror": "The record of {domain} cannot be used: {problem}.",
}


def identity(mail_from: str, helo: str) -> tuple[str, str]:
    """The address that SPF asks about, and its domain: the null sender is the host's postmaster (RFC 7208 §2.4)."""
    address = mail_from or f"postmaster@{helo}"
    return address, domain_of(address)


def verify(lookup: Lookup, *, client: str, helo: str, mail_from: str) -> MethodResult:
    """Check the client's address against the record of the envelope sender's domain, "" being the null sender."""
    address, domain = identity(mail_from, helo)
    if not client:
        return MethodResult("spf", "none", "Nobody whom we trust tells which host sent it.")
    if not domain:
        return MethodResult("spf", "none", "The envelope names no domain that could be asked.")
    local = address.rpartition("@")[0]
    query = _Query(lookup, client, f"{local or 'postmaster'}@{domain}", helo)
    try:
        result, _, _ = query.check()
        problem = query.prob
    except _BREAKS as error:
        result, problem = "permerror", f"it breaks the reader ({type(error).__name__})"
    because = _BECAUSE[result].format(domain=domain, client=client, problem=problem.rstrip("."))
    name = "smtp.mailfrom" if mail_from else "smtp.helo"
    return MethodResult("spf", result, because, ((name, domain),))


def is_published(lookup: Lookup, domain: str) -> bool:
    """Whether a domain says who may send its mail. Raises Trouble."""
    return any(record.lower().startswith("v=spf1") for record in lookup(domain, "TXT"))


class _Query(spf.query):
    """pyspf with our DNS: it keeps the limits on look-ups, we answer them."""

    def __init__(self, lookup: Lookup, client: str, sender: str, helo: str) -> None:
        self._lookup = lookup
        self.prob = ""
        super().__init__(i=str(ip_address(client)), s=sender, h=helo, strict=True)

    def dns(
        self, name: str, qtype: str, cnames: dict[str, str] | None = None, ignore_void: bool = False
    ) -> list[object]:
        """The records in pyspf's own shapes. CNAMEs have been followed."""
        place = name.rstrip(".").lower()
        try:
            records = self._lookup(place, qtype) if domain_of(place) else ()
        except Trouble as trouble:
            raise spf.TempError(str(trouble)) from trouble
        if not records and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"it leads to more than {spf.MAX_VOID_LOOKUPS} names without records")
        return [_shaped(record, qtype) for record in records]

    def get_explanation(self, spec: str) -> str | None:
        """What a domain would tell those whom it rejects; nobody reads it here, so nobody is asked for it."""
        return None


def _shaped(record: str, qtype: str) -> object:
    if qtype == "TXT":
        if len(record) > _RECORD_CHARACTERS and record.lower().startswith("v=spf1"):
            raise spf.PermError(f"it is longer than {_RECORD_CHARACTERS} characters")
        return (record.encode("latin-1"),)
    if qtype == "MX":
        preference, _, host = record.partition(" ")
        return int(preference), host
    return record
