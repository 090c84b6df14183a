"""Dead letters and what is behind a figure, over HTTP: who sees what, and what a repair does."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
import threading
from contextlib import closing
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from ledger.audit.explain import ExplainQuery
from ledger.log import NewRecord, open_log, parse_address
from outcomes.serve import log_reading
from outcomes.serve.explaining import Explainer
from outcomes.serve.log_reading import LogReading, TooLongProblem
from outcomes.serve.pages import Pages
from outcomes.serve.problems import Problem
from outcomes.serve.tokens import Role, TokenFile
from outcomes.synthetic.stream import generate
from tests.support.applications import APPLIED, changed
from tests.support.histories import policy_of
from tests.support.server import EVENT, serving
from tests.support.workers import OUTCOMES, wait_until

FORM = "application/x-www-form-urlencoded"
ROLES = ("emitter", "reader", "operator", "nobody", "stranger")
FIGURE = "year=2022&measure=career_outcomes&group=all"
BAD_DATA = changed(id="bad", subject="s-letter", data={"applied_on": "soon"})
HOSTILE = b'{"\x1b[31m": "<script>alert(1)</script>", "subject": "\xe2\x80\xaes-x"'


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A history with some dead letters of ours, two of them under a wrong key."""
    path = tmp_path_factory.mktemp("rows") / "ledger.db"
    records = [NewRecord(each.key, each.value, each.recorded_at) for each in generate(150, 5)]
    letters = [
        NewRecord(b"s-letter", BAD_DATA),
        NewRecord(b"s-hostile", HOSTILE),
        NewRecord(b"other", changed(id="k-1", subject="s-keyed")),
        NewRecord(b"other", changed(id="k-2", subject="s-keyed", data={})),
    ]
    with closing(open_log(f"sqlite:{path}?partitions=2", create=True)) as opened:
        opened.append([*records, *letters])
    return path


@pytest.fixture(scope="module")
def secrets(log):
    tokens = TokenFile(log.with_name("tokens.json"))
    made = {
        role.value: tokens.add(role.value, role, "/crm" if role is Role.EMITTER else None, None)
        for role in Role
    }
    return made | {"nobody": None, "stranger": "outcomes_0000"}


@pytest.fixture(scope="module")
def server(log, secrets):
    path = str(log.with_name("tokens.json"))
    with serving(f"sqlite:{log}", environment={"OUTCOMES_TOKENS": path}) as server:
        server.wait_for_figures(token=secrets["reader"])
        server.secrets = secrets
        yield server


@pytest.fixture(scope="module")
def places(log):
    """Where our letters are, by the beginning of what they are about."""
    with closing(open_log(f"sqlite:{log}")) as opened:
        end = opened.end()
        held = {
            record.value: f"{record.partition}/{record.offset}"
            for record in opened.read(dict.fromkeys(end, 0), end)
        }
    return {
        "bad": held[BAD_DATA],
        "hostile": held[HOSTILE],
        "keyed": held[changed(id="k-1", subject="s-keyed")],
        "event": next(place for value, place in held.items() if b'"time"' in (value or b"")),
    }


def session(server, role="operator"):
    """The cookie of a person who has signed in, and what their forms carry."""
    body = urlencode({"token": server.secrets[role]})
    answer = server.ask("/login", method="POST", body=body, Content_Type=FORM)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    page = server.ask("/dead-letters", Cookie=cookie).body
    return cookie, re.search(rb'name="csrf" value="([^"]+)"', page)[1].decode()


def send(server, path, cookie, **fields):
    return server.ask(path, method="POST", body=urlencode(fields), Content_Type=FORM,
                      Cookie=cookie)  # fmt: skip


def as_operator(server, path, *, method="GET", body=None):
    kind = {"Content_Type": EVENT} if body else {}
    return server.ask(path, method=method, body=body, token=server.secrets["operator"], **kind)


