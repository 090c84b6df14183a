"""The dead letters that were found by those who fold a log, wherever they keep them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ledger.log import LogAddress, TopicAddress
from processors.dead_letters import DeadLetter, decode_dead_letter
from processors.read_model.store import Store
from processors.stored_figures import state_path

__all__ = ["folded_dead_letters"]


def folded_dead_letters(address: LogAddress, state: Path | None = None) -> Iterator[DeadLetter]:
    """Pointers to the quarantined records that were folded, in log order.

    Args:
        address: Of the log.
        state: The read model of an embedded log; beside the log where None.

    Raises:
        StoreError: If they cannot be read, or nobody has folded the log yet.
    """
    if isinstance(address, TopicAddress):
        yield from _published(address)
    else:
        with closing(Store(state_path(address, state), read_only=True)) as store:
            yield from store.dead_letters()


def _published(address: TopicAddress) -> Iterator[DeadLetter]:
    from ledger.log.kafka.log import KafkaLog  # noqa: PLC0415 - see open_log

    with closing(KafkaLog.open(address.dead_letters)) as topic:
        end = topic.end()
        letters = {
            (letter.partition, letter.offset): letter
            for record in topic.read(dict.fromkeys(end, 0), end)
            if (letter := decode_dead_letter(record.value)) is not None
        }
    yield from (letters[place] for place in sorted(letters))
