"""ARC: what a relay on the way saw before it changed the mail, such as a mailing list (RFC 8617).

A chain proves who wrote it, not that he tells the truth: only sealers that the operator listed are believed.
"""

from dataclasses import dataclass

from gateway.mail.authentication.domains import domain_of
from gateway.mail.authentication.lookup import Lookup, Trouble
from gateway.mail.authentication.results import MethodResult, read
from gateway.mail.authentication.signatures import (
    Field,
    Rejected,
    SignedMail,
    Tags,
    check_bytes,
    check_mail,
    fetch_key,
    read_signature,
    read_tags,
)
from gateway.mail.headers import unfold

_LONGEST_CHAIN = 10  # RFC 8617 §4.2.1 allows 50; each link costs two keys
_RESULTS, _SIGNATURE, _SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"


@dataclass(frozen=True, slots=True)
class Chain:
    """result: of checking it. told: what listed sealers saw, the last one's first; empty unless the chain holds."""

    result: MethodResult
    told: tuple[MethodResult, ...] = ()


def verify(mail: SignedMail, lookup: Lookup, *, sealers: frozenset[str]) -> Chain:
    """Check a chain whose last sealer is listed; the keys of others are not asked for."""
    if not any(mail.times[name] for name in (_RESULTS, _SIGNATURE, _SEAL)):
        return Chain(MethodResult("arc", "none", "No relay sealed it."))
    try:
        links = _links(mail)
        last = links[-1].sealer
        if last not in sealers:
            return Chain(MethodResult("arc", "policy", f"It was sealed by {last}, which is not one of arc_sealers."))
        if mail.ambiguous:
            raise Rejected("policy", "The header holds lone CRs, which programs read in different ways.")
        _check(mail, links, lookup)
    except Rejected as error:
        return Chain(MethodResult("arc", "fail", f"The chain is broken: {error.text}"))
    except Trouble as trouble:
        return Chain(MethodResult("arc", "temperror", f"The DNS did not tell a key of the chain: {trouble}."))
    told: list[MethodResult] = []
    for link in reversed(links):
        if link.sealer not in sealers:
            break  # whoever stands before an unknown sealer may be his invention
        told.extend(read(link.told)[1])
    return Chain(MethodResult("arc", "pass", f"It was sealed by {last}.", (("header.d", last),)), tuple(told))


@dataclass(frozen=True, slots=True)
class _Link:
    """What one relay added: three fields with the same i=. told: its results, without the i=."""

    results: Field
    signature: Field
    signature_tags: Tags
    seal: Field
    seal_tags: Tags
    told: str

    @property
    def sealer(self) -> str:
        return domain_of(self.seal_tags["d"])


def _links(mail: SignedMail) -> list[_Link]:
    """The links, oldest first. Raises Rejected unless each instance from 1 on has each field once (§5.2)."""
    length = mail.times[_SEAL]
    if length > _LONGEST_CHAIN:
        raise Rejected("fail", f"it is longer than {_LONGEST_CHAIN}.")
    results, signatures, seals = (_by_instance(mail, name, length) for name in (_RESULTS, _SIGNATURE, _SEAL))
    return [
        _Link(
            results[instance],
            signatures[instance],
            read_signature(signatures[instance]),
            seals[instance],
            read_signature(seals[instance]),
            unfold(results[instance].value).partition(";")[2],
        )
        for instance in range(1, length + 1)
    ]


def _by_instance(mail: SignedMail, name: str, length: int) -> dict[int, Field]:
    found: dict[int, Field] = {}
    for field in mail.named(name)[: _LONGEST_CHAIN + 1]:
        value = unfold(field.value)
        tags = read_tags(value.partition(";")[0] if name == _RESULTS else value)
        number = tags.get("i", "")
        if number.isdecimal() and len(number) <= 2:
            found[int(number)] = field
    if len(found) != mail.times[name] or set(found) != set(range(1, length + 1)):
        raise Rejected("fail", f"its {name} fields do not count from 1 to {length}.")
    return found


def _check(mail: SignedMail, links: list[_Link], lookup: Lookup) -> None:
    """§5.2: the last signature covers the mail as it is, and each seal all that was sealed before it."""
    last = links[-1]
    key = fetch_key(last.signature_tags, lookup)
    check_mail(mail, last.signature, last.signature_tags, key, default_form="relaxed/relaxed")
    sealed: list[bytes] = []
    for place, link in enumerate(links):
        if "h" in link.seal_tags or link.seal_tags.get("cv", "") != ("pass" if place else "none"):
            raise Rejected("fail", f"seal {place + 1} does not say that the chain before it held.")
        sealed += [link.results.canonical("relaxed") + b"\r\n", link.signature.canonical("relaxed") + b"\r\n"]
        signed = b"".join(sealed) + link.seal.without_signature().canonical("relaxed")
        check_bytes(signed, link.seal_tags, fetch_key(link.seal_tags, lookup))
        sealed.append(link.seal.canonical("relaxed") + b"\r\n")