class TestRoles:
    """Every role on every address; a person without a session is led to the form."""

    STUDENT = json.dumps({"year": 2022, "measure": "placed", "student": "s-letter"})
    CELLS = {  # noqa: RUF012
        ("GET", "/v1/dead-letters"): {"reader": 200, "operator": 200},
        ("GET", "/v1/dead-letters/0/99999"): {"reader": 403, "operator": 404},
        ("POST", "/v1/dead-letters/0/99999"): {"reader": 403, "operator": 404},
        ("POST", "/v1/dead-letters?rule=x"): {"reader": 403, "operator": 422},
        ("GET", f"/v1/explain?{FIGURE}"): {"reader": 200, "operator": 200},
        ("POST", "/v1/explain"): {"reader": 403, "operator": 200},
        ("GET", "/dead-letters"): {"reader": 200, "operator": 200},
        ("GET", "/dead-letters/0/99999"): {"reader": 403, "operator": 404},
        ("GET", f"/explain?{FIGURE}"): {"reader": 200, "operator": 200},
        ("GET", "/records/0/99999"): {"reader": 403, "operator": 404},
    }

    @pytest.mark.parametrize("role", ROLES)
    @pytest.mark.parametrize("cell", CELLS, ids=" ".join)
    def test_a_role_may(self, server, cell, role):
        method, path = cell
        body = self.STUDENT if cell == ("POST", "/v1/explain") else None

        answer = server.ask(path, method=method, body=body, token=server.secrets[role])

        refused = 401 if path.startswith("/v1/") else 303
        expected = 403 if role == "emitter" else self.CELLS[cell].get(role, refused)
        assert expected == answer.status, answer

    @pytest.mark.parametrize("path", ["/dead-letters", "/dead-letters/0/1", "/explain"])
    @pytest.mark.parametrize("role", ["reader", "operator"])
    def test_a_form_without_its_secret_is_refused(self, server, path, role):
        cookie, csrf = session(server, role)

        assert 403 == send(server, path, cookie, csrf="x").status
        if role == "reader":
            assert 403 == send(server, path, cookie, csrf=csrf).status

    @pytest.mark.parametrize("path", ["/v1/dead-letters/0/1", "/v1/explain"])
    def test_a_session_asks_for_no_row_by_post(self, server, path):
        assert 401 == send(server, path, session(server)[0]).status


class TestLetters:
    """Open and repaired apart; rows for operators alone; bytes are shown and never obeyed."""

    def test_a_reader_gets_counts_and_no_row(self, server):
        listed = server.ask("/v1/dead-letters", token=server.secrets["reader"])

        assert {"schema", "counts"} == listed.json().keys()
        assert listed.json()["counts"]["open"]["key_must_equal_subject"] >= 2
        assert "no-store" == listed.headers["cache-control"]
        page = server.ask("/dead-letters", Cookie=session(server, "reader")[0]).body
        assert b"key_must_equal_subject" in page
        assert b"s-letter" not in page

    def test_a_row_says_where_why_and_from_whom(self, server, places):
        row = as_operator(server, f"/v1/dead-letters/{places['bad']}").json()

        assert ("data_must_match_its_type", APPLIED["source"]) == (row["rule"], row["source"])
        assert "/data/applied_on" in {fault["pointer"] for fault in row["faults"]}
        assert row["repaired_by"] is None

    def test_what_an_emitter_sends_is_no_markup_and_no_control(self, server, places):
        cookie = session(server)[0]
        for path in ("/dead-letters", f"/dead-letters/{places['hostile']}"):
            page = server.ask(path, Cookie=cookie).body.decode()
            assert "&lt;script&gt;" in page
            assert "<script>alert" not in page
            assert r"\x1b[31m" in page
        assert "\x1b" not in server.ask("/dead-letters", Cookie=cookie).body.decode()

    @pytest.mark.parametrize(
        "query",
        ["state=x", "rule=no_such_rule", "page=0", "page=x", "page=9999999999",
         f"page=000000001{'0' * 5_000}"],
    )  # fmt: skip
    def test_a_list_that_does_not_exist_is_refused(self, server, query):
        cookie = session(server)[0]
        page = server.ask(f"/dead-letters?{query}", Cookie=cookie, Accept="text/html")

        assert (404, "text/html; charset=utf-8") == (page.status, page.headers["content-type"])
        assert 422 == as_operator(server, f"/v1/dead-letters?{query}").status

    def test_a_year_of_thousands_of_digits_is_none(self, server):
        page = server.ask(f"/?year=000002022{'0' * 5_000}", Cookie=session(server)[0])
        assert 200 == page.status

    def test_an_event_is_no_letter(self, server, places):
        answer = as_operator(server, f"/v1/dead-letters/{places['event']}")

        assert 404 == answer.status
        assert "is an event and no dead letter" in answer.json()["detail"]


