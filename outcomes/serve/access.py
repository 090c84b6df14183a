"""Who is asking: a bearer token, or the session of a person who signed in with one."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from fastapi import Request

from ledger.errors import ConfigurationError
from outcomes.serve.problems import Problem
from outcomes.serve.tokens import Role, Token, TokenFile

__all__ = ["CALLER", "COOKIE", "SESSION_SECONDS", "Caller", "Doors", "Session"]

COOKIE = "outcomes_session"
SESSION_SECONDS = 12 * 3_600
CALLER = "outcomes.caller"
"""Where the scope of a request has the caller's name, for the access log."""

_SESSIONS_MAX = 1_000
_BEARER = "bearer "
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Caller(NamedTuple):
    """Somebody who may do something.

    Attributes:
        name: Of the token, for the access log.
        roles: What it is for.
        source: What an emitter's events may state; None for any.
    """

    name: str
    roles: frozenset[Role]
    source: str | None = None


ANYBODY = Caller("anybody", frozenset(Role))
"""Whoever asks a server that runs without tokens, on this machine alone."""


class Session(NamedTuple):
    """A person who signed in.

    Attributes:
        token: That they signed in with; the session ends when it does.
        csrf: What their forms carry.
        ends: On the monotonic clock.
    """

    token: Token
    csrf: str
    ends: float


class Doors:
    """Lets callers in by their token or session.

    Attributes:
        is_open: Whether everybody may do everything, without a token.
    """

    def __init__(
        self, tokens: TokenFile | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Name the tokens; without any the doors are open.

        Args:
            tokens: Of this server.
            clock: Seconds, for the end of sessions.
        """
        self.is_open = tokens is None
        self._tokens = tokens
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def caller(self, request: Request, *, by_session: bool = True) -> Caller | None:
        """Who is asking; None for somebody who has shown nothing that is valid.

        Args:
            request: Theirs.
            by_session: Whether the cookie of a session counts.

        Raises:
            Problem: 503 if the tokens cannot be read.
        """
        caller = self._caller(request, by_session=by_session)
        if caller is not None:
            request.scope[CALLER] = caller.name
        return caller

    def _caller(self, request: Request, *, by_session: bool) -> Caller | None:
        if self._tokens is None:
            return ANYBODY
        header = request.headers.get("authorization", "")
        if header[: len(_BEARER)].lower() == _BEARER:
            token = self._find(header[len(_BEARER) :].strip())
            return None if token is None else _caller(token)
        session = self.session(request) if by_session else None
        return None if session is None else _caller(session.token)

    def admit(self, request: Request, role: Role, *, by_session: bool = True) -> Caller:
        """The caller, who has a role; an operator is a reader as well.

        Raises:
            Problem: 401 without a valid token, 403 with one of another role.
        """
        caller = self.caller(request, by_session=by_session)
        if caller is None:
            raise Problem(401, "send a valid token: Authorization: Bearer …", headers=_CHALLENGE)
        if role not in caller.roles:
            raise Problem(403, f"this needs a token with the role {role}")
        return caller

    def sign_in(self, secret: str) -> str | None:
        """Begin a session; its id, or None if the token is not valid or may only emit.

        Raises:
            Problem: See `caller`.
        """
        token = self._find(secret)
        if token is None or token.role is Role.EMITTER:
            return None
        now = self._clock()
        self._sessions = {key: each for key, each in self._sessions.items() if each.ends > now}
        while len(self._sessions) >= _SESSIONS_MAX:
            self._sessions.pop(next(iter(self._sessions)))
        key = secrets.token_urlsafe(32)
        self._sessions[key] = Session(token, secrets.token_urlsafe(32), now + SESSION_SECONDS)
        return key

    def sign_out(self, request: Request) -> None:
        """End the session of a request."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)

    def session(self, request: Request) -> Session | None:
        """The session of a request, if it is still valid.

        Raises:
            Problem: See `caller`.
        """
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        if session is None or self._tokens is None or session.ends <= self._clock():
            return None
        try:
            return session if self._tokens.holds(session.token) else None
        except ConfigurationError as error:
            raise _closed() from error

    def refuse_foreign_form(self, request: Request, csrf: str) -> None:
        """Refuse a form that does not carry its session's own secret.

        Raises:
            Problem: 403 if it does not.
        """
        if self.is_open:
            return
        session = self.session(request)
        if session is None or not hmac.compare_digest(session.csrf.encode(), csrf.encode()):
            raise Problem(403, "the form has expired; load the page again")

    def _find(self, secret: str) -> Token | None:
        if self._tokens is None:
            return None
        try:
            return self._tokens.find(secret)
        except ConfigurationError as error:
            raise _closed() from error


def _caller(token: Token) -> Caller:
    roles = {token.role, Role.READER} if token.role is Role.OPERATOR else {token.role}
    return Caller(token.name, frozenset(roles), token.source)


def _closed() -> Problem:
    return Problem(503, "the file of tokens cannot be read; see the server's log")
