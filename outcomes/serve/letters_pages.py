"""Dead letters as pages: a list by rule, one letter, and the forms that repair them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from ledger.audit.findings import ADMISSION
from ledger.diagnostics import logger
from ledger.log import Location
from outcomes.ingest.resubmitting import UNCHANGED_RULES
from outcomes.serve.access import Caller
from outcomes.serve.letters import Letter, LetterDesk, LetterQuery
from outcomes.serve.letters_api import EVENT_BYTES_MAX, Offset, Partition
from outcomes.serve.pages import Pages, chosen_language, number_within, read_form
from outcomes.serve.problems import Problem
from outcomes.serve.tokens import Role

__all__ = ["letter_pages_router"]

_PATH = "/dead-letters"
# A text in a form has each of its bytes percent-encoded at worst.
_FORM_BYTES_MAX = 3 * EVENT_BYTES_MAX + 4_096
_PAGES_MAX = 1_000_000
_STATES = ("open", "repaired")


class _LetterPages:
    """What the routes share."""

    def __init__(self, pages: Pages, desk: LetterDesk) -> None:
        self.pages = pages
        self.desk = desk

    async def listing(
        self,
        request: Request,
        caller: Caller,
        *,
        tried: list[dict[str, str]] | None = None,
        tried_rule: str = "",
        is_dry_run: bool = False,
    ) -> Response:
        """The list; below the counts what a form has tried, if there was one."""
        query = _query(request)
        letters = await self.desk.page(query)
        is_operator = Role.OPERATOR in caller.roles
        if is_operator:
            rows = len(letters.rows)
            logger().info("rows.shown", caller=caller.name, what="dead letters", rows=rows)
        address = _address(_PATH, request)
        return self.pages.answer(
            request,
            "letters.html",
            here=_PATH,
            address=address,
            page_link=lambda page: address(state=query.state, rule=query.rule, page=page),
            state=query.state,
            chosen=query.rule,
            counts=letters.counts,
            rows=letters.rows if is_operator and tried is None else [],
            page=query.page,
            pages=letters.pages,
            is_operator=is_operator,
            is_sealed=self.desk.is_sealed,
            unchanged=UNCHANGED_RULES,
            tried=tried,
            tried_rule=tried_rule,
            is_dry_run=is_dry_run,
        )

    async def letter(
        self,
        request: Request,
        caller: Caller,
        place: Location,
        **more: Any,  # noqa: ANN401
    ) -> Response:
        """One letter, with the form that repairs it."""
        letter: Letter = await self.desk.show(place)
        logger().info("rows.shown", caller=caller.name, what="dead letter", rows=1)
        path = f"{_PATH}/{place.partition}/{place.offset}"
        names = {"problem": "", "is_fine": False, "text": letter.text or ""} | more
        return self.pages.answer(
            request,
            "letter.html",
            here=path,
            status=422 if names["problem"] else 200,
            letters=_address(_PATH, request)(),
            action=_address(path, request)(),
            place=f"{place.partition}:{place.offset}",
            row=letter.row,
            needs_text=letter.needs_text,
            is_sealed=self.desk.is_sealed,
            **names,
        )


def letter_pages_router(pages: Pages, desk: LetterDesk) -> APIRouter:
    """The routes; they are no part of the API's description."""
    router = APIRouter(include_in_schema=False)
    shared = _LetterPages(pages, desk)

    @router.get(_PATH)
    async def list_letters(request: Request) -> Response:
        caller = pages.visitor(request, Role.READER)
        return caller if isinstance(caller, Response) else await shared.listing(request, caller)

    @router.post(_PATH)
    async def repair_letters(request: Request) -> Response:
        form = await read_form(request)
        caller = pages.form_sender(request, form)
        rule, dry_run = form.get("rule", ""), form.get("action") != "append"
        rows = await desk.repair_all(rule, dry_run=dry_run, caller=caller.name)
        return await shared.listing(
            request, caller, tried=rows, is_dry_run=dry_run, tried_rule=rule
        )

    @router.get(_PATH + "/{partition}/{offset}")
    async def show_letter(request: Request, partition: Partition, offset: Offset) -> Response:
        caller = pages.visitor(request, Role.OPERATOR)
        if isinstance(caller, Response):
            return caller
        return await shared.letter(request, caller, Location(partition, offset))

    @router.post(_PATH + "/{partition}/{offset}")
    async def repair_letter(request: Request, partition: Partition, offset: Offset) -> Response:
        form = await read_form(request, _FORM_BYTES_MAX)
        caller = pages.form_sender(request, form)
        place, dry_run = Location(partition, offset), form.get("action") != "append"
        text = form.get("event")
        corrected = None if text is None else text.strip().encode()
        try:
            await desk.repair(place, corrected, dry_run=dry_run, caller=caller.name)
        except Problem as problem:
            if problem.status not in (409, 422):
                raise
            return await shared.letter(
                request, caller, place, problem=problem.detail, **_typed(text)
            )
        if dry_run:
            return await shared.letter(request, caller, place, is_fine=True, **_typed(text))
        return RedirectResponse(_address(request.url.path, request)(), 303)

    return router


def _typed(text: str | None) -> dict[str, str]:
    """What a person has written stays in the form."""
    return {} if text is None else {"text": text}


def _query(request: Request) -> LetterQuery:
    state = request.query_params.get("state", "open")
    rule = request.query_params.get("rule") or None
    page = number_within(request.query_params.get("page", "1"), 1, _PAGES_MAX)
    if state not in _STATES or rule not in (None, *ADMISSION) or page is None:
        raise Problem(404, "there is no such list of dead letters")
    return LetterQuery(state, rule, page)


def _address(path: str, request: Request) -> Callable[..., str]:
    """A function that gives an address below a path, in the language that was chosen."""
    language = chosen_language(request)

    def address(**members: object) -> str:
        named = {name: value for name, value in members.items() if value is not None}
        named |= language
        return f"{path}?{urlencode(named)}" if named else path

    return address
