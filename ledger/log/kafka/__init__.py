"""The log on Apache Kafka: one topic, read without a group and written with acks=all."""

from __future__ import annotations

from ledger.log.kafka.address import TopicAddress, parse_topic_address
from ledger.log.kafka.log import KafkaLog

__all__ = ["KafkaLog", "TopicAddress", "parse_topic_address"]
