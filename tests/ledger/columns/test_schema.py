"""`ledger.columns.schema`: records as columns that any tool reads."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from ledger.columns.writing import write_column_files, write_columns
from schemas.events import FACTS
from schemas.partition import partition_of
from schemas.record import Record
from tests.support.histories import NOON, encode, story

STORY = """
applied a1 2022-03-10 categories=refugee+job_seeker subject=s-2
enrolled e1 2022-04-01 2022-12-01 categories=none
answered 2022-12-20 employed job_found_on=2022-12-15 in_field=true
retracted 3 time=2024-01-15T10:00:00.123456789+02:00
"""


@pytest.fixture
def records():
    events = [
        Record(partition_of(item["subject"].encode(), 2), n, NOON + n, item["subject"].encode(),
               encode(item))
        for n, item in enumerate(story(STORY))
    ]  # fmt: skip
    return [*events, Record(1, 9, NOON, b"s-1", b"{}")]


@pytest.fixture
def typed(records, tmp_path):
    target = tmp_path / "typed.parquet"
    write_columns(records, 2, target)
    assert [target] == list(tmp_path.iterdir())

    def rows(columns):
        return duckdb.sql(
            f"select {columns} from read_parquet('{target}') order by subject, \"offset\""
        ).fetchall()

    return rows


class TestColumns:
    """A row holds the admitted event's members under their own names, with their own types."""

    def test_dates_are_dates_and_categories_are_a_list(self, typed):
        assert [
            (date(2022, 4, 1), None, []),
            (None, None, None),
            (None, None, None),
            (None, date(2022, 3, 10), ["job_seeker", "refugee"]),
            (None, None, None),
        ] == typed("enrolled_on, applied_on, categories")

    def test_an_answer_keeps_its_members(self, typed):
        assert ("job", "employed", date(2022, 12, 15), True) == typed(
            "survey, status, job_found_on, in_field"
        )[1]

    def test_an_instant_keeps_all_its_digits(self, typed):
        assert ("2024-01-15 08:00:00.123456", 789, "/crm", "3") == typed(
            "time::varchar, time_nanos, retracts_source, retracts_id"
        )[2]

    def test_a_quarantined_record_has_its_rule_and_no_member_of_an_event(self, typed):
        assert ("envelope_must_be_a_cloud_event", NOON, None, None) == typed(
            "rule, recorded_at, type, digest"
        )[4]

    def test_copies_have_one_digest_whatever_the_order_of_their_members(self, tmp_path, records):
        value = records[1].value
        item = story(STORY)[1]
        other = encode(dict(reversed((item | {"traceparent": 1}).items())))
        values = (value, other, value.replace(b"2022-12-01", b"2022-12-02"))
        copies = [records[1]._replace(value=each, offset=n) for n, each in enumerate(values)]
        write_columns(copies, 2, tmp_path / "copies.parquet")
        result = duckdb.sql(f"from '{tmp_path}/copies.parquet' order by \"offset\"")
        first, second, third = (row[0] for row in result.select("digest").fetchall())

        assert (16, True, True) == (len(first.bytes), first == second, first != third)

    def test_hashes_in_place_of_texts_differ_whenever_the_texts_do(self, tmp_path):
        names = (
            ("a", "bc"),
            ("ab", "c"),
            ("a1:b", "c"),
            ("a", "b1:c"),
            ("é", "b"),
            ("e\u0301", "b"),
        )
        events = [
            event | {"source": source, "id": name, "data": event["data"] | {"application_id": name}}
            for source, name in names
            for event in story("applied a1 2022-03-10")
        ]
        records = [Record(0, n, NOON, b"s-1", encode(item)) for n, item in enumerate(events * 2)]
        write_columns(records, 1, tmp_path / "names.parquet")
        result = duckdb.sql(f"from '{tmp_path}/names.parquet'")

        for counted, expected in (("student", 1), ("application", 4), ("identity", len(names))):
            assert [(expected,)] == result.aggregate(f"count(distinct {counted})").fetchall()

    def test_a_retraction_has_the_hash_of_the_event_that_it_names(self, typed):
        result = dict(typed("id, identity"))
        named = {
            name: identity for name, identity in typed("retracts_id, retracts_identity") if name
        }

        assert named == {"3": result["3"]}

    def test_category_bits_agree_with_the_list_of_categories(self, typed):
        assert {(None, None), ((), 0), (("job_seeker", "refugee"), 9)} == {
            (None if names is None else tuple(names), bits)
            for names, bits in typed("categories, category_bits")
        }

    def test_every_member_of_every_fact_has_a_column(self, tmp_path):
        write_columns([], 1, tmp_path / "none.parquet")
        columns = set(duckdb.sql(f"from '{tmp_path}/none.parquet'").columns)
        members = {name for fact in FACTS.values() for name in fact.model_fields}

        assert set() == members - columns - {"evidence", "retracts"}
        assert columns >= {"evidence_sha256", "evidence_uri", "retracts_source", "retracts_id"}


class TestFiles:
    """A long log is cut into several files, none of its records twice."""

    def test_records_are_spread_over_files_and_none_is_lost(self, tmp_path, records, monkeypatch):
        monkeypatch.setattr("ledger.columns.writing.FILE_RECORDS", 2)
        files = write_column_files(iter(records), 2, tmp_path)
        rows = duckdb.read_parquet([str(file) for file in files])

        assert 3 == len(files)
        assert [0, 1, 2, 3, 9] == sorted(row[0] for row in rows.select('"offset"').fetchall())

    def test_no_records_give_one_empty_file(self, tmp_path):
        (file,) = write_column_files(iter([]), 1, tmp_path)

        assert [(0,)] == duckdb.read_parquet(str(file)).count("*").fetchall()
