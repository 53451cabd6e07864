"""RCPT: may mail for this address come in? Decided from the address and our keys alone, without a look-up."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from gateway import signing
from gateway.errors import KeyNotLoaded, RelayingDenied, StorageFull, StoreUnavailable, UnknownRecipient

_POSTMASTERS = frozenset({"postmaster", "abuse"})  # RFC 5321 §4.5.1, RFC 2142 §4
_NO_SUCH_MAILBOX = "There is no such mailbox here. Please answer the latest mail that you got from us about your case."


class Mailbox(StrEnum):
    """What an address of ours is for."""

    REPLY = "reply"
    BOUNCE = "bounce"
    FROM = "from"
    POSTMASTER = "postmaster"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that was admitted. address: as given in RCPT; handle, generation: of its token, None and 0 without."""

    address: str
    mailbox: Mailbox
    handle: bytes | None = None
    generation: int = 0

    @property
    def token(self) -> str:
        """The handle in hex, "" without."""
        return "" if self.handle is None else self.handle.hex()


class Admission:
    """Who may write to us. `closed` is set while nothing can be kept: by whoever watches the disk and the database.

    Recipients since the start, by their answer: accepted; unknown, which are no address of ours; forged, whose token
    is broken or not signed by us; braked, which were accepted and then had too much mail (counted by `Intake`).
    """

    def __init__(
        self, keyring: signing.Keyring, *, reply_domain: str, from_address: str, known_key_ids: AbstractSet[int]
    ) -> None:
        self._keyring = keyring
        self._domain = reply_domain
        self._from_address = from_address.lower()
        self._known_key_ids = known_key_ids
        self.closed: StorageFull | StoreUnavailable | None = None
        self.accepted = 0
        self.unknown = 0
        self.forged = 0
        self.braked = 0

    def answers(self) -> dict[str, int]:
        """How many recipients there were of each answer."""
        return {
            "accepted": self.accepted,
            "unknown": self.unknown,
            "forged": self.forged,
            "braked": self.braked,
        }

    def begin(self) -> None:
        """Called at MAIL. Raises StorageFull or StoreUnavailable while nothing can be kept."""
        if self.closed is not None:
            raise type(self.closed)(self.closed.text)  # a new one: raised again and again, one would collect tracebacks

    def admit(self, address: str) -> Recipient:
        """Called at RCPT with `local@domain`. The answer depends on signature and domain alone (HARDENING rule 11).

        Raises UnknownRecipient (550 5.1.1), RelayingDenied (550 5.7.1) or KeyNotLoaded (451).
        """
        recipient = self._recipient(address)
        self.accepted += 1
        return recipient

    def _recipient(self, address: str) -> Recipient:
        local, at, domain = address.rpartition("@")
        if not at:  # RFC 5321 §4.5.1: `RCPT TO:<Postmaster>` needs no domain.
            local, domain = domain, self._domain
        if address.lower() == self._from_address:
            return Recipient(address, Mailbox.FROM)
        if domain.lower() != self._domain:
            self.unknown += 1
            raise RelayingDenied(f"We take mail for {self._domain} only")
        name, plus, token = local.partition("+")
        name = name.lower()
        if plus and name == Mailbox.REPLY:
            return self._signed(address, Mailbox.REPLY, signing.Purpose.REPLY, token)
        if plus and name == Mailbox.BOUNCE:
            return self._signed(address, Mailbox.BOUNCE, signing.Purpose.BOUNCE, token)
        if plus and name == Mailbox.CANARY:
            return self._signed(address, Mailbox.CANARY, signing.Purpose.CANARY, token)
        if local.lower() in _POSTMASTERS:
            return Recipient(address, Mailbox.POSTMASTER)
        self.unknown += 1
        raise UnknownRecipient(_NO_SUCH_MAILBOX)

    def _signed(self, address: str, mailbox: Mailbox, purpose: signing.Purpose, text: str) -> Recipient:
        try:
            token = self._keyring.verify(purpose, text)
        except signing.UnknownKey as error:
            # HARDENING rule 1: a key that we used and that is missing now is our fault, never a bounce.
            if error.key_id in self._known_key_ids:
                raise KeyNotLoaded("This mailbox cannot be checked at the moment; please try again later") from error
            self.forged += 1
            raise UnknownRecipient(_NO_SUCH_MAILBOX) from error
        except signing.Forged as error:
            self.forged += 1
            raise UnknownRecipient(_NO_SUCH_MAILBOX) from error
        return Recipient(address, mailbox, token.handle, token.generation)
