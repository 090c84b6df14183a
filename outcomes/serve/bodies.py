"""The events of a request, each as the bytes that were sent (CloudEvents 1.0, HTTP binding).

In structured mode the body is the event, in batched mode each item of the array is, as a slice of
the body. In binary mode the event is put together here: the attributes are in headers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import orjson

from ledger.errors import BadInputError
from outcomes.ingest.array_items import ArraySplitter
from outcomes.serve.problems import Problem
from schemas.rules import VALUE_BYTES_MAX

__all__ = ["BATCH", "EVENTS_MAX", "STRUCTURED", "MediaType", "media_type_of", "split_body"]

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EVENTS_MAX = 1_000
_JSON = re.compile(r"application/json|[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.-]+\+json")
_BLANK = b" \t\r\n"
_UTF_8 = ("utf-8", "utf8")
_ATTRIBUTE = re.compile("[a-z0-9]{1,20}")
_PREFIX = "ce-"
_NOT_IN_HEADERS = frozenset({"data", "datacontenttype", "data_base64"})


class MediaType(NamedTuple):
    """A media type without its parameters, in lower case, and its charset."""

    name: str
    charset: str


def media_type_of(header: str) -> MediaType:
    """Read a `Content-Type`; the charset is UTF-8 where none is named.

    >>> media_type_of('application/CloudEvents+json; charset="UTF-8"')
    MediaType(name='application/cloudevents+json', charset='utf-8')
    """
    name, *parameters = header.split(";")
    charset = "utf-8"
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return MediaType(name.strip().lower(), charset)


def split_body(headers: Sequence[tuple[str, str]], body: bytes) -> list[bytes]:
    """The events of a request.

    Args:
        headers: Names in lower case, as they were sent.
        body: All of it.

    Raises:
        Problem: 400 if the body or the headers are no events, 413 if there are too many, 415 for
            another media type.
    """
    kind = media_type_of(dict(headers).get("content-type", ""))
    if kind.charset not in _UTF_8:
        raise Problem(415, "events are JSON in UTF-8")
    if kind.name == STRUCTURED:
        return [body]
    if kind.name == BATCH:
        return _items(body)
    attributes = [(name[3:], value) for name, value in headers if name.startswith(_PREFIX)]
    if attributes and _JSON.fullmatch(kind.name):
        return [_binary(attributes, kind, body)]
    raise Problem(
        415,
        f"send {STRUCTURED}, {BATCH}, or a JSON media type with the attributes in ce- headers",
        headers={"Accept-Post": f"{STRUCTURED}, {BATCH}, application/json"},
    )


def _items(body: bytes) -> list[bytes]:
    if not body.lstrip(_BLANK).startswith(b"["):
        raise Problem(400, "a batch is a JSON array of events")
    splitter = ArraySplitter("the batch", VALUE_BYTES_MAX)
    items = list[bytes]()
    try:
        for item in splitter.split(body):
            if len(items) == EVENTS_MAX:
                raise Problem(413, f"a batch has at most {EVENTS_MAX:,} events")
            items.append(item.text)
        items.extend(item.text for item in splitter.split(b""))
    except BadInputError as error:
        raise Problem(400, str(error)) from error
    return items


def _binary(attributes: Sequence[tuple[str, str]], kind: MediaType, body: bytes) -> bytes:
    members = dict[str, str]()
    for name, value in attributes:
        if not _ATTRIBUTE.fullmatch(name) or name in _NOT_IN_HEADERS:
            raise Problem(400, "a ce- header does not name an attribute of a CloudEvent")
        if name in members:
            raise Problem(400, f"the header ce-{name} is sent twice")
        members[name] = _decoded(name, value)
    members["datacontenttype"] = kind.name
    # The data stay as they were sent, whatever JSON they are.
    return orjson.dumps(members)[:-1] + b',"data":' + (body.strip(_BLANK) or b"null") + b"}"


def _decoded(name: str, value: str) -> str:
    text = value.removeprefix('"').removesuffix('"') if value[:1] == '"' else value
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeError as error:
        raise Problem(400, f"the header ce-{name} is not percent-encoded UTF-8") from error


def header_pairs(raw: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """The headers of an ASGI request as text."""
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]


def retracted_source(members: Mapping[str, object]) -> str | None:
    """The source of the event that a retraction names; None for any other event."""
    data = members.get("data")
    named = data.get("retracts") if isinstance(data, dict) else None
    source = named.get("source") if isinstance(named, dict) else None
    return source if isinstance(source, str) else None
