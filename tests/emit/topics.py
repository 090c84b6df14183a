"""The contents of a topic, as the ledger sees them."""

from __future__ import annotations

from contextlib import closing

from ledger.log import open_log
from ledger.replay import replay
from ledger.report import build_report
from projections.policy import built_in_policies
from schemas.admission import Event, admit
from schemas.partition import partition_of

PARTITIONS = 4
POLICY = built_in_policies()["openclassrooms-2022"]


def records_of(kafka, topic):
    with closing(open_log(kafka.url(topic))) as log:
        end = log.end()
        return list(log.read(dict.fromkeys(end, 0), end))


def counters_of(kafka, topic):
    """What became of a topic's records, as a report counts them."""
    with closing(open_log(kafka.url(topic))) as log:
        replayed = replay(log, log.end(), [POLICY])
        return build_report(replayed, log_name=log.name, policy=POLICY, year=2022).records.as_json()


def assert_all_are_events(records, partitions=PARTITIONS):
    """Every record is admitted, in the partition of its key."""
    judged = [admit(record, partitions) for record in records]
    assert [] == [item for item in judged if not isinstance(item, Event)]
    assert [] == [
        record for record in records if record.partition != partition_of(record.key, partitions)
    ]


def assert_kept(kafka, topic, events):
    """All events are there; whatever is there besides is a duplicate.

    Returns:
        How many duplicates.
    """
    records = records_of(kafka, topic)
    assert_all_are_events(records)
    assert set(events) == {record.value for record in records}
    counted = counters_of(kafka, topic)
    duplicates = len(records) - len(events)
    assert (len(events), duplicates, 0) == tuple(
        counted[name] for name in ("events", "duplicates", "conflicts")
    )
    return duplicates
