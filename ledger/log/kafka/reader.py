"""Reading a topic: a consumer without a group, explicit offsets, committed records alone.

Offsets may have holes: the markers of transactions, and what was aborted. The consumer's position
tells that a hole has been passed, so no read waits for a record that never comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from ledger.errors import UnreachableError
from ledger.log.kafka.client import LAST_SECONDS, Link, Loop, last_logged_error, translate_errors
from ledger.log.kafka.waiting import Patience, Wait
from schemas.moments import LAST_MS

__all__ = ["Reader", "recorded_at_of", "timestamp_of"]

STALL_SECONDS = 30.0
"""How long a worker's read may receive nothing before its end; a command's waits as it says."""

_POLL_MS = 100
_FETCH_BYTES = 4_194_304
_LOOK_MAX = 65_536


class Reader:
    """One consumer in its own event loop; for one thread at a time."""

    def __init__(
        self,
        link: Link,
        partitions: int,
        *,
        isolation: str = "read_committed",
        fetch_bytes: int = _FETCH_BYTES,
    ) -> None:
        self._link = link
        self._fetch_bytes = fetch_bytes
        waits = link.patience is not Patience.NONE
        self._stall_seconds = max(LAST_SECONDS, link.wait_seconds) if waits else STALL_SECONDS
        self._parts = [TopicPartition(link.address.topic, number) for number in range(partitions)]
        self._loop = Loop()
        self._consumer: AIOKafkaConsumer | None = None
        try:
            with translate_errors(link, "is out of reach"):
                self._loop.run(self._start(isolation))
        except BaseException:
            self.close()
            raise

    async def _start(self, isolation: str) -> None:
        self._consumer = AIOKafkaConsumer(
            **self._link.options,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level=isolation,
            max_partition_fetch_bytes=self._fetch_bytes,
            # A fetch beyond the end must not keep the next question waiting at the broker.
            fetch_max_wait_ms=10,
        )
        await self._consumer.start()

    def begin_offsets(self) -> dict[int, int]:
        """The first offset that each partition still holds."""
        return self._offsets("beginning_offsets")

    def stable_ends(self) -> dict[int, int]:
        """The offset behind each partition's last committed record or marker."""
        return self._offsets("end_offsets")

    def offsets_at(self, times: Mapping[int, int]) -> dict[int, int | None]:
        """Each partition's first offset with a time stamp of at least so much; None for none.

        Args:
            times: Partition → milliseconds, at least 0.
        """
        moments = {self._parts[partition]: at_ms for partition, at_ms in times.items()}
        if not moments:
            return {}
        with translate_errors(self._link, "cannot be read"):
            offsets = self._loop.run(self._live.offsets_for_times(moments))
        return {
            part.partition: None if entry is None else entry.offset
            for part, entry in offsets.items()
        }

    def scan(
        self, low: Mapping[int, int], high: Mapping[int, int]
    ) -> Iterator[Sequence[ConsumerRecord]]:
        """Batches of records, each of one partition, ascending in it.

        Args:
            low: Partition → the first offset wanted.
            high: Partition → the offset before which to stop.

        Raises:
            CutNotHeldError: If the broker no longer holds an offset.
            StoreError: If nothing comes for too long.
        """
        wanted = {
            part: high[part.partition]
            for part in self._parts
            if part.partition in high and low[part.partition] < high[part.partition]
        }
        positions = {part: low[part.partition] for part in wanted}
        if wanted:
            with translate_errors(self._link, "cannot be read"):
                self._loop.run(self._seek(positions))
        wait = self._wait()
        try:
            while wanted:
                with translate_errors(self._link, "cannot be read"):
                    batches, reached = self._loop.run(self._poll(wanted), self._stall_seconds)
                if reached != positions:
                    wait.end(answered=True)
                elif wait.is_over():
                    raise self._stalled(positions)
                for part, records in batches.items():
                    below = _below(records, wanted.get(part, 0))
                    if below:
                        yield below
                if reached != positions:
                    wait = self._wait()
                for part in [part for part in wanted if reached[part] >= wanted[part]]:
                    del wanted[part], reached[part]
                positions = reached
        finally:
            wait.end(answered=False)

    def _wait(self) -> Wait:
        return Wait(self._link.address, self._stall_seconds)

    def last_below(
        self, ends: Mapping[int, int], begins: Mapping[int, int]
    ) -> dict[int, ConsumerRecord]:
        """The last record of each partition below an offset; no entry where there is none.

        Looks back one offset first, since a hole there is rare, then further each time.
        """
        last: dict[int, ConsumerRecord] = {}
        high = {number: end for number, end in ends.items() if end > begins[number]}
        step = 1
        while high:
            low = {number: max(begins[number], end - step) for number, end in high.items()}
            for records in self.scan(low, high):
                last[records[-1].partition] = records[-1]
            high = {
                number: start
                for number, start in low.items()
                if number not in last and start > begins[number]
            }
            step = min(step * 8, _LOOK_MAX)
        return last

    def first_from(
        self, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> dict[int, ConsumerRecord]:
        """The first record of each partition from an offset on; no entry where there is none."""
        first: dict[int, ConsumerRecord] = {}
        low = {number: start for number, start in starts.items() if start < ends[number]}
        step = 1
        while low:
            high = {number: min(ends[number], start + step) for number, start in low.items()}
            for records in self.scan(low, high):
                first.setdefault(records[0].partition, records[0])
            low = {
                number: end
                for number, end in high.items()
                if number not in first and end < ends[number]
            }
            step = min(step * 8, _LOOK_MAX)
        return first

    def close(self) -> None:
        """Close the connections within a few seconds."""
        consumer, self._consumer = self._consumer, None
        self._loop.close(None if consumer is None else consumer.stop())

    @property
    def _live(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "the reader is closed"
        return self._consumer

    def _offsets(self, question: str) -> dict[int, int]:
        with translate_errors(self._link, "cannot be read"):
            offsets = self._loop.run(getattr(self._live, question)(self._parts))
        return {part.partition: offset for part, offset in sorted(offsets.items())}

    async def _seek(self, positions: Mapping[TopicPartition, int]) -> None:
        self._live.assign(list(positions))
        for part, offset in positions.items():
            self._live.seek(part, offset)

    async def _poll(
        self, wanted: Mapping[TopicPartition, int]
    ) -> tuple[dict[TopicPartition, list[ConsumerRecord]], dict[TopicPartition, int]]:
        batches = await self._live.getmany(timeout_ms=_POLL_MS)
        positions = {part: await self._live.position(part) for part in wanted}
        self._live.pause(*(part for part, end in wanted.items() if positions[part] >= end))
        return batches, positions

    def _stalled(self, positions: Mapping[TopicPartition, int]) -> UnreachableError:
        part, offset = min(positions.items())
        logged = last_logged_error()
        return UnreachableError(
            f"{self._link.address} sent nothing for {self._stall_seconds:.0f} s at offset {offset}"
            f" of partition {part.partition}{f' ({logged})' if logged else ''};"
            " is the broker running?"
        )


def _below(records: Sequence[ConsumerRecord], end: int) -> Sequence[ConsumerRecord]:
    if not records or records[-1].offset < end:
        return records
    return [record for record in records if record.offset < end]


def timestamp_of(record: ConsumerRecord) -> int:
    """A record's `recorded_at`, see `recorded_at_of`."""
    return recorded_at_of(record.timestamp)


def recorded_at_of(timestamp: int | None) -> int:
    """The `recorded_at` that a time stamp in milliseconds stands for.

    A producer that stamps its records itself may claim any time. Before 1970 counts as 1970, as
    does none (formats of before 2016), and after 9999 as the last millisecond of 9999: no cut can
    ask for a later one.
    """
    return min(max(0, timestamp or 0), LAST_MS)
