"""The log on a Kafka topic; see `ledger.log.port` for what every log promises.

Two things differ. Kafka cannot promise all or none: an append that is cut short says exactly how
many records were acknowledged. And offsets have holes where somebody wrote in transactions, so a
cut is brought to its normal form by looking at the log, never by arithmetic.

The methods are synchronous and are called outside of any running event loop, by one thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from ledger.errors import CutNotHeldError, PartlyAcknowledgedError, StoreError
from ledger.log.cut import Cut, refuse_not_held
from ledger.log.external_sort import by_key
from ledger.log.kafka.address import TopicAddress
from ledger.log.kafka.checks import examine
from ledger.log.kafka.client import Link, link_to, no_topic
from ledger.log.kafka.reader import Reader
from ledger.log.kafka.topic import describe_topic, topic_faults
from ledger.log.kafka.writer import Writer
from ledger.log.port import Acknowledged, Check, NewRecord
from schemas.record import Record

__all__ = ["KafkaLog"]

_GLANCE_BYTES = 65_536


class KafkaLog:
    """A log in a topic.

    Attributes:
        name: The topic.
        partitions: See `port.Log`.
    """

    def __init__(self, link: Link, partitions: int) -> None:
        self.name = link.place.topic
        self.partitions = partitions
        self._link = link
        self._reader: Reader | None = None
        self._glancing: Reader | None = None
        self._writer: Writer | None = None
        # Partition → an offset, and the normal cut there; what lies below never changes.
        self._known: dict[int, tuple[int, int]] = {}

    @classmethod
    def open(cls, place: TopicAddress) -> KafkaLog:
        """Open the log in a topic that exists.

        Raises:
            StoreError: If the brokers are out of reach or have no such topic.
            ConfigurationError: If the settings of the environment are wrong.
        """
        link = link_to(place)
        topic = describe_topic(link, settings=False)
        if topic is None:
            raise no_topic(place)
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
                f"all {count} acknowledged, then {error}", count
            ) from error
        return Acknowledged(count, end)

    def send(self, records: Iterable[NewRecord]) -> int:
        """Append records without asking for the log's end; how many were acknowledged.

        Raises:
            PartlyAcknowledgedError: As `append` does.
        """
        if self._writer is None:
            self._writer = Writer(self._link, self.partitions)
        delivery = self._writer.send(records)
        for partition, upto in delivery.ends.items():
            self._known[partition] = (upto, upto)
        return delivery.acknowledged

    def read(self, start: Cut, end: Cut) -> Iterator[Record]:
        """The committed records between two cuts, see `port.Log`.

        Raises:
            CutNotHeldError: If the topic has deleted records that are asked for.
        """
        high = {one: upto for one, upto in end.items() if upto > start.get(one, 0)}
        low = {one: start.get(one, 0) for one in high}
        if not high:
            return
        reader = Reader(self._link, self.partitions)
        try:
            begins = reader.begins()
            self._refuse_deleted(low, begins)
            before = {one: upto for one, upto in low.items() if upto > begins[one]}
            latest = _latest(reader, before, begins)
            for partition in sorted(high):
                batches = reader.scan({partition: low[partition]}, {partition: high[partition]})
                recorded_at = latest.get(partition, 0)
                for batch in batches:
                    for one in batch:
                        # A broker's clock may step back; a reader's never does.
                        recorded_at = max(recorded_at, one.timestamp)
                        yield Record(partition, one.offset, recorded_at, one.key, one.value)
        finally:
            reader.close()

    def read_by_key(self, end: Cut) -> Iterator[Record]:
        """All records below a cut by (key, partition, offset), see `port.Log`."""
        return by_key(self.read(dict.fromkeys(end, 0), end))

    def first_records(self) -> dict[int, Record]:
        """The first committed record of every partition that holds one, see `port.Log`."""
        if self._glancing is None:
            self._glancing = Reader(self._link, self.partitions, fetch_bytes=_GLANCE_BYTES)
        try:
            begins = self._glancing.begins()
            self._refuse_deleted(dict.fromkeys(begins, 0), begins)
            found = self._glancing.first_from(begins, self._glancing.stable_ends())
        except StoreError:
            self._glancing.close()
            self._glancing = None
            raise
        return {
            partition: Record(partition, one.offset, max(0, one.timestamp), one.key, one.value)
            for partition, one in sorted(found.items())
        }

    def end(self) -> Cut:
        """The cut behind the last committed records, see `port.Log`.

        A transaction that is still open hides all that comes after its beginning.
        """
        with self._asking() as reader:
            return self._normal(reader, reader.stable_ends(), reader.begins())

    def cut_as_of(self, at_ms: int) -> Cut:
        """The cut as of a moment, by the topic's index of time stamps; see `port.Log`."""
        if at_ms < 0:
            return dict.fromkeys(range(self.partitions), 0)
        with self._asking() as reader:
            ends = reader.stable_ends()
            found = reader.offsets_at(dict.fromkeys(ends, at_ms + 1))
            cut = {
                partition: ends[partition]
                if at is None
                else _first_later(reader, partition, (at, ends[partition]), at_ms)
                for partition, at in sorted(found.items())
            }
            return self._normal(reader, cut, reader.begins())

    def normalise(self, cut: Cut) -> Cut:
        """The cut in the form of SPEC section 5; see `port.Log`."""
        with self._asking() as reader:
            ends, begins = reader.stable_ends(), reader.begins()
            refuse_not_held(cut, ends, place=self._link.place, end=self.end)
            return self._normal(reader, cut, begins)

    def latest_recorded_at(self, cut: Cut) -> int | None:
        """The latest `recorded_at` below a cut, see `port.Log`."""
        with self._asking() as reader:
            latest = _latest(reader, cut, reader.begins())
        return max(latest.values(), default=None)

    def close(self) -> None:
        """Let go of the connections, within a few seconds."""
        used = (self._reader, self._glancing, self._writer)
        self._reader = self._glancing = self._writer = None
        for one in used:
            if one is not None:
                one.close()

    def refuse_broken_promises(self) -> None:
        """Refuse a topic with settings that lose or misdate records.

        Raises:
            StoreError: If a setting breaks a promise, or the partition count has changed.
        """
        topic = describe_topic(self._link)
        if topic is None:
            raise no_topic(self._link.place)
        if topic.partitions != self.partitions:
            raise StoreError(
                f"{self._link.place} has {topic.partitions} partitions, {self.partitions} before: a"
                " log's partition count never changes; copy the log into a new topic"
            )
        broken = [what for verdict, what in topic_faults(topic) if verdict == "broken"]
        if broken:
            raise StoreError(f"{self._link.place} breaks a promise of the ledger: {broken[0]}")

    def examine(self) -> Iterator[Check]:
        """Every setting and state of the topic that breaks a promise, see `port.Log`."""
        with self._asking() as reader:
            for severity, detail in examine(self._link, reader, self.partitions):
                yield Check("topic", severity, detail)

    @contextmanager
    def _asking(self) -> Iterator[Reader]:
        """The reader for questions; after trouble the next question gets a new one."""
        if self._reader is None:
            self._reader = Reader(self._link, self.partitions)
        try:
            yield self._reader
        except StoreError:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            raise

    def _normal(
        self, reader: Reader, upto: Mapping[int, int], begins: Mapping[int, int]
    ) -> dict[int, int]:
        """Each partition's 1 + the offset of the last record below."""
        unknown = {
            partition: at
            for partition, at in upto.items()
            if at and self._known.get(partition, (0, 0))[0] != at
        }
        for partition, record in reader.last_below(unknown, begins).items():
            self._known[partition] = (unknown.pop(partition), record.offset + 1)
        for partition, at in unknown.items():
            # Nothing below: either all are holes, or the records there were deleted.
            if begins[partition]:
                raise self._deleted(partition, begins[partition])
            self._known[partition] = (at, 0)
        return {one: self._known[one][1] if upto[one] else 0 for one in sorted(upto)}

    def _refuse_deleted(self, low: Mapping[int, int], begins: Mapping[int, int]) -> None:
        for partition, start in low.items():
            if start < begins[partition]:
                raise self._deleted(partition, begins[partition])

    def _deleted(self, partition: int, begin: int) -> CutNotHeldError:
        return CutNotHeldError(
            f"{self._link.place} has lost the records below offset {begin} of partition"
            f" {partition}: deleted by retention or by hand; restore the log from an archive, and"
            " see `outcomes doctor`"
        )


def _latest(reader: Reader, upto: Mapping[int, int], begins: Mapping[int, int]) -> dict[int, int]:
    """Each partition's latest time stamp below an offset; no entry where nothing lies below."""
    last = reader.last_below(upto, begins)
    latest = {partition: max(0, record.timestamp) for partition, record in last.items()}
    later = reader.offsets_at({partition: at_ms + 1 for partition, at_ms in latest.items()})
    for partition, at in later.items():
        if at is not None and at <= last[partition].offset:
            # A clock stepped back: an earlier record has a later time stamp than the last one.
            for batch in reader.scan({partition: at}, {partition: upto[partition]}):
                stamps = [record.timestamp for record in batch]
                latest[partition] = max(latest[partition], *stamps)
    return latest


def _first_later(reader: Reader, partition: int, bounds: tuple[int, int], at_ms: int) -> int:
    """The first record's offset with a later time stamp; the index may point to a marker."""
    low, high = bounds
    for batch in reader.scan({partition: low}, {partition: high}):
        for record in batch:
            if record.timestamp > at_ms:
                return int(record.offset)
    return high
