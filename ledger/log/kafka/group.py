"""Who of a consumer group has which partition, asked of the group's coordinator."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import for_code

from ledger.log.kafka.client import Link, Loop, trouble

__all__ = ["owners"]


def owners(link: Link, group: str) -> dict[int, str]:
    """Partition → the member that has it, as `client@host`; nothing of a partition without one.

    Args:
        link: The topic.
        group: The consumer group.

    Raises:
        StoreError: If the cluster is out of reach or refuses.
    """
    loop = Loop()
    try:
        with trouble(link, f"does not tell who is in group {group}"):
            return loop.run(_owners(link, group))
    finally:
        loop.close()


async def _owners(link: Link, group: str) -> dict[int, str]:
    admin = AIOKafkaAdminClient(**link.options)
    try:
        await admin.start()
        (answer,) = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    found: dict[int, str] = {}
    code, _, state, _, _, members = answer.groups[0][:6]
    if code:
        raise for_code(code)(group)
    if state in ("Dead", "Empty"):
        return found
    for _, client, host, _, assignment in (member[:5] for member in members):
        if not assignment:
            continue
        decoded = ConsumerProtocolMemberAssignment.decode(assignment)
        for topic, partitions in decoded.assignment:
            if topic == link.place.topic:
                found |= dict.fromkeys(partitions, f"{client}@{host.lstrip('/')}")
    return found
