"""A log that was signed twice, an archive of it, and the keys of its owner and of a witness."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ledger.evidence.keys import PrivateKey, create_key, read_private_key
from ledger.evidence.leaf_files import build_leaves
from ledger.evidence.quorum import quorum_of_key
from ledger.evidence.signing import sign_log
from ledger.log import NewRecord, open_log
from ledger.log.archive import archive_log

ORIGIN = "school.example/ledger"
NOON = 1_705_312_800_000


def new_records(count, *, first=0, value=b"value %d"):
    return [
        NewRecord(b"s-%d" % (n % 7), value % n, NOON + n * 1_000)
        for n in range(first, first + count)
    ]


class Stage(NamedTuple):
    folder: Path
    key: PrivateKey
    witness: PrivateKey

    @property
    def url(self):
        return f"sqlite:{self.folder / 'ledger.db'}"

    @property
    def archive(self):
        return self.folder / "sealed"

    @property
    def evidence(self):
        return self.folder / "evidence"

    @property
    def quorum(self):
        return quorum_of_key(self.key.public)

    def append(self, records):
        with closing(open_log(f"{self.url}?partitions=3", create=True)) as log:
            log.append(records)

    def sign(self, folder=None):
        with closing(open_log(self.url)) as log:
            return sign_log(log, folder or self.evidence, self.key).signed

    def seal(self):
        with closing(open_log(self.url)) as log:
            archive_log(log, self.archive)
        build_leaves(self.archive)


def empty_stage(folder, name="log.key"):
    create_key(folder / name, ORIGIN)
    create_key(folder / f"witness-{name}", "office.example/w1", witness=True)
    keys = (read_private_key(folder / name), read_private_key(folder / f"witness-{name}"))
    return Stage(folder, *keys)


def signed_twice(folder):
    stage = empty_stage(folder)
    stage.append(new_records(50))
    stage.seal()
    stage.sign()
    stage.append(new_records(33, first=50))
    stage.seal()
    stage.sign()
    return stage
