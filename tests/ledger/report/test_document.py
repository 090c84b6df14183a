"""`ledger.report.document`: the report to the byte, read back, and its digest."""

from __future__ import annotations

import copy
import json

import pytest

from ledger.errors import BadInputError, ConfigurationError
from ledger.report import ReportOutline, decode_reports, digest_of, encode_report, encode_reports
from schemas.canonical import canonical, sha256_hex
from tests.support.histories import policy_of, reports_of


def outline(members):
    """A report with these members, as somebody hands it in."""
    return decode_reports(json.dumps(members).encode(), "a.json")["a.json"]


class TestBytes:
    """One codec, to bytes and back."""

    def test_bytes_are_json_with_a_line_end_and_the_same_every_time(self, log, report):
        text = encode_report(report)

        assert text.endswith(b"}\n")
        assert report.as_json() == json.loads(text)
        assert text == encode_report(reports_of(log, policy_of(), [2022])[2022])

    def test_several_reports_are_an_array_and_one_is_not(self, report):
        assert [report.as_json()] * 2 == json.loads(encode_reports([report, report]))
        assert encode_report(report) == encode_reports([report])

    def test_a_report_survives_the_round_trip_to_the_byte(self, report):
        text = encode_report(report)

        assert text == encode_report(decode_reports(text, "a.json")["a.json"])

    @pytest.mark.parametrize(
        "path",
        [(), ("policy",), ("log",), ("records",), ("counts", 0), ("rates", 0)],
        ids=["report", "policy", "log", "records", "count", "rate"],
    )
    @pytest.mark.parametrize("value", ["2026.3", None, {"0": {"root": [1, 2.5]}}, []])
    def test_unknown_members_survive_the_round_trip(self, report, path, value):
        members = report.as_json()
        holder = members
        for step in path:
            holder = holder[step]
        holder["unheard_of"] = value

        assert members == json.loads(encode_report(outline(members)))

    def test_a_member_can_be_added_without_touching_the_others(self, report):
        live = report.model_copy(update={"live": {"partitions": []}})

        assert [*report.as_json(), "live"] == list(json.loads(encode_report(live)))
        assert report.digest == digest_of(live)


class TestReading:
    """What is read has the outline of a report; its cells are not judged."""

    def test_an_array_has_a_name_for_each_report(self, report):
        text = encode_reports([report, report, report])

        assert ["a.json, report 1 of 3", "a.json, report 2 of 3", "a.json, report 3 of 3"] == list(
            decode_reports(text, "a.json")
        )
        assert ["a.json"] == list(decode_reports(b"[" + encode_report(report) + b"]", "a.json"))

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("counts", [{"measure": "applicants", "group": "all", "count": "many"}]),
            ("rates", [{"measure": "x", "group": "y"}]),
            ("records", {}),
            ("provisional", {"career_outcomes": 1}),
            ("digest", None),
        ],
    )
    def test_cells_may_hold_anything(self, report, member, value):
        assert value == outline(report.as_json() | {member: value}).as_json()[member]

    @pytest.mark.parametrize("member", ["schema", "policy", "log", "records", "counts", "digest"])
    def test_without_its_outline_it_is_no_report(self, report, member):
        members = report.as_json()
        del members[member]

        with pytest.raises(BadInputError, match=rf"a.json: not a report .*: {member}: "):
            outline(members)

    def test_two_rows_of_one_measure_and_group_are_no_report(self, report):
        members = report.as_json()

        with pytest.raises(BadInputError, match=r"counts: .*duplicate key"):
            outline(members | {"counts": [members["counts"][0]] * 2})

    def test_later_rules_are_refused_whatever_the_report_looks_like_under_them(self):
        with pytest.raises(ConfigurationError, match="made under rules 2"):
            decode_reports(b'{"rules": 2}', "a.json")

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (b"", "not JSON"),
            (b"[]", "not a report"),
            (b"[1]", "not a report"),
            (b"null", "not a report"),
            (b"[[]]", "not a report"),
        ],
    )
    def test_what_is_no_report_is_named(self, text, reason):
        with pytest.raises(BadInputError, match=f"a.json: {reason}"):
            decode_reports(text, "a.json")


class TestDigest:
    """The digest covers what the figures hang on, and nothing else."""

    def test_it_is_the_hash_of_the_canonical_form_of_the_members_named(self, report):
        chosen = {
            "rules": 1,
            "reference_year": 2022,
            "policy": report.policy.as_json(),
            "log": {"cut": report.log.cut},
            "records": report.records.as_json(),
            "counts": [row.as_json() for row in report.counts],
            "rates": [row.as_json() for row in report.rates],
        }

        assert f"sha256:{sha256_hex(canonical(chosen))}" == report.digest

    @pytest.mark.parametrize(
        "path",
        [
            ("rules",),
            ("reference_year",),
            ("policy", "id"),
            ("policy", "version"),
            ("policy", "sha256"),
            ("log", "cut", "0"),
            ("records", "events"),
            ("records", "orphans"),
            ("counts", 7, "count"),
            ("counts", 7, "previous"),
            ("counts", 7, "group"),
            ("rates", 3, "numerator"),
            ("rates", 3, "denominator"),
        ],
    )
    def test_changing_any_of_it_changes_the_digest(self, report, path):
        changed = copy.deepcopy(report.as_json())
        *holders, last = path
        holder = changed
        for step in holders:
            holder = holder[step]
        holder[last] = "x" if isinstance(holder[last], str) else holder[last] + 1

        assert report.digest == digest_of(report)
        assert report.digest != digest_of(ReportOutline.model_validate(changed))

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("provisional", {}),
            ("schema_name", "x"),
            ("log", {"name": "x", "records": 9}),
            ("zone_data", "2026.3"),
            ("log", {"roots": {"0": "00"}}),
        ],
    )
    @pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
    def test_what_is_outside_does_not(self, report, member, value):
        changed = report.log.model_copy(update=value) if member == "log" else value

        assert report.digest == digest_of(report.model_copy(update={member: changed}))

    def test_another_policy_of_the_same_figures_is_another_digest(self, log, report):
        other = reports_of(log, policy_of(version=2), [2022])[2022]

        assert report.counts == other.counts
        assert report.digest != other.digest
