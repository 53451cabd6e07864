"""Events about cases: the customer opens one or writes, support writes or is called in."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from gateway import shapes
from gateway.cases.escalation import REASON_CHARACTERS
from gateway.cases.model import (
    ATTACHMENTS_PER_MESSAGE,
    SUBJECT_CHARACTERS,
    Actor,
    Customer,
    Door,
    Draft,
    NewCase,
    Order,
    Priority,
    Role,
)
from gateway.shapes import Answer, CaseDetail, CaseSummary, Failure, MessageShape, Shape
from gateway.web.backend import Backend, Behind
from gateway.web.bodies import parse
from gateway.web.hooks.calls import FAILURES, Call, Called, Event, answer, described, ignore
from gateway.web.hooks.values import (
    Amount,
    Currency,
    Email,
    Id,
    Line,
    Locale,
    OptionalLine,
    OrderNumber,
    Told,
    ToldFile,
    Words,
    in_one_line,
    one_line,
)

router = APIRouter()


# CASE_CREATE


class ToldMember(Told):
    """A person who is mailed about the cases of a new store."""

    email: Email
    name: OptionalLine = ""


class ToldStore(Told):
    """A store, for the case that it does not exist yet."""

    name: Line
    notify: list[ToldMember] = Field(default=[], max_length=50)


class ToldCustomer(Told):
    """Who opens the case."""

    id: Id | None = Field(
        None, description="Without it one is derived from the store and the address, always the same."
    )
    email: Email
    first_name: OptionalLine = ""
    last_name: OptionalLine = ""
    locale: Locale = ""


class ToldOrder(Told):
    """What the case is about."""

    id: Id
    order_number: OrderNumber
    amount: Amount
    currency: Currency
    status: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z_]{0,31}$")]
    created_at: AwareDatetime


class ToldCase(Told):
    """The data of CASE_CREATE."""

    store_id: Id
    store: ToldStore | None = None
    customer: ToldCustomer
    order: ToldOrder
    subject: Annotated[str, AfterValidator(one_line), StringConstraints(min_length=1, max_length=SUBJECT_CHARACTERS)]
    priority: Priority = Priority.NORMAL
    body: Words
    attachments: list[ToldFile] = Field(default=[], max_length=ATTACHMENTS_PER_MESSAGE)
    allow_any_order_status: bool = False


class CaseCreateEvent(Event):
    """A customer opened a case in the platform's portal."""

    event: Literal["CASE_CREATE"]
    timestamp: AwareDatetime
    data: ToldCase


# CASE_MESSAGE


class ToldMessage(Told):
    """The data of CASE_MESSAGE."""

    store_id: Id
    case_id: Id
    sender: Literal["CUSTOMER", "SUPPORT"] = Field(validation_alias="from")
    sender_name: OptionalLine = Field("", description="Shown nowhere: both are called as we know them.")
    body: Words
    attachments: list[ToldFile] = Field(default=[], max_length=ATTACHMENTS_PER_MESSAGE)


class CaseMessageEvent(Event):
    """An answer that was given in the platform's portal, or by its support staff."""

    event: Literal["CASE_MESSAGE"]
    data: ToldMessage


# CASE_ESCALATE


class ToldCall(Told):
    """The data of CASE_ESCALATE. One of `caseId` and `orderId`."""

    store_id: Id
    case_id: Id | None = None
    order_id: Id | None = Field(None, description="The open cases of this order, or the one that closed last.")
    reason: Annotated[
        str, AfterValidator(in_one_line), StringConstraints(min_length=1, max_length=REASON_CHARACTERS)
    ] = Field(description="For support alone: neither the customer nor the merchant reads it.")

    @model_validator(mode="after")
    def _names_one(self) -> "ToldCall":
        if (self.case_id is None) is (self.order_id is None):
            raise ValueError("give caseId or orderId, and one of them only")
        return self


class CaseEscalateEvent(Event):
    """Support is called in by a person of the platform."""

    event: Literal["CASE_ESCALATE"]
    data: ToldCall


class Escalated(Shape):
    """The cases into which support is called."""

    cases: list[CaseSummary]


_EXAMPLE = {
    "event": "CASE_CREATE",
    "id": "evt_01jt9x3f6n5m2k8q4w7z0b1c",
    "timestamp": "2026-05-04T09:30:00.000Z",
    "data": {
        "storeId": "shp_01jt9x3f6n5m2k8q4w7z0b1c",
        "store": {"name": "Blue Kettle", "notify": [{"email": "desk@shop.example.org"}]},
        "customer": {"id": "cus_01jt9x3f6n5m2k8q4w7z0b1c", "email": "ada@example.org", "firstName": "Ada"},
        "order": {
            "id": "ord_01jt9x3f6n5m2k8q4w7z0b1c",
            "orderNumber": "1042",
            "amount": 2499,
            "currency": "EUR",
            "status": "COMPLETED",
            "createdAt": "2026-05-01T08:00:00.000Z",
        },
        "subject": "The lid is missing",
        "priority": "NORMAL",
        "body": "The kettle came without its lid.",
    },
}


