"""What the words of a store may tell: plain texts, numbers and lists, from one table; and invented ones to try with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast

from gateway.cases.notices import Template
from gateway.locales import Catalogues
from gateway.rendering import ShownMessage, sample


class Plain(StrEnum):
    """What can be written as it is."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "yes or no"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, every item of the same shape."""

    items: "Shape"


@dataclass(frozen=True, slots=True)
class Record:
    """Something with named values of its own."""

    fields: Mapping[str, "Value"]


Shape = Plain | ListOf | Record


@dataclass(frozen=True, slots=True)
class Value:
    """One thing that may be told. meaning: for the documentation, without a full stop."""

    shape: Shape
    meaning: str


_MESSAGE: Final = Record(
    {
        "author": Value(Plain.TEXT, "our name for who wrote it, empty for somebody whom we do not know"),
        "body": Value(Plain.TEXT, "its words"),
        "sent_at": Value(Plain.TEXT, "when, as the mail writes dates"),
        "files": Value(ListOf(Plain.TEXT), "the names of its files"),
    }
)

#: Every value, by its name in a template.
VALUES: Final[Mapping[str, Value]] = {
    "reader": Value(Plain.TEXT, "who reads the mail: `CUSTOMER` or `MERCHANT`"),
    "reader_name": Value(Plain.TEXT, "the reader's name, empty when we have none"),
    "language": Value(Plain.TEXT, "the language of our own words in this mail, such as `en` or `de`"),
    "store": Value(Plain.TEXT, "the name of the store"),
    "customer": Value(Plain.TEXT, "the name of the customer, or words such as `customer of order 1042`"),
    "customer_first_name": Value(Plain.TEXT, "the first name of the customer, empty when we have none"),
    "support": Value(Plain.TEXT, "the name of the platform's support"),
    "subject": Value(Plain.TEXT, "the subject of the case, as the customer wrote it"),
    "order_number": Value(Plain.TEXT, "the number of the order"),
    "order_amount": Value(Plain.TEXT, "what the order cost, with its currency"),
    "order_status": Value(Plain.TEXT, "the state of the order as the platform names it, such as `COMPLETED`"),
    "author": Value(Plain.TEXT, "who wrote the first new message, empty when nobody did or we do not know him"),
    "messages": Value(ListOf(_MESSAGE), "the new messages, oldest first; the mail shows them below your words anyway"),
    "closed_by": Value(
        Plain.TEXT, "who closed the case: `CUSTOMER`, `MERCHANT`, `SUPPORT`, `SYSTEM` when it was silent, or empty"
    ),
    "closes_at": Value(Plain.TEXT, "when a silent case closes, as the mail writes dates; empty in all other mails"),
}

#: What a store may tell where it answers by itself.
AUTO_REPLY: Final[Mapping[str, Value]] = {
    **{name: VALUES[name] for name in ("language", "store", "customer_first_name", "order_number")},
    "business_hours": Value(
        Plain.TEXT, "when the store is open, such as `Mon–Fri 09:00–17:00 CET`; empty when it does not say"
    ),
    "opens_at": Value(
        Plain.TEXT, "when it is open next, as the mail writes dates; empty while it is open, and when it does not say"
    ),
}

#: What `loop` tells inside a `for`.
LOOP: Final = Record(
    {
        "index": Value(Plain.NUMBER, "1 for the first item, 2 for the second…"),
        "first": Value(Plain.TRUTH, "whether it is the first item"),
        "last": Value(Plain.TRUTH, "whether it is the last item"),
        "length": Value(Plain.NUMBER, "how many items there are"),
    }
)

