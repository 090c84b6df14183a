"""Tampering with what an auditor holds: archive, report and evidence, in every way we know.

Each mutation is drawn from a seed. `python -m tests.faults.tampering --count 1000` draws so many
and has each looked at by `outcomes verify` and by `verifier/ledger_evidence.py`, two programs that
share no code; every one has to be noticed by both, and named.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import duckdb
import tzdata

from ledger.columns.build import build_columns
from ledger.columns.cache import column_path, stamp, stamp_path
from ledger.evidence.checkpoint import Checkpoint, sign_checkpoint
from ledger.evidence.keys import create_key, read_private_key
from ledger.evidence.leaf_files import build_leaves
from ledger.evidence.merkle import CompactRange, hash_leaf
from ledger.evidence.signing import sign_log
from ledger.log import NewRecord, open_log
from ledger.log.archive import archive_log
from ledger.log.archive.manifest import read_manifest
from ledger.report import ReportQuery, decode_reports, digest_of, encode_report, make_reports
from outcomes.cli.run import run
from outcomes.synthetic import generate
from projections.policy import built_in_policies
from schemas.canonical import canonical, sha256_hex
from schemas.record import Record
from tests.ledger.log.archive.folders import MemoryLog
from tests.support.repository import ROOT

ORIGIN = "school.example/ledger"
SEEN_BY_BOTH = (1, 65, 69, 78)


class Held(NamedTuple):
    """What an auditor holds; a mutation gets a copy of its own."""

    folder: Path

    @property
    def archive(self):
        return self.folder / "sealed"

    @property
    def evidence(self):
        return self.folder / "evidence"

    @property
    def report(self):
        return self.folder / "report.json"

    def segments(self):
        return sorted((self.archive / "records").glob("*.gz"))

    def records(self):
        with closing(open_log(f"archive:{self.archive}")) as log:
            end = log.end()
            return list(log.read(dict.fromkeys(end, 0), end))

    def reseal(self, records):
        """Seal other records and make every hash fit: manifest, segments, leaf hashes."""
        shutil.rmtree(self.archive)
        log = MemoryLog(records, partitions=2)
        log.name = "student-lifecycle"
        archive_log(log, self.archive, segment_bytes=12_000)
        build_leaves(self.archive)

    def members(self):
        return json.loads(self.report.read_bytes())

    def restate(self, members, *, digest=False):
        """Write other members into the report, with a digest that fits if asked for."""
        if digest:
            (outline,) = decode_reports(json.dumps(members).encode(), "r").values()
            members["digest"] = digest_of(outline)
        self.report.write_text(json.dumps(members, indent=2))


def stage(folder):
    """A school that archived and signed twice, and published a report of all of it."""
    folder.mkdir()
    held = Held(folder)
    url = f"sqlite:{folder / 'ledger.db'}"
    create_key(folder / "log.key", ORIGIN)
    create_key(folder / "thief.key", ORIGIN)
    key = read_private_key(folder / "log.key")
    made = [
        NewRecord(record.key, record.value, record.recorded_at) for record in generate(12, seed=7)
    ]
    # Quarantined ones: no JSON, and another student's event.
    made[5:5] = [made[5]._replace(value=b"{"), made[5]._replace(value=made[0].value)]
    for part in (made[: len(made) // 2], made[len(made) // 2 :]):
        with closing(open_log(f"{url}?partitions=2", create=True)) as log:
            log.append(part)
            archive_log(log, held.archive, segment_bytes=12_000)
        build_leaves(held.archive)
        with closing(open_log(f"archive:{held.archive}")) as log:
            sign_log(log, held.evidence, key)
        if not (folder / "older").exists():
            shutil.copytree(held.archive, folder / "older")
    (policy, *_) = built_in_policies().values()
    with closing(open_log(f"archive:{held.archive}")) as log:
        (report,) = make_reports(log, ReportQuery([2022], [policy], roots=True))
    held.report.write_bytes(encode_report(report))
    return held


# --- Archives: bytes, whose hashes are left as they are -------------------------------------------


def flip_a_bit(held, chance):
    path = chance.choice([*held.segments(), held.archive / "manifest.json"])
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def truncate_a_file(held, chance):
    path = chance.choice([*held.segments(), held.archive / "manifest.json"])
    path.write_bytes(path.read_bytes()[: -chance.randint(1, 40)])


def drop_a_segment(held, chance):
    chance.choice(held.segments()).unlink()


def insert_a_segment(held, chance):
    path = chance.choice(held.segments())
    start = chance.randint(100, 900)
    path.with_name(f"p0000-{start:012}-{start + 9:012}.jsonl.gz").write_bytes(path.read_bytes())


def swap_two_segments(held, chance):
    first, second = chance.sample(held.segments(), 2)
    before, after = first.read_bytes(), second.read_bytes()
    first.write_bytes(after)
    second.write_bytes(before)


def replace_a_segment_with_lines_of_another(held, chance):
    path = chance.choice(held.segments())
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:-1])))


def replace_the_archive_with_an_older_one(held, chance):
    shutil.rmtree(held.archive)
    shutil.copytree(held.folder / "older", held.archive)


# --- Archives: records, and all hashes made to fit ------------------------------------------------


def change_a_value(held, chance):
    records = held.records()
    index = chance.randrange(len(records))
    value = bytearray(records[index].value)
    value[chance.randrange(len(value))] ^= 1
    records[index] = records[index]._replace(value=bytes(value))
    held.reseal(records)


def drop_a_record(held, chance):
    records = held.records()
    del records[chance.randrange(len(records))]
    held.reseal(records)


def drop_the_last_records(held, chance):
    records = held.records()
    held.reseal([each for each in records if each.offset < chance.randint(5, 20)])


def insert_a_record(held, chance):
    records = held.records()
    # Behind the last record of its partition it would be an append, which nobody signed yet.
    record, _ = chance.choice([pair for pair in pairwise(records) if pair[0][0] == pair[1][0]])
    after = [
        each._replace(offset=each.offset + 1)
        if each.partition == record.partition and each.offset >= record.offset
        else each
        for each in records
    ]
    held.reseal([*after, record])


def swap_two_values(held, chance):
    records = held.records()
    first, second = chance.sample(range(len(records)), 2)
    while records[first].value == records[second].value:
        first, second = chance.sample(range(len(records)), 2)
    left, right = records[first], records[second]
    records[first], records[second] = (
        left._replace(value=right.value),
        right._replace(value=left.value),
    )
    held.reseal(records)


def re_date_a_record(held, chance):
    records = held.records()
    index = chance.randrange(len(records))
    later = records[index].recorded_at + chance.randint(1, 10_000)
    partition = records[index].partition
    held.reseal(
        [
            each._replace(recorded_at=max(each.recorded_at, later))
            if each.partition == partition and each.offset >= records[index].offset
            else each
            for each in records
        ]
    )


def re_key_a_record(held, chance):
    records = held.records()
    index = chance.randrange(len(records))
    records[index] = records[index]._replace(key=b"s-other")
    held.reseal(records)


def renumber_records(held, chance):
    step = chance.randint(1, 5)
    records = held.records()
    first = chance.randrange(len(records))
    partition, offset = records[first].partition, records[first].offset
    held.reseal(
        [
            Record(each.partition, each.offset + step, *each[2:])
            if each.partition == partition and each.offset >= offset
            else each
            for each in records
        ]
    )


# --- Reports --------------------------------------------------------------------------------------


def change_a_figure(held, chance):
    members = held.members()
    rows = chance.choice(["counts", "rates"])
    row = chance.choice(members[rows])
    member = chance.choice([name for name in row if name not in ("measure", "group")])
    row[member] += chance.choice([-1, 1, 10])
    held.restate(members, digest=chance.random() < 0.5)
    return _cell(row)


def drop_or_repeat_or_swap_rows(held, chance):
    members = held.members()
    rows = members[chance.choice(["counts", "rates"])]
    index = chance.randrange(len(rows) - 1)
    names = "|".join(_cell(row) for row in rows[index : index + 2])
    deed = chance.choice(["drop", "repeat", "swap"])
    if deed == "drop":
        del rows[index]
    elif deed == "repeat":
        rows.insert(index, rows[index])
    else:
        first, second = rows[index], rows[index + 1]
        first["group"], second["group"] = second["group"], first["group"]
        first["measure"], second["measure"] = second["measure"], first["measure"]
        names_of_rows = {"measure": "", "group": ""}
        if {**first, **names_of_rows} == {**second, **names_of_rows}:
            first[list(first)[-1]] += 1
    held.restate(members)
    return names


def _cell(row):
    """What both programs call a row."""
    return re.escape(row["measure"]) + "[| ]" + re.escape(row["group"])


def change_a_counter(held, chance):
    members = held.members()
    name = chance.choice([name for name in members["records"] if name != "quarantined"])
    members["records"][name] += 1
    held.restate(members, digest=chance.random() < 0.5)
    return f"records[| ]{name}"


def change_the_cut(held, chance):
    members = held.members()
    members["log"]["cut"][chance.choice("01")] += chance.choice([-3, -1, 1, 50])
    held.restate(members, digest=chance.random() < 0.5)


def change_a_root(held, chance):
    members = held.members()
    name = chance.choice("01")
    if chance.random() < 0.3:
        del members["log"]["roots"][name]
    else:
        root = members["log"]["roots"][name]
        index = chance.randrange(64)
        other = "0" if root[index] != "0" else "1"
        members["log"]["roots"][name] = root[:index] + other + root[index + 1 :]
    held.restate(members)


def change_the_digest(held, chance):
    members = held.members()
    members["digest"] = f"sha256:{chance.randbytes(32).hex()}"
    held.restate(members)


def change_year_or_date(held, chance):
    members = held.members()
    named = "provisional[| ]placement_rate"
    if chance.random() < 0.5:
        members["reference_year"] += chance.choice([-1, 1])
        # Every cell is of another year then.
        named = "[| ]all (count|previous)"
    else:
        members["provisional"]["placement_rate"] = f"20{chance.randint(30, 99)}-01-01"
    held.restate(members, digest=chance.random() < 0.5)
    return named


def change_a_parameter_of_the_policy_and_its_hash(held, chance):
    (policy, *_) = built_in_policies().values()
    parameters = json.loads(policy.model_dump_json())
    name = chance.choice(["outcome_window_months", "orientation_months", "placement_months"])
    parameters[name] += 1
    (held.folder / "policy.json").write_text(json.dumps(parameters))
    members = held.members()
    members["policy"]["sha256"] = sha256_hex(canonical(parameters))
    held.restate(members, digest=True)


def truncate_the_report(held, chance):
    data = held.report.read_bytes()
    held.report.write_bytes(data[: -chance.randint(3, len(data) // 2)])


# --- Evidence -------------------------------------------------------------------------------------


def change_a_byte_of_a_checkpoint(held, chance):
    path = chance.choice(sorted(held.evidence.glob("checkpoint-*.txt")))
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
    path.write_bytes(data)


def change_a_byte_of_the_entries(held, chance):
    path = held.evidence / "entries.jsonl"
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
    path.write_bytes(data)


def drop_an_entry(held, chance):
    path = held.evidence / "entries.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    path.write_bytes(b"".join(lines))


def swap_the_entries(held, chance):
    path = held.evidence / "entries.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(reversed(lines)))


def go_back_to_the_first_checkpoint(held, chance):
    (held.evidence / "checkpoint-000002.txt").unlink()
    path = held.evidence / "entries.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def swap_the_checkpoints(held, chance):
    first, second = (held.evidence / f"checkpoint-00000{n}.txt" for n in (1, 2))
    before, after = first.read_bytes(), second.read_bytes()
    first.write_bytes(after)
    second.write_bytes(before)


def sign_again_with_another_key(held, chance):
    """Everything is rewritten and signed, by a key of the same name."""
    change_a_value(held, chance)
    thief = read_private_key(held.folder / "thief.key")
    shutil.rmtree(held.evidence)
    with closing(open_log(f"archive:{held.archive}")) as log:
        sign_log(log, held.evidence, thief)
        (policy, *_) = built_in_policies().values()
        (report,) = make_reports(log, ReportQuery([2022], [policy], roots=True))
    held.report.write_bytes(encode_report(report))


def sign_the_entries_with_another_key(held, chance):
    thief = read_private_key(held.folder / "thief.key")
    leaves = CompactRange()
    for line in (held.evidence / "entries.jsonl").read_bytes().splitlines():
        leaves.append(hash_leaf(line))
    note = sign_checkpoint(Checkpoint(ORIGIN, leaves.end, leaves.root()), thief.secret)
    (held.evidence / f"checkpoint-{leaves.end:06}.txt").write_text(str(note))


def rewrite_everything_but_the_signatures(held, chance):
    """Records, hashes, entries and report fit each other; the checkpoints are the old ones."""
    old = {path.name: path.read_bytes() for path in held.evidence.glob("checkpoint-*.txt")}
    sign_again_with_another_key(held, chance)
    (held.evidence / "checkpoint-000001.txt").write_bytes(old["checkpoint-000001.txt"])


MUTATIONS: dict[str, Callable] = {
    deed.__name__: deed
    for deed in (
        flip_a_bit,
        truncate_a_file,
        drop_a_segment,
        insert_a_segment,
        swap_two_segments,
        replace_a_segment_with_lines_of_another,
        replace_the_archive_with_an_older_one,
        change_a_value,
        drop_a_record,
        drop_the_last_records,
        insert_a_record,
        swap_two_values,
        re_date_a_record,
        re_key_a_record,
        renumber_records,
        change_a_figure,
        drop_or_repeat_or_swap_rows,
        change_a_counter,
        change_the_cut,
        change_a_root,
        change_the_digest,
        change_year_or_date,
        change_a_parameter_of_the_policy_and_its_hash,
        truncate_the_report,
        change_a_byte_of_a_checkpoint,
        change_a_byte_of_the_entries,
        drop_an_entry,
        swap_the_entries,
        go_back_to_the_first_checkpoint,
        swap_the_checkpoints,
        sign_again_with_another_key,
        sign_the_entries_with_another_key,
        rewrite_everything_but_the_signatures,
    )
}


NAMED = {
    "flip_a_bit": "sealed/|manifest",
    "truncate_a_file": "sealed/|manifest",
    "drop_a_segment": "sealed/records/p000",
    "insert_a_segment": "p0000-000000000",
    "swap_two_segments": "sealed/records/p000",
    "replace_a_segment_with_lines_of_another": "sealed/records/p000",
    "replace_the_archive_with_an_older_one": "checkpoint 2",
    "change_a_value": "partition [01]",
    "drop_a_record": "partition [01]|checkpoint [12]",
    "drop_the_last_records": "checkpoint [12]",
    "insert_a_record": "partition [01]|checkpoint [12]",
    "swap_two_values": "partition [01]",
    "re_date_a_record": "partition [01]",
    "re_key_a_record": "partition [01]",
    "renumber_records": "partition [01]|checkpoint [12]",
    "change_the_cut": "cut|root of partition [01]",
    "truncate_the_report": "report.json",
    "change_the_digest": "digest",
    "change_a_root": "root of partition [01]",
    "change_a_parameter_of_the_policy_and_its_hash": "openclassrooms-2022 version 1",
    "change_a_byte_of_a_checkpoint": "checkpoint-00000[12]",
    "change_a_byte_of_the_entries": "entries",
    "drop_an_entry": "entries",
    "swap_the_entries": "entries",
    "go_back_to_the_first_checkpoint": "is not signed",
    "swap_the_checkpoints": "checkpoint-00000[12]",
    "sign_again_with_another_key": "is not signed by the key of school.example/ledger",
    "sign_the_entries_with_another_key": "is not signed by the key of school.example/ledger",
    "rewrite_everything_but_the_signatures": "checkpoint-00000[12]",
}
"""What both messages say of where the trouble is; other mutations return it."""


def _forging(column, change):
    """Typed columns with a row that is not what its record says, and a stamp that fits."""

    def forge(held, chance):
        build_columns(held.archive)
        rows = [
            (segment, column_path(held.archive, segment), offset)
            for segment in read_manifest(held.archive)[0].segments
            for (offset,) in duckdb.sql(
                f"select \"offset\" from '{column_path(held.archive, segment)}'"
                f" where {column} is not null order by all"
            ).fetchall()
        ]
        segment, path, offset = chance.choice(rows)
        forged = path.with_suffix(".forged")
        query = change.format(typed=f"'{path}'", row=f'"offset" = {offset}')
        duckdb.sql(query).write_parquet(str(forged))
        forged.replace(path)
        data = path.read_bytes()
        stamp_path(path).write_bytes(stamp(segment, sha256_hex(data), len(data)))
        return f"{path.name}: typed columns are forged, .* record {segment.partition}:{offset} "

    return forge


def _replacing(column, value):
    return _forging(
        column,
        f"select * replace (case when {{row}} then {value} else {column} end as {column})"
        " from {typed}",
    )


FORGERIES = {
    "forge_a_date": _replacing("applied_on", "applied_on - 365"),
    "forge_whose_an_event_is": _replacing("student", "uuid()"),
    "forge_what_an_event_calls_itself": _replacing("id", "id || 'x'"),
    "forge_whose_key_a_quarantined_record_has": _replacing("key_student", "null"),
    "forge_whom_a_quarantined_record_names": _replacing("named_student", "uuid()"),
    "forge_what_a_quarantined_record_calls_itself": _replacing("named_event", "null"),
    "leave_out_a_row": _forging("partition", "from {typed} where not {row}"),
    "repeat_a_row": _forging("partition", "from {typed} union all from {typed} where {row}"),
}
"""Forgeries of what is derived: the ledger names them; the verifier reads none and is unmoved."""


class Seen(NamedTuple):
    """What a program says of what an auditor holds."""

    code: int
    output: str


def by_the_command(held):
    """What `outcomes verify` says, in this process."""
    words = ["verify", "report.json", "--log", "archive:sealed"]
    words += ["--evidence", "evidence", "--key", "log.key.pub"]
    return _captured(held, run, [*words, *_policy(held)])


def by_the_verifier(held):
    """What the program that shares no code with the ledger says, in this process."""
    program = _verifier()
    words = ["report.json", "--archive", "sealed", "--evidence", "evidence"]
    words += ["--key", "log.key.pub", "--tzdata", str(Path(tzdata.__file__).parent)]
    words += _policy(held)
    with mock.patch.object(sys, "argv", ["ledger_evidence.py", *words]):
        return _captured(held, lambda _: program.main(), words)


def _policy(held):
    return ["--policy", "policy.json"] if (held.folder / "policy.json").exists() else []


def _verifier():
    folder = str(ROOT / "verifier")
    if folder not in sys.path:
        sys.path.append(folder)
    import ledger_evidence

    return ledger_evidence


def _captured(held, call, words):
    """What a call prints; a real file, since a command looks at what it writes to."""
    with (held.folder / "output.txt").open("w+", encoding="utf-8") as file:
        with chdir(held.folder), redirect_stdout(file), redirect_stderr(file):
            code = call(words)
        file.flush()
        file.seek(0)
        return Seen(code, file.read())


def tampered(held, target, name, seed):
    """A copy of what is held, with one mutation, and what a message has to say of it."""
    shutil.copytree(held.folder, target)
    copy = Held(target)
    deed = {**MUTATIONS, **FORGERIES}[name]
    trouble = deed(copy, random.Random(seed))
    return copy, trouble or NAMED[name]


def was_noticed(name, look, seen, trouble):
    """Whether a program says what it has to say of a mutation."""
    if name in FORGERIES and look is by_the_verifier:
        return seen.code == 0
    return seen.code in SEEN_BY_BOTH and re.search(trouble, seen.output) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=2026)
    request = parser.parse_args()
    names = [*MUTATIONS, *FORGERIES]
    seen, missed, began = Counter(), [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        held = stage(Path(folder) / "held")
        for number in range(request.count):
            name = names[number % len(names)]
            target = Path(folder) / "copy"
            copy, trouble = tampered(held, target, name, f"{request.seed} {number}")
            for look in (by_the_command, by_the_verifier):
                result = look(copy)
                if not was_noticed(name, look, result, trouble):
                    missed.append((number, name, look.__name__, result))
            shutil.rmtree(copy.folder)
            seen[name] += 1
            if (number + 1) % len(names) == 0:
                print(f"{number + 1} of {request.count}, {len(missed)} missed", flush=True)
    for number, name, look, result in missed:
        print(f"missed: {request.seed} {number} {name} {look} {result.code} {result.output[:200]}")
    total, seconds = sum(seen.values()), time.monotonic() - began
    print(f"{total} mutations of {len(seen)} kinds, {len(missed)} missed, {seconds:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
