"""What the doctor advises, by where real clients have put six keys in twelve partitions."""

from __future__ import annotations

import pytest

from ledger.log.kafka.partitioners import advice_for
from schemas.partition import partition_of

KEYS = [b"student.0:0", b"s-1", b"student.2:15838", b"s-3", b"student.4:31676", b"s-5"]
LIBRDKAFKA = [0, 2, 11, 2, 3, 7]
SARAMA = [8, 0, 1, 10, 1, 4]
KAFKA_GO = [0, 1, 2, 3, 4, 5]
KAFKAJS_LEGACY = [11, 11, 0, 11, 11, 6]
JAVA = [3, 7, 6, 10, 11, 3]


def advice(partitions):
    return advice_for(list(zip(KEYS, partitions, strict=True)), 12)


class TestAdvice:
    def test_a_librdkafka_client_gets_its_own_setting(self):
        assert "set partitioner=murmur2_random in their producer, a librdkafka client" == advice(
            LIBRDKAFKA
        )

    def test_a_sarama_client_gets_the_partitioner_of_the_page(self):
        assert "a sarama client, as in docs/emit.md" in advice(SARAMA)

    @pytest.mark.parametrize("partitions", [KAFKA_GO, KAFKAJS_LEGACY, [*LIBRDKAFKA[:5], 1]])
    def test_any_other_is_told_apart_and_gets_the_settings_of_several(self, partitions):
        result = advice(partitions)
        for setting in ("Murmur2Balancer", "partitioner=murmur2_random", "kafkajs: the default"):
            assert setting in result

    def test_java_puts_them_where_the_ledger_looks(self):
        assert [partition_of(key, 12) for key in KEYS] == JAVA
