"""Erasing people, and cases that have had their time (HARDENING rule 25). `store.erasures` tells what is left of them.

    his addresses ──▶ ledger ──▶ one case after the other ──▶ traces in other mails ──▶ who he is ──▶ receipt

Every arrow is a commit, or many small ones, and each step finds by itself what is left to do: an erasure that was
killed is finished by asking for it again. The ledger comes first, so that a restore finds it whatever was done of it.
A worker that has one of his mails in hand posts nothing: the case is not the one that it has loaded.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import structlog

from gateway.cases.model import Actor
from gateway.errors import Conflict, NotFound
from gateway.keys import ErasureKey
from store import audit, cases, erasures, inbox, parties, switches
from store.database import Database
from store.erasures import Removed
from store.files import Files, Room
from store.ledger import Kind, Ledger, Line
from store.switches import Switch

CASES_A_MINUTE = 200  # of those that have had their time
LOOKED_AT = 1_000  # mails, in one look for traces
PENDING_AT_MOST = 1_000  # mails that are not read yet, in one look
REVIEWERS = ("mail_held", "alarm")  # letters that may name anybody

log = structlog.get_logger("erasing")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was removed. digest: of the customer's id under the erasure key; it names nobody."""

    customer_id: str
    digest: str
    at: datetime
    counts: Counter[str]


