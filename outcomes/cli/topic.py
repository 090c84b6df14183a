"""`outcomes topic`: the Kafka topic of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ledger.errors import ConfigurationError, StoreError, UsageError
from ledger.numbers import pluralise
from outcomes.cli.options import JsonOption, LogOption, command_group, log_url
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.log.kafka.address import TopicAddress
    from ledger.log.kafka.topic import Topic

__all__ = ["topic_app"]

PARTITIONS = 12
_PARTITIONS_MAX = 1_000
_REPLICAS_MAX = 100

topic_app = command_group("The Kafka topic of a log.")


@topic_app.command()
def create(
    log: LogOption = None,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=_PARTITIONS_MAX, help=f"Fixed for ever; {PARTITIONS} by default."),
    ] = None,
    replication_factor: Annotated[
        int | None,
        typer.Option(min=1, max=_REPLICAS_MAX, help="Copies of each record; 1, use 3."),
    ] = None,
    min_isr: Annotated[
        int, typer.Option(min=1, max=_REPLICAS_MAX, help="Copies before it counts; use 2.")
    ] = 1,
    json: JsonOption = False,
) -> None:
    """Create the topics of a log as the ledger needs them; an existing one is left as it is."""
    from ledger.log.kafka.address import parse_topic_address
    from ledger.log.kafka.client import link_to
    from ledger.log.kafka.topic import create_topics, describe_topic, topic_faults

    replicas = replication_factor or 1
    if min_isr > replicas:
        raise UsageError(
            f"--min-isr {min_isr} is more than --replication-factor {replicas}:"
            " no append could ever succeed"
        )
    address = parse_topic_address(log_url(log))
    link = link_to(address)
    existing = describe_topic(link)
    if existing is not None:
        _refuse_other_numbers(address, existing, partitions, replication_factor)
    created = create_topics(
        address, partitions=partitions or PARTITIONS, replicas=replicas, min_isr=min_isr
    )
    topic = describe_topic(link)
    if topic is None:
        raise StoreError(f"{address} is missing although it was created; try `outcomes doctor`")
    faults = list(topic_faults(topic))
    if json:
        terminal.print_json(
            {
                "topic": address.topic,
                "created": created,
                "partitions": topic.partitions,
                "replication_factor": topic.replicas,
                "faults": [{"verdict": severity, "detail": detail} for severity, detail in faults],
            }
        )
    else:
        state = "created" if created else "exists, left as it is"
        terminal.write(f"{address}: {state}; {pluralise(topic.partitions, 'partition')}\n".encode())
        for severity, detail in faults:
            terminal.write(f"{severity:8} {detail}\n".encode())
    if any(severity == "broken" for severity, _ in faults):
        raise typer.Exit(StoreError.exit_code)


def _refuse_other_numbers(
    address: TopicAddress, topic: Topic, partitions: int | None, replication_factor: int | None
) -> None:
    if partitions not in (None, topic.partitions):
        raise ConfigurationError(
            f"{address} has {pluralise(topic.partitions, 'partition')}, not {partitions}: a log's"
            " partition count never changes; leave out --partitions or name another topic"
        )
    if replication_factor not in (None, topic.replicas):
        raise ConfigurationError(
            f"{address} has {pluralise(topic.replicas, 'replica')} of each record, not"
            f" {replication_factor}: leave out --replication-factor, or change the topic with"
            " Kafka's kafka-reassign-partitions.sh"
        )
