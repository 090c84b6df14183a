"""Figures over HTTP: the report of a replay, and a stream of what changes."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import takewhile

import pytest

from ledger.log import open_log
from outcomes.synthetic.stream import generate
from tests.support.histories import policy_of, reports_of
from tests.support.server import serving
from tests.support.workers import wait_until

YEAR = 2022


@pytest.fixture(scope="module")
def values():
    """What platforms deliver of a few students, in order."""
    return [record.value for record in generate(120, 5) if record.value is not None]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("figures") / "ledger.db"


@pytest.fixture(scope="module")
def server(log, values):
    with serving(f"sqlite:{log}?partitions=2", "--insecure-dev") as server:
        assert server.post(events_of(values, 0, 300)).status == 200
        server.wait_for_figures()
        yield server


def events_of(values, start, end):
    """Those that a gateway takes: a synthetic school sends some that are quarantined."""
    from outcomes.ingest.judging import EVENTS
    from outcomes.ingest.lines import Line

    return [each for each in values[start:end] if EVENTS.judge(Line(1, each))[0] is not None]


def replayed(log, policy="openclassrooms-2022"):
    with closing(open_log(f"sqlite:{log}")) as opened:
        return reports_of(opened, policy_of(policy), [YEAR])[YEAR]


class TestReport:
    """The live report is that of a replay."""

    @pytest.mark.parametrize("policy", ["openclassrooms-2022", "openclassrooms-2023"])
    def test_its_digest_is_that_of_a_replay_at_its_cut(self, server, log, policy):
        live = server.ask(f"/v1/reports/{YEAR}?policy={policy}").json()

        assert replayed(log, policy).digest == live["digest"]

    def test_the_etag_is_the_digest_and_an_unchanged_report_is_not_sent_again(self, server):
        first = server.ask(f"/v1/reports/{YEAR}")
        again = server.ask(f"/v1/reports/{YEAR}", If_None_Match=first.headers["etag"])

        assert f'"{first.json()["digest"]}"' == first.headers["etag"]
        assert (304, b"") == (again.status, again.body)

    def test_key_figures_are_those_of_the_report(self, server):
        report = server.ask(f"/v1/reports/{YEAR}").json()
        key = server.ask(f"/v1/kpis?year={YEAR}").json()

        assert report["digest"] == key["digest"]
        assert [row for row in report["counts"] if row["group"] == "all"] == key["counts"]
        assert [row for row in report["rates"] if row["group"] == "all"] == key["rates"]
        assert 0 == key["lag"]["records"]

    def test_a_year_without_anybody_has_zeros(self, server):
        assert {0} == {row["count"] for row in server.ask("/v1/reports/2150").json()["counts"]}


class TestStream:
    """A client that applies the changes to its snapshot has the report."""

    def applied(self, known, event, data):
        if event == "snapshot":
            return data
        merged = dict(known)
        for kind in ("counts", "rates"):
            rows = {(row["measure"], row["group"]): row for row in known[kind]}
            rows |= {(row["measure"], row["group"]): row for row in data.get(kind, [])}
            merged[kind] = [rows[cell] for cell in sorted(rows)]
        return merged | {"digest": data.get("digest", known["digest"])}

    def test_snapshot_and_changes_make_the_report(self, server, log, values):
        known = {}
        with server.stream() as events:
            place, event, known = next(events)
            assert ("snapshot", True) == (event, place.startswith("0:"))
            server.post(events_of(values, 300, 600))
            cut = replayed(log).log.cut
            end = ",".join(f"{partition}:{offset}" for partition, offset in cut.items())
            for _, event, data in takewhile(lambda each: each[0] != end, events):
                known = self.applied(known, event, data)
            # The one that the loop has stopped at is the last.
            report = server.wait_for_figures()
        with server.stream() as events:
            _, _, fresh = next(events)
        assert report["digest"] == fresh["digest"]
        assert report["counts"] == fresh["counts"]

    def test_one_that_comes_back_gets_what_has_changed_since(self, server, values):
        with server.stream() as events:
            place, _, known = next(events)
        server.post(events_of(values, 600, 900))
        server.wait_for_figures()

        with server.stream(Last_Event_ID=place) as events:
            _, event, data = next(events)

        assert "change" == event
        report = server.ask(f"/v1/reports/{YEAR}").json()
        applied = self.applied(known, event, data)
        assert report["digest"] == applied["digest"]
        assert report["counts"] == applied["counts"]
        assert report["rates"] == applied["rates"]
        assert len(data["counts"]) < len(report["counts"])

    def test_one_whose_place_is_not_known_gets_a_snapshot(self, server):
        with server.stream(Last_Event_ID="0:1,1:0") as events:
            assert "snapshot" == next(events)[1]

    def test_policies_have_streams_of_their_own(self, server):
        with server.stream("/v1/stream?year=2022&policy=openclassrooms-2023") as events:
            assert "openclassrooms-2023" == next(events)[2]["policy"]["id"]


class TestEnd:
    """The server comes back where it was."""

    def test_after_a_kill_nothing_is_lost_nothing_counts_twice_and_nothing_is_left(
        self, tmp_path, values
    ):
        log, place = tmp_path / "ledger.db", tmp_path / "temporary"
        place.mkdir()
        command, environment = (f"sqlite:{log}", "--insecure-dev"), {"TMPDIR": str(place)}
        sent = events_of(values, 0, 400)
        with serving(*command, environment=environment) as first:
            assert 200 == first.post(sent[:100]).status
            first.wait_for_figures()
            assert 200 == first.post(sent[100:]).status
            first.kill()
        (left,) = place.glob("outcomes-metrics-*")
        with serving(*command, environment=environment) as second:

            def is_taken_over(report):
                (lag,) = report["live"]["partitions"]
                # The first may have folded all of it, and its worker may still be there.
                is_its_own = (lag["owner"] or "").endswith(f"-{second.process.pid}")
                return report["log"]["records"] == len(sent) and is_its_own

            live = wait_until(
                lambda: is_taken_over(report := second.wait_for_figures()) and report,
                "all are folded, and the second has the log",
            )
            (own,) = place.glob("outcomes-metrics-*")

            assert 200 == second.post(sent).status
            again = wait_until(
                lambda: (report := second.wait_for_figures())["log"]["records"] == 2 * len(sent)
                and report,
                "all are folded again",
            )  # fmt: skip
        assert left != own
        assert live["counts"] == again["counts"]
        assert again["records"]["duplicates"] >= len(sent)
        assert replayed(log).digest == again["digest"]

    def test_it_says_json_when_asked_to(self, server):
        server.ask("/v1/ready")

        answered = [line for line in server.log_so_far() if "request.answered" in line]
        assert "/v1/ready" in {json.loads(line)["route"] for line in answered}


class TestMadeUpSchool:
    """`outcomes serve --demo` lives in a log of its own, and its figures move."""

    def test_its_figures_move_and_it_says_what_it_is(self, tmp_path):
        with serving(None, "--demo", folder=tmp_path) as server:

            def with_records(count):
                answer = server.ask("/v1/reports/2022")
                report = answer.json() if answer.status == 200 else None
                return report if report and report["log"]["records"] >= count else None

            # Its events come so quickly that a slow machine never has figures without a lag.
            begun = wait_until(lambda: with_records(0), "figures")
            history = sum(lag["end"] for lag in begun["live"]["partitions"])
            first = wait_until(lambda: with_records(history), "the figures of its history")
            page = server.ask("/", Accept_Language="en").body
            later = wait_until(lambda: with_records(first["log"]["records"] + 1), "it moves")
        assert later["digest"] != first["digest"]
        assert b"made-up school" in page
        assert (tmp_path / "demo-live" / "ledger.db").exists()
