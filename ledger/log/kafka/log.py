"""The log on a Kafka topic; see `ledger.log.port` for what every log promises.

Two things differ. Kafka cannot promise all or none: an append that is cut short says exactly how
many records were acknowledged. And offsets have holes where somebody wrote in transactions, so a
cut is brought to its normal form by looking at the log, never by arithmetic.

The methods are synchronous and are called outside of any running event loop, by one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from aiokafka import ConsumerRecord

from ledger.errors import CutNotHeldError, PartlyAcknowledgedError, StoreError
from ledger.log.cut import Cut, refuse_not_held
from ledger.log.kafka.address import TopicAddress
from ledger.log.kafka.checks import alive_brokers, examine, examine_brokers
from ledger.log.kafka.client import Link, link_to, missing_topic_error
from ledger.log.kafka.reader import Reader, recorded_at_of, timestamp_of
from ledger.log.kafka.topic import describe_topic, topic_faults
from ledger.log.kafka.waiting import Patience, ask_patiently
from ledger.log.kafka.writer import Delivery, Writer
from ledger.log.port import Acknowledged, Check, EachAppended, Location, NewRecord
from ledger.log.record_sort import sort_by_key
from schemas.partition import partition_of
from schemas.record import Record, as_record

__all__ = ["KafkaLog"]

_Answer = TypeVar("_Answer")

_FIRST_RECORD_BYTES = 65_536


class KafkaLog:
    """A log in a topic.

    Attributes:
        name: The topic.
        partitions: See `port.Log`.
    """

    def __init__(self, link: Link, partitions: int) -> None:
        self.name = link.address.topic
        self.partitions = partitions
        self._link = link
        self._reader: Reader | None = None
        self._first_reader: Reader | None = None
        self._writer: Writer | None = None
        # Partition → an offset, and the normal cut there; what lies below never changes.
        self._known: dict[int, tuple[int, int]] = {}

    @classmethod
    def open(cls, address: TopicAddress, patience: Patience = Patience.COMMAND) -> KafkaLog:
        """Open the log in a topic that exists.

        Args:
            address: The topic.
            patience: How long this and every later question waits for brokers that are away.

        Raises:
            StoreError: If the brokers are out of reach or have no such topic.
            ConfigurationError: If the settings of the environment are wrong.
        """
        link = link_to(address, patience)
        topic = describe_topic(link, settings=False)
        if topic is None:
            raise missing_topic_error(address)
        return cls(link, topic.partitions)

    def append(self, records: Iterable[NewRecord]) -> Acknowledged:
        """Append records; a given `recorded_at` is ignored, since the broker stamps its own.

        Raises:
            PartlyAcknowledgedError: If the broker refuses or stays away; see the module.
        """
        count = self.send(records)
        try:
            end = self.end()
        except StoreError as error:
            raise PartlyAcknowledgedError(
                f"all {count:,} records acknowledged, then {error}", count
            ) from error
        return Acknowledged(count, end)

    def send(self, records: Iterable[NewRecord]) -> int:
        """Append records without asking for the log's end; how many were acknowledged.

        Raises:
            PartlyAcknowledgedError: As `append` does.
        """
        return self._send(records, Delivery()).acknowledged

    def append_each(self, records: Sequence[NewRecord], *, wait_seconds: float) -> EachAppended:
        """Append records and say where each is, see `port.Log`."""
        delivery = Delivery()
        try:
            self._send(records, delivery, wait_seconds)
        except PartlyAcknowledgedError as error:
            return EachAppended(_locations(records, delivery, self.partitions), error)
        return EachAppended(_locations(records, delivery, self.partitions), None)

    def _send(
        self, records: Iterable[NewRecord], delivery: Delivery, wait_seconds: float | None = None
    ) -> Delivery:
        if self._writer is None:
            self._writer = Writer(self._link, self.partitions)
        self._writer.send(records, delivery, wait_seconds=wait_seconds)
        for partition, end in delivery.ends.items():
            self._known[partition] = (end, end)
        return delivery

    def read(self, start: Cut, end: Cut) -> Iterator[Record]:
        """The committed records between two cuts, see `port.Log`.

        Raises:
            CutNotHeldError: If the topic has deleted records that are asked for.
        """
        high = {number: limit for number, limit in end.items() if limit > start.get(number, 0)}
        low = {number: start.get(number, 0) for number in high}
        if not high:
            return
        reader, latest = self._wait_for(lambda: self._start_reading(low))
        try:
            for partition in sorted(high):
                batches = reader.scan({partition: low[partition]}, {partition: high[partition]})
                recorded_at, stamp = latest.get(partition, 0), None
                for record in chain.from_iterable(batches):
                    # A broker's clock may step back; `recorded_at` never does.
                    if record.timestamp != stamp:
                        stamp = record.timestamp
                        recorded_at = max(recorded_at, recorded_at_of(stamp))
                    yield as_record(
                        (partition, record.offset, recorded_at, record.key, record.value)
                    )
        finally:
            reader.close()

    def _start_reading(self, low: Cut) -> tuple[Reader, dict[int, int]]:
        """A new reader, and the latest time stamp below each start."""
        reader = Reader(self._link, self.partitions)
        try:
            begins = reader.begin_offsets()
            self._refuse_deleted(low, begins)
            resumed = {number: offset for number, offset in low.items() if offset > begins[number]}
            return reader, _latest(reader, resumed, begins)
        except BaseException:
            reader.close()
            raise

    def read_by_key(self, end: Cut) -> Iterator[Record]:
        """All records below a cut by (key, partition, offset), see `port.Log`."""
        return sort_by_key(self.read(dict.fromkeys(end, 0), end))

    def read_partition_by_key(
        self, partition: int, end: int, *, tick: Callable[[], object]
    ) -> Iterator[Record]:
        """A partition's records by (key, offset), see `port.Log`."""
        return sort_by_key(self.read({partition: 0}, {partition: end}), tick=tick)

    def first_records(self) -> dict[int, Record]:
        """The first committed record of every partition that holds one, see `port.Log`."""
        first = self._wait_for(self._first_records)
        return {
            number: Record(number, record.offset, timestamp_of(record), record.key, record.value)
            for number, record in sorted(first.items())
        }

    def _first_records(self) -> dict[int, ConsumerRecord]:
        if self._first_reader is None:
            self._first_reader = Reader(
                self._link, self.partitions, fetch_bytes=_FIRST_RECORD_BYTES
            )
        try:
            begins = self._first_reader.begin_offsets()
            self._refuse_deleted(dict.fromkeys(begins, 0), begins)
            return self._first_reader.first_from(begins, self._first_reader.stable_ends())
        except StoreError:
            self._first_reader.close()
            self._first_reader = None
            raise

    def end(self) -> Cut:
        """The cut behind the last committed records, see `port.Log`.

        A transaction that is still open hides all that comes after its beginning.
        """
        return self._ask(
            lambda reader: self._normal(reader, reader.stable_ends(), reader.begin_offsets())
        )

    def cut_as_of(self, at_ms: int) -> Cut:
        """The cut as of a moment, by the topic's index of time stamps; see `port.Log`."""
        if at_ms < 0:
            return dict.fromkeys(range(self.partitions), 0)
        return self._ask(lambda reader: self._cut_as_of(reader, at_ms))

    def _cut_as_of(self, reader: Reader, at_ms: int) -> dict[int, int]:
        ends = reader.stable_ends()
        later = reader.offsets_at(dict.fromkeys(ends, at_ms + 1))
        cut = {
            partition: ends[partition]
            if offset is None
            else _first_later(reader, partition, (offset, ends[partition]), at_ms)
            for partition, offset in sorted(later.items())
        }
        return self._normal(reader, cut, reader.begin_offsets())

    def normalise(self, cut: Cut) -> Cut:
        """The cut in the form of SPEC section 5; see `port.Log`."""

        def normalised(reader: Reader) -> dict[int, int]:
            ends, begins = reader.stable_ends(), reader.begin_offsets()
            refuse_not_held(cut, ends, place=self._link.address, end=self.end)
            return self._normal(reader, cut, begins)

        return self._ask(normalised)

    def latest_recorded_at(self, cut: Cut) -> int | None:
        """The latest `recorded_at` below a cut, see `port.Log`."""
        latest = self._ask(lambda reader: _latest(reader, cut, reader.begin_offsets()))
        return max(latest.values(), default=None)

    def close(self) -> None:
        """Close the connections within a few seconds."""
        clients = (self._reader, self._first_reader, self._writer)
        self._reader = self._first_reader = self._writer = None
        for client in clients:
            if client is not None:
                client.close()

    def refuse_broken_promises(self) -> None:
        """Refuse a topic with settings that lose or misdate records.

        Raises:
            StoreError: If a setting breaks a promise, or the partition count has changed.
        """
        topic = describe_topic(self._link)
        if topic is None:
            raise missing_topic_error(self._link.address)
        if topic.partitions != self.partitions:
            raise StoreError(
                f"{self._link.address} has {topic.partitions} partitions, {self.partitions} before:"
                " a log's partition count never changes; copy the log into a new topic"
            )
        broken = [detail for severity, detail in topic_faults(topic) if severity == "broken"]
        if broken:
            raise StoreError(f"{self._link.address} breaks a promise of the ledger: {broken[0]}")

    def examine(self) -> Iterator[Check]:
        """Every setting and state of the topic that breaks a promise, see `port.Log`."""
        yield Check("brokers", *examine_brokers(self._link))
        checks = self._ask(lambda reader: list(examine(self._link, reader, self.partitions)))
        for severity, detail in checks:
            yield Check("topic", severity, detail)

    def brokers(self) -> frozenset[str]:
        """The brokers that take part in the cluster now, as `host:port`.

        Raises:
            StoreError: If the cluster is out of reach.
        """
        return alive_brokers(self._link)

    def _ask(self, question: Callable[[Reader], _Answer]) -> _Answer:
        """Ask the reader for questions, a new one after an error."""

        def ask() -> _Answer:
            if self._reader is None:
                self._reader = Reader(self._link, self.partitions)
            try:
                return question(self._reader)
            except StoreError:
                if self._reader is not None:
                    self._reader.close()
                    self._reader = None
                raise

        return self._wait_for(ask)

    def _wait_for(self, question: Callable[[], _Answer]) -> _Answer:
        link = self._link
        return ask_patiently(
            link.address,
            question,
            seconds=link.wait_seconds,
            waits_for_names=link.waits_for_names,
        )

    def _normal(
        self, reader: Reader, cut: Mapping[int, int], begins: Mapping[int, int]
    ) -> dict[int, int]:
        """Each partition's 1 + the offset of the last record below."""
        unknown = {
            partition: offset
            for partition, offset in cut.items()
            if offset and self._known.get(partition, (0, 0))[0] != offset
        }
        for partition, record in reader.last_below(unknown, begins).items():
            self._known[partition] = (unknown.pop(partition), record.offset + 1)
        for partition, offset in unknown.items():
            # Nothing below: either all are holes, or the records there were deleted.
            if begins[partition]:
                raise self._deleted(partition, begins[partition])
            self._known[partition] = (offset, 0)
        return {number: self._known[number][1] if cut[number] else 0 for number in sorted(cut)}

    def _refuse_deleted(self, low: Mapping[int, int], begins: Mapping[int, int]) -> None:
        for partition, start in low.items():
            if start < begins[partition]:
                raise self._deleted(partition, begins[partition])

    def _deleted(self, partition: int, begin: int) -> CutNotHeldError:
        return CutNotHeldError(
            f"{self._link.address} has lost the records below offset {begin} of partition"
            f" {partition}: deleted by retention or by hand; restore the log from an archive"
        )


