"""Column admission accepts nothing that `schemas.admission` rejects, and gives the same columns."""

from __future__ import annotations

from random import Random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.columns import admission, writing
from ledger.columns.keys import known_keys
from schemas.partition import partition_of
from schemas.record import Record
from tests.ledger.columns.mutants import PARTITIONS, STYLES, Pairs, compare, every_event, records

SAMPLE = 20_000
SUBJECT = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)


def record_of(value, offset):
    return Record(partition_of(b"s-1", PARTITIONS), offset, 0, b"s-1", value.encode())


def at_time(event, time):
    return Pairs((name, time if name == "time" else value) for name, value in event)


class TestEquality:
    def test_columns_of_events_changed_at_random_are_those_that_the_rules_give(self, tmp_path):
        compared = compare(list(records(SAMPLE, seed=2022)), tmp_path)

        assert [] == compared.differences
        # Neither way is the only one that was tried.
        assert SAMPLE // 8 < compared.accepted < compared.events - SAMPLE // 40

    def test_events_as_emitters_write_them_are_all_accepted(self, tmp_path):
        chance = Random(1)
        written = [
            record_of(style(event, chance), offset)
            for offset, (event, style) in enumerate(
                (event, style) for event in every_event(chance, 30) for style in STYLES
            )
        ]
        compared = compare(written, tmp_path)

        assert [] == compared.differences
        assert len(written) == compared.events == compared.accepted

    def test_nanoseconds_and_offsets_of_times_are_kept(self, tmp_path):
        times = ("2022-03-10T09:00:00.1234567+00:00", "1969-12-31T23:59:59.999999999-23:59")
        event = next(every_event(Random(1), 1))
        written = [
            record_of(STYLES[0](at_time(event, time), None), n) for n, time in enumerate(times * 2)
        ]
        compared = compare(written, tmp_path)
        columns = duckdb.sql(f"from '{tmp_path}/columns.parquet'")
        rows = columns.select("time::varchar, time_nanos").distinct().order("1")

        assert ([], 4) == (compared.differences, compared.accepted)
        assert [
            ("1970-01-01 23:58:59.999999", 999),
            ("2022-03-10 09:00:00.123456", 700),
        ] == rows.fetchall()


class TestTested:
    """It belongs to one version of the rules and one minor version of DuckDB."""

    def test_it_is_on_with_the_versions_that_this_ledger_is_tested_with(self):
        assert {"rules": 1, "duckdb": "2.0"} == admission.admission_stamp()

    @pytest.mark.parametrize(
        ("module", "name", "other"),
        [(duckdb, "__version__", "2.1.0"), (admission, "RULES_VERSION", 2)],
    )
    def test_under_other_versions_the_rules_judge_every_record(
        self, tmp_path, monkeypatch, module, name, other
    ):
        monkeypatch.setattr(module, name, other)
        compared = compare([record_of("{}", n) for n in range(20)], tmp_path)
        event = next(every_event(Random(1), 1))
        events = compare([record_of(STYLES[0](event, Random(1)), n) for n in range(20)], tmp_path)

        assert admission.admission_stamp() is None
        assert (0, 0) == (compared.accepted, events.accepted)
        assert 20 == events.events

    def test_few_records_are_judged_by_the_rules(self, tmp_path, monkeypatch):
        monkeypatch.setattr(writing, "admit_columns", None)

        writing.write_columns([record_of("{}", 0)], PARTITIONS, tmp_path / "a.parquet")


class TestKeys:
    @settings(max_examples=20)
    @given(st.lists(SUBJECT, min_size=1, max_size=60, unique=True), st.integers(1, 4_096))
    def test_a_key_is_known_in_the_partition_where_kafka_puts_it_and_in_no_other(
        self, keys, partitions
    ):
        places = [
            (key, (partition_of(key.encode(), partitions) + more) % partitions)
            for key in keys
            for more in range(min(partitions, 2))
        ]
        with duckdb.connect() as connection:
            connection.execute(
                "create table record as select unnest($keys::varchar[]) as key,"
                " unnest($partitions::integer[]) as partition, true as is_ordinary_text",
                {"keys": [key for key, _ in places], "partitions": [each for _, each in places]},
            )
            rows = connection.execute(known_keys(partitions)).fetchall()

        assert {(key, partition_of(key.encode(), partitions)) for key in keys} == {
            (key, partition) for key, partition, _ in rows
        }

    def test_what_is_no_subject_is_not_known(self):
        with duckdb.connect() as connection:
            connection.execute(
                "create table record as select unnest($keys::varchar[]) as key,"
                " 0 as partition, true as is_ordinary_text",
                {"keys": ["", " ", "é", "s 1", "s\n", "x" * 65, None]},
            )

            assert [] == connection.execute(known_keys(1)).fetchall()
