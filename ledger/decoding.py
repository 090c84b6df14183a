"""Documents of our own read back: what is none is one line that names the member at fault."""

from __future__ import annotations

from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from ledger.errors import BadInputError

__all__ = ["decode_document", "fault_of"]

Model = TypeVar("Model", bound=BaseModel)


def decode_document(model: type[Model], data: bytes, what: str, place: str) -> Model:
    """Read a document.

    Args:
        model: Its members.
        data: Its bytes.
        what: What it should be, such as `the provenance of a publication`.
        place: Where it comes from, for a person.

    Raises:
        BadInputError: If it is none.
    """
    try:
        # Pydantic would read larger integers, which nothing here could write again.
        return model.model_validate(orjson.loads(data))
    except orjson.JSONDecodeError as error:
        raise BadInputError(f"{place}: not {what}: not JSON ({error})") from error
    except ValidationError as error:
        raise BadInputError(f"{place}: not {what}{fault_of(error)}") from error


def fault_of(error: ValidationError) -> str:
    """The first fault and where it is, to be added to a sentence."""
    fault = error.errors(include_url=False, include_input=False)[0]
    pointer = "".join(f"/{step}" for step in fault["loc"])
    return f"{pointer and f' at {pointer}'}: {fault['msg']}"
