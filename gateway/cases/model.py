"""The words of the domain as immutable values: case, message, participant, store, actor, draft."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from gateway.cases.settings import CaseSettings

T = TypeVar("T")

MESSAGE_CHARACTERS = 4_000  # Unicode code points after `tidy_body` (CONTRACT §5.4)
SUBJECT_CHARACTERS = 200
ATTACHMENTS_PER_MESSAGE = 5
ATTACHMENT_BYTES = 5 * 1024 * 1024


class Status(StrEnum):
    """Whose turn it is."""

    OPEN = "OPEN"
    AWAITING_MERCHANT = "AWAITING_MERCHANT"
    AWAITING_CUSTOMER = "AWAITING_CUSTOMER"
    CLOSED = "CLOSED"


class Priority(StrEnum):
    """A triage aid; it changes no timing and no mail."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


class Role(StrEnum):
    """In which capacity somebody speaks."""

    CUSTOMER = "CUSTOMER"
    MERCHANT = "MERCHANT"
    SUPPORT = "SUPPORT"
    SYSTEM = "SYSTEM"


class Audience(StrEnum):
    """Who may see a trail message (HARDENING rule 21)."""

    ALL = "all"
    STAFF = "staff"
    SUPPORT = "support"

    @classmethod
    def of(cls, role: Role) -> "tuple[Audience, ...]":
        """What somebody in a role may see."""
        return {Role.SUPPORT: tuple(cls), Role.MERCHANT: (cls.ALL, cls.STAFF)}.get(role, (cls.ALL,))


class Door(StrEnum):
    """How an act reached us."""

    MAIL = "mail"
    API = "api"
    HOOK = "hook"
    PAGE = "page"
    COMMAND = "command"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Store:
    """A merchant's shop. strict: takes mail only from addresses that are known, a merchant's only when proven.

    How its mail looks, each "" for the same as everywhere: locale (such as `pt-BR`) and time_zone (such as
    `Europe/Lisbon`) of its members, colour (`#rrggbb`), from_address (of its own domain), logo (digest of a picture).
    settings: how its cases go.
    """

    id: str
    name: str
    created_at: datetime
    strict: bool = False
    locale: str = ""
    time_zone: str = ""
    colour: str = ""
    from_address: str = ""
    logo: str = ""
    settings: CaseSettings = field(default_factory=CaseSettings)


class MemberRole(StrEnum):
    """What a person is in a store. The owner looks at held mail, and is told what concerns the store as a whole."""

    OWNER = "owner"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Member:
    """A person who works for a store and is mailed about its cases. muted: names of the notices he does not want."""

    id: str
    store_id: str
    email: str
    name: str
    muted: frozenset[str] = frozenset()
    role: MemberRole = MemberRole.AGENT


@dataclass(frozen=True, slots=True)
class Customer:
    """A buyer, as the platform describes him. locale: such as `pt-BR`; time_zone: such as `Europe/Lisbon`; or ""."""

    id: str
    store_id: str
    email: str
    first_name: str = ""
    last_name: str = ""
    locale: str = ""
    time_zone: str = ""

    @property
    def name(self) -> str:
        """First and last name, possibly empty."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a store. amount: integer minor units of `currency` (ISO 4217)."""

    id: str
    store_id: str
    customer_id: str
    number: str
    amount: int
    currency: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket. version grows with every change and guards concurrent writers. reopened_at: the last time, if any."""

    id: str
    store_id: str
    customer_id: str
    order_id: str
    subject: str
    status: Status
    priority: Priority
    escalated: bool
    unread_count: int
    last_message_at: datetime
    last_message_by: Role
    last_activity_at: datetime
    closed_at: datetime | None
    closed_by: Role | None
    created_at: datetime
    updated_at: datetime
    version: int = 1
    reopened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """One person on one case in one role.

    handle: 16 random bytes, used in signed addresses and nowhere else. generation: raised to revoke old addresses.
    reference_ids: Message-IDs of this person's own thread, oldest first (what he sent or got, nothing else).
    last_sent_id: the Message-ID of his own last mail, "" when he has not written by mail yet.
    muted: names of the notices that he does not want, as a member of the store.
    """

    id: int
    case_id: str
    role: Role
    address: str
    name: str
    handle: bytes
    generation: int = 0
    member_id: str | None = None
    active: bool = True
    reference_ids: tuple[str, ...] = ()
    last_sent_id: str = ""
    muted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message. sha256: hex digest of its bytes, the name under which they are kept."""

    id: str
    filename: str
    mime_type: str
    size_bytes: int
    sha256: str