class TestRepairs:
    """A corrected event closes its letter, once; who did it is in the server's log."""

    def test_a_letter_is_tried_and_then_repaired(self, server, log, places):
        path, fixed = f"/dead-letters/{places['bad']}", changed(id="bad", subject="s-letter")
        cookie, csrf = session(server)
        wrong = send(server, path, cookie, csrf=csrf, event="{", action="append")
        other = changed(id="bad", subject="s-2").decode()
        foreign = send(server, path, cookie, csrf=csrf, event=other, action="append")
        tried = send(server, path, cookie, csrf=csrf, event=fixed.decode(), action="try")

        assert [422, 422, 200] == [wrong.status, foreign.status, tried.status]
        assert b"value_must_be_json" in wrong.body
        assert b"another subject" in foreign.body
        assert b"would repair the letter" in tried.body
        assert None is as_operator(server, f"/v1{path}").json()["repaired_by"]

        done = send(server, path, cookie, csrf=csrf, event=fixed.decode(), action="append")

        assert (303, path) == (done.status, done.headers["location"])
        repair = as_operator(server, f"/v1{path}").json()["repaired_by"]
        assert "bad" == repair["id"]
        with closing(open_log(f"sqlite:{log}")) as opened:
            start = {repair["partition"]: repair["offset"]}
            record = next(opened.read(start, opened.end()))
        assert places["bad"].replace("/", ":") == json.loads(record.value)["resubmits"]
        again = as_operator(server, f"/v1{path}", method="POST", body=fixed)
        assert 409 == again.status
        (line,) = [line for line in server.log_so_far() if "dead_letter.resubmitted" in line
                   and places["bad"].replace("/", ":") in line]  # fmt: skip
        assert "operator" == json.loads(line)["caller"]
        assert "s-letter" not in line

    def test_a_chosen_language_stays(self, server):
        cookie, csrf = session(server)
        wanted = {"csrf": csrf, "rule": "key_must_equal_subject", "action": "try"}
        pages = [
            server.ask("/?lang=fr", Cookie=cookie),
            send(server, "/dead-letters?lang=fr", cookie, **wanted),
        ]
        for page in pages:
            links = re.findall(rb'="(/dead-letters[^"]*)"', page.body)
            assert links
            assert all(b"lang=" in link for link in links), links

    def test_all_letters_of_a_wrong_key_are_repaired_but_those_with_another_fault(self, server):
        path = "/v1/dead-letters?rule=key_must_equal_subject"
        tried = as_operator(server, f"{path}&dry_run=true", method="POST").json()
        assert not any("event" in row for row in tried["resubmissions"])

        cookie, csrf = session(server)
        page = send(server, "/dead-letters", cookie, csrf=csrf, rule="key_must_equal_subject",
                    action="append")  # fmt: skip

        assert 200 == page.status
        left = as_operator(server, "/v1/dead-letters?rule=key_must_equal_subject").json()
        assert ["k-2"] == [row["id"] for row in left["dead_letters"]]
        repaired = as_operator(server, f"{path}&state=repaired").json()
        assert "k-1" in {row["repaired_by"]["id"] for row in repaired["dead_letters"]}
        assert left["counts"] == repaired["counts"]
        wait_until(
            lambda: (
                left["counts"] == as_operator(server, "/v1/kpis?year=2022").json()["dead_letters"]
            ),
            "key figures with the same open and repaired letters",
        )
        assert left["counts"]["repaired"]
        open_now = f'rule="key_must_equal_subject",state="open"}} {1.0}'
        assert open_now in as_operator(server, "/metrics").body.decode()

    def test_a_body_that_is_too_large_is_refused(self, server, places):
        answer = as_operator(
            server, f"/v1/dead-letters/{places['hostile']}", method="POST", body=b" " * 70_000
        )

        assert 413 == answer.status


