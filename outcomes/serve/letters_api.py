"""`/v1/dead-letters` for programs: readers get counts, operators get rows and repair them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from ledger.audit.findings import ADMISSION
from ledger.diagnostics import logger
from ledger.log import Location
from outcomes.ingest.resubmitting import UNCHANGED_RULES
from outcomes.serve.access import Doors
from outcomes.serve.letters import LetterDesk, LetterQuery
from outcomes.serve.limits import read_body
from outcomes.serve.problems import Problem, problems
from outcomes.serve.tokens import Role

__all__ = ["EVENT_BYTES_MAX", "letters_router"]

EVENT_BYTES_MAX = 65_536
_NO_STORE = {"Cache-Control": "no-store"}
_REFUSED = problems({401: "No valid token.", 403: "The token has another role.",
                     503: "The log cannot be read now."})  # fmt: skip
_NONE = problems({404: "There is no dead letter.", 422: "A parameter is not valid."})
_REPAIRED = problems({
    405: "The log is an archive.",
    408: "The body came too slowly.",
    409: "The letter is repaired already.",
    413: "The body is too large.",
    415: "The body has a content encoding.",
    422: "The corrected event is at fault, or another's; or a parameter is not valid.",
})  # fmt: skip
_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The corrected event; nothing where only key or partition is wrong.",
        "required": False,
        "content": {"application/cloudevents+json": {"schema": {"type": "object"}}},
    }
}
_STATES = "^(open|repaired)$"
State = Annotated[str, Query(pattern=_STATES, description="`open` or `repaired`.")]
Rule = Annotated[str | None, Query(description="A rule of admission.")]
UnchangedRule = Annotated[str, Query(description=f"`{'` or `'.join(UNCHANGED_RULES)}`.")]
Page = Annotated[int, Query(ge=1, le=1_000_000, description="Of 50 letters each.")]
Partition = Annotated[int, Path(ge=0, le=999_999_999, description="Of the dead letter.")]
Offset = Annotated[int, Path(ge=0, le=10**18 - 1, description="Of the dead letter.")]
DryRun = Annotated[bool, Query(description="Say what would be appended; append nothing.")]


def letters_router(doors: Doors, desk: LetterDesk) -> APIRouter:
    """The routes of dead letters.

    Args:
        doors: Who may.
        desk: What does the work.
    """
    router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"])

    @router.get("", responses={**_REFUSED, **_NONE})
    async def list_letters(
        request: Request, state: State = "open", rule: Rule = None, page: Page = 1
    ) -> JSONResponse:
        """Dead letters by rule, open and repaired; operators get the letters as well."""
        caller = doors.admit(request, Role.READER)
        if rule is not None and rule not in ADMISSION:
            raise Problem(422, "there is no rule of admission of that name")
        letters = await desk.page(LetterQuery(state, rule, page))
        counts = {"open": letters.counts.open, "repaired": letters.counts.repaired}
        body: dict[str, Any] = {"schema": "ledger/dead-letters/v1", "counts": counts}
        if Role.OPERATOR in caller.roles:
            body |= {"page": page, "pages": letters.pages, "dead_letters": letters.rows}
            logger().info(
                "rows.shown", caller=caller.name, what="dead letters", rows=len(letters.rows)
            )
        return JSONResponse(body, headers=_NO_STORE)

    @router.get("/{partition}/{offset}", responses={**_REFUSED, **_NONE})
    async def show_letter(request: Request, partition: Partition, offset: Offset) -> JSONResponse:
        """One dead letter: what is wrong where, its bytes as printable text, its repair."""
        caller = doors.admit(request, Role.OPERATOR)
        letter = await desk.show(Location(partition, offset))
        logger().info("rows.shown", caller=caller.name, what="dead letter", rows=1)
        return JSONResponse(letter.row, headers=_NO_STORE)

    @router.post(
        "/{partition}/{offset}", responses={**_REFUSED, **_NONE, **_REPAIRED}, openapi_extra=_BODY
    )
    async def repair_letter(
        request: Request, partition: Partition, offset: Offset, *, dry_run: DryRun = False
    ) -> JSONResponse:
        """Append the corrected event of a dead letter; it keeps the letter's source and id."""
        caller = doors.admit(request, Role.OPERATOR, by_session=False)
        body = await read_body(request, EVENT_BYTES_MAX)
        row = await desk.repair(
            Location(partition, offset), body or None, dry_run=dry_run, caller=caller.name
        )
        return JSONResponse({"dry_run": dry_run, **row}, headers=_NO_STORE)

    @router.post("", responses={**_REFUSED, **_REPAIRED})
    async def repair_letters(
        request: Request, rule: UnchangedRule, *, dry_run: DryRun = False
    ) -> JSONResponse:
        """Repair the open letters of a rule that asks for no change; at most 1,000 at once."""
        caller = doors.admit(request, Role.OPERATOR, by_session=False)
        rows = await desk.repair_all(rule, dry_run=dry_run, caller=caller.name)
        body = {"schema": "ledger/resubmissions/v1", "dry_run": dry_run, "resubmissions": rows}
        return JSONResponse(body, headers=_NO_STORE)

    return router
