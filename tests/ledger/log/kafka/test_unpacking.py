"""Batches of foreign producers, unpacked within bounds: in bytes, and through a real broker."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import subprocess
import sys
from contextlib import closing

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from confluent_kafka import Producer

from ledger.errors import StoreError
from ledger.log import open_log
from ledger.log.kafka import unpacking
from ledger.log.kafka.unpacking import BATCH_BYTES_MAX, UnreadableBatchError, guard_consumers
from outcomes.synthetic import generate
from tests.ledger.log.contract import NOON, everything
from tests.support.producers import produce

MEBIBYTE = 1 << 20
CODECS = ("gzip", "snappy", "lz4", "zstd")
NUMBERS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
PACK = {
    "gzip": gzip.compress,
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
}

guard_consumers()


def batch_of(values, *, codec="none", headers=(), timestamp=NOON):
    """A batch of format v2, as it is sent."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=NUMBERS[codec],
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 30,
    )
    for number, value in enumerate(values):
        builder.append(number, timestamp, b"s-1", value, list(headers))
    return bytes(builder.build())


def at_offset(batch, offset):
    return struct.pack(">q", offset) + batch[8:]


def as_codec(batch, number):
    """The same batch, labelled with another codec; the checksum is not looked at here."""
    return batch[:22] + bytes([batch[22] & ~7 | number]) + batch[23:]


def read(*batches, offset=0):
    """What aiokafka's fetcher makes of the bytes of a fetch."""
    records = fetcher.MemoryRecords(b"".join(batches))
    part = TopicPartition("t", 3)
    unpacked = fetcher.PartitionRecords(
        part,
        records,
        [],
        offset,
        None,
        None,
        isolation_level=fetcher.READ_COMMITTED,
        check_crcs=False,
    )
    return [(record.offset, record.timestamp, record.key, record.value) for record in unpacked]


