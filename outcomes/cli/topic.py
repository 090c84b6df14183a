"""`outcomes topic`: the Kafka topic of a log."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.errors import StoreError
from ledger.numbers import pluralise
from outcomes.cli import candidates
from outcomes.cli.options import JsonOption, command_group, log_url
from outcomes.console import terminal

__all__ = ["topic_app"]

_PARTITIONS_MAX = 1_000
_REPLICAS_MAX = 100

topic_app = command_group("The Kafka topic of a log.")


@topic_app.command()
def create(
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="URL",
            help="kafka://HOST:PORT[,HOST:PORT]/TOPIC (OUTCOMES_LOG).",
            autocompletion=candidates.log_urls,
        ),
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_PARTITIONS_MAX,
            metavar="N",
            help="Partitions, which can never be changed (default: 12).",
        ),
    ] = None,
    replication_factor: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_REPLICAS_MAX,
            metavar="N",
            help="Copies of each record (default: 1; use 3 where there are three brokers).",
        ),
    ] = None,
    min_isr: Annotated[
        int,
        typer.Option(
            min=1,
            max=_REPLICAS_MAX,
            metavar="N",
            help="Copies before a record is acknowledged; use 2 of 3.",
        ),
    ] = 1,
    json: JsonOption = False,
) -> None:
    """Create the topics of a log as the ledger needs them; an existing one is left as it is."""
    from ledger.log.kafka.address import parse_topic_address
    from ledger.log.kafka.creating import TopicQuery, ensure_topics

    address = parse_topic_address(log_url(log))
    ensured = ensure_topics(address, TopicQuery(partitions, replication_factor, min_isr))
    if json:
        terminal.print_json(
            {
                "topic": address.topic,
                "created": ensured.is_new,
                "partitions": ensured.topic.partitions,
                "replication_factor": ensured.topic.replicas,
                "faults": [
                    {"verdict": severity, "detail": detail} for severity, detail in ensured.faults
                ],
            }
        )
    else:
        state = "created" if ensured.is_new else "exists, left as it is"
        terminal.line(f"{address}: {state}; {pluralise(ensured.topic.partitions, 'partition')}")
        for severity, detail in ensured.faults:
            terminal.write(f"{severity:8} {detail}\n".encode())
    if ensured.is_broken:
        raise typer.Exit(StoreError.exit_code)