# The door

_RESPONSES = FAILURES | {
    200: {
        "model": Answer[CaseDetail] | Answer[MessageShape] | Answer[Escalated],
        "description": "This Webhook-Id was seen before: the case as it is now, or the message; or support is called",
    },
    201: {"description": "The case was opened, or the message was posted"},
    404: {"model": Failure, "description": "There is no such case, order or store, and `store` does not describe it"},
    409: {"model": Failure, "description": "The order is not COMPLETED, or order or customer are of another store"},
    410: {"model": Failure, "description": "The case was erased"},
}
EVENTS = (CaseCreateEvent, CaseMessageEvent, CaseEscalateEvent)


@router.post(
    "/cases",
    summary="An event about a case",
    status_code=201,
    response_model=Answer[CaseDetail] | Answer[MessageShape],
    responses=_RESPONSES,
    openapi_extra=described(EVENTS, _EXAMPLE),
)
def receive_case_event(behind: Behind, call: Called) -> Response:
    """`CASE_CREATE` opens a case, its store, customer and order are made or refreshed. `CASE_MESSAGE` posts an answer.
    `CASE_ESCALATE` calls support in. Other events are ignored."""
    event = call.event(behind)
    receive = _RECEIVERS.get(event)
    return ignore(event) if receive is None else receive(behind, call)


def _open(behind: Backend, call: Call) -> Response:
    new = _new_case(parse(CaseCreateEvent, call.body))
    customer = new.customer
    actor = Actor(Role.CUSTOMER, Door.HOOK, id=customer.id, name=customer.name)
    opened = behind.desk.open_case(new, actor, key=call.key("cases", new.store_id))
    return answer(shapes.case_detail(opened.view), 200 if opened.repeated else 201)


def _post(behind: Backend, call: Call) -> Response:
    data = parse(CaseMessageEvent, call.body).data
    actor = Actor(Role(data.sender), Door.HOOK, name=data.sender_name, store_id=data.store_id)
    draft = Draft(data.body, tuple(attachment.file for attachment in data.attachments))
    key = call.key("cases", data.store_id)
    posted = behind.desk.deliver_reply(shapes.case_id(data.case_id), actor, draft, key=key)
    return answer(shapes.message(posted.messages[0]), 200 if posted.repeated else 201)


def _escalate(behind: Backend, call: Call) -> Response:
    data = parse(CaseEscalateEvent, call.body).data
    actor, key = Actor(Role.SUPPORT, Door.HOOK, store_id=data.store_id), call.key("cases", data.store_id)
    if data.case_id is not None:
        found = [behind.support.call(shapes.case_id(data.case_id), actor, data.reason, key=key)]
    else:
        found = behind.support.call_for_order(data.order_id or "", actor, data.reason, key=key)
    return answer(Escalated(cases=[shapes.case_summary(view) for view in found]), 200)


_RECEIVERS: dict[str, Callable[[Backend, Call], Response]] = {
    "CASE_CREATE": _open,
    "CASE_MESSAGE": _post,
    "CASE_ESCALATE": _escalate,
}


def _new_case(told: CaseCreateEvent) -> NewCase:
    data, order = told.data, told.data.order
    customer_id = data.customer.id or derived_customer_id(data.store_id, data.customer.email)
    return NewCase(
        store_id=data.store_id,
        customer=Customer(
            customer_id, data.store_id, data.customer.email,
            data.customer.first_name, data.customer.last_name, data.customer.locale,
        ),
        order=Order(
            order.id, data.store_id, customer_id, order.order_number, order.amount, order.currency, order.status,
            order.created_at.astimezone(UTC),
        ),
        occurred_at=told.timestamp.astimezone(UTC),
        subject=data.subject,
        body=data.body,
        priority=data.priority,
        files=tuple(attachment.file for attachment in data.attachments),
        store_name=data.store.name if data.store else None,
        notify=_once_each(data.store.notify) if data.store else (),
        allow_any_order_status=data.allow_any_order_status,
    )  # fmt: skip


def derived_customer_id(store_id: str, email: str) -> str:
    """The id of a customer whom the platform did not name: the same for one address in one store, whatever its case."""
    digest = hashlib.sha256(f"{store_id} {email.lower()}".encode()).digest()
    return "cus_" + base64.b32encode(digest).decode("ascii").lower()[:24]


def _once_each(members: Iterable[ToldMember]) -> tuple[tuple[str, str], ...]:
    """(address, name) of each member; of an address that stands there twice the first name counts."""
    first: dict[str, tuple[str, str]] = {}
    for member in members:
        first.setdefault(member.email.lower(), (member.email, member.name))
    return tuple(first.values())
