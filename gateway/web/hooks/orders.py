"""Events about orders: they keep an order fresh, and some are signals for its cases."""

from datetime import UTC
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import AwareDatetime, BeforeValidator, Field

from gateway.cases.escalation import CHARGEBACK
from gateway.cases.model import Actor, Door, Role
from gateway.shapes import Answer, Failure, Shape
from gateway.support import OrderEvent
from gateway.web.backend import Behind
from gateway.web.bodies import parse
from gateway.web.hooks.calls import FAILURES, Called, Event, answer, described, ignore
from gateway.web.hooks.values import Amount, Currency, Id, ShortLine, Told, none_as_empty

#: What an event makes of an order's status (CONTRACT §10). A dispute that is lost leaves it where it was.
STATUS = {
    "PAYMENT_COMPLETED": "COMPLETED",
    "PAYMENT_REFUNDED": "REFUNDED",
    "PAYMENT_DISPUTED": CHARGEBACK,
    "PAYMENT_DISPUTE_WON": "COMPLETED",
    "PAYMENT_DISPUTE_LOST": CHARGEBACK,
}
WARNING = "EARLY_FRAUD_WARNING"
PLATFORM = Actor(Role.SYSTEM, Door.HOOK)

router = APIRouter()


class PaidOrder(Told):
    """The order of an event. What is left out stays as it is; its status is told by the event."""

    id: Id
    store_id: Id | None = None
    amount: Amount | None = None
    currency: Currency | None = None


class ToldPayment(Told):
    """The data of a payment event."""

    store_id: Id | None = Field(None, description="Where it is given, an order of another store is refused.")
    order: PaidOrder


class PaymentEvent(Event):
    """A payment, a refund or a dispute."""

    event: Literal[
        "PAYMENT_COMPLETED", "PAYMENT_REFUNDED", "PAYMENT_DISPUTED", "PAYMENT_DISPUTE_WON", "PAYMENT_DISPUTE_LOST"
    ]
    timestamp: AwareDatetime
    data: ToldPayment


class ToldWarning(ToldPayment):
    """The data of an early fraud warning."""

    fraud_type: Annotated[ShortLine, BeforeValidator(none_as_empty)] = ""


class FraudWarningEvent(Event):
    """A bank takes a payment for fraud."""

    event: Literal["EARLY_FRAUD_WARNING"]
    timestamp: AwareDatetime
    data: ToldWarning


class Refreshed(Shape):
    """The order that the event was about. Events older than what is known of it change nothing."""

    order_id: str


_EXAMPLE = {
    "event": "PAYMENT_DISPUTED",
    "id": "evt_01jt9x3f6n5m2k8q4w7z0b1d",
    "timestamp": "2026-05-06T10:00:00.000Z",
    "data": {"order": {"id": "ord_01jt9x3f6n5m2k8q4w7z0b1c", "amount": 2499, "currency": "EUR"}},
}
_RESPONSES = FAILURES | {
    202: {"description": "An event that means nothing here, or about an order that no case is about"},
    409: {"model": Failure, "description": "The order is of another store, or the id was used for another event"},
}


EVENTS = (PaymentEvent, FraudWarningEvent)


@router.post(
    "/orders",
    summary="An event about an order",
    response_model=Answer[Refreshed],
    responses=_RESPONSES,
    openapi_extra=described(EVENTS, _EXAMPLE),
)
def receive_order_event(behind: Behind, call: Called) -> Response:
    """The order gets its current status and amount. A dispute or an early fraud warning calls support into its case."""
    name = call.event(behind)
    if name != WARNING and name not in STATUS:
        return ignore(name)
    event = _warning(call.body) if name == WARNING else _payment(call.body)
    if not behind.support.order_event(event, PLATFORM, key=call.key("orders")):
        return ignore(name, "no case is about this order")
    return answer(Refreshed(order_id=event.order_id), 200)


def _payment(body: bytes) -> OrderEvent:
    told = parse(PaymentEvent, body)
    order = told.data.order
    return OrderEvent(
        order.id,
        told.timestamp.astimezone(UTC),
        STATUS[told.event],
        order.amount,
        order.currency or "",
        store_id=told.data.store_id or order.store_id or "",
        disputed=told.event == "PAYMENT_DISPUTED",
    )


def _warning(body: bytes) -> OrderEvent:
    told = parse(FraudWarningEvent, body)
    data = told.data
    return OrderEvent(
        data.order.id,
        told.timestamp.astimezone(UTC),
        fraud_warning=data.fraud_type or "type not told",
        store_id=data.store_id or data.order.store_id or "",
    )
