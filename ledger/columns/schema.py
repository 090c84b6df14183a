"""Records as typed columns: one row a record, admitted or not, as Parquet that any tool reads.

Admission is that of `schemas`; nothing here judges or counts. The files are derived from a log and
made again at will: they are no evidence.
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
from schemas import Quarantined, Record, admit
from schemas.events import CATEGORIES, Evidence, Identity
from schemas.moments import instant

__all__ = ["LAYOUT", "typed_files", "write_typed"]

LAYOUT = 1
"""The number of these columns, their names, types and meanings; other ones have another number."""

FILE_RECORDS = 500_000

# As the lines below name them; the members of `data` keep their names.
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
_COPY = """
    copy (
        select
            * exclude (micros, digest, evidence, retracts),
            make_timestamp(micros) as time,
            digest::uuid as digest,
            evidence.sha256 as evidence_sha256,
            evidence.uri as evidence_uri,
            retracts.source as retracts_source,
            retracts.id as retracts_id,
            {student} as student,
            {application} as application,
            {enrolment} as enrolment,
            {identity} as identity,
            {retracts_identity} as retracts_identity,
            ({category_bits})::utinyint as category_bits
        from read_json($lines, format = 'newline_delimited', columns = {columns})
        order by subject, partition, "offset"
    ) to '{target}' (format parquet, compression zstd)
"""


def _stand_in(what: str, *columns: str) -> str:
    """SQL for 128 bits of SHA-256 that stand for some texts, null where one of them is.

    They are compared and sorted in a fraction of the time; the lengths keep the texts apart.
    """
    texts = "".join(f" || length({one}) || ':' || {one}" for one in columns)
    return f"left(sha256('{what}'{texts}), 32)::uuid"


_COLUMNS = {
    "columns": str(_LINE),
    "student": _stand_in("student", "subject"),
    "application": _stand_in("application", "subject", "application_id"),
    "enrolment": _stand_in("enrolment", "subject", "enrollment_id"),
    "identity": _stand_in("event", "subject", "source", "id"),
    "retracts_identity": _stand_in("event", "subject", "retracts.source", "retracts.id"),
    "category_bits": " + ".join(
        f"{1 << bit} * list_contains(categories, '{name}')::utinyint"
        for bit, name in enumerate(CATEGORIES)
    ),
}


def write_typed(records: Iterable[Record], partitions: int, target: Path) -> None:
    """Write the typed columns of some records as one Parquet file, clustered by subject.

    Args:
        records: Any, in any order; those of one segment for example.
        partitions: The log's partition count, which admission asks for.
        target: The file to write; beside it lies a temporary folder meanwhile.

    Raises:
        StoreError: If the disk refuses.
    """
    with TemporaryDirectory(prefix="outcomes-typed-", dir=target.parent) as folder:
        lines = Path(folder) / "lines.jsonl"
        with lines.open("wb") as file:
            file.writelines(_line(record, partitions) for record in records)
        with closing(Database(Path(folder))) as database:
            quoted = str(target).replace("'", "''")
            database.run(_COPY.format(target=quoted, **_COLUMNS), {"lines": str(lines)})


def typed_files(records: Iterable[Record], partitions: int, folder: Path) -> list[Path]:
    """Write the typed columns of a log that keeps none, in files of 500,000 records.

    Args:
        records: The log's, up to a cut.
        partitions: The log's partition count.
        folder: Where the files go; at least one, be there a record or not.

    Raises:
        StoreError: If the disk refuses.
    """
    files: list[Path] = []
    following = iter(records)
    while (part := list(islice(following, 1))) or not files:
        target = folder / f"{len(files):06}.parquet"
        write_typed(chain(part, islice(following, FILE_RECORDS - 1)), partitions, target)
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
        at = instant(admitted.time)
        assert at is not None
        micros, nanos = divmod(at.nanos, 1_000)
        row |= vars(admitted.fact)
        row |= {
            "subject": admitted.subject,
            "source": admitted.source,
            "id": admitted.id,
            "type": admitted.fact.TYPE,
            "micros": at.seconds * 1_000_000 + micros,
            "time_nanos": nanos,
            "digest": admitted.content.digest.hex(),
        }
    return orjson.dumps(row, default=_plain, option=orjson.OPT_APPEND_NEWLINE)


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return [category for category in CATEGORIES if category in value]
    assert isinstance(value, Evidence | Identity)
    return vars(value)
