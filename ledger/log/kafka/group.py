"""Which member of a consumer group owns which partition, as the group's coordinator says."""

from __future__ import annotations

from aiokafka.client import CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest

from ledger.log.kafka.client import Link
from ledger.log.kafka.cluster import Cluster, ask_once

__all__ = ["members", "owners"]


def owners(link: Link, group: str) -> dict[int, str]:
    """Partition → the member that owns it, as `client@host`; no entry for one without an owner.

    Does not wait for a coordinator that is away.

    Args:
        link: The topic.
        group: The consumer group.

    Raises:
        StoreError: If the coordinator is out of reach or refuses.
    """
    failure = f"cannot list the members of group {group}"
    return ask_once(link, lambda cluster: _owners(cluster, link.address.topic, group), failure)


def members(link: Link, group: str) -> list[str]:
    """Every member of a group as `owners` names it, also one that has no partition.

    Raises:
        StoreError: As `owners`.
    """
    failure = f"cannot list the members of group {group}"
    described = ask_once(link, lambda cluster: _members(cluster, group), failure)
    return [name for name, _ in described]


async def _owners(cluster: Cluster, topic: str, group: str) -> dict[int, str]:
    owner_of: dict[int, str] = {}
    for name, assignment in await _members(cluster, group):
        if not assignment:
            continue
        decoded = ConsumerProtocolMemberAssignment.decode(assignment)
        for assigned_topic, partitions in decoded.assignment:
            if assigned_topic == topic:
                owner_of |= dict.fromkeys(partitions, name)
    return owner_of


async def _members(cluster: Cluster, group: str) -> list[tuple[str, bytes]]:
    """The name and the assignment of each member; none of a group that is dead or empty."""
    coordinator = await cluster.ask(FindCoordinatorRequest(group, CoordinationType.GROUP))
    _raise_for(coordinator.error_code, group)
    response = await cluster.ask_node(coordinator.coordinator_id, DescribeGroupsRequest([group]))
    code, _, state, _, _, described = response.groups[0][:6]
    _raise_for(code, group)
    if state in ("Dead", "Empty"):
        return []
    return [
        (f"{client}@{host.lstrip('/')}", assignment)
        for _, client, host, _, assignment in (member[:5] for member in described)
    ]


def _raise_for(code: int, group: str) -> None:
    if code:
        raise for_code(code)(group)