#: Who reads a mail that can have words of a store. Support's mails never have any (HARDENING rule 10).
READERS: Final[Mapping[Template, tuple[str, ...]]] = {
    Template.CASE_OPENED_MERCHANT: ("MERCHANT",),
    Template.CASE_OPENED_CUSTOMER: ("CUSTOMER",),
    Template.MESSAGE_TO_CUSTOMER: ("CUSTOMER",),
    Template.MESSAGE_TO_MERCHANT: ("MERCHANT",),
    Template.CLOSING_SOON: ("CUSTOMER",),
    Template.CASE_CLOSED: ("CUSTOMER",),
    Template.CASE_REOPENED: ("CUSTOMER", "MERCHANT"),
}
_HOSTILE = "\"'><script>alert(1)</script>{{ 7*7 }}{% include 'x' %}\r\nBcc: eve@example.org\u202e&amp;<b style=x>"
_CLOSERS = ("CUSTOMER", "MERCHANT", "SUPPORT", "SYSTEM")
_FULL_BODY = "How do I send it back? " * 173  # just below what a message may have


def values(context: Mapping[str, object]) -> dict[str, Any]:
    """What a store's words are told. context: what the built-in template of the same mail is told."""
    told = {name: context[name] for name in VALUES if name not in ("subject", "messages")}
    shown = cast("list[ShownMessage]", context["new"])
    return told | {
        "subject": context["case_subject"],
        "messages": [
            {"author": m.author, "body": m.body, "sent_at": m.sent_at, "files": [file.name for file in m.files]}
            for m in shown
            if not m.trail
        ],
    }


def tries(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Invented values for each reader of a mail, by what is particular about them."""
    for reader in READERS[template]:
        ordinary = values(sample(reader)) | _particulars(template)
        yield f"for the {reader.lower()}", ordinary
        yield f"for a {reader.lower()} without a name", ordinary | {"reader_name": "", "customer_first_name": ""}
        yield f"for the {reader.lower()}, without messages", ordinary | {"messages": [], "author": ""}
        yield f"for a {reader.lower()} with odd names", ordinary | _hostile(ordinary)
        yield f"for the {reader.lower()}, with long messages", ordinary | {"messages": [_full(_FULL_BODY)] * 5}
        for language in Catalogues().languages:
            yield f"for the {reader.lower()}, in {language}", ordinary | {"language": language}
        if template is Template.CASE_CLOSED:
            for closer in _CLOSERS:
                yield f"closed by {closer}", ordinary | {"closed_by": closer}


def auto_reply_tries() -> Iterator[tuple[str, dict[str, Any]]]:
    """Invented values for an answer of a store by itself, by what is particular about them."""
    hours = {"business_hours": "Mon–Fri 09:00–17:00 CET", "opens_at": "16 Nov 2026, 09:00 CET"}
    ordinary = {name: value for name, value in (sample("CUSTOMER") | hours).items() if name in AUTO_REPLY}
    yield "for the customer", ordinary
    yield "for a customer without a name", ordinary | {"customer_first_name": ""}
    yield "while the store is open", ordinary | {"opens_at": ""}
    yield "for a store without business hours", ordinary | dict.fromkeys(hours, "")
    yield "for a customer with odd names", ordinary | {"customer_first_name": _HOSTILE, "order_number": _HOSTILE}
    for language in Catalogues().languages:
        yield f"in {language}", ordinary | {"language": language}


def _particulars(template: Template) -> dict[str, Any]:
    """What is only told in some mails is empty in the others."""
    told: dict[str, Any] = {}
    if template is not Template.CLOSING_SOON:
        told["closes_at"] = ""
    if template is not Template.CASE_CLOSED:
        told["closed_by"] = ""
    return told


def _hostile(ordinary: Mapping[str, Any]) -> dict[str, Any]:
    """Names and words of somebody who wants to break the mail. What we write ourselves stays."""
    strangers = ("reader_name", "customer", "customer_first_name", "subject", "order_number", "order_status", "author")
    return dict.fromkeys(strangers, _HOSTILE) | {
        "messages": [message | {"body": _HOSTILE, "files": [_HOSTILE]} for message in ordinary["messages"]]
    }


def _full(body: str) -> dict[str, Any]:
    return {"author": "Mia Jensen", "body": body, "sent_at": "14 Nov 2026", "files": [f"{n}.pdf" for n in range(5)]}
