"""The tables of the read model, as numbered migrations; one that has run is never edited."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

__all__ = ["MIGRATIONS", "PARTITION_TABLES"]

PARTITION_TABLES = ("students", "figures", "dead_letters", "partitions")
"""Those whose rows belong to a partition."""

MIGRATIONS = Migrations("read-model")


@MIGRATIONS()
def _m001_tables(db: Database) -> None:
    db.table("partitions").create(
        {
            "partition": int,
            "next_offset": int,
            "latest_recorded_at": int,
            "first_record": str,
            "records": str,
            "checksum": int,
        },
        pk="partition",
    )
    db.table("students").create(
        {"partition": int, "subject": str, "state": bytes}, pk=("partition", "subject")
    )
    db.table("figures").create(
        {
            "partition": int,
            "policy": str,
            "year": int,
            "measure": str,
            "grp": str,
            "count": int,
        },
        pk=("partition", "policy", "year", "measure", "grp"),
    )
    db.table("dead_letters").create(
        {"partition": int, "offset": int, "rule": str, "size": int}, pk=("partition", "offset")
    )
    db.table("about").create({"name": str, "value": str}, pk="name")


@MIGRATIONS()
def _m002_last_record(db: Database) -> None:
    db.table("partitions").add_column("last_record", str)