class TestExplain:
    """Counts by reason for a reader, rows for an operator, one student by POST alone."""

    def test_counts_are_those_of_the_figure(self, server):
        body = server.ask(f"/v1/explain?{FIGURE}", token=server.secrets["reader"]).json()
        report = as_operator(server, "/v1/reports/2022").json()
        count = next(row["count"] for row in report["counts"]
                     if (row["measure"], row["group"]) == ("career_outcomes", "all"))  # fmt: skip

        assert count == body["figure"] == body["counts"][0]["counted"]
        assert "rows" not in body
        assert '"s-' not in json.dumps(body)

    @pytest.mark.parametrize("rows", ["counted", "near"])
    def test_rows_are_those_that_are_wanted(self, server, rows):
        body = as_operator(server, f"/v1/explain?{FIGURE}&rows={rows}").json()
        counts = body["counts"][0]
        total = counts["counted"] if rows == "counted" else sum(counts["reasons"].values())

        assert {rows == "counted"} == {row["counted"] for row in body["rows"]}
        assert min(100, total) == len(body["rows"])
        assert -(-total // 100) == body["pages"]

    def test_pages_do_not_overlap_at_a_cut(self, server):
        first = as_operator(server, "/v1/explain?year=2022&measure=applicants&rows=all").json()
        cut = ",".join(f"{partition}:{end}" for partition, end in first["log"]["cut"].items())
        pages = [
            as_operator(
                server,
                f"/v1/explain?year=2022&measure=applicants&rows=all&cut={cut}&page={page}",
            ).json()["rows"]
            for page in range(1, first["pages"] + 1)
        ]

        places = [row["events"][0]["offset"] for rows in pages for row in rows]
        whole = first["counts"][0]
        assert whole["counted"] + sum(whole["reasons"].values()) == len(places)

    def test_one_student_leaves_no_trace_of_the_pseudonym(self, server):
        (row, *_) = as_operator(server, f"/v1/explain?{FIGURE}&rows=counted").json()["rows"]
        student = row["subject"]
        body = json.dumps({"year": 2022, "measure": "career_outcomes", "student": student})

        answer = as_operator(server, "/v1/explain", method="POST", body=body.encode())

        assert {student} == {row["subject"] for row in answer.json()["rows"]}
        assert "no-store" == answer.headers["cache-control"]
        cookie, csrf = session(server)
        page = send(server, "/explain", cookie, csrf=csrf, student=student, year=2022,
                    measure="career_outcomes", rows="all")  # fmt: skip
        assert 200 == page.status
        assert student.encode() in page.body
        assert not re.search(rb'href="[^"]*' + student.encode(), page.body)
        lines = server.log_so_far()
        assert student not in "".join(lines)
        shown = [json.loads(line) for line in lines if '"rows.shown"' in line]
        figure = f"career_outcomes 2022 all {answer.json()['policy']['id']}"
        assert ("operator", len(answer.json()["rows"])) in {
            (line["caller"], line["rows"]) for line in shown if line["what"] == figure
        }

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            pytest.param({"student": "Jane Doe"}, 422, id="a name"),
            pytest.param({"student": 7}, 422, id="a number"),
            pytest.param({}, 422, id="no student"),
            pytest.param({"student": "s-1", "group": "month:13"}, 404, id="no such group"),
            pytest.param({"student": "s-1", "x": "s-2"}, 422, id="another member"),
        ],
    )
    def test_what_is_no_request_is_refused_without_repeating_it(self, server, body, status):
        text = json.dumps({"year": 2022, "measure": "placed"} | body).encode()

        answer = as_operator(server, "/v1/explain", method="POST", body=text)

        assert status == answer.status, answer
        assert not {b"Jane", b"s-2"} & set(re.findall(rb"Jane|s-2", answer.body))

    @pytest.mark.parametrize(
        "query",
        ["", "year=2022", "year=x&measure=placed", "year=2022&measure=placed&policy=x",
         "year=2022&measure=placed&group=kind:raise", "year=2022&measure=placed&cut=0:1",
         "year=2022&measure=placed&cut=0:1,1:99999", "year=2022&measure=placed&page=-1"],
    )  # fmt: skip
    def test_a_figure_that_does_not_exist_is_a_page_that_says_so(self, server, query):
        page = server.ask(f"/explain?{query}", Cookie=session(server)[0], Accept="text/html")

        assert 404 == page.status
        assert b"This cannot be shown" in page.body
        assert b'<a href="/">' in page.body


