"""The pages for people: who sees them, in which language, and what they send back."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from outcomes.serve.tokens import Role, TokenFile
from tests.support.applications import APPLIED, changed
from tests.support.histories import encode
from tests.support.server import serving
from tests.support.workers import wait_until

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    file = TokenFile(tmp_path_factory.mktemp("pages") / "tokens.json")
    return file, {
        role: file.add(role.value, role, "/crm" if role is Role.EMITTER else None, None)
        for role in Role
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory, tokens):
    folder = tmp_path_factory.mktemp("served")
    path = str(tokens[0]._path)
    with serving(f"sqlite:{folder / 'l.db'}", environment={"OUTCOMES_TOKENS": path}) as server:
        yield server


def sign_in(server, token, **headers):
    body = urlencode({"token": token})
    return server.ask("/login", method="POST", body=body, Content_Type=FORM, **headers)


def cookie_of(answer):
    return answer.headers["set-cookie"].partition(";")[0]


class TestSignIn:
    """A token begins a session, and nothing but a session opens a page."""

    def test_without_a_session_the_page_leads_to_the_form(self, server):
        answer = server.ask("/")

        assert (303, "/login") == (answer.status, answer.headers["location"])
        assert b'name="token"' in server.ask("/login").body

    @pytest.mark.parametrize("role", [Role.READER, Role.OPERATOR])
    def test_who_may_read_is_let_in(self, server, tokens, role):
        answer = sign_in(server, tokens[1][role])

        assert (303, "/") == (answer.status, answer.headers["location"])
        assert server.ask("/", Cookie=cookie_of(answer)).status in (200, 503)

    def test_the_cookie_is_kept_from_scripts_and_from_other_sites(self, server, tokens):
        cookie = sign_in(server, tokens[1][Role.READER]).headers["set-cookie"].lower()

        assert {"httponly", "samesite=strict", "max-age=43200"} <= set(cookie.split("; "))

    @pytest.mark.parametrize("secret", ["", "outcomes_x", "<script>"])
    def test_what_is_no_token_is_refused(self, server, secret):
        answer = sign_in(server, secret)

        assert 403 == answer.status
        assert "set-cookie" not in answer.headers
        assert b"<script>" not in answer.body

    def test_an_emitter_sees_no_page(self, server, tokens):
        assert 403 == sign_in(server, tokens[1][Role.EMITTER]).status

    def test_a_session_sends_no_events(self, server, tokens):
        cookie = cookie_of(sign_in(server, tokens[1][Role.OPERATOR]))

        assert 401 == server.post(changed(), Cookie=cookie).status

    def test_a_session_ends_with_its_token(self, server, tokens):
        secret = tokens[0].add("short", Role.READER, None, None)
        cookie = cookie_of(sign_in(server, secret))
        assert 401 != server.ask("/v1/kpis?year=2022", Cookie=cookie).status

        tokens[0].revoke("short")

        assert 401 == server.ask("/v1/kpis?year=2022", Cookie=cookie).status


class TestForms:
    """A form counts only with its session's secret, from a page of this server."""

    @pytest.fixture
    def session(self, server, tokens):
        server.post(encode(APPLIED | {"source": "/crm"}), token=tokens[1][Role.EMITTER])
        server.ask("/v1/ready")
        cookie = cookie_of(sign_in(server, tokens[1][Role.READER]))
        field = re.compile(rb'name="csrf" value="([^"]+)"')
        match = wait_until(
            lambda: field.search(server.ask("/?year=2022", Cookie=cookie).body), "the live page"
        )
        return cookie, match[1].decode()

    def sign_out(self, server, cookie, csrf, **headers):
        return server.ask("/logout", method="POST", body=urlencode({"csrf": csrf}),
                          Content_Type=FORM, Cookie=cookie, **headers)  # fmt: skip

    def test_signing_out_ends_the_session(self, server, session):
        assert 303 == self.sign_out(server, *session).status
        assert 303 == server.ask("/", Cookie=session[0]).status

    @pytest.mark.parametrize("csrf", ["", "x", "é"])
    def test_a_form_without_the_secret_is_refused(self, server, session, csrf):
        assert 403 == self.sign_out(server, session[0], csrf).status

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
    def test_a_form_of_another_page_is_refused(self, server, session, origin):
        assert 403 == self.sign_out(server, *session, Origin=origin).status
        assert 403 == sign_in(server, "x", Origin=origin).status

    def test_a_form_of_our_own_page_is_taken(self, server, tokens):
        assert 303 == sign_in(server, tokens[1][Role.READER], Origin=server.origin).status

    @pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data"])
    def test_another_media_type_is_refused(self, server, kind):
        assert 415 == server.ask("/login", method="POST", body="token=x", Content_Type=kind).status


class TestAnswers:
    """What every page says of itself."""

    @pytest.mark.parametrize(
        "path", ["/login", "/static/page.css", "/static/page.js", "/v1/health"]
    )
    def test_nothing_may_be_loaded_from_elsewhere(self, server, path):
        headers = server.ask(path).headers

        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "nosniff" == headers["x-content-type-options"]

    def test_the_language_is_that_of_the_reader(self, server):
        french = server.ask("/login", Accept_Language="fr-CH, en;q=0.4")
        chosen = server.ask("/login?lang=en", Accept_Language="fr")

        assert b'<html lang="fr">' in french.body
        assert b'<html lang="en">' in chosen.body
        assert "Accept-Language" in french.headers["vary"]

    @pytest.mark.parametrize(
        "name", ["../tokens.py", "..%2ftokens.py", "page.css%00", "templates/live.html", "."]
    )
    def test_no_other_file_is_served(self, server, name):
        assert 404 == server.ask(f"/static/{name}").status
