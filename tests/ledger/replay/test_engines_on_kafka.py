"""Both engines on a real Apache Kafka: the same figures, at the end and at a cut."""

from __future__ import annotations

from contextlib import closing

import pytest

from ledger.columns import writing
from ledger.log import NewRecord, open_log
from outcomes.synthetic import generate
from projections.policy import built_in_policies
from tests.support.engines import differences, figures_by

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("few", [0, 1_000_000], ids=["in SQL", "by the rules"])
def test_the_engines_agree_on_a_topic_whose_records_are_admitted(kafka, monkeypatch, few):
    monkeypatch.setattr(writing, "FEW_RECORDS", few)
    policies = list(built_in_policies().values())
    records = [NewRecord(record.key, record.value) for record in generate(300, 7)]
    with closing(open_log(kafka.url(kafka.topic(3)), create=True)) as log:
        log.append(records)
        half = {partition: end // 2 for partition, end in log.end().items()}

        for cut in (log.end(), half):
            assert {} == differences(log, policies, cut)
        assert figures_by("columnar", log, policies)["cells"]
