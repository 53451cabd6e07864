"""The fields of hooks: what a value must be like, in words for whoever sends another one."""

import base64
import binascii
import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from gateway.cases.model import ATTACHMENT_BYTES, MESSAGE_CHARACTERS, File, tidy_body
from gateway.mail import file_types, filenames

LARGEST_AMOUNT = 2**53 - 1  # what every JSON reader keeps exact


def one_line(value: str) -> str:
    """One line: control characters would be header fields of a mail, or move a terminal's cursor."""
    if any(not character.isprintable() for character in value):
        raise ValueError("must be one line without control characters")
    return value.strip()


def in_one_line(value: str) -> str:
    """The same of a text that may have been written in several."""
    return one_line(" ".join(value.split()))


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


def none_as_empty(value: object) -> object:
    """What may be left out may be null."""
    return "" if value is None else value


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{12,48}$")]
Line = Annotated[str, AfterValidator(one_line), StringConstraints(min_length=1, max_length=200)]
OptionalLine = Annotated[
    str, BeforeValidator(none_as_empty), AfterValidator(one_line), StringConstraints(max_length=200)
]
ShortLine = Annotated[str, AfterValidator(one_line), StringConstraints(max_length=64)]
Email = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
OrderNumber = Annotated[
    str,
    BeforeValidator(_text_of_number, json_schema_input_type=str | int),
    AfterValidator(one_line),
    StringConstraints(min_length=1, max_length=64),
]
Locale = Annotated[
    str,
    BeforeValidator(none_as_empty),
    StringConstraints(pattern=r"^([A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*)?$", max_length=35),
]
Amount = Annotated[int, Field(ge=0, le=LARGEST_AMOUNT, description="Minor units of the currency.")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Words = Annotated[str, AfterValidator(tidy_body), StringConstraints(min_length=1, max_length=MESSAGE_CHARACTERS)]


class Told(BaseModel):
    """Base of what the platform says. Fields that we do not know are skipped: hooks grow, receivers must not break."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=to_camel), strict=True, extra="ignore", frozen=True
    )


class ToldFile(Told):
    """A file with its bytes. Its declared type is not looked at: the bytes decide."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_filename)]
    mime_type: Annotated[str, StringConstraints(max_length=127)] = ""
    file: Annotated[
        File, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
    ] = Field(validation_alias="contentBase64")
