"""What surrounds a fact: the CloudEvents 1.0 attributes the ledger reads (SPEC section 1).

Any other member, of any name and JSON type, is an extension attribute: kept in the log, ignored.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from schemas.events import Text
from schemas.moments import is_time
from schemas.patterns import MEDIA_TYPE, TIME, text_schema

__all__ = ["DEFAULT_MEDIA_TYPE", "REQUIRED", "SUBJECT", "TYPE_FORM", "Envelope"]

SUBJECT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
TYPE_FORM = re.compile(r"ledger\.([a-z]+\.[a-z]+)\.v([1-9][0-9]*)")
DEFAULT_MEDIA_TYPE = "application/json"
REQUIRED = ("specversion", "id", "source", "type", "subject", "time", "data")
"""The attributes that every event has."""

_MEDIA_CHARACTER = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_JSON_MEDIA_TYPE = re.compile(
    rf"{_MEDIA_CHARACTER}+/(?:json|{_MEDIA_CHARACTER}*\+json)(?:[ \t]*;.*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)


def _is_time(text: str) -> str:
    if not is_time(text):
        raise PydanticCustomError("rfc3339_time", "an RFC 3339 time with T, an offset or Z")
    return text


def _is_json_media_type(value: object) -> str:
    if isinstance(value, str) and _JSON_MEDIA_TYPE.fullmatch(value):
        return value
    raise PydanticCustomError("json_media_type", "a media type of JSON")


def _never(_: object) -> None:
    raise PydanticCustomError(
        "data_base64", "data_base64 is not supported; put the object into data"
    )


class Envelope(BaseModel):
    """A CloudEvent in structured mode; of `type`, `subject` and `data` only the JSON type.

    Attributes:
        id: Names the event among those of its source.
        source: Names the system that states it.
        time: When the fact was stated, as text with an offset.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: str
    subject: str
    time: Annotated[
        str,
        AfterValidator(_is_time),
        WithJsonSchema(text_schema(TIME, format="date-time")),
    ]
    data: dict[str, Any]
    datacontenttype: Annotated[
        str,
        PlainValidator(_is_json_media_type),
        WithJsonSchema(text_schema(MEDIA_TYPE)),
    ] = DEFAULT_MEDIA_TYPE
    data_base64: Annotated[None, PlainValidator(_never), WithJsonSchema({"not": {}})] = None
