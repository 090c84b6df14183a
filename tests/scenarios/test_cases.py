"""The shared cases of the specification, each through the embedded log and the public interface."""

from __future__ import annotations

import base64
import json

import pytest

from ledger.log import NewRecord
from projections.zones import zone_data_release
from schemas.admission import Quarantined, admit
from schemas.moments import milliseconds
from schemas.partition import partition_of
from schemas.record import Record
from tests.support.histories import (
    CASES,
    counts_of,
    log_of,
    new_record,
    policy_of,
    rates_of,
    reports_of,
)

FAMILIES = ("outcomes", "membership", "funnel", "placement", "records")


def read(family):
    return json.loads((CASES / f"{family}.json").read_text(encoding="utf-8"))


def cases(*families):
    return [
        pytest.param(case, id=f"{family}: {case['name']}")
        for family in families
        for case in read(family)["cases"]
    ]


def value_of(case):
    if "value_base64" in case:
        return base64.b64decode(case["value_base64"])
    return None if case["value"] is None else case["value"].encode()


class TestHistories:
    """A small history has the counters, counts and rates that were worked out by hand."""

    @pytest.mark.parametrize("partitions", [1, 3])
    @pytest.mark.parametrize("case", cases(*FAMILIES))
    def test_the_report_says_what_was_worked_out_by_hand(self, case, partitions, tmp_path):
        policy = policy_of(case["policy"], **case.get("policy_overrides", {}))
        records = [new_record(event) for event in case["events"]]
        year = case["year"]

        with log_of(tmp_path, records, partitions=partitions) as log:
            report = reports_of(log, policy, [year])[year]

        assert case["expect"]["records"] == report.records.as_json()
        assert case["expect"]["counts"] == counts_of(report)
        assert case["expect"]["rates"] == rates_of(report)


class TestAdmission:
    """A record is quarantined under the first rule that it fails, or it is an event."""

    @pytest.mark.parametrize("case", cases("admission"))
    def test_the_log_counts_the_record_where_the_case_says(self, case, tmp_path):
        record = NewRecord(None if case["key"] is None else case["key"].encode(), value_of(case))

        with log_of(tmp_path, [record]) as log:
            counters = reports_of(log, policy_of(), [2022])[2022].records

        assert ({} if case["rule"] is None else {case["rule"]: 1}) == counters.quarantined
        assert (case["rule"] is None) == (counters.events == 1)

    @pytest.mark.parametrize("case", cases("admission"))
    def test_the_rule_does_not_depend_on_the_number_of_partitions(self, case):
        key = None if case["key"] is None else case["key"].encode()
        place = partition_of(key or b"", 12)

        verdict = admit(Record(place, 0, 0, key, value_of(case)), 12)

        assert case["rule"] == (verdict.rule if isinstance(verdict, Quarantined) else None)


class TestPartition:
    """A key has the partition that Kafka's own clients choose."""

    @pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, id=f"{case['key']} of {case['partitions']}")
            for case in read("partition")["cases"]
        ],
    )
    def test_a_key_has_the_partition_that_kafka_chooses(self, case):
        assert case["partition"] == partition_of(case["key"].encode(), case["partitions"])


class TestReport:
    """The test vector of the specification comes out to the byte."""

    @pytest.fixture
    def log(self, tmp_path):
        records = [
            new_record(record["event"], milliseconds(record["recorded_at"]))
            for record in read("report")["records"]
        ]
        with log_of(tmp_path, records) as log:
            yield log

    def test_the_whole_report_comes_out_with_its_digest(self, log):
        expected = read("report")["report"] | {"zone_data": zone_data_release()}
        assert expected == reports_of(log, policy_of(), [2022])[2022].as_json()
