"""The Node and Go programs of docs/emit.md: every key in its partition, every event admitted."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from schemas.partition import partition_of
from tests.emit.page import PATIENCE_SECONDS, Running, command, environment, put_files
from tests.emit.topics import assert_all_are_events, counters_of, records_of

PARTITIONS = 12
KEYS = [f"student.{n}:{n * 7919}" if n % 2 else f"s-{n:x}" for n in range(2_000)]
COMMANDS = {"node": "node emit.mjs", "go": "go run emit.go"}
MAIN = """
package main

import ("bufio"; "fmt"; "os")

func main() {
	hasher := newMurmur2()
	for keys := bufio.NewScanner(os.Stdin); keys.Scan(); {
		hasher.Reset()
		hasher.Write(keys.Bytes())
		// As sarama does with WithAbsFirst.
		fmt.Println((int32(hasher.Sum32()) & 0x7fffffff) % 12)
	}
}
"""


def event(key):
    """An event of a student, in bytes."""
    data = {
        "enrollment_id": f"en-{key}",
        "programme": "développement",
        "enrolled_on": "2022-03-01",
        "expected_graduation_on": "2022-12-01",
        "funding": "cpf",
    }
    members = {
        "specversion": "1.0",
        "id": f"{key}.enrolled.1",
        "source": "/lms",
        "type": "ledger.student.enrolled.v1",
        "subject": key,
        "time": "2022-03-01T08:00:00+01:00",
        "data": data,
    }
    return json.dumps(members, ensure_ascii=False).encode()


def skip_without(tool):
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} on this machine")


def set_up(folder, lines, variables):
    """Run what the page does before its program; skips where the registry or the tool refuses."""
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode:
            reason = " ".join(done.stderr.split())[-200:]
            pytest.skip(f"{line}: {reason}")


@pytest.mark.kafka
@pytest.mark.parametrize("tool", COMMANDS)
def test_two_thousand_keys_are_put_where_the_ledger_looks_and_admitted(kafka, tmp_path, tool):
    skip_without("npm" if tool == "node" else tool)
    topic, folder = kafka.topic(PARTITIONS), put_files(tmp_path / "platform")
    variables = environment(kafka.bootstrap, topic)
    *before, program = command(COMMANDS[tool]).splitlines()
    set_up(folder, before, variables)
    events = [event(key) for key in KEYS]
    (folder / "events.jsonl").write_bytes(b"".join(item + b"\n" for item in events))

    assert (0, "2000 acknowledged") == Running(program, folder, variables).finish()

    records = records_of(kafka, topic)
    assert_all_are_events(records, PARTITIONS)
    assert sorted(events) == sorted(record.value for record in records)
    assert set(range(PARTITIONS)) == {record.partition for record in records}
    assert len(KEYS) == counters_of(kafka, topic)["events"]


def test_the_hash_for_sarama_puts_two_thousand_keys_where_the_ledger_looks(tmp_path):
    skip_without("go")
    folder = put_files(tmp_path / "platform")
    (folder / "main.go").write_text(MAIN, encoding="utf-8")
    done = subprocess.run(
        ["go", "run", "murmur2.go", "main.go"],
        cwd=folder,
        input="\n".join(KEYS),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert [partition_of(key.encode(), PARTITIONS) for key in KEYS] == [
        int(line) for line in done.stdout.split()
    ]
