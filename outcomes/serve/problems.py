"""Problem details for HTTP (RFC 9457): what is wrong, for the program that sent it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

__all__ = ["MEDIA_TYPE", "Problem", "problems"]

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the RFC's word
    """An answer other than what was asked for.

    Attributes:
        status: The HTTP status.
        detail: One sentence for a person, without a pseudonym or what the client sent.
        members: More members, such as `faults`.
        headers: Of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,  # noqa: ANN401 - any JSON value
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """The answer."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        headers = {"Cache-Control": "no-store", **self.headers}
        return JSONResponse(body, self.status, headers, media_type=MEDIA_TYPE)


def problems(descriptions: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Answers that are problems, by status, as a route documents them."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, description in descriptions.items()
    }