class Erasing:
    """Removes what was said and who said it. Blocks: call it from worker threads only."""

    def __init__(
        self, database: Database, files: Files, ledger: Ledger, key: ErasureKey, *, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._files = files
        self._ledger = ledger
        self._key = key
        self._now = now
        self._log_tells = False  # of what was removed since it was cut off last

    def is_erased(self, handle: bytes) -> bool:
        """Whether a reply or bounce address with this handle was an erased person's, or of a mail about him."""
        digest = self._key.digest_if_made("handle", handle)
        return digest is not None and erasures.is_erased(digest)

    # People

    def preview(self, customer_id: str) -> tuple[int, frozenset[str]]:
        """How many cases and which addresses would be erased. Raises NotFound, and Conflict for a dispute."""
        self._check(customer_id)
        return erasures.count_cases(customer_id), erasures.addresses_of(customer_id)

    def erase(self, customer_id: str, actor: Actor) -> Receipt:
        """Erase a customer; again is harmless. Raises NotFound, and Conflict while one of his orders is disputed."""
        self._check(customer_id)
        now = self._now()

        def begin() -> str:
            digest = self._digest_of(customer_id)
            self._ledger.note(Kind.ERASED, now, customer=customer_id, digest=digest)
            store_id = getattr(parties.find_customer(customer_id), "store_id", "")
            audit.record(actor, "customer.erased", now, store_id=store_id, subject=customer_id)
            return digest

        self._database.write(begin)
        return self._erase(customer_id, actor, now)

    def apply(self, line: Line) -> None:
        """Erase again what a restored database still has of a customer; what came after the erasure stays."""
        if line.kind is Kind.ERASED and parties.find_customer(str(line.facts["customer"])) is not None:
            self._erase(str(line.facts["customer"]), audit.SYSTEM, line.at)

    def receipt(self, customer_id: str) -> Receipt | None:
        """Of the last erasure of a customer, None when there was none."""
        digest = self._key.digest_if_made("customer", customer_id.encode())
        known = erasures.find(digest) if digest is not None else None
        return Receipt(customer_id, known.digest, known.at, known.counts) if known else None

    def _check(self, customer_id: str) -> None:
        if parties.find_customer(customer_id) is None:
            raise NotFound(f"There is no customer {customer_id}")
        if locked := erasures.locked_cases(customer_id):
            which = ", ".join(f"{case_id} (order {number})" for case_id, number in locked)
            raise Conflict(
                f"A payment of customer {customer_id} is disputed: {which}. Nothing is erased before the dispute has"
                " ended, so that it can be answered."
            )

    def _erase(self, customer_id: str, actor: Actor, opened_until: datetime) -> Receipt:
        addresses, digest = self._begin(customer_id, opened_until)
        counts: Counter[str] = Counter()

        def noting(removed: Removed) -> None:
            self._note(digest, removed.counts)

        while ids := erasures.cases_of(customer_id, opened_until, limit=100):
            for case_id in ids:
                counts += self._erase_case(case_id, actor, noting, addresses)
        self._remove_traces(digest, addresses)

        def finish() -> None:
            if erasures.close_customer(customer_id):
                erasures.forget_addresses(addresses, self._now())
            erasures.note(digest, Counter(), (), self._now())

        self._database.write(finish)
        self._log_tells = True
        self.cut_log()
        known = erasures.find(digest)
        assert known is not None  # noqa: S101 - written above
        log.info("customer.erased", cases=counts["cases"])
        return Receipt(customer_id, digest, known.at, known.counts)

    def _begin(self, customer_id: str, opened_until: datetime) -> tuple[frozenset[str], str]:
        """His addresses and the digest of his id. Notes of which addresses traces are looked for, as digests: whoever
        goes on after a kill knows them still."""

        def job() -> tuple[frozenset[str], str]:
            digest, now = self._digest_of(customer_id), self._now()
            came_back = erasures.has_returned(customer_id, opened_until)  # then they are those of a customer again
            addresses = frozenset() if came_back else erasures.addresses_of(customer_id)
            known = erasures.find(digest)
            digests = {self._key.digest("address", address.encode()) for address in addresses}
            erasures.note(digest, Counter(), digests | (known.addresses if known else set()), now)
            erasures.forget_addresses(addresses, now)
            return addresses, digest

        return self._database.write(job)

    def _note(self, digest: str, counts: Counter[str]) -> None:
        known = erasures.find(digest)
        erasures.note(digest, counts, known.addresses if known else (), self._now())

    def _remove_traces(self, digest: str, addresses: frozenset[str]) -> None:
        """Mails that he sent or got outside of his cases, and reports about those that he got."""
        known = erasures.find(digest)
        wanted = known.addresses if known else frozenset()

        @lru_cache(maxsize=10_000)
        def is_his(address: str) -> bool:
            return self._key.digest_if_made("address", address.lower().encode()) in wanted

        after = 0
        while outgoing := erasures.outgoing_traces(after, LOOKED_AT):
            after = outgoing[-1][0]
            his = [id_ for id_, recipient, _ in outgoing if recipient and is_his(recipient)]
            letters = [id_ for id_, _, template in outgoing if template in REVIEWERS]
            self._forget_outgoing(his, letters, digest)
        after = 0  # reports about those among them
        while incoming := erasures.incoming_traces(after, LOOKED_AT):
            after = incoming[-1][0]
            ids = [
                id_
                for id_, mail_from, handles in incoming
                if is_his(mail_from) or (handles and all(map(self.is_erased, handles)))
            ]
            self._forget_incoming(ids, addresses, digest)

    def _forget_incoming(self, ids: list[int], addresses: frozenset[str], digest: str) -> None:
        for start in range(0, len(ids), erasures.AT_ONCE):
            batch = ids[start : start + erasures.AT_ONCE]

            def job(batch: list[int] = batch) -> Removed:
                removed = Removed()
                erasures.forget_incoming(batch, addresses, self._handle_digest, removed)
                self._note(digest, removed.counts)
                return removed

            self._remove_files(self._database.write(job))

    def _forget_outgoing(self, his: list[int], letters: list[int], digest: str) -> None:
        for start in range(0, max(len(his), len(letters)), erasures.AT_ONCE):
            span = slice(start, start + erasures.AT_ONCE)

            def job(span: slice = span) -> None:
                removed = Removed()
                erasures.forget_outgoing(his[span], self._handle_digest, self._now(), removed)
                erasures.forget_digests(letters[span], self._now())
                self._note(digest, removed.counts)

            self._database.write(job)

    # Cases

    def retire(self, keep: timedelta) -> int:
        """Erase cases that were closed longer ago than that, some of them. Returns how many.

        Not one to which a mail may have come that is not read yet (HARDENING rule 17).
        """
        if switches.is_stopped(Switch.REMOVING, Switch.CLOCK):
            return 0
        old = erasures.old_cases(self._now() - keep, CASES_A_MINUTE)
        due = [case_id for case_id in old if not _may_have_mail(case_id)]
        for case_id in due:
            self._erase_case(case_id, audit.SYSTEM, lambda removed: None, frozenset())
        if due:
            self._log_tells = True
            log.info("cases.erased", cases=len(due))
        return len(due)

    def _erase_case(
        self, case_id: str, actor: Actor, also: Callable[[Removed], None], addresses: frozenset[str]
    ) -> Counter[str]:
        """also: runs in each transaction, with what it removes. Returns what was removed in all."""
        counts: Counter[str] = Counter()

        def job() -> tuple[Removed, bool]:
            removed, is_done = erasures.case_part(case_id, actor, self._handle_digest, self._now())
            if is_done:
                erasures.forget_told(case_id, addresses)
            also(removed)
            return removed, is_done

        is_done = False
        while not is_done:
            removed, is_done = self._database.write(job)
            counts += removed.counts
            self._remove_files(removed)
        return counts

    def forget_mail(self, inbox_id: int) -> Callable[[], None]:
        """A mail came to an erased address. Runs in the job that finishes it; call what it returns afterwards."""
        removed = Removed()
        self._log_tells = True
        erasures.forget_mail(inbox_id, "", self._handle_digest, removed)
        return lambda: self._remove_files(removed)

    def cut_log(self) -> None:
        """The log of the database must not go on telling what was removed. Each sweep calls this last."""
        if self._log_tells and self._database.forget_log():
            self._log_tells = False

    def _remove_files(self, removed: Removed) -> None:
        """After the commit. While a backup is made they stay, nameless, and the sweep finds them later."""
        if removed.files and not switches.is_stopped(Switch.REMOVING):
            for name in removed.files:
                self._files.remove(Room.RAW, name[:2], name)

    def _handle_digest(self, handle: bytes) -> str:
        return self._key.digest("handle", handle)

    def _digest_of(self, customer_id: str) -> str:
        return self._key.digest("customer", customer_id.encode())


def _may_have_mail(case_id: str) -> bool:
    return inbox.may_wait_for([person.handle for person in cases.participants(case_id)], PENDING_AT_MOST)
