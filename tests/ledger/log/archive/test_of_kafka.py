"""An archive of a topic keeps gaps, foreign bytes and the broker's timestamps."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import closing

import pytest
from aiokafka import AIOKafkaProducer

from ledger.errors import StoreError
from ledger.log import NewRecord, open_log
from ledger.log.archive import archive_log, archive_size
from ledger.log.identity import identity_of
from ledger.replay import replay
from ledger.report import build_report
from outcomes.synthetic import generate
from projections.policy import built_in_policies
from tests.ledger.log.contract import everything

pytestmark = pytest.mark.kafka

POLICY = built_in_policies()["openclassrooms-2022"]


def report_of(log, cut):
    replayed = replay(log, cut, [POLICY])
    return build_report(replayed, log_name=log.name, policy=POLICY, year=2022)


async def transactions(bootstrap, topic, ends):
    """Foreign records in transactions that end as asked; aborted ones are holes, as ends are."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await producer.start()
    try:
        for number, end in enumerate(ends):
            await producer.begin_transaction()
            for partition, value in ((0, b"\xff%d" % number), (1, None)):
                await producer.send_and_wait(topic, value, b"s-\xfe", partition=partition)
            await getattr(producer, f"{end}_transaction")()
    finally:
        await producer.stop()


@pytest.fixture
def topic(kafka):
    """A topic with events of a school and with foreign records, holes between them."""
    name = kafka.topic(3)
    events = [NewRecord(record.key, record.value) for record in generate(30, 7)]
    with closing(open_log(kafka.url(name))) as log:
        log.append(events[:40])
        asyncio.run(transactions(kafka.bootstrap, name, ["commit", "abort", "commit"]))
        kafka.resolve(name)
        log.append(events[40:])
        asyncio.run(transactions(kafka.bootstrap, name, ["abort"]))
        kafka.resolve(name)
    return name


class TestOfATopic:
    def test_it_is_that_log_again_at_every_cut(self, kafka, topic, tmp_path):
        with closing(open_log(kafka.url(topic))) as log:
            archive_log(log, tmp_path / "a", segment_bytes=3_000)
            archive = open_log(f"archive:{tmp_path / 'a'}")

            assert everything(log) == everything(archive)
            assert (topic, 3) == (archive.name, archive.partitions)
            assert log.end() == archive.end()
            assert identity_of(log) == identity_of(archive)
            end = log.end()
            cuts = [{**end, 0: first} for first in range(end[0] + 1)]
            assert [log.normalise(cut) for cut in cuts] == [archive.normalise(cut) for cut in cuts]
            moments = {
                record.recorded_at + shift for record in everything(log) for shift in (-1, 0, 1)
            }
            for at_ms in itertools.islice(sorted(moments), 40):
                assert log.cut_as_of(at_ms) == archive.cut_as_of(at_ms)
            assert report_of(log, end) == report_of(archive, end)
            assert archive_size(tmp_path / "a").records < archive_size(tmp_path / "a").offsets

    def test_it_is_continued_from_the_topic(self, kafka, topic, tmp_path):
        with closing(open_log(kafka.url(topic))) as log:
            archive_log(log, tmp_path / "a")
            log.append([NewRecord(b"s-%d" % number, b"{}") for number in range(30)])
            asyncio.run(transactions(kafka.bootstrap, topic, ["abort", "commit"]))
            kafka.resolve(topic)

            added = archive_log(log, tmp_path / "a")

            assert (32, log.end()) == (added.records, added.end)
            assert everything(log) == everything(open_log(f"archive:{tmp_path / 'a'}"))

    def test_a_topic_deleted_and_made_again_is_another_log(self, kafka, topic, tmp_path):
        with closing(open_log(kafka.url(topic))) as log:
            archive_log(log, tmp_path / "a")
        name = kafka.topic(3)
        with closing(open_log(kafka.url(name))) as other:
            other.append(NewRecord(record.key, record.value) for record in generate(30, 7))

            with pytest.raises(StoreError, match="is not an archive of the log"):
                archive_log(other, tmp_path / "a")