class DeliveryState(StrEnum):
    """What became of a mail, in the order of a conversation of mail systems; the worst stands last.

    failed: nobody took it within three days. suppressed: it was not sent, because earlier mail to the address failed.
    """

    SENT = "sent"
    QUEUED = "queued"
    DELAYED = "delayed"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    BOUNCED = "bounced"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the mail to one recipient of a message, since when, and why in the words of whoever said it."""

    role: Role
    state: DeliveryState
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a case's conversation. number: 1, 2, 3 … within the case.

    sender_id: the id that the API shows (`cus_…`, a member, a token), None for SYSTEM.
    via: the address of an author who is not known as the participant ("" otherwise): shown as a mark.
    unverified: it came from the author's own address, and nothing proves that he sent it: shown as a mark.
    deliveries: of the mails that told of it, one for each recipient; only known where a conversation is shown.
    """

    id: str
    case_id: str
    number: int
    sender_type: Role
    sender_id: str | None
    sender_name: str
    body: str
    created_at: datetime
    audience: Audience = Audience.ALL
    via: str = ""
    attachments: tuple[Attachment, ...] = ()
    unverified: bool = False
    deliveries: tuple[Delivery, ...] = ()

    @property
    def delivery(self) -> DeliveryState | None:
        """The worst of what became of its mails, None when nobody was mailed."""
        order = list(DeliveryState)
        return max((one.state for one in self.deliveries), key=order.index, default=None)


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with what is always shown beside it."""

    case: Case
    customer: Customer
    order: Order


@dataclass(frozen=True, slots=True)
class Actor:
    """Who performs an operation.

    id: what the API shows as the author (`cus_…`, `stk_…`, a member's); None for the operator's commands. store_id: the
    only store whose cases this actor may reach, None for all (mail and platform hooks, which prove themselves
    otherwise).
    participant_id: set when it is a participant (mail). via, unverified: as in Message.
    """

    role: Role
    door: Door
    id: str | None = None
    name: str = ""
    store_id: str | None = None
    participant_id: int | None = None
    via: str = ""
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """The bytes of an attachment before it is kept; the type was decided by bytes."""

    filename: str
    mime_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to post. body: tidied text; full_text: the whole mail text before cutting, "" when the same.

    mail_id: the Message-ID of the mail it came in, "" for other doors. whole: whether it holds all that its author
    sent: no file was kept back, and he passed no other mail on.
    """

    body: str
    files: tuple[File, ...] = ()
    full_text: str = ""
    mail_id: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Key:
    """Makes a request take effect once (HARDENING rules 6 and 15).

    scope: door, store, credential and case, joined. value: the caller's key or a hash (≤ 64 characters).
    request_hash: another hash under the same key is a conflict; "" when the value already covers the content.
    lives: how long it is remembered; None for ever.
    """

    scope: str
    value: str
    request_hash: str = ""
    lives: timedelta | None = None


@dataclass(frozen=True, slots=True)
class NewCase:
    """What the platform says when a customer opens a case (CONTRACT §9).

    occurred_at: when the platform says that it happened; an older event never changes what a newer one said.
    store_name, notify: used only when the store does not exist yet. notify: (address, name) of its merchants.
    """

    store_id: str
    customer: Customer
    order: Order
    occurred_at: datetime
    subject: str
    body: str
    priority: Priority = Priority.NORMAL
    files: tuple[File, ...] = ()
    store_name: str | None = None
    notify: tuple[tuple[str, str], ...] = ()
    allow_any_order_status: bool = False


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """A page of a store's cases: newest message first. page ≥ 1, limit 1..100."""

    page: int = 1
    limit: int = 25
    statuses: tuple[Status, ...] = ()
    priority: Priority | None = None
    customer_id: str | None = None
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a longer list, and how many there are in all."""

    items: tuple[T, ...]
    page: int
    limit: int
    total: int


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a posting. messages: more than one when the text was longer than a message may be.

    repeated: it had been posted before, nothing was done now.
    """

    messages: tuple[Message, ...]
    repeated: bool = False


def tidy_body(text: str) -> str:
    """Line ends to `\\n`, no NUL, outer white space trimmed: characters are counted in this form (CONTRACT §5.4)."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
