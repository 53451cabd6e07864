"""The JSON shapes of the contract (CONTRACT §3, §4, §6), made from the values of the domain.

What the contract marks as inferred is decided here and nowhere else: id prefixes, whose `lastMessageBy` and `closedBy`
values there are, the `senderType` of support, the mark on words of an unknown sender.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from gateway.cases.model import CaseView, Customer, DeliveryState, Message, Order, Page, Priority, Role, Status
from gateway.errors import Problem

T = TypeVar("T")
V = TypeVar("V")

CASE_PREFIX, OTHER_CASE_PREFIX = "case_", "cs_"  # we emit the first and accept both (CONTRACT §1)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z` (CONTRACT §1). moment: aware."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def case_id(text: str) -> str:
    """The id under which a case is kept, from either of its two spellings."""
    return CASE_PREFIX + text.removeprefix(OTHER_CASE_PREFIX) if text.startswith(OTHER_CASE_PREFIX) else text


Timestamp = Annotated[
    datetime,
    PlainSerializer(timestamp, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-05-04T09:30:00.000Z"]}),
]


class Shape(BaseModel):
    """Base of the shapes: camelCase outside, frozen."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, frozen=True)


class CustomerShape(Shape):
    """Who bought."""

    id: str = Field(examples=["cus_01jt9x3f6n5m2k8q4w7z0b1c"])
    email: str = Field(examples=["ada@example.org"])
    first_name: str
    last_name: str


class OrderSummary(Shape):
    """An order as it stands in a list. amount: integer minor units of the currency."""

    id: str = Field(examples=["ord_01jt9x3f6n5m2k8q4w7z0b1c"])
    order_number: str = Field(examples=["1042"])
    amount: int = Field(examples=[2499])
    currency: str = Field(examples=["EUR"])


class OrderDetail(OrderSummary):
    """An order beside a single case."""

    status: str = Field(examples=["COMPLETED"])
    created_at: Timestamp


class _Case(Shape):
    """What every form of a case has."""

    id: str = Field(examples=["case_01jt9x3f6n5m2k8q4w7z0b1c"])
    subject: str
    status: Status
    priority: Priority
    order_id: str
    customer_id: str
    last_message_at: Timestamp
    last_message_by: Role
    unread_count: int = Field(description="Messages that the merchant has not read.")
    escalated: bool = Field(description="Platform support has stepped in.")
    closed_at: Timestamp | None
    closed_by: Role | None
    created_at: Timestamp
    updated_at: Timestamp
    customer: CustomerShape


class CaseSummary(_Case):
    """A case in a list."""

    order: OrderSummary


class CaseDetail(_Case):
    """A single case."""

    order: OrderDetail


class AttachmentShape(Shape):
    """What a store token may know of a file; its bytes are opened from the dashboard (CONTRACT §4)."""

    id: str
    filename: str
    mime_type: str
    size_bytes: int


class RecipientShape(Shape):
    """What became of the mail to one recipient: since when, and why in the words of the mail system that says so."""

    role: Role
    state: DeliveryState
    at: Timestamp
    reason: str = Field("", examples=["550 5.1.1 No such user"])


class DeliveryShape(Shape):
    """What became of the mails that told of a message. state: of its recipients' the worst."""

    state: DeliveryState
    recipients: list[RecipientShape]


class MessageShape(Shape):
    """One entry of a conversation. `via` and `unverified` are there only when it is not certain who wrote.

    `delivery` is there when somebody was mailed about it; of a text in several messages, at the first.
    """

    id: str = Field(examples=["cmsg_01jt9x3f6n5m2k8q4w7z0b1c"])
    sender_type: Role
    sender_id: str | None
    body: str
    created_at: Timestamp
    attachments: list[AttachmentShape]
    via: str = Field("", exclude_if=lambda via: not via, description="The address of an author who is not known.")
    unverified: bool = Field(
        False,
        exclude_if=lambda unverified: not unverified,
        description="Nothing proves that the mail was sent by the author, whose address it bears.",
    )
    delivery: DeliveryShape | None = Field(
        None, exclude_if=lambda delivery: delivery is None, description="What became of the mails that told of it."
    )


class Pagination(Shape):
    """Which part of a list this is."""

    page: int
    limit: int
    total: int
    total_pages: int


class Listing(Shape, Generic[T]):
    """A part of a list."""

    items: list[T]
    pagination: Pagination


class Answer(Shape, Generic[T]):
    """The envelope of every success."""

    ok: Literal[True] = True
    data: T


class ProblemShape(Shape):
    """One field that is wrong."""

    field: str = Field(examples=["data.order.amount"])
    text: str


class Failure(Shape):
    """The envelope of every failure; `problems` is there when fields are wrong."""

    ok: Literal[False] = False
    error: str
    code: str
    problems: list[ProblemShape] = Field(default=[], exclude_if=lambda problems: not problems)


def case_summary(view: CaseView) -> CaseSummary:
    """A case as it stands in a list."""
    return CaseSummary.model_validate({**_case(view), "order": _order(view.order)})


def case_detail(view: CaseView) -> CaseDetail:
    """A single case."""
    order = {**_order(view.order), "status": view.order.status, "created_at": view.order.created_at}
    return CaseDetail.model_validate({**_case(view), "order": order})


def message(entry: Message) -> MessageShape:
    """One entry of a conversation."""
    return MessageShape(
        id=entry.id,
        sender_type=entry.sender_type,
        sender_id=entry.sender_id,
        body=entry.body,
        created_at=entry.created_at,
        attachments=[
            AttachmentShape(id=a.id, filename=a.filename, mime_type=a.mime_type, size_bytes=a.size_bytes)
            for a in entry.attachments
        ],
        via=entry.via,
        unverified=entry.unverified,
        delivery=_delivery(entry),
    )


def _delivery(entry: Message) -> DeliveryShape | None:
    if entry.delivery is None:
        return None
    recipients = [RecipientShape(role=d.role, state=d.state, at=d.at, reason=d.reason) for d in entry.deliveries]
    return DeliveryShape(state=entry.delivery, recipients=recipients)


def listing(page: Page[V], shape: Callable[[V], T]) -> Listing[T]:
    """A page of a list, each item in its shape. An empty list has no pages."""
    pages = -(-page.total // page.limit)
    return Listing(
        items=[shape(item) for item in page.items],
        pagination=Pagination(page=page.page, limit=page.limit, total=page.total, total_pages=pages),
    )


def failure(text: str, code: str, problems: tuple[Problem, ...] = ()) -> Failure:
    """The envelope of a failure."""
    return Failure(error=text, code=code, problems=[ProblemShape(field=p.field, text=p.text) for p in problems])


def _case(view: CaseView) -> dict[str, object]:
    case = view.case
    return {
        "id": case.id,
        "subject": case.subject,
        "status": case.status,
        "priority": case.priority,
        "order_id": case.order_id,
        "customer_id": case.customer_id,
        "last_message_at": case.last_message_at,
        "last_message_by": case.last_message_by,
        "unread_count": case.unread_count,
        "escalated": case.escalated,
        "closed_at": case.closed_at,
        "closed_by": case.closed_by,
        "created_at": case.created_at,
        "updated_at": case.updated_at,
        "customer": _customer(view.customer),
    }


def _customer(customer: Customer) -> CustomerShape:
    return CustomerShape(
        id=customer.id, email=customer.email, first_name=customer.first_name, last_name=customer.last_name
    )


def _order(order: Order) -> dict[str, object]:
    return {"id": order.id, "order_number": order.number, "amount": order.amount, "currency": order.currency}
