"""`POST /v1/events` on a real server and a real log."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ledger.log import open_log
from outcomes.serve.tokens import Role, TokenFile
from tests.outcomes.serve import test_rows
from tests.support.applications import APPLIED, changed
from tests.support.histories import encode
from tests.support.metrics import value_of
from tests.support.server import EVENT, serving
from tests.support.workers import wait_until

FORM = "application/x-www-form-urlencoded"
PLAIN = changed()
SOURCE = "https://crm.example/eu"


def numbered(number, **members):
    return changed(id=f"e-{number}", subject=f"s-{number % 50}", **members)


def records_of(path):
    with closing(open_log(f"sqlite:{path}")) as log:
        end = log.end()
        return list(log.read(dict.fromkeys(end, 0), end))


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("gateway") / "ledger.db"


@pytest.fixture(scope="module")
def server(log):
    with serving(f"sqlite:{log}?partitions=3", "--insecure-dev") as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    tokens = TokenFile(folder / "tokens.json")
    secrets = {
        "emitter": tokens.add("crm", Role.EMITTER, SOURCE, None),
        "reader": tokens.add("wall", Role.READER, None, None),
        "operator": tokens.add("ops", Role.OPERATOR, None, None),
        "nobody": None,
        "stranger": "outcomes_0000",
    }
    log = folder / "ledger.db"
    environment = {"OUTCOMES_TOKENS": str(folder / "tokens.json")}
    with serving(f"sqlite:{log}", environment=environment) as server:
        server.tokens = tokens
        wait_until(
            lambda: server.ask("/v1/kpis?year=2022", token=secrets["reader"]).status == 200,
            "figures",
        )
        yield server, secrets


class TestAppend:
    """What is acknowledged is in the log, byte for byte, where the answer says."""

    def test_an_event_is_in_the_log_as_it_was_sent(self, server, log):
        sent = b"  " + numbered(1, time="2024-01-15T10:00:00.0Z") + b"\n"

        answer = server.post(sent)

        assert 200 == answer.status
        (place,) = answer.json()["events"]
        (record,) = [each for each in records_of(log) if each.value == sent]
        assert (record.partition, record.offset) == (place["partition"], place["offset"])
        assert b"s-1" == record.key

    def test_each_event_of_a_batch_is_where_the_answer_says(self, server, log):
        events = [numbered(number) for number in range(100, 400)]

        answer = server.post(events).json()

        held = {(record.partition, record.offset): record.value for record in records_of(log)}
        assert 300 == answer["acknowledged"]
        for place in answer["events"]:
            assert events[place["index"]] == held[place["partition"], place["offset"]]

    def test_an_empty_batch_appends_nothing(self, server):
        assert {"acknowledged": 0, "events": []} == server.post([]).json()

    def test_binary_mode_is_the_same_event(self, server):
        data = encode(APPLIED["data"])
        names = {
            f"ce-{name}": APPLIED[name]
            for name in APPLIED
            if name not in ("data", "datacontenttype")
        }

        answer = server.ask("/v1/events", method="POST", body=data,
                            **{"Content-Type": "application/json"}, **names)  # fmt: skip
        assert 200 == answer.status, answer
        duplicates = server.wait_for_figures()["records"]["duplicates"]
        assert 200 == server.post(PLAIN).status

        report = wait_until(
            lambda: server.wait_for_figures()["records"]["duplicates"] == duplicates + 1,
            "it counts",
        )
        assert report
        assert 0 == server.wait_for_figures()["records"]["conflicts"]


class TestFaults:
    """Bad events are refused by rule and pointer, and a batch as a whole."""

    def test_a_batch_with_one_bad_event_leaves_nothing(self, server, log):
        before = len(records_of(log))

        answer = server.post([numbered(501), changed(subject="Jane Doe"), numbered(502)])

        assert 422 == answer.status
        assert "application/problem+json" == answer.headers["content-type"]
        (fault,) = answer.json()["faults"]
        assert (1, "subject_must_be_a_pseudonym", "/subject") == (
            fault["index"], fault["rule"], fault["pointer"])  # fmt: skip
        assert "Jane" not in answer.body.decode()
        assert before == len(records_of(log))

    def test_with_partial_the_others_are_appended(self, server):
        answer = server.post(
            [numbered(511), b"no json", numbered(512)], path="/v1/events?partial=true"
        ).json()

        assert [0, 2] == [place["index"] for place in answer["events"]]
        assert [1] == [fault["index"] for fault in answer["faults"]]

    def test_with_partial_a_batch_of_bad_events_is_refused(self, server):
        assert 422 == server.post([b"1", b"2"], path="/v1/events?partial=true").status

    def test_what_looks_like_a_person_is_a_warning_that_does_not_repeat_it(self, server):
        answer = server.post([numbered(515), changed(id="p", subject="anna.schmidt")])

        assert 2 == answer.json()["acknowledged"]
        (warning,) = answer.json()["warnings"]
        assert (1, "subject_must_not_be_a_name", "/subject") == (
            warning["index"], warning["rule"], warning["pointer"])  # fmt: skip
        assert b"anna" not in answer.body
        assert "warnings" not in server.post([numbered(516)]).json()

    def test_a_conflict_is_named_by_its_index(self, server):
        first = server.post([numbered(517)]).json()
        again = server.post([numbered(518), numbered(517, time="2024-01-15T11:00:00Z")])

        assert [] == first["conflicts"]
        assert (2, [1]) == (again.json()["acknowledged"], again.json()["conflicts"])

    def test_a_repair_cannot_be_claimed(self, server):
        answer = server.post(numbered(520, resubmits="0:1"))

        assert 403 == answer.status

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            pytest.param(
                b"[" + b"1," * 100_000 + b"1]", "batch", 413, id="a hundred thousand items"
            ),
            pytest.param(b"[" * 1_000_000, "batch", 400, id="deep brackets"),
            pytest.param(b'{"a":' * 200_000, "event", 422, id="deep objects"),
            pytest.param(b"x" * 5_000_000, "event", 413, id="five megabytes"),
            pytest.param(b"\x00" * 1_000, "event", 422, id="zeros"),
            pytest.param(b"", "event", 422, id="nothing"),
        ],
    )
    def test_hostile_bodies_are_refused(self, server, body, kind, status):
        media = {"batch": "application/cloudevents-batch+json", "event": EVENT}[kind]

        assert status == server.post(body, kind=media).status

    def test_a_compressed_body_is_refused(self, server):
        assert 415 == server.post(PLAIN, Content_Encoding="gzip").status


class TestMemory:
    """What is refused is not kept in memory."""

    def test_large_bodies_side_by_side_cost_little(self, server):
        server.post(PLAIN)
        before = server.resident_peak()
        body = b"x" * 10_000_000
        with ThreadPoolExecutor(12) as clients:
            answers = list(clients.map(lambda _: server.post(body), range(12)))

        assert {413} == {answer.status for answer in answers}
        # 120 MB were sent.
        assert server.resident_peak() - before < 100_000_000


class TestRawHttp:
    """Requests that no library would send."""

    def head(self, server, *lines):
        host = f"{server.address[0]}:{server.address[1]}"
        return "\r\n".join(["POST /v1/events HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()

    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param(("Content-Length: 3", "Content-Length: 4"), id="two lengths"),
            pytest.param(("Content-Length: -1",), id="a negative length"),
            pytest.param(
                ("Content-Length: 3", "Transfer-Encoding: chunked"), id="length and chunks"
            ),
            pytest.param(("Transfer-Encoding: chunked, identity",), id="two encodings"),
            pytest.param(("X: " + "a" * 100_000,), id="a huge header"),
            pytest.param(("Bad Header: 1",), id="a blank in a name"),
        ],
    )
    def test_they_get_an_error_and_the_connection_is_closed(self, server, lines):
        answer = server.say(self.head(server, *lines) + b"{}\r\n0\r\n\r\n")

        assert answer.split(b" ", 2)[1][:1] == b"4", answer[:200]
        assert 200 == server.ask("/v1/health").status

    def test_a_client_that_goes_away_inside_its_body_leaves_nothing(self, server, log):
        before = len(records_of(log))
        head = self.head(server, f"Content-Type: {EVENT}", "Content-Length: 500")
        with socket.create_connection(server.address) as connection:
            connection.sendall(head + PLAIN[:100])

        assert 200 == server.post(numbered(530)).status
        assert before + 1 == len(records_of(log))


class TestBusyLog:
    """A log that another program writes to is waited for two seconds, never longer in silence."""

    def test_the_answer_is_503_and_nothing_is_appended(self, server, log):
        before = len(records_of(log))
        with closing(sqlite3.connect(log, isolation_level=None)) as other:
            other.execute("begin immediate")
            answer = server.post(numbered(540))
            wait_until(lambda: self.has_given_up(server), "the end of the attempt to append")
            other.execute("rollback")

        assert 503 == answer.status
        assert "2" == answer.headers["retry-after"]
        assert [] == answer.json()["events"]
        assert 200 == server.post(numbered(541)).status
        assert before + 1 == len(records_of(log))

    def has_given_up(self, server):
        """Whether the last append has failed; one that still waits may come after its answer."""
        return 0 == value_of(server.ask("/metrics").body.decode(), "outcomes_log_available")


class TestTokens:
    """Every role on every address."""

    READERS = {"emitter": 403, "reader": 200, "operator": 200}  # noqa: RUF012
    EVERYBODY = dict.fromkeys(["emitter", "reader", "operator", "nobody", "stranger"], 200)
    CELLS = {  # noqa: RUF012
        ("POST", "/v1/events"): {"emitter": 200, "reader": 403, "operator": 403},
        ("GET", "/v1/reports/2022"): READERS,
        ("GET", "/v1/kpis?year=2022"): READERS,
        ("GET", "/v1/stream?year=2022"): READERS,
        ("GET", "/metrics"): READERS,
        ("GET", "/v1/health"): EVERYBODY,
        ("GET", "/v1/ready"): EVERYBODY,
        ("GET", "/v1/openapi.json"): EVERYBODY,
        ("GET", "/login"): EVERYBODY,
        ("GET", "/static/page.css"): EVERYBODY,
        ("GET", "/"): {**READERS, "nobody": 303, "stranger": 303},
        ("POST", "/logout"): dict.fromkeys(EVERYBODY, 403),
    }

    @pytest.mark.parametrize("role", ["emitter", "reader", "operator", "nobody", "stranger"])
    @pytest.mark.parametrize("cell", CELLS, ids=" ".join)
    def test_a_role_may(self, guarded, cell, role):
        server, secrets = guarded
        method, path = cell
        body, kind = (changed(source=SOURCE), EVENT) if path == "/v1/events" else (None, FORM)

        status, headers = server.head_of(
            path, method=method, body=body, token=secrets[role], Content_Type=kind
        )

        assert self.CELLS[cell].get(role, 401) == status
        if status == 401:
            assert "Bearer" == headers["www-authenticate"]

    def test_no_address_of_the_description_is_without_a_row(self, guarded):
        server, _ = guarded
        rows = [
            (method, path.partition("?")[0])
            for method, path in {**self.CELLS, **test_rows.TestRoles.CELLS}
        ]
        for path, methods in server.ask("/v1/openapi.json").json()["paths"].items():
            pattern = re.compile(re.sub("{[a-z]+}", "[0-9]+", path))
            for name in methods:
                known = [each for method, each in rows if method == name.upper()]
                assert any(map(pattern.fullmatch, known)), (name, path)

    @pytest.mark.parametrize(
        ("members", "status"),
        [
            pytest.param({"source": f"{SOURCE}/paris"}, 200, id="a part of its source"),
            pytest.param({"source": f"{SOURCE}rope"}, 403, id="one that begins like it"),
            pytest.param({"source": "/lms"}, 403, id="another"),
        ],
    )
    def test_an_emitter_states_its_own_source_alone(self, guarded, members, status):
        server, secrets = guarded

        assert status == server.post(changed(**members), token=secrets["emitter"]).status

    @pytest.mark.parametrize(("source", "status"), [(SOURCE, 200), ("/lms", 403)])
    def test_an_emitter_retracts_its_own_events_alone(self, guarded, source, status):
        server, secrets = guarded
        retraction = changed(
            id="r-1", source=SOURCE, type="ledger.event.retracted.v1",
            data={"retracts": {"source": source, "id": "1"}, "reason": "entered_wrongly"},
        )  # fmt: skip

        assert status == server.post(retraction, token=secrets["emitter"]).status

    def test_a_revoked_token_is_refused_from_the_next_request_on(self, guarded):
        server, _ = guarded
        secret = server.tokens.add("short", Role.READER, None, None)
        assert 200 == server.ask("/v1/kpis?year=2022", token=secret).status

        server.tokens.revoke("short")

        assert 401 == server.ask("/v1/kpis?year=2022", token=secret).status

    def test_the_access_log_has_the_name_of_the_token_and_the_id_of_the_trace(self, guarded):
        server, secrets = guarded
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        parent = f"00-{trace}-00f067aa0ba902b7-01"
        server.ask("/v1/kpis?year=2022", token=secrets["reader"], traceparent=parent)
        server.ask("/v1/kpis?year=2022", token="outcomes_0000", traceparent=parent)

        lines = [json.loads(line) for line in server.log_so_far() if trace in line]
        assert [("wall", 200), (None, 401)] == [(line["caller"], line["status"]) for line in lines]
        assert {trace} == {line["trace_id"] for line in lines}

    def test_no_token_and_no_subject_reaches_the_log_of_the_server(self, guarded):
        server, secrets = guarded
        server.post(changed(source=SOURCE, subject="s-secret"), token=secrets["emitter"])
        server.ask("/v1/nothing?subject=s-secret", token=secrets["reader"])

        text = "".join(server.log_so_far())
        assert "request.answered" in text
        assert "s-secret" not in text
        assert not [secret for secret in secrets.values() if secret and secret in text]


def test_every_answer_is_json(server):
    for path, status in (
        ("/nothing", 404),
        ("/v1/reports/x", 422),
        ("/v1/reports/2022?policy=x", 404),
    ):
        answer = server.ask(path)
        assert status == answer.status
        assert status == json.loads(answer.body)["status"]
    assert 405 == server.ask("/v1/events").status
