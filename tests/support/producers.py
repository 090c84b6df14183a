"""Producers that are not the ledger's own."""

from __future__ import annotations

from confluent_kafka import Producer

__all__ = ["produce"]


def produce(kafka, topic, pairs, *, partition=-1, **options):
    """Send (key, value) pairs by librdkafka; returns when all are acknowledged.

    The partition is that of the key, unless another one is named.
    """
    settings = {
        "bootstrap.servers": kafka.bootstrap,
        "partitioner": "murmur2_random",
        "acks": "all",
        "linger.ms": 50,
        "log_level": 0,
    }
    named = {name.replace("_", "."): value for name, value in options.items()}
    producer = Producer({**settings, **named})
    for key, value in pairs:
        producer.produce(topic, value, key, partition)
    assert producer.flush(30) == 0
