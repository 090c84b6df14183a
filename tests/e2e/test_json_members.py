"""The members of every `--json`: programs of other people read them, so they never change."""

from __future__ import annotations

import json

import pytest

from tests.e2e.command import event

ROWS = {f"counts[].{name}" for name in ("measure", "group", "count", "previous")} | {
    f"rates[].{name}" for name in ("measure", "group", "numerator", "denominator")
}
REPORT = ROWS | {
    "schema",
    "rules",
    "reference_year",
    "policy.id",
    "policy.version",
    "policy.sha256",
    "log.name",
    "log.cut",
    "log.records",
    "records.events",
    "records.duplicates",
    "records.conflicts",
    "records.repeats",
    "records.retracted",
    "records.pending",
    "records.void",
    "records.orphans",
    "records.quarantined",
    "provisional",
    "zone_data",
    "digest",
}
LAG = {"partition", "next_offset", "end", "records", "seconds", "owner"}
DIFFERENCE = {f"differences[].{name}" for name in ("cell", "stated", "replayed")}
VERIFICATION = {
    "report",
    "digest",
    "engines.fold",
    "engines.columnar",
    "zone_data.report",
    "zone_data.ledger",
    "disagreements[]",
}
LINE = ("line", "rule", "pointer", "reason")
VALIDATION = {"schema", "lines", "faults_by_rule", "warnings_by_rule"} | {
    f"files[].{name}" for name in ("file", "unit", "entries", "at_fault")
}
MEMBERS = {
    "report": REPORT,
    "reports": {f"[].{path}" for path in REPORT},
    "live": REPORT | {f"live.partitions[].{name}" for name in LAG},
    "verify": VERIFICATION | {"differences[]"},
    "verify a wrong one": VERIFICATION | DIFFERENCE,
    "validate": VALIDATION | {"warnings[]"} | {f"faults[].{name}" for name in LINE},
    "validate a doubtful one": VALIDATION | {"faults[]"} | {f"warnings[].{name}" for name in LINE},
    "append": {"acknowledged", "skipped", "end", "warnings_by_rule", "conflicts"},
    "append a wrong one": {
        "acknowledged",
        "skipped",
        "end",
        "warnings_by_rule",
        "conflicts",
        "error",
    },
    "backup": {"backup", "records", "bytes", "end"},
    "archive": {"archive", "records", "segments", "typed", "end", "digest"},
    "archive --merge": {"archive", "segments_before", "segments", "typed", "digest"},
    "archive --refresh": {"archive", "typed"},
    "policy list": {"[].id", "[].version", "[].sha256"},
    "disclosure check": {
        "schema",
        "disclosure.id",
        "disclosure.version",
        "disclosure.sha256",
        "faults[]",
        "reports[].name",
        "reports[].reference_year",
        "reports[].counts.number",
        "reports[].counts.fewer_than",
        "reports[].counts.not_shown",
        "reports[].rates.in_first_form",
        "reports[].rates.shown",
        "reports[].rates.not_shown",
        "reports[].protected",
        "reports[].all_hidden",
    }
    | {f"reports[].in_danger[].{name}" for name in ("measure", "group", "year")}
    | {f"reports[].hidden[].{name}" for name in ("measure", "group", "year")}
    | {f"reports[].hidden[].protects.{name}" for name in ("measure", "group", "year")},
    "doctor": {"[].name", "[].verdict", "[].detail"},
}
# Their members are data: partitions, rules and measures.
DATA = ("cut", "quarantined", "provisional", "end", "faults_by_rule", "warnings_by_rule")


def members(value, path=""):
    """The path of every member that is no data."""
    if isinstance(value, dict) and path.rpartition(".")[2] not in DATA:
        for name, child in value.items():
            yield from members(child, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for child in value:
            yield from members(child, f"{path}[]")
    else:
        yield f"{path}[]" if value == [] else path


@pytest.fixture(scope="module")
def printed(warm, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    wrong = json.loads(world.report.read_bytes())
    wrong["counts"][0]["count"] += 1
    (folder / "wrong.json").write_text(json.dumps(wrong))
    late = {"application_id": "a", "programme": "dev", "applied_on": "2199-01-01"}
    state = ["--state", "state.db"]
    cases = {
        "report": ["report", "--year", "2021"],
        "reports": ["report", "--year", "2021..2022"],
        "worker": ["worker", "--once", *state],
        "live": ["live", "--year", "2021", *state],
        "verify": ["verify", world.report],
        "verify a wrong one": ["verify", "wrong.json"],
        "validate": (["validate", "-"], {"stdin": b"{"}),
        "validate a doubtful one": (["validate", "-"], {"stdin": event(1, data=late)}),
        "append": (["append", "-", "--log", "sqlite:own.db"], {"stdin": event(1)}),
        "backup": ["backup", "copy.db"],
        "append a wrong one": (["append", "-", "--log", "sqlite:none.db"], {"stdin": b"{"}),
        "archive": ["archive", "sealed"],
        "archive --merge": ["archive", "sealed", "--merge"],
        "archive --refresh": ["archive", "sealed", "--refresh"],
        "policy list": ["policy", "list"],
        "disclosure check": ["disclosure", "check", "threshold-5", world.report],
        "doctor": ["doctor"],
    }
    done = {}
    for name, case in cases.items():
        words, options = case if isinstance(case, tuple) else (case, {})
        log = {"OUTCOMES_LOG": world.url}
        json_option = [] if name == "worker" else ["--json"]
        done[name] = warm.run(*words, *json_option, folder=folder, env=log, **options)
    return done


@pytest.mark.parametrize("name", MEMBERS)
def test_the_members_of_a_command_are_what_they_always_were(name, printed):
    assert MEMBERS[name] == set(members(printed[name].json)), printed[name]
