"""`/v1/explain` and the page `/explain`: why a figure is what it is.

Readers get counts by reason, operators the students as well. One student is asked for by POST, so
that no pseudonym is in an address; such answers are never stored, and each is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.audit.explain import ExplainQuery
from ledger.diagnostics import logger
from ledger.errors import UsageError
from ledger.log import Cut, format_cut, parse_cut
from outcomes.presentation.languages import Language
from outcomes.presentation.reasons import reason_words
from outcomes.presentation.words import group_words, measure_words, type_words
from outcomes.serve.access import Caller
from outcomes.serve.explaining import Explained, Explainer, is_cell
from outcomes.serve.figures import FiguresKey, LiveHub
from outcomes.serve.limits import read_body
from outcomes.serve.pages import Pages, chosen_language, language_for, read_form
from outcomes.serve.problems import Problem, problems
from outcomes.serve.read_api import read_live
from outcomes.serve.tokens import Role
from projections.candidates import Reason
from projections.explanations import Explanation
from schemas.envelope import SUBJECT

__all__ = ["explain_router"]

_PATH = "/explain"
_NO_STORE = {"Cache-Control": "no-store"}
_PAGES_MAX = 1_000_000
_TEXT_MAX = 200
_BODY_BYTES_MAX = 8_192
_REFUSED = problems({
    401: "No valid token.",
    403: "The token has another role.",
    404: "There is no such figure, policy or cut.",
    422: "A parameter is not valid.",
    503: "There are no figures yet, the log cannot be read, or it is too long.",
})  # fmt: skip
_BODY_REFUSED = problems({
    400: "The connection was closed inside the body.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body has a content encoding.",
})  # fmt: skip


class FigureRequest(BaseModel):
    """The figure that is opened.

    Attributes:
        year: The reference year.
        measure: A count or a rate.
        group: One by which it is shown.
        policy: The id of a policy that is kept live; the default one where null.
        rows: Which of them operators get: `counted`, `near` for those that do not count, or `all`.
        cut: How far the log is read, at most to that of the live figures; to that where null.
        page: Of the rows, 100 each.
    """

    year: Annotated[int, Field(ge=1900, le=2199)]
    measure: Annotated[str, Field(max_length=_TEXT_MAX)]
    group: Annotated[str, Field(max_length=_TEXT_MAX)] = "all"
    policy: Annotated[str | None, Field(max_length=_TEXT_MAX)] = None
    rows: Literal["all", "counted", "near"] = "all"
    cut: str | None = None
    page: Annotated[int, Field(ge=1, le=_PAGES_MAX)] = 1


class StudentRequest(FigureRequest):
    """The share of one student in a figure.

    Attributes:
        student: A pseudonym.
    """

    model_config = ConfigDict(extra="forbid")

    student: str


class _Explaining:
    """What the routes share."""

    def __init__(self, hub: LiveHub, explainer: Explainer) -> None:
        self.hub = hub
        self.explainer = explainer

    async def explain(
        self, figure: FigureRequest, caller: Caller, student: str | None = None
    ) -> Explained:
        """Open a figure at the cut of the live figures, or at the one that is named."""
        policy_id = figure.policy or next(iter(self.hub.policies))
        policy = self.hub.policies.get(policy_id)
        if policy is None or not is_cell(figure.measure, figure.group, policy):
            raise Problem(404, "there is no such figure")
        if student is not None and not SUBJECT.fullmatch(student):
            raise Problem(422, "the student is not a pseudonym")
        live = await read_live(self.hub, FiguresKey(policy_id, figure.year))
        cut = live.report.cut if figure.cut is None else _named_cut(figure.cut, live.report.cut)
        cell = (figure.year, figure.measure, figure.group)
        explained = await self.explainer.explain(
            ExplainQuery(cut, policy, *cell, student), figure.rows, figure.page
        )
        if Role.OPERATOR in caller.roles:
            what = f"{figure.measure} {figure.year} {figure.group} {policy_id}"
            rows = len(explained.rows)
            logger().info("rows.shown", caller=caller.name, what=what, rows=rows)
        return explained


_STUDENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": StudentRequest.model_json_schema()}},
    }
}


def explain_router(pages: Pages, hub: LiveHub, explainer: Explainer) -> APIRouter:
    """The routes that open figures.

    Args:
        pages: For people.
        hub: Where figures come from.
        explainer: What reads the log.
    """
    router = APIRouter()
    shared = _Explaining(hub, explainer)

    @router.get("/v1/explain", tags=["figures"], responses=_REFUSED)
    async def explain(request: Request, figure: Annotated[FigureRequest, Query()]) -> JSONResponse:
        """Why a figure is what it is: counts by reason, and for operators the rows behind it."""
        caller = pages.doors.admit(request, Role.READER)
        explained = await shared.explain(figure, caller)
        has_rows = Role.OPERATOR in caller.roles
        return JSONResponse(_body(explained, figure, has_rows=has_rows), headers=_NO_STORE)

    @router.post(
        "/v1/explain",
        tags=["figures"],
        responses={**_REFUSED, **_BODY_REFUSED},
        openapi_extra=_STUDENT,
    )
    async def explain_student(request: Request) -> JSONResponse:
        """The share of one student in a figure; the pseudonym is in the body alone."""
        caller = pages.doors.admit(request, Role.OPERATOR, by_session=False)
        body = await read_body(request, _BODY_BYTES_MAX)
        try:
            figure = StudentRequest.model_validate_json(body)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            raise Problem(422, f"the body is no request for a student: {fault['msg']}") from error
        explained = await shared.explain(figure, caller, figure.student)
        return JSONResponse(_body(explained, figure, has_rows=True), headers=_NO_STORE)

    @router.get(_PATH, include_in_schema=False)
    async def explain_page(request: Request) -> Response:
        caller = pages.visitor(request, Role.READER)
        if isinstance(caller, Response):
            return caller
        figure = _figure_of(request.query_params)
        explained = await shared.explain(figure, caller)
        return _answer(pages, request, explained, figure, caller)

    @router.post(_PATH, include_in_schema=False)
    async def explain_student_page(request: Request) -> Response:
        form = await read_form(request)
        caller = pages.form_sender(request, form)
        figure, student = _figure_of(form), form.get("student", "").strip()
        explained = await shared.explain(figure, caller, student)
        return _answer(pages, request, explained, figure, caller)

    return router


def _named_cut(text: str, live: Cut) -> Cut:
    """A cut that a page has named before; no further than the live figures."""
    try:
        named = parse_cut(text)
    except UsageError as error:
        raise Problem(404, "there is no such cut") from error
    if named.keys() != live.keys() or any(named[partition] > live[partition] for partition in live):
        raise Problem(404, "there is no such cut")
    return named


def _body(explained: Explained, figure: FigureRequest, *, has_rows: bool) -> dict[str, Any]:
    body = explained.as_json()
    if has_rows:
        body |= {"page": figure.page, "pages": explained.pages, "rows": explained.rows_as_json()}
    return body


def _figure_of(fields: Mapping[str, str]) -> FigureRequest:
    """The figure that an address or a form names; its counted rows unless others are wanted."""
    named = {name: text for name, text in fields.items() if text}
    try:
        return FigureRequest.model_validate({"rows": "counted"} | named)
    except ValidationError as error:
        raise Problem(404, "there is no such figure") from error


def _answer(
    pages: Pages, request: Request, explained: Explained, figure: FigureRequest, caller: Caller
) -> Response:
    query, language = explained.query, language_for(request)
    members: dict[str, object] = {
        "year": query.year, "measure": query.measure, "group": query.group,
        "policy": query.policy.id, "cut": format_cut(query.cut),
    }  # fmt: skip
    suffix = chosen_language(request)
    is_operator = Role.OPERATOR in caller.roles
    return pages.answer(
        request,
        "explain.html",
        here=_PATH,
        title=_title(query, language),
        figure=_figure_text(explained, language),
        parts=list(_parts(explained, language)),
        rows=[_row(row[1], language) for row in explained.rows] if is_operator else [],
        is_operator=is_operator,
        is_rate=len(query.parts()) > 1,
        student=query.subject,
        unclaimed=explained.totals.unclaimed,
        members=members,
        action=f"{_PATH}?{urlencode(suffix)}" if suffix else _PATH,
        whole=f"{_PATH}?{urlencode(members | suffix)}",
        near=f"{_PATH}?{urlencode({**members, **suffix, 'rows': 'near'})}",
        is_near=figure.rows == "near",
        counted=language.number(sum(explained.totals.counted.values())),
        not_counted=language.number(sum(explained.totals.reasons.values())),
        page=figure.page,
        pages=explained.pages,
        page_link=lambda number: (
            f"{_PATH}?{urlencode({**members, **suffix, 'rows': figure.rows, 'page': number})}"
        ),
    )


def _title(query: ExplainQuery, language: Language) -> str:
    name = f"{measure_words(query.measure, language)} {query.year}"
    return name if query.group == "all" else f"{name} · {group_words(query.group, language)}"


def _figure_text(explained: Explained, language: Language) -> str:
    figures = explained.totals.figures(explained.query)
    if isinstance(figures, int):
        return language.number(figures)
    numerator, denominator = figures["numerator"], figures["denominator"]
    counts = f"{language.number(numerator)}/{language.number(denominator)}"
    return f"{language.percent(numerator, denominator)}, {counts}"


def _parts(explained: Explained, language: Language) -> Any:  # noqa: ANN401 - rows of the template
    """Of each count: its name, how many count, and how many do not for which reason."""
    totals = explained.totals
    for part in explained.query.parts():
        name = measure_words(part.measure, language)
        reasons = sorted(
            ((count, reason) for (each, reason), count in totals.reasons.items() if each == part),
            key=lambda row: (-row[0], row[1]),
        )
        listed = [
            (reason_words(reason, language), reason == Reason.QUARANTINED, language.number(count))
            for count, reason in reasons
        ]
        sign = "− " if part.sign < 0 else ""
        yield f"{sign}{name}", language.number(totals.counted[part]), listed


def _row(explanation: Explanation, language: Language) -> dict[str, Any]:
    first = explanation.events[0]
    reason = explanation.reason
    return {
        "student": explanation.subject,
        "place": first,
        "type": type_words(first.type),
        "source": first.source,
        "counts": explanation.is_counted,
        "reason": "" if reason is None else reason_words(reason.value, language),
        "rule": explanation.rule,
        "cause": explanation.cause,
        "measure": measure_words(explanation.measure, language),
    }
