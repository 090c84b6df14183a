"""The pages for people: the live page, signing in and out, and their files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ledger.clock import now_ms
from ledger.errors import LedgerError, NoFiguresError
from ledger.report.words import SMALL_GROUP
from outcomes.presentation.fault_words import fault_words
from outcomes.presentation.languages import Language, language_of, languages, negotiate
from outcomes.presentation.words import DEFINITION, DISCLAIMER, _
from outcomes.serve.access import COOKIE, SESSION_SECONDS, Caller, Doors
from outcomes.serve.figures import FiguresKey, LiveHub
from outcomes.serve.health import Health
from outcomes.serve.limits import read_body
from outcomes.serve.page_view import PageView
from outcomes.serve.problems import Problem
from outcomes.serve.tokens import Role
from processors.live_report import LiveReport
from schemas.moments import utc_text

__all__ = ["Pages", "pages_router"]

_FOLDER = Path(__file__).parent
_FILES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FORM = "application/x-www-form-urlencoded"
_FORM_BYTES_MAX = 65_536
_FIELDS_MAX = 20
_CACHED = 32
_TOO_LONG_HEAD = _("The log is too long for a page")
_TOO_LONG = _(
    "A page reads the log for a few seconds only. On the machine of the server, with the same"
    " OUTCOMES_LOG, this command does it:"
)
_YEARS_BACK = 8
_CSRF = "csrf-of-the-session"
_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"}


class Pages:
    """Renders pages; the same figures in the same language are rendered once."""

    def __init__(self, doors: Doors, hub: LiveHub, *, is_made_up: bool, is_secure: bool) -> None:
        """Say what the pages are about.

        Args:
            doors: Who may.
            hub: Where figures come from.
            is_made_up: Whether the school is synthetic.
            is_secure: Whether browsers reach the server by TLS alone.
        """
        self.doors = doors
        self.hub = hub
        self.is_secure = is_secure
        self._is_made_up = is_made_up
        self._cache: OrderedDict[object, str] = OrderedDict()
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def visitor(self, request: Request, role: Role) -> Caller | Response:
        """Who looks at a page; where nobody has signed in, the way to do so.

        Raises:
            Problem: 403 for somebody with another role.
        """
        caller = self.doors.caller(request)
        if caller is None:
            return RedirectResponse("/login", 303, headers=_HEADERS)
        if role not in caller.roles:
            raise Problem(403, f"this needs a token with the role {role}")
        return caller

    def form_sender(self, request: Request, form: Mapping[str, str]) -> Caller:
        """The operator who has sent a form of ours.

        Raises:
            Problem: 401 or 403 if it is somebody else, or not our form.
        """
        caller = self.doors.admit(request, Role.OPERATOR)
        self.doors.refuse_foreign_form(request, form.get("csrf", ""))
        return caller

    def answer(
        self,
        request: Request,
        template: str,
        *,
        here: str,
        status: int = 200,
        **names: Any,  # noqa: ANN401
    ) -> Response:
        """A page in the language of a request, with the ways to the others.

        Args:
            request: The request.
            template: Of the page.
            here: The path of the page.
            status: Of the answer.
            names: For the template.
        """
        language, session = language_for(request), self.doors.session(request)
        suffix = _suffix(request)
        others = [
            (language_of(code), f"{here}?{urlencode({**request.query_params, 'lang': code})}")
            for code in languages()
            if code != language.code and request.method == "GET"
        ]
        shared = {
            "home": f"/{suffix}",
            "letters": f"/dead-letters{suffix}",
            "lang_suffix": suffix,
            "languages": others,
            "is_made_up": self._is_made_up,
            "csrf": session.csrf if session else "",
        }
        return HTMLResponse(
            self.render(template, language, **(shared | names)), status, headers=_HEADERS
        )

    def problem(self, request: Request, problem: Problem) -> Response:
        """A problem for a person, as a page."""
        language = language_for(request)
        say, command = language.gettext, problem.members.get("command")
        names = {
            "heading": say("This cannot be shown") if command is None else say(_TOO_LONG_HEAD),
            "text": problem.detail if command is None else say(_TOO_LONG),
            "command": command,
            "refresh": False,
            "home": f"/{_suffix(request)}",
        }
        page = self.render("message.html", language, **names)
        return HTMLResponse(page, problem.status, headers={**_HEADERS, **problem.headers})

    def render(self, template: str, language: Language, **names: Any) -> str:  # noqa: ANN401
        """A template in a language."""
        return self._environment.get_template(template).render(
            language=language,
            _=language.gettext,
            ngettext=language.ngettext,
            fault_words=fault_words,
            **names,
        )

    async def live(self, request: Request) -> Response:
        """The live page, or what stands in its place until there are figures."""
        language = language_for(request)
        caller = self.visitor(request, Role.READER)
        if isinstance(caller, Response):
            return caller
        policy = request.query_params.get("policy") or next(iter(self.hub.policies))
        if policy not in self.hub.policies:
            raise Problem(404, "no policy of that id is kept live")
        try:
            key = FiguresKey(policy, await self._year(request, policy))
            live = await self.hub.read(key)
        except LedgerError as error:
            return self._waiting(language, is_first=isinstance(error, NoFiguresError))
        text = self._page(request, key, live, language)
        session = self.doors.session(request)
        return HTMLResponse(text.replace(_CSRF, session.csrf if session else ""), headers=_HEADERS)

    def _page(self, request: Request, key: FiguresKey, live: LiveReport, language: Language) -> str:
        has_session = self.doors.session(request) is not None
        lag = tuple(each._replace(seconds=round(each.seconds, 1)) for each in live.lag)
        health = Health(live, self.hub.pulse, language)
        is_chosen = request.query_params.get("lang") in languages()
        lang_suffix = f"?lang={language.code}" if is_chosen else ""
        known = (
            key,
            language.code,
            is_chosen,
            has_session,
            live.report.digest,
            lag,
            str(live.letters),
            health.line,
            tuple(health.alerts),
        )
        if known not in self._cache:
            self._cache[known] = self.render(
                "live.html",
                language,
                year=key.year,
                years=[key.year - 1, key.year, key.year + 1],
                policy=key.policy,
                policies=list(self.hub.policies),
                languages=[language_of(code) for code in languages()],
                link=_linker("/", key, language.code if is_chosen else None),
                explain=_linker("/explain", key, language.code if is_chosen else None),
                letters="/dead-letters" + lang_suffix,
                lang_suffix=lang_suffix,
                view=PageView(live.report, language),
                health=health,
                definition=DEFINITION,
                disclaimer=DISCLAIMER,
                is_made_up=self._is_made_up,
                csrf=_CSRF if has_session else None,
            )
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return self._cache[known]

    def _waiting(self, language: Language, *, is_first: bool) -> Response:
        say = language.gettext
        heading = say("There are no figures yet")
        text = say("A worker has just begun, or none runs. This page looks again.")
        if not is_first:
            heading = say("The figures cannot be read now")
            text = say("The log of the server says why. This page looks again.")
        page = self.render(
            "message.html", language, heading=heading, text=text, command=None, refresh=True
        )
        return HTMLResponse(page, 503, headers={**_HEADERS, "Retry-After": "2"})

    async def _year(self, request: Request, policy: str) -> int:
        """The year that is asked for, or the latest one with more than a few outcomes."""
        wanted = number_within(request.query_params.get("year", ""), 1_900, 2_199)
        if wanted is not None:
            return wanted
        this_year = int(utc_text(now_ms())[:4])
        for year in range(this_year, this_year - _YEARS_BACK, -1):
            live = await self.hub.read(FiguresKey(policy, year))
            if PageView(live.report, language_of("en")).count("career_outcomes")[0] >= SMALL_GROUP:
                return year
        return this_year


def number_within(text: str, least: int, greatest: int) -> int | None:
    """The number that an address names; None where it is none, or out of bounds."""
    # Of thousands of digits Python makes no number, but an error.
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(greatest)):
        return None
    number = int(text)
    return number if least <= number <= greatest else None


def _linker(path: str, key: FiguresKey, language: str | None) -> Callable[..., str]:
    """A function that gives an address for these figures, with other members or more of them."""
    members: dict[str, object] = {"year": key.year, "policy": key.policy}
    if language is not None:
        members["lang"] = language
    return lambda **others: f"{path}?{urlencode({**members, **others})}"


def pages_router(pages: Pages) -> APIRouter:
    """The routes of the pages; they are no part of the API's description."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def live_page(request: Request) -> Response:
        return await pages.live(request)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in _FILES:
            raise Problem(404, "there is nothing at this address")
        headers = {"Cache-Control": "no-cache"}
        return FileResponse(_FOLDER / "static" / name, media_type=_FILES[name], headers=headers)

    @router.get("/login")
    async def login_page(request: Request) -> Response:
        if pages.doors.is_open:
            return RedirectResponse("/", 303)
        page = pages.render("login.html", language_for(request), has_failed=False)
        return HTMLResponse(page, headers=_HEADERS)

    @router.post("/login")
    async def login(request: Request) -> Response:
        form = await read_form(request)
        key = pages.doors.sign_in(form.get("token", "").strip())
        if key is None:
            page = pages.render("login.html", language_for(request), has_failed=True)
            return HTMLResponse(page, 403, headers=_HEADERS)
        answer = RedirectResponse("/", 303, headers=_HEADERS)
        answer.set_cookie(
            COOKIE, key, max_age=SESSION_SECONDS, httponly=True, samesite="strict",
            secure=pages.is_secure, path="/",
        )  # fmt: skip
        return answer

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        form = await read_form(request)
        pages.doors.refuse_foreign_form(request, form.get("csrf", ""))
        pages.doors.sign_out(request)
        answer = RedirectResponse("/login", 303, headers=_HEADERS)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return router


def language_for(request: Request) -> Language:
    """The language of an answer."""
    accepted = request.headers.get("accept-language", "")
    return negotiate(request.query_params.get("lang"), accepted)


def chosen_language(request: Request) -> dict[str, str]:
    """The member of an address that keeps the language that was chosen; none where none was."""
    chosen = request.query_params.get("lang")
    return {"lang": chosen} if chosen else {}


def _suffix(request: Request) -> str:
    """The query of an address that keeps the language that was chosen, and nothing else."""
    chosen = chosen_language(request)
    return f"?{urlencode(chosen)}" if chosen else ""


async def read_form(request: Request, bytes_max: int = _FORM_BYTES_MAX) -> dict[str, str]:
    """The fields of a form, the first of each name.

    Raises:
        Problem: 400 if it has very many, 413 if it is too large, 415 for another media type.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Problem(415, f"send {_FORM}")
    body = (await read_body(request, bytes_max)).decode("utf-8", "replace")
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError as error:
        raise Problem(400, f"a form has at most {_FIELDS_MAX} fields") from error
    return {name: values[0] for name, values in fields.items()}
