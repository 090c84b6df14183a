"""Findings and differences on a real Apache Kafka are those of the same records in a file."""

from __future__ import annotations

from contextlib import closing

import pytest

from ledger.audit.diff import compare
from ledger.audit.diff_query import DiffQuery, Side
from ledger.audit.findings import collect_findings
from ledger.audit.sorted_rows import SortedRows
from ledger.log import NewRecord, open_log
from outcomes.synthetic import generate
from tests.support.histories import log_of, policy_of

pytestmark = pytest.mark.kafka
# The broker stamps its own time, on which two findings depend.
OF_TIME = ("fact_must_not_follow_its_recording", "time_must_not_follow_recording")


def test_a_topic_has_the_findings_and_differences_of_a_file(kafka, tmp_path):
    records = [NewRecord(record.key, record.value) for record in generate(300, 7)]
    answers = []
    with closing(open_log(kafka.url(kafka.topic(3)), create=True)) as topic:
        topic.append(records)
        with log_of(tmp_path, records, partitions=3) as file:
            half = {partition: end // 2 for partition, end in file.end().items()}
            for log in (topic, file):
                counts = collect_findings(log, log.end())
                sides = (Side(cut, policy_of()) for cut in (half, log.end()))
                with SortedRows() as rows:
                    comparison = compare(log, DiffQuery(*sides, 2022), rows=rows)
                    answers.append((comparison.changes(), list(rows)))
                answers[-1] += ({rule: counts[rule] for rule in counts if rule not in OF_TIME},)
    of_topic, of_file = answers
    assert of_topic == of_file
    assert all(of_topic)
