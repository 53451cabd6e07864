"""Calls of the platform: signed events that open cases (CONTRACT §9)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import (
    AfterValidator,
    AliasGenerator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from gateway import shapes
from gateway.cases.model import (
    ATTACHMENT_BYTES,
    ATTACHMENTS_PER_MESSAGE,
    MESSAGE_CHARACTERS,
    SUBJECT_CHARACTERS,
    Actor,
    Customer,
    Door,
    File,
    Key,
    NewCase,
    Order,
    Priority,
    Role,
    tidy_body,
)
from gateway.mail import file_types, filenames
from gateway.shapes import Answer, CaseDetail, Failure, Shape
from gateway.web.backend import Behind
from gateway.web.bodies import described, parse, read
from gateway.web.signatures import Signed, read_headers

# Five files of 5 MiB in base64 are 33.4 MiB; the rest leaves room for the texts and for `/` written as `\/`.
HOOK_BODY_BYTES = 36 * 1024 * 1024
KEY_LIVES = timedelta(days=30)  # HARDENING rule 15
LONGEST_KEY = 64  # characters; a longer Webhook-Id is remembered by its hash
LARGEST_AMOUNT = 2**53 - 1  # what every JSON reader keeps exact

log = structlog.get_logger("hooks")

router = APIRouter(prefix="/hooks", tags=["Platform hooks"])


# Values


def _line(value: str) -> str:
    """One line: control characters would be header fields of a mail, or move a terminal's cursor."""
    if any(not character.isprintable() for character in value):
        raise ValueError("must be one line without control characters")
    return value.strip()


_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:@\"\x00-\x20\x7f]{1,64}@(?P<domain>[^\s<>()\[\]\\,;:@\"\x00-\x20\x7f]{1,253})")
_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")


def _address(value: str) -> str:
    """`local@domain` (RFC 5321 §4.1.2), letters of RFC 6531 too; no quoted local parts, no address literals."""
    found = _ADDRESS.fullmatch(value)
    labels = found["domain"].split(".") if found else []
    local = value.partition("@")[0]
    dots_well = not (local.startswith(".") or local.endswith(".") or ".." in local)
    if len(value) > 254 or len(labels) < 2 or not dots_well or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("must be an e-mail address such as ada@example.org")
    if not value.isprintable():
        raise ValueError("must have no control characters")
    return value