class TestBounds:
    """No batch takes more memory than the limit."""

    @pytest.mark.parametrize("codec", CODECS)
    def test_a_batch_of_the_limit_is_unpacked(self, codec, monkeypatch):
        monkeypatch.setattr(unpacking, "BATCH_BYTES_MAX", MEBIBYTE)
        decode = getattr(unpacking, f"_{codec}_decode")
        data = bytes(MEBIBYTE)
        assert data == decode(PACK[codec](data))

    @pytest.mark.parametrize("codec", CODECS)
    def test_a_larger_batch_is_named_with_partition_and_offset(self, codec):
        value = bytes(BATCH_BYTES_MAX)
        packed = PACK[codec](value + bytes(64))
        small = batch_of([b"x"], codec=codec)
        header = at_offset(small, 7)[: struct.calcsize(">qiibIhiqqqhii")]
        length = struct.pack(">i", len(header) - 12 + len(packed))
        bomb = header[:8] + length + header[12:] + packed

        with pytest.raises(UnreadableBatchError) as raised:
            read(batch_of([b"first"] * 7), bomb)

        message = "the batch at offset 7 of partition 3: it unpacks to more than 256 MiB"
        assert message == str(raised.value)

    def test_it_does_not_take_the_memory(self):
        script = (
            "import resource\n"
            "import cramjam\n"
            "from ledger.log.kafka import unpacking\n"
            "packed = bytes(cramjam.zstd.compress(bytes(900 * 2**20)))\n"
            "resource.setrlimit(resource.RLIMIT_AS, (1_500 * 2**20, 1_500 * 2**20))\n"
            "try:\n"
            "    unpacking._zstd_decode(packed)\n"
            "except unpacking._BatchTooLargeError:\n"
            "    print('refused')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        assert "refused\n" == done.stdout

    def test_snappy_of_java_is_measured_block_by_block(self, monkeypatch):
        monkeypatch.setattr(unpacking, "BATCH_BYTES_MAX", MEBIBYTE)
        from aiokafka.codec import snappy_encode

        data = bytes(MEBIBYTE)
        assert data == unpacking._snappy_decode(snappy_encode(data))
        with pytest.raises(unpacking._BatchTooLargeError):
            unpacking._snappy_decode(snappy_encode(data + b"x"))


class TestUnreadable:
    """What cannot be unpacked is one error that says where and why."""

    @pytest.mark.parametrize("number", [5, 6, 7])
    def test_an_unknown_codec_is_named(self, number):
        unknown = as_codec(at_offset(batch_of([b"x"]), 4), number)
        with pytest.raises(UnreadableBatchError, match=f"offset 4 .* codec 0x0{number}"):
            read(batch_of([b"y"] * 4), unknown)

    @pytest.mark.parametrize("codec", CODECS)
    def test_junk_is_no_reason_for_a_traceback(self, codec):
        with pytest.raises(UnreadableBatchError, match="offset 0 of partition 3"):
            read(as_codec(batch_of([b"no such frame" * 9]), NUMBERS[codec]))


class TestFormats:
    """Every format that a broker may still hold on disk."""

    @pytest.mark.parametrize("codec", ["none", *CODECS])
    def test_version_2(self, codec):
        batch = batch_of([b"1", None, b"3"], codec=codec)
        assert [
            (0, NOON, b"s-1", b"1"),
            (1, NOON, b"s-1", None),
            (2, NOON, b"s-1", b"3"),
        ] == read(batch)

    @pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4"])
    def test_version_1(self, codec):
        builder = LegacyRecordBatchBuilder(1, NUMBERS[codec], 1 << 20)
        for offset in (0, 1):
            builder.append(offset, NOON, b"k", b"v", [])
        records = read(bytes(builder.build()))
        assert [(0, NOON, b"k", b"v"), (1, NOON, b"k", b"v")] == records

    @pytest.mark.parametrize("codec", ["none", "gzip", "snappy"])
    def test_version_0_has_no_time(self, codec):
        builder = LegacyRecordBatchBuilder(0, NUMBERS[codec], 1 << 20)
        builder.append(0, None, b"k", None, [])
        ((offset, timestamp, key, value),) = read(bytes(builder.build()))
        assert (0, b"k", None) == (offset, key, value)
        assert timestamp in (None, -1)

    @pytest.mark.parametrize("codec", ["none", *CODECS])
    def test_headers_whose_name_is_not_utf_8_are_passed_over(self, codec):
        good = batch_of([b"1", b"2"], codec=codec, headers=[("naïve", b"\xff")])
        bad = good.replace("naïve".encode(), b"na\xffive"[:6])
        if codec != "none":
            plain = batch_of([b"1", b"2"], headers=[("naïve", b"\xff")])
            head, body = plain[:61], plain[61:].replace("naïve".encode(), b"na\xffive"[:6])
            packed = PACK[codec](body)
            length = struct.pack(">i", len(head) - 12 + len(packed))
            bad = as_codec(head[:8] + length + head[12:] + packed, NUMBERS[codec])
        last = at_offset(batch_of([b"3"], headers=[("fine", None)]), 2)

        values = [(offset, value) for offset, _, _, value in read(bad, last)]

        assert [(0, b"1"), (1, b"2"), (2, b"3")] == values
        assert [(1, b"2"), (2, b"3")] == [record[::3] for record in read(bad, last, offset=1)]

    def test_a_batch_that_compaction_emptied_moves_the_position(self):
        empty = batch_of([b"x"])[:57] + struct.pack(">i", 0)
        empty = empty[:8] + struct.pack(">i", len(empty) - 12) + empty[12:]
        assert [(1, b"y")] == [
            record[::3] for record in read(empty, at_offset(batch_of([b"y"]), 1))
        ]


def events():
    return [(record.key, record.value) for record in generate(40, 7) if not record.broken]


@pytest.mark.kafka
class TestForeignProducers:
    @pytest.mark.parametrize("codec", CODECS)
    def test_a_log_in_any_codec_is_read(self, kafka, codec):
        topic = kafka.topic(2)
        produce(kafka, topic, events(), compression_type=codec)
        with closing(open_log(kafka.url(topic))) as log:
            assert sorted(events()) == sorted(
                (record.key, record.value) for record in everything(log)
            )

    @pytest.mark.parametrize("codec", CODECS)
    def test_a_topic_that_compresses_is_read(self, kafka, codec):
        topic = kafka.topic(1, {"compression.type": codec})
        produce(kafka, topic, events())
        with closing(open_log(kafka.url(topic))) as log:
            assert len(events()) == len(everything(log))

    def test_a_batch_beyond_the_limit_is_one_line(self, kafka):
        topic = kafka.topic(1, {"max.message.bytes": str(400 * MEBIBYTE)})
        produce(kafka, topic, events()[:3])
        large = [(b"s-1", bytes(BATCH_BYTES_MAX + 1))]
        produce(
            kafka,
            topic,
            large,
            compression_type="zstd",
            message_max_bytes=400 * MEBIBYTE,
        )
        with closing(open_log(kafka.url(topic))) as log:
            records = log.read({0: 0}, {0: 4})
            with pytest.raises(StoreError) as raised:
                list(records)
        line = str(raised.value)
        assert "the batch at offset 3 of partition 0: it unpacks to more than 256 MiB" in line
        assert "archive" in line

    def test_a_header_with_any_bytes_is_ignored(self, kafka):
        if shutil.which("kcat") is None:
            pytest.skip("no kcat on this machine")
        topic = kafka.topic(1)
        key, value = events()[0]
        line = key + b"\t" + json.dumps(json.loads(value)).encode() + b"\n"
        command = [
            "kcat",
            "-P",
            "-b",
            kafka.bootstrap,
            "-t",
            topic,
            "-K",
            "\\t",
            "-H",
            b"\xff\xfe=1",
        ]
        subprocess.run(command, input=line, check=True, timeout=60)
        with closing(open_log(kafka.url(topic))) as log:
            assert [key] == [record.key for record in everything(log)]

    @pytest.mark.parametrize("codec", ["none", "zstd"])
    def test_time_stamps_that_say_nothing_are_read_as_the_time_before(self, kafka, codec):
        topic = kafka.topic(
            1,
            {
                "message.timestamp.type": "CreateTime",
                "message.timestamp.before.max.ms": str(2**63 - 1),
            },
        )
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "compression.type": codec})
        for stamp in (1, NOON, 1):
            producer.produce(topic, b"{}", b"s-1", timestamp=stamp)
        assert 0 == producer.flush(30)
        with closing(open_log(kafka.url(topic))) as log:
            assert [1, NOON, NOON] == [record.recorded_at for record in everything(log)]
            assert NOON == log.latest_recorded_at(log.end())
