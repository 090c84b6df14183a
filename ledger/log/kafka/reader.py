"""Reading a topic: a consumer without a group, explicit offsets, committed records alone.

Offsets may have holes: the markers of transactions, and what was aborted. The consumer's position
tells that a hole has been passed, so nothing ever waits for a record that does not come.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from ledger.errors import UnreachableError
from ledger.log.kafka.client import Link, Loop, overheard, trouble

__all__ = ["Reader"]

STALL_SECONDS = 30.0
"""How long a read may get nothing although it has not reached its end."""

_POLL_MS = 100
_FETCH_BYTES = 4_194_304
_LOOK_MAX = 65_536


class Reader:
    """One consumer in an event loop of its own; of use from one thread at a time."""

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
        self._parts = [TopicPartition(link.place.topic, number) for number in range(partitions)]
        self._loop = Loop()
        self._consumer: AIOKafkaConsumer | None = None
        try:
            with trouble(link, "is out of reach"):
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

    def begins(self) -> dict[int, int]:
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
        asked = {self._parts[partition]: at_ms for partition, at_ms in times.items()}
        if not asked:
            return {}
        with trouble(self._link, "cannot be read"):
            found = self._loop.run(self._live.offsets_for_times(asked))
        return {part.partition: None if at is None else at.offset for part, at in found.items()}

    def scan(
        self, low: Mapping[int, int], high: Mapping[int, int]
    ) -> Iterator[Sequence[ConsumerRecord]]:
        """Batches of records, each of one partition, ascending in it.

        Args:
            low: Partition → the first offset wanted.
            high: Partition → the offset before which to stop.

        Raises:
            CutNotHeldError: If the broker no longer holds an offset.
            StoreError: If nothing comes for `STALL_SECONDS`.
        """
        wanted = {
            part: high[part.partition]
            for part in self._parts
            if part.partition in high and low[part.partition] < high[part.partition]
        }
        at = {part: low[part.partition] for part in wanted}
        if wanted:
            with trouble(self._link, "cannot be read"):
                self._loop.run(self._stand_at(at))
        moved = time.monotonic()
        while wanted:
            with trouble(self._link, "cannot be read"):
                batches, positions = self._loop.run(self._poll(wanted), STALL_SECONDS)
            for part, records in batches.items():
                below = _below(records, wanted.get(part, 0))
                if below:
                    yield below
            if positions != at:
                moved = time.monotonic()
            elif time.monotonic() - moved > STALL_SECONDS:
                raise self._stalled(at)
            reached = [part for part in wanted if positions[part] >= wanted[part]]
            for part in reached:
                del wanted[part], positions[part]
            at = positions

    def last_below(
        self, upto: Mapping[int, int], begins: Mapping[int, int]
    ) -> dict[int, ConsumerRecord]:
        """The last record of each partition below an offset; no entry where there is none.

        Looks back one offset at first, since a hole there is rare, and then further and further.
        """
        found: dict[int, ConsumerRecord] = {}
        high = {partition: at for partition, at in upto.items() if at > begins[partition]}
        step = 1
        while high:
            low = {partition: max(begins[partition], at - step) for partition, at in high.items()}
            for records in self.scan(low, high):
                found[records[-1].partition] = records[-1]
            high = {
                partition: at
                for partition, at in low.items()
                if partition not in found and at > begins[partition]
            }
            step = min(step * 8, _LOOK_MAX)
        return found

    def first_from(
        self, low: Mapping[int, int], upto: Mapping[int, int]
    ) -> dict[int, ConsumerRecord]:
        """The first record of each partition from an offset on; no entry where there is none."""
        found: dict[int, ConsumerRecord] = {}
        low = {partition: at for partition, at in low.items() if at < upto[partition]}
        step = 1
        while low:
            high = {partition: min(upto[partition], at + step) for partition, at in low.items()}
            for records in self.scan(low, high):
                found.setdefault(records[0].partition, records[0])
            low = {
                partition: at
                for partition, at in high.items()
                if partition not in found and at < upto[partition]
            }
            step = min(step * 8, _LOOK_MAX)
        return found

    def close(self) -> None:
        """Let go of the connections, within a few seconds."""
        consumer, self._consumer = self._consumer, None
        self._loop.close(None if consumer is None else consumer.stop())

    @property
    def _live(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "a closed reader is asked"
        return self._consumer

    def _offsets(self, question: str) -> dict[int, int]:
        with trouble(self._link, "cannot be read"):
            found = self._loop.run(getattr(self._live, question)(self._parts))
        return {part.partition: offset for part, offset in sorted(found.items())}

    async def _stand_at(self, at: Mapping[TopicPartition, int]) -> None:
        self._live.assign(list(at))
        for part, offset in at.items():
            self._live.seek(part, offset)

    async def _poll(
        self, wanted: Mapping[TopicPartition, int]
    ) -> tuple[dict[TopicPartition, list[ConsumerRecord]], dict[TopicPartition, int]]:
        batches = await self._live.getmany(timeout_ms=_POLL_MS)
        positions = {part: await self._live.position(part) for part in wanted}
        self._live.pause(*(part for part, upto in wanted.items() if positions[part] >= upto))
        return batches, positions

    def _stalled(self, at: Mapping[TopicPartition, int]) -> UnreachableError:
        part, offset = min(at.items())
        heard = overheard()
        return UnreachableError(
            f"{self._link.place} gave nothing for {STALL_SECONDS:.0f} s at offset {offset} of"
            f" partition {part.partition}{f' ({heard})' if heard else ''}; is the broker running?"
            " see `outcomes doctor`"
        )


def _below(records: Sequence[ConsumerRecord], upto: int) -> Sequence[ConsumerRecord]:
    if not records or records[-1].offset < upto:
        return records
    return [record for record in records if record.offset < upto]
