"""Which member of a consumer group owns which partition, as the group's coordinator says."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import for_code

from ledger.log.kafka.client import Link, Loop, translate_errors

__all__ = ["owners"]


def owners(link: Link, group: str) -> dict[int, str]:
    """Partition → the member that owns it, as `client@host`; no entry for one without an owner.

    Args:
        link: The topic.
        group: The consumer group.

    Raises:
        StoreError: If the cluster is out of reach or refuses.
    """
    loop = Loop()
    try:
        with translate_errors(link, f"cannot list the members of group {group}"):
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
    owner_of: dict[int, str] = {}
    code, _, state, _, _, members = answer.groups[0][:6]
    if code:
        raise for_code(code)(group)
    if state in ("Dead", "Empty"):
        return owner_of
    for _, client, host, _, assignment in (member[:5] for member in members):
        if not assignment:
            continue
        decoded = ConsumerProtocolMemberAssignment.decode(assignment)
        for topic, partitions in decoded.assignment:
            if topic == link.address.topic:
                owner_of |= dict.fromkeys(partitions, f"{client}@{host.lstrip('/')}")
    return owner_of