def _latest(reader: Reader, ends: Mapping[int, int], begins: Mapping[int, int]) -> dict[int, int]:
    """Each partition's latest time stamp below an offset; no entry where nothing is below."""
    last = reader.last_below(ends, begins)
    latest = {partition: timestamp_of(record) for partition, record in last.items()}
    later = reader.offsets_at({partition: at_ms + 1 for partition, at_ms in latest.items()})
    for partition, offset in later.items():
        if offset is not None and offset <= last[partition].offset:
            # A clock stepped back: an earlier record has a later time stamp than the last one.
            for batch in reader.scan({partition: offset}, {partition: ends[partition]}):
                stamps = map(timestamp_of, batch)
                latest[partition] = max(latest[partition], *stamps)
    return latest


def _first_later(reader: Reader, partition: int, bounds: tuple[int, int], at_ms: int) -> int:
    """The first record's offset with a later time stamp; the index may point to a marker."""
    low, high = bounds
    for batch in reader.scan({partition: low}, {partition: high}):
        for record in batch:
            if timestamp_of(record) > at_ms:
                return int(record.offset)
    return high


def _locations(
    records: Sequence[NewRecord], delivery: Delivery, partitions: int
) -> list[Location | None]:
    """Where each record is: within a partition they are acknowledged in their order."""
    offsets = {
        partition: iter(
            [
                None if first < 0 else first + index
                for count, first in batches
                for index in range(count)
            ]
        )
        for partition, batches in delivery.batches.items()
    }
    locations = list[Location | None]()
    for record in records:
        partition = partition_of(record.key or b"", partitions)
        offset = next(offsets.get(partition, iter(())), -1)
        locations.append(None if offset == -1 else Location(partition, offset))
    return locations