class TestRecords:
    """A place is a link to its record, for operators; no address has a pseudonym."""

    def test_every_place_of_an_explained_figure_leads_to_its_record(self, server):
        cookie = session(server)[0]
        page = server.ask(f"/explain?{FIGURE}&rows=near&lang=fr", Cookie=cookie).body.decode()
        cause = re.search(r'\(<a href="(/records/[^"]+)"', page)[1]
        rows = page.partition('<table class="rows">')[2].partition("</table>")[0]
        places = re.findall(r">\(?(\d+:\d+)\)?<", rows)
        links = re.findall(r'href="/records/(\d+)/(\d+)\?lang=fr">(\d+:\d+)</a>', rows)
        assert len(links) > rows.count("<tr>") - 1
        assert places == [f"{partition}:{offset}" for partition, offset, _ in links]

        record = server.ask(cause, Cookie=cookie)

        assert (200, "no-store") == (record.status, record.headers["cache-control"])
        text = record.body.decode()
        student = re.search(r"<dt>Étudiant</dt><dd><code>([^<]+)<", text)[1]
        assert f"Enregistrement {cause.removeprefix('/records/').partition('?')[0]}" in (
            text.replace(":", "/")
        )
        assert "Réussites professionnelles" in text
        assert student not in "".join(re.findall(r'(?:href|action)="[^"]*"', text))
        assert student not in "".join(server.log_so_far())

    def test_a_quarantined_record_is_shown_as_the_letter_that_it_is(self, server, places):
        answer = server.ask(f"/records/{places['hostile']}?lang=fr", Cookie=session(server)[0])

        expected = (303, f"/dead-letters/{places['hostile']}?lang=fr")
        assert expected == (answer.status, answer.headers["location"])

    def test_what_the_figure_says_of_rejected_records_leads_to_them(self, server):
        query = "year=2022&measure=placement_rate&lang=fr"
        page = server.ask(f"/explain?{query}", Cookie=session(server, "reader")[0]).body.decode()

        assert re.search(r'<a href="/dead-letters\?lang=fr">\d+ enregistrements? rejeté', page)


class TestLongLog:
    """A log that is too long for a request is refused with what does it; nothing waits for ever."""

    def test_an_explanation_names_its_command(self, log):
        policy = policy_of()
        explainer = Explainer(parse_address(f"sqlite:{log}"), seconds=0)
        with closing(open_log(f"sqlite:{log}")) as opened:
            cut = opened.end()
        query = ExplainQuery(cut, policy, 2022, "career_outcomes", "all")

        with pytest.raises(Problem) as refused:
            asyncio.run(explainer.explain(query, "all", 1))

        assert 503 == refused.value.status
        command = f"--measure career_outcomes --group all --policy {policy.id} --cut 0:{cut[0]},1:"
        assert command in refused.value.detail

    def test_a_person_gets_the_command_on_a_page_and_it_opens_the_figure(self, log):
        policy, path = policy_of(), f"sqlite:{log}"
        with closing(open_log(path)) as opened:
            query = ExplainQuery(opened.end(), policy, 2022, "career_outcomes", "kind:raise")
        explained = asyncio.run(Explainer(parse_address(path)).explain(query, "all", 1))
        with pytest.raises(TooLongProblem) as refused:
            asyncio.run(Explainer(parse_address(path), seconds=0).explain(query, "all", 1))

        request = Request({"type": "http", "query_string": b"lang=fr", "headers": []})
        answer = Pages(None, None, is_made_up=False, is_secure=False).problem(
            request, refused.value
        )

        page = answer.body.decode()
        assert "Le journal est trop long pour une page" in page
        (command,) = re.findall(r"<code>outcomes ([^<]+)</code>", page)
        words = [sys.executable, str(OUTCOMES), *shlex.split(command), "--json", "--log", path]
        printed = subprocess.run(words, check=True, capture_output=True, timeout=120).stdout
        assert explained.totals.figures(query) == json.loads(printed)["figure"]

    def test_what_cannot_succeed_ends_before_its_time(self, monkeypatch):
        now = [0.0]
        monkeypatch.setattr(log_reading.time, "monotonic", lambda: now[0])
        slow, quick = log_reading._Patience(15.0, 1_000_000), log_reading._Patience(15.0, 1_000_000)
        now[0] = 5.1

        quick(200_000)
        with pytest.raises(TooLongProblem):
            slow(100_000)

    def test_a_third_reader_at_once_is_sent_away(self, log):
        reading = LogReading(parse_address(f"sqlite:{log}"))
        arrived, done = threading.Barrier(3), threading.Barrier(3)

        async def three():
            work = [reading.run(lambda *_: (arrived.wait(30), done.wait(30))) for _ in range(2)]
            readers = [asyncio.ensure_future(each) for each in work]
            await asyncio.to_thread(arrived.wait, 30)
            with pytest.raises(Problem) as refused:
                await reading.run(lambda *_: None)
            await asyncio.to_thread(done.wait, 30)
            await asyncio.gather(*readers)
            return refused.value

        assert "5" == asyncio.run(three()).headers["Retry-After"]