def _decoded(value: object, info: ValidationInfo) -> File:
    """The bytes of a file, its type decided by them. Raises ValueError in words for the sender."""
    if not isinstance(value, str):
        raise ValueError("must be a string of base64")
    too_large = ValueError(f"is larger than {ATTACHMENT_BYTES} bytes")
    if len(value) > 4 * -(-ATTACHMENT_BYTES // 3):
        raise too_large
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not valid base64 (RFC 4648 §4, with padding, without line breaks)") from error
    if len(data) > ATTACHMENT_BYTES:
        raise too_large
    filename = info.data.get("filename", "")
    mime_type = file_types.detect(filename, data)
    if not file_types.is_allowed(mime_type):
        raise ValueError(f"is {mime_type} by its bytes; images, PDF, plain text and ZIP may be attached")
    return File(filename, mime_type, data)


def _filename(value: str) -> str:
    name = filenames.safe(value)
    if not name:
        raise ValueError("must be a file name")
    return name


def _text_of_number(value: object) -> object:
    """`orderNumber` is a string; one page of the platform shows a bare integer (CONTRACT §1)."""
    return str(value) if type(value) is int else value


def _none_as_empty(value: object) -> object:
    return "" if value is None else value


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{12,48}$")]
Line = Annotated[str, AfterValidator(_line), StringConstraints(min_length=1, max_length=200)]
OptionalLine = Annotated[str, BeforeValidator(_none_as_empty), AfterValidator(_line), StringConstraints(max_length=200)]
Email = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
OrderNumber = Annotated[
    str,
    BeforeValidator(_text_of_number, json_schema_input_type=str | int),
    AfterValidator(_line),
    StringConstraints(min_length=1, max_length=64),
]
Locale = Annotated[
    str,
    BeforeValidator(_none_as_empty),
    StringConstraints(pattern=r"^([A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*)?$", max_length=35),
]


# Events


class Told(BaseModel):
    """Base of what the platform says. Fields that we do not know are skipped: hooks grow, receivers must not break."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=to_camel), strict=True, extra="ignore", frozen=True
    )


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
    amount: int = Field(ge=0, le=LARGEST_AMOUNT, description="Minor units of the currency.")
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    status: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z_]{0,31}$")]
    created_at: AwareDatetime


class ToldFile(Told):
    """A file with its bytes. Its declared type is not looked at: the bytes decide."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_filename)]
    mime_type: Annotated[str, StringConstraints(max_length=127)] = ""
    file: Annotated[
        File, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
    ] = Field(validation_alias="contentBase64")


class ToldCase(Told):
    """The data of CASE_CREATE."""

    store_id: Id
    store: ToldStore | None = None
    customer: ToldCustomer
    order: ToldOrder
    subject: Annotated[str, AfterValidator(_line), StringConstraints(min_length=1, max_length=SUBJECT_CHARACTERS)]
    priority: Priority = Priority.NORMAL
    body: Annotated[str, AfterValidator(tidy_body), StringConstraints(min_length=1, max_length=MESSAGE_CHARACTERS)]
    attachments: list[ToldFile] = Field(default=[], max_length=ATTACHMENTS_PER_MESSAGE)
    allow_any_order_status: bool = False


class Event(Told):
    """What is looked at to know which event it is."""

    event: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class CaseCreateEvent(Event):
    """A customer opened a case in the platform's portal."""

    timestamp: AwareDatetime
    data: ToldCase


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


class Ignored(Shape):
    """An event that means nothing here."""

    ignored: str


async def _call(behind: Behind, request: Request) -> tuple[Signed, bytes]:
    """Headers first: who cannot sign does not get 36 MiB read."""
    return read_headers(request.headers, behind.now()), await read(request, HOOK_BODY_BYTES)


_HEADERS = [
    {"name": "Webhook-Id", "in": "header", "required": True, "schema": {"type": "string", "maxLength": 256}},
    {"name": "Webhook-Timestamp", "in": "header", "required": True, "schema": {"type": "integer"}},
]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Answer[CaseDetail], "description": "This Webhook-Id was seen before; the case as it is now"},
    201: {"description": "The case was opened"},
    202: {"model": Answer[Ignored], "description": "An event that means nothing here"},
    400: {"model": Failure, "description": "Fields are wrong; `problems` names all of them"},
    401: {"model": Failure, "description": "The signature is missing, wrong, old, or of version V1"},
    404: {"model": Failure, "description": "There is no such store, and `store` does not describe it"},
    409: {"model": Failure, "description": "The order is not COMPLETED, or order or customer are of another store"},
    413: {"model": Failure, "description": "The body is over 36 MiB"},
    500: {"model": Failure, "description": "A fault of ours; send it again"},
    503: {"model": Failure, "description": "Not now; send it again after `Retry-After` seconds"},
}


@router.post(
    "/cases",
    summary="An event about a case",
    status_code=201,
    response_model=Answer[CaseDetail],
    responses=_RESPONSES,
    openapi_extra=described(CaseCreateEvent, _EXAMPLE, parameters=_HEADERS, security=[{"webhook signature": []}]),
)
def receive_case_event(
    behind: Behind, call: Annotated[tuple[Signed, bytes], Depends(_call)], response: Response
) -> Answer[CaseDetail] | Response:
    """`CASE_CREATE` opens a case, its store, customer and order are made or refreshed. Other events are ignored."""
    signed, body = call
    signed.verify(body, behind.hook_keys)
    event = parse(Event, body).event
    if event != "CASE_CREATE":
        log.info("hooks.ignored", event_name=event)
        return Response(Answer(data=Ignored(ignored=event)).model_dump_json(), 202, media_type="application/json")
    new = _new_case(parse(CaseCreateEvent, body))
    customer = new.customer
    opened = behind.desk.open_case(
        new, Actor(Role.CUSTOMER, Door.HOOK, id=customer.id, name=customer.name), key=_key(signed.id, body)
    )
    response.status_code = 200 if opened.repeated else 201
    return Answer(data=shapes.case_detail(opened.view))


def _key(webhook_id: str, body: bytes) -> Key:
    value = webhook_id if len(webhook_id) <= LONGEST_KEY else hashlib.sha256(webhook_id.encode()).hexdigest()
    return Key("hook:cases", value, hashlib.sha256(body).hexdigest(), KEY_LIVES)


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
