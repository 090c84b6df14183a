"""Records as typed columns: one row a record, admitted or not, as Parquet that any tool reads.

Admission is that of `schemas`; nothing here judges or counts. The files are derived from a log and
can be rebuilt at any time: they are not evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from ledger.columns.database import Database
from schemas.admission import Quarantined, admit
from schemas.events import CATEGORIES, Evidence, Identity
from schemas.moments import instant
from schemas.record import Record

__all__ = ["LAYOUT", "write_column_files", "write_columns"]

LAYOUT = 2
"""The version of these columns: their names, types and meanings; any other has another number."""

FILE_RECORDS = 500_000

# The members of a line of JSON, in which a record goes to DuckDB; those of `data` keep their names.
_LINE = {
    "partition": "integer",
    "offset": "bigint",
    "recorded_at": "bigint",
    "rule": "varchar",
    "subject": "varchar",
    "source": "varchar",
    "id": "varchar",
    "type": "varchar",
    "micros": "bigint",
    "time_nanos": "smallint",
    "digest": "varchar",
    "application_id": "varchar",
    "enrollment_id": "varchar",
    "programme": "varchar",
    "applied_on": "date",
    "enrolled_on": "date",
    "expected_graduation_on": "date",
    "funding": "varchar",
    "decided_on": "date",
    "withdrew_on": "date",
    "reason": "varchar",
    "graduated_on": "date",
    "credential": "varchar",
    "survey": "varchar",
    "answered_on": "date",
    "status": "varchar",
    "job_found_on": "date",
    "in_field": "boolean",
    "employment": "varchar",
    "by_school": "boolean",
    "outcome_on": "date",
    "kind": "varchar",
    "credited": "boolean",
    "stated_by": "varchar",
    "evidence": "struct(sha256 varchar, uri varchar)",
    "declared_on": "date",
    "categories": "varchar[]",
    "retracts": "struct(source varchar, id varchar)",
}


def _hash128(domain: str, *columns: str) -> str:
    """SQL for 128 bits of SHA-256 in place of some texts; null where one of them is null.

    A hash is compared and sorted in a fraction of the time; the lengths keep the texts apart.
    """
    texts = "".join(f" || length({column}) || ':' || {column}" for column in columns)
    return f"left(sha256('{domain}'{texts}), 32)::uuid"


_CATEGORY_BITS = " + ".join(
    f"{1 << bit} * list_contains(categories, '{name}')::utinyint"
    for bit, name in enumerate(CATEGORIES)
)
_COLUMNS = f"""
    select
        * exclude (micros, digest, evidence, retracts),
        make_timestamp(micros) as time,
        digest::uuid as digest,
        evidence.sha256 as evidence_sha256,
        evidence.uri as evidence_uri,
        retracts.source as retracts_source,
        retracts.id as retracts_id,
        {_hash128("student", "subject")} as student,
        {_hash128("application", "subject", "application_id")} as application,
        {_hash128("enrolment", "subject", "enrollment_id")} as enrolment,
        {_hash128("event", "subject", "source", "id")} as identity,
        {_hash128("event", "subject", "retracts.source", "retracts.id")} as retracts_identity,
        ({_CATEGORY_BITS})::utinyint as category_bits
    from line
    order by subject, partition, "offset"
"""  # noqa: S608 - of constants


def write_columns(records: Iterable[Record], partitions: int, target: Path) -> None:
    """Write the typed columns of some records as one Parquet file, clustered by subject.

    Args:
        records: Any, in any order; those of one segment for example.
        partitions: The log's partition count, which admission asks for.
        target: The file to write; a temporary folder is made beside it meanwhile.

    Raises:
        StoreError: If the disk fails or is full.
    """
    with TemporaryDirectory(prefix="outcomes-typed-", dir=target.parent) as folder:
        lines = Path(folder) / "lines.jsonl"
        with lines.open("wb") as file:
            file.writelines(_line(record, partitions) for record in records)
        with closing(Database(Path(folder))) as database:
            database.create_json_view("line", lines, _LINE)
            database.write_parquet(_COLUMNS, target)


def write_column_files(records: Iterable[Record], partitions: int, folder: Path) -> list[Path]:
    """Write the typed columns of any number of records, in files of 500,000 records.

    Args:
        records: Any, in any order.
        partitions: The log's partition count.
        folder: Where the files go; there is at least one, even without a record.

    Raises:
        StoreError: If the disk fails or is full.
    """
    files: list[Path] = []
    remaining = iter(records)
    while (first := list(islice(remaining, 1))) or not files:
        target = folder / f"{len(files):06}.parquet"
        write_columns(chain(first, islice(remaining, FILE_RECORDS - 1)), partitions, target)
        files.append(target)
    return files


def _line(record: Record, partitions: int) -> bytes:
    admitted = admit(record, partitions)
    row: dict[str, Any] = {
        "partition": record.partition,
        "offset": record.offset,
        "recorded_at": record.recorded_at,
    }
    if isinstance(admitted, Quarantined):
        row["rule"] = admitted.rule
    else:
        moment = instant(admitted.time)
        assert moment is not None
        micros, nanos = divmod(moment.nanos, 1_000)
        row |= vars(admitted.fact)
        row |= {
            "subject": admitted.subject,
            "source": admitted.source,
            "id": admitted.id,
            "type": admitted.fact.TYPE,
            "micros": moment.seconds * 1_000_000 + micros,
            "time_nanos": nanos,
            "digest": admitted.content.digest.hex(),
        }
    return orjson.dumps(row, default=_json_value, option=orjson.OPT_APPEND_NEWLINE)


def _json_value(value: object) -> object:
    if isinstance(value, frozenset):
        return [category for category in CATEGORIES if category in value]
    assert isinstance(value, Evidence | Identity)
    return vars(value)
