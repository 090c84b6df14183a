"""Embedded logs and live folds for tests."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

from ledger.log import open_log
from ledger.log.identity import PrefixIdentities
from processors.live_fold import LiveFold
from processors.read_model.store import Store
from processors.read_model.tables import PARTITION_TABLES
from projections.policy import built_in_policies
from tests.properties.test_fold_equals_oracle import FOLDER
from tests.support.histories import event, new_record

BUILT_IN = list(built_in_policies().values())
_OUTCOME = {"outcome_on": "2022-03-01", "kind": "new_job", "credited": True, "stated_by": "student"}


def outcome_record(number, subject="s-1"):
    """A record of one declared outcome, to append."""
    return new_record(event("outcome.declared", _OUTCOME, id=str(number), subject=subject))


@contextmanager
def temporary_log(records, partitions=1):
    """An embedded log with these records, and the folder that it is in."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        url = f"sqlite:{Path(folder) / 'ledger.db'}?partitions={partitions}"
        with closing(open_log(url, create=True)) as log:
            log.append(records)
            yield log, Path(folder)


@contextmanager
def open_fold(log, path, policies=BUILT_IN):
    """The live fold of a log with a read model at a path; every partition is opened."""
    with closing(Store(path)) as store:
        fold = LiveFold(store, policies, log_name=log.name, partitions=log.partitions)
        for partition in range(log.partitions):
            fold.open_partition(partition)
        fold.check_history(PrefixIdentities(log))
        yield fold


def fold_in_batches(log, path, sizes, policies=BUILT_IN):
    """Fold each partition in batches of these sizes in turn; the state of each at the end."""
    with open_fold(log, path, policies) as fold:
        for partition, end in log.end().items():
            records = list(log.read({partition: 0}, {partition: end}))
            turn = 0
            while records:
                size = sizes[turn % len(sizes)]
                fold.apply(partition, records[:size])
                records, turn = records[size:], turn + 1
        return {
            partition: (state.next_offset, state.checksum, state.records)
            for partition, state in fold.states.items()
        }


def rows_of(path):
    """All rows of a read model, by table; which were written first does not matter."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [*PARTITION_TABLES, "about"]
        return {table: set(connection.execute(f"select * from {table}")) for table in tables}
