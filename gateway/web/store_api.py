"""The Store API: a merchant's programs read and answer cases (CONTRACT §5). Routes translate and call the desk."""

import hashlib
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import AfterValidator, AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from gateway import shapes
from gateway.cases.model import (
    ATTACHMENTS_PER_MESSAGE,
    MESSAGE_CHARACTERS,
    CaseQuery,
    Draft,
    Key,
    Priority,
    Status,
    tidy_body,
)
from gateway.errors import Invalid, Problem, Refused
from gateway.shapes import Answer, CaseDetail, CaseSummary, Failure, Listing, MessageShape
from gateway.web.auth import ID_PATTERN, Reader, Writer
from gateway.web.backend import Behind
from gateway.web.bodies import described, json_body

KEY_LIVES = timedelta(hours=24)
LAST_PAGE = 2**31 - 1  # a page so far out is a mistake; larger numbers overflow in the database

_FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": Failure, "description": "The request is malformed, or the case's status forbids it"},
    401: {"model": Failure, "description": "No token, or one that is not valid"},
    403: {"model": Failure, "description": "The token lacks the scope"},
    404: {"model": Failure, "description": "No such store or case, or none that this token reaches"},
    500: {"model": Failure, "description": "A fault of ours"},
    503: {"model": Failure, "description": "Not now; try again after `Retry-After` seconds"},
}
_TOO_LARGE: dict[int | str, dict[str, Any]] = {413: {"model": Failure, "description": "The body is over 1 MiB"}}
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Failure, "description": "The idempotency key was used with another body"}
}

router = APIRouter(prefix="/v2/core/stores/{storeId}/cases", tags=["Store API"], responses=_FAILURES)


def _split(values: Any) -> Any:
    """`status=OPEN,CLOSED` beside `status=OPEN&status=CLOSED` (CONTRACT §5.1)."""
    return [part for value in values for part in value.split(",")] if isinstance(values, list) else values


CaseId = Annotated[str, Path(alias="caseId", pattern=ID_PATTERN, examples=["case_01jt9x3f6n5m2k8q4w7z0b1c"])]
PageNumber = Annotated[int, Query(ge=1, le=LAST_PAGE)]
Limit = Annotated[int, Query(ge=1, le=100)]
Statuses = Annotated[list[Status], BeforeValidator(_split), Query(description="One status, or several with commas.")]
OtherId = Annotated[str | None, Query(pattern=ID_PATTERN)]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="idempotency-key", pattern=r"^[!-~]{8,32}$", description="Makes a repeat harmless for 24 hours."),
]


