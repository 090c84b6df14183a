"""`outcomes topic`: the Kafka topic of a log."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.errors import ConfigurationError, StoreError, UsageError
from outcomes.cli.options import JsonOption, LogOption, log_url
from outcomes.console import terminal

__all__ = ["topic_app"]

PARTITIONS = 12
_PARTITIONS_MAX = 1_000
_REPLICAS_MAX = 100

topic_app = typer.Typer(help="The Kafka topic of a log.", no_args_is_help=True)


@topic_app.callback()
def topic() -> None:
    """The Kafka topic of a log."""


@topic_app.command()
def create(
    log: LogOption = None,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=_PARTITIONS_MAX, help=f"Fixed for ever; {PARTITIONS} by default."),
    ] = None,
    replication_factor: Annotated[
        int, typer.Option(min=1, max=_REPLICAS_MAX, help="Copies of each record; use 3.")
    ] = 1,
    min_isr: Annotated[
        int, typer.Option(min=1, max=_REPLICAS_MAX, help="Copies before it counts; use 2.")
    ] = 1,
    json: JsonOption = False,
) -> None:
    """Create the topics of a log as the ledger needs them; an existing one is left as it is."""
    from ledger.log.kafka.address import parse_topic_address
    from ledger.log.kafka.client import link_to
    from ledger.log.kafka.topic import (
        DERIVED_SETTINGS,
        create_topic,
        describe_topic,
        topic_faults,
    )

    if min_isr > replication_factor:
        raise UsageError(
            f"--min-isr {min_isr} is more than --replication-factor {replication_factor}:"
            " no append could ever succeed"
        )
    address = parse_topic_address(log_url(log))
    link = link_to(address)
    created = create_topic(
        link, partitions=partitions or PARTITIONS, replicas=replication_factor, min_isr=min_isr
    )
    for derived in (address.partials, address.dead_letters):
        create_topic(
            link_to(derived),
            partitions=1,
            replicas=replication_factor,
            min_isr=min_isr,
            settings=DERIVED_SETTINGS,
        )
    topic = describe_topic(link)
    if topic is None:
        raise StoreError(f"{address} is missing although it was created; try `outcomes doctor`")
    if partitions not in (None, topic.partitions):
        raise ConfigurationError(
            f"{address} has {topic.partitions} partitions, not {partitions}: a log's partition"
            " count never changes; leave out --partitions or name another topic"
        )
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
        terminal.write(f"{address}: {state}; {topic.partitions} partitions\n".encode())
        for severity, detail in faults:
            terminal.write(f"{severity:8} {detail}\n".encode())
    if any(severity == "broken" for severity, _ in faults):
        raise typer.Exit(StoreError.exit_code)
