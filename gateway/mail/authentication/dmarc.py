"""DMARC: what a domain wants done about mail in its name (RFC 7489)."""

from dataclasses import dataclass

from gateway.mail.authentication.domains import organisation_of
from gateway.mail.authentication.lookup import Lookup
from gateway.mail.authentication.signatures import Rejected, read_tags

_POLICIES = frozenset({"none", "quarantine", "reject"})
_RECORD_CHARACTERS = 4 * 1024


@dataclass(frozen=True, slots=True)
class Policy:
    """domain: where it stands. wish: none, quarantine or reject. strict_…: only the very same domain may speak."""

    domain: str
    wish: str
    strict_dkim: bool
    strict_spf: bool


def find(lookup: Lookup, domain: str) -> Policy | None:
    """The policy of a From domain, else of its organisation (§6.6.3). Raises Trouble."""
    policy = _at(lookup, domain, subdomain=False)
    organisation = organisation_of(domain)
    if policy is None and organisation != domain:
        policy = _at(lookup, organisation, subdomain=True)
    return policy


def _at(lookup: Lookup, domain: str, *, subdomain: bool) -> Policy | None:
    records = [record for record in lookup(f"_dmarc.{domain}", "TXT") if _is_policy(record)]
    if len(records) != 1:  # §6.6.3: several policies are none
        return None
    try:
        tags = read_tags(records[0])
    except Rejected:
        tags = {}  # it means to protect the domain, however badly it is written
    wish = (subdomain and tags.get("sp")) or tags.get("p", "")
    wish = wish.lower() if wish.lower() in _POLICIES else "none"
    return Policy(domain, wish, tags.get("adkim", "r").lower() == "s", tags.get("aspf", "r").lower() == "s")


def _is_policy(record: str) -> bool:
    """§6.3: v=DMARC1 comes first, exactly."""
    version, _, _ = record.partition(";")
    name, _, value = version.partition("=")
    return len(record) <= _RECORD_CHARACTERS and name.strip() == "v" and value.strip() == "DMARC1"