class Input(BaseModel):
    """Base of the bodies. A field that is not known is refused: who sends `internal: true` must not post in public."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=to_camel), strict=True, extra="forbid", frozen=True
    )


class UploadedFile(Input):
    """A file that was uploaded before (CONTRACT §5.4)."""

    attachment_id: Annotated[str, StringConstraints(pattern=ID_PATTERN)]
    filename: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    mime_type: Annotated[str, StringConstraints(max_length=127)]
    size_bytes: int = Field(ge=0)


class Reply(Input):
    """A message of the merchant."""

    body: Annotated[str, AfterValidator(tidy_body), StringConstraints(min_length=1, max_length=MESSAGE_CHARACTERS)] = (
        Field(description="Counted in Unicode code points after line ends became LF and outer white space was cut.")
    )
    attachments: list[UploadedFile] = Field(default=[], max_length=ATTACHMENTS_PER_MESSAGE)


class Update(Input):
    """A change of a case; at least one field."""

    status: Literal[Status.OPEN, Status.AWAITING_CUSTOMER, Status.CLOSED] | None = Field(
        None, description="AWAITING_MERCHANT is set by the system only."
    )
    priority: Priority | None = None


@router.get("/", include_in_schema=False)
@router.get("", summary="List cases", response_description="A page of cases")
def list_cases(
    behind: Behind,
    reader: Reader,
    page: PageNumber = 1,
    limit: Limit = 25,
    status: Statuses = [],  # noqa: B006 - FastAPI copies defaults
    priority: Priority | None = None,
    customer_id: Annotated[OtherId, Query(alias="customerId")] = None,
    order_id: Annotated[OtherId, Query(alias="orderId")] = None,
) -> Answer[Listing[CaseSummary]]:
    """Cases of the store, the newest message first."""
    query = CaseQuery(page, limit, tuple(dict.fromkeys(status)), priority, customer_id, order_id)
    return Answer(data=shapes.listing(behind.desk.cases(query, reader), shapes.case_summary))


@router.get("/{caseId}", summary="Get a case", response_description="The case")
def get_case(behind: Behind, reader: Reader, case_id: CaseId) -> Answer[CaseDetail]:
    """One case, with the status and the time of its order."""
    return Answer(data=shapes.case_detail(behind.desk.case(shapes.case_id(case_id), reader)))


@router.get("/{caseId}/messages", summary="List the messages of a case", response_description="A page of messages")
def list_messages(
    behind: Behind, reader: Reader, case_id: CaseId, page: PageNumber = 1, limit: Limit = 50
) -> Answer[Listing[MessageShape]]:
    """The conversation, oldest first. Of attachments only the description is given."""
    found = behind.desk.messages(shapes.case_id(case_id), reader, page=page, limit=limit)
    return Answer(data=shapes.listing(found, shapes.message))


@router.post(
    "/{caseId}/messages",
    summary="Answer the customer",
    response_description="The message",
    status_code=201,
    responses=_CONFLICT | _TOO_LARGE,
    openapi_extra=described(Reply, {"body": "Your parcel left today."}),
)
def send_message(
    behind: Behind,
    writer: Writer,
    case_id: CaseId,
    reply: Annotated[Reply, Depends(json_body(Reply))],
    idempotency_key: IdempotencyKey = None,
) -> Answer[MessageShape]:
    """Adds a message of the merchant, mails it to the customer, and makes it the customer's turn."""
    if reply.attachments:
        nowhere = "there is no upload with this id; leave `attachments` out to send the text alone"
        paths = (f"attachments.{place}.attachmentId" for place in range(len(reply.attachments)))
        raise Invalid(tuple(Problem(path, nowhere) for path in paths))
    case_id = shapes.case_id(case_id)
    key = None
    if idempotency_key is not None:
        request_hash = hashlib.sha256(reply.model_dump_json().encode()).hexdigest()
        key = Key(f"api:{writer.store_id}:{writer.id}:{case_id}", idempotency_key, request_hash, KEY_LIVES)
    posted = behind.desk.deliver_reply(case_id, writer, Draft(reply.body), key=key)
    return Answer(data=shapes.message(posted.messages[0]))


@router.patch(
    "/{caseId}",
    summary="Change status or priority",
    response_description="The case as it is now",
    responses=_TOO_LARGE,
    openapi_extra=described(Update, {"status": "CLOSED"}),
)
def update_case(
    behind: Behind, writer: Writer, case_id: CaseId, update: Annotated[Update, Depends(json_body(Update))]
) -> Answer[CaseDetail]:
    """Closes, reopens or hands over a case, or sets its priority. When one part is refused, nothing is changed."""
    if update.status is None and update.priority is None:
        raise Refused("Nothing to update")
    view = behind.desk.change_case(shapes.case_id(case_id), writer, status=update.status, priority=update.priority)
    return Answer(data=shapes.case_detail(view))


@router.post("/{caseId}/read", summary="Mark as read", response_description="The case, nothing unread")
def mark_read(behind: Behind, writer: Writer, case_id: CaseId) -> Answer[CaseDetail]:
    """Nothing is unread afterwards. Calling it again is harmless."""
    return Answer(data=shapes.case_detail(behind.desk.mark_read(shapes.case_id(case_id), writer)))
