"""`schemas.partition`: a key lives where Kafka's own clients put it."""

from __future__ import annotations

from aiokafka.partitioner import murmur2 as of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from schemas.partition import murmur2


@given(st.binary(max_size=80))
def test_the_hash_of_any_key_is_that_of_kafkas_clients(key):
    assert of_aiokafka(key) == murmur2(key)
