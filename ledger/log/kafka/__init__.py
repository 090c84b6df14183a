"""The log on Apache Kafka: one topic, read without a group and written with acks=all."""

from __future__ import annotations

from ledger.log.kafka.log import KafkaLog
from ledger.log.kafka.place import Place, parse_place

__all__ = ["KafkaLog", "Place", "parse_place"]
