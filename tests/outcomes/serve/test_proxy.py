"""Behind a proxy that does TLS: what it forwards counts, and nobody else can claim it."""

from __future__ import annotations

import http.client
import http.server
import threading
from contextlib import closing

import pytest

from outcomes.serve.tokens import Role, TokenFile
from tests.support.applications import changed
from tests.support.server import EVENT, serving
from tests.support.workers import PATIENCE

NAME = "outcomes.example"
ORIGIN = f"https://{NAME}"
FORM = "application/x-www-form-urlencoded"
SOURCE = "https://crm.example/eu"


def proxy_to(address):
    """A proxy as an operator would set one up; TLS itself is left out, and said to be there."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {**self.headers, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
            with closing(http.client.HTTPConnection(*address, timeout=PATIENCE)) as connection:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - as in http.server

        def log_message(self, *_):
            """Say nothing."""

    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)


@pytest.fixture(scope="module")
def secrets():
    return {}


@pytest.fixture(scope="module")
def server(tmp_path_factory, secrets):
    folder = tmp_path_factory.mktemp("proxy")
    tokens = TokenFile(folder / "tokens.json")
    secrets["emitter"] = tokens.add("crm", Role.EMITTER, SOURCE, None)
    secrets["operator"] = tokens.add("ops", Role.OPERATOR, None, None)
    environment = {"OUTCOMES_TOKENS": str(folder / "tokens.json")}
    options = ("--behind-proxy", "127.0.0.1", "--name", NAME)
    with serving(f"sqlite:{folder}/l.db", *options, environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def ask(server):
    """A request by the proxy, as a browser or a client of outside sends it."""
    proxy = proxy_to(server.address)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()

    def ask(method, path, body=None, **headers):
        names = {"Host": NAME} | {name.replace("_", "-"): text for name, text in headers.items()}
        with closing(http.client.HTTPConnection(*proxy.server_address, timeout=PATIENCE)) as client:
            client.request(method, path, body, names)
            answer = client.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    yield ask
    proxy.shutdown()
    proxy.server_close()


def test_events_come_through(ask, secrets):
    token = f"Bearer {secrets['emitter']}"
    event = changed(source=SOURCE)

    status, _, body = ask("POST", "/v1/events", event, Content_Type=EVENT, Authorization=token)

    assert 200 == status, body


def test_a_person_signs_in_from_a_page_under_tls(ask, secrets):
    form = f"token={secrets['operator']}"

    status, headers, _ = ask("POST", "/login", form, Content_Type=FORM, Origin=ORIGIN)

    assert 303 == status
    assert "Secure" in headers["set-cookie"]


@pytest.mark.parametrize("origin", [f"http://{NAME}", "https://evil.example", "null"])
def test_a_page_of_elsewhere_does_not(ask, secrets, origin):
    form = f"token={secrets['operator']}"

    assert 403 == ask("POST", "/login", form, Content_Type=FORM, Origin=origin)[0]


def test_another_name_is_refused(ask):
    assert 421 == ask("GET", "/v1/health", Host="evil.example")[0]


def test_what_others_forward_does_not_count(tmp_path, secrets):
    environment = {"OUTCOMES_TOKENS": str(tmp_path / "tokens.json")}
    operator = TokenFile(tmp_path / "tokens.json").add("ops", Role.OPERATOR, None, None)
    options = ("--behind-proxy", "192.0.2.7", "--name", NAME)
    with serving(f"sqlite:{tmp_path}/l.db", *options, environment=environment) as server:
        answer = server.ask(
            "/login", method="POST", body=f"token={operator}", Content_Type=FORM, Host=NAME,
            Origin=ORIGIN, X_Forwarded_Proto="https",
        )  # fmt: skip

    assert 403 == answer.status
