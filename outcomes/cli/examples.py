"""What the help of each command ends with; a test has every example parsed."""

from __future__ import annotations

__all__ = ["EXAMPLES", "START"]

START = """Begin with `outcomes demo`; `outcomes COMMAND --help` shows a command and examples of it.

Variables of the environment: OUTCOMES_LOG for --log, OUTCOMES_POLICY for --policy, OUTCOMES_STATE
for --state, OUTCOMES_LOG_FORMAT for --log-format; the others are in docs/cli.md."""

EXAMPLES = {
    "outcomes report": (
        "outcomes report --year 2022",
        "outcomes report --year 2022 --as-of 2023-03-31T23:59:59+02:00",
        "outcomes report --year 2021..2023 --policy openclassrooms-2023 --brief",
        "outcomes report --year 2022 --log archive:sealed --json > report-2022.json",
    ),
    "outcomes publish": (
        "outcomes publish report-2022.json --out publication",
        "outcomes publish --year 2022 --log archive:sealed --out publication --edition words.yaml",
        "outcomes publish --year 2022 --out publication --revise late-facts",
    ),
    "outcomes verify": (
        "outcomes verify report-2022.json",
        "outcomes report --year 2021..2023 --json | outcomes verify -",
        "outcomes verify report-2022.json --log archive:sealed --policy ours.json",
        "outcomes verify report-2022.json --log archive:sealed --evidence signed --key school.pub",
        "outcomes verify publication --log archive:sealed",
    ),
    "outcomes findings": (
        "outcomes findings",
        "outcomes findings --rule content_must_not_change --limit 0",
        "outcomes findings --counts --as-of 2023-03-31T23:59:59+02:00",
    ),
    "outcomes explain": (
        "outcomes explain --year 2022 --measure career_outcomes",
        "outcomes explain --year 2022 --measure placement_rate --group refugee --counts",
        "outcomes explain --year 2022 --measure placed --csv > placed.csv",
    ),
    "outcomes trace": (
        "outcomes trace --student s-73cf516803",
        "outcomes trace --event /survey sv-84d38b5c8603",
        "outcomes trace --student s-73cf516803 --as-of 2023-03-31T23:59:59+02:00 --json",
    ),
    "outcomes sample": (
        "outcomes sample --year 2022 --measure placed --seed 20230401 --size 25 > sheet.csv",
    ),
    "outcomes diff": (
        "outcomes diff --year 2022 --as-of 2023-03-31T23:59:59+02:00",
        "outcomes diff --year 2022 --measure placed --group refugee --csv > moved.csv",
        "outcomes diff report-then.json report-now.json",
    ),
    "outcomes archive": (
        "outcomes archive sealed",
        "outcomes archive sealed --log kafka://localhost:9092/student-lifecycle",
        "outcomes archive sealed --merge",
    ),
    "outcomes key new": ("outcomes key new school.key --origin school.example/ledger",),
    "outcomes key show": ("outcomes key show school.key",),
    "outcomes checkpoint": ("outcomes checkpoint signed --key school.key --log archive:sealed",),
    "outcomes prove record": (
        "outcomes prove record 0:1041 --evidence signed --log archive:sealed > record.proof",
    ),
    "outcomes prove consistency": (
        "outcomes prove consistency --evidence signed --since kept.txt > since.proof",
    ),
    "outcomes prove report": (
        "outcomes prove report report-2022.json --evidence signed > report.proof",
    ),
    "outcomes witness check": (
        "outcomes witness check since.proof --log-key school.pub --state seen.json",
    ),
    "outcomes witness sign": (
        "outcomes witness sign since.proof --log-key school.pub --state seen.json --key office.key",
    ),
    "outcomes backup": ("outcomes backup copy.db --log sqlite:ledger.db",),
    "outcomes worker": (
        "outcomes worker",
        "outcomes worker --log kafka://localhost:9092/student-lifecycle --state workers",
        "outcomes worker --once --policy ours.json",
    ),
    "outcomes live": (
        "outcomes live --year 2022 --brief",
        "outcomes live --year 2022 --watch",
        "outcomes live --year 2022 --json --log kafka://localhost:9092/student-lifecycle",
    ),
    "outcomes dead-letters list": (
        "outcomes dead-letters list",
        "outcomes dead-letters list --rule value_must_be_json --jsonl",
    ),
    "outcomes dead-letters show": ("outcomes dead-letters show 3:1042",),
    "outcomes dead-letters resubmit": (
        "outcomes dead-letters resubmit 3:1042 corrected.json",
        "outcomes dead-letters resubmit --rule partition_must_follow_key --all --dry-run",
    ),
    "outcomes serve": (
        "outcomes serve --demo",
        "outcomes serve --insecure-dev",
        "outcomes serve --tls-cert cert.pem --tls-key key.pem",
    ),
    "outcomes token new": (
        "outcomes token new lms --role emitter --source https://lms.example.org --file tokens.json",
        "outcomes token new dashboard --role reader --days 365",
    ),
    "outcomes token list": ("outcomes token list --file tokens.json",),
    "outcomes token revoke": ("outcomes token revoke lms --file tokens.json",),
    "outcomes schema": (
        "outcomes schema",
        "outcomes schema ledger.student.enrolled.v1 > enrolled.json",
        "outcomes generate --students 9 --seed 1 | grep -m 1 student.enrolled   # one such event",
    ),
    "outcomes doctor": (
        "outcomes doctor",
        "outcomes doctor --deep --json",
        "outcomes doctor --log kafka://localhost:9092/student-lifecycle",
    ),
    "outcomes demo": (
        "outcomes demo",
        "outcomes demo --students 200 --seed 1 --out small",
    ),
    "outcomes generate": (
        "outcomes generate --students 100 --seed 7 > events.jsonl",
        "outcomes generate --students 100 --seed 7 --records | outcomes append --records -",
    ),
    "outcomes validate": (
        "outcomes validate events.jsonl",
        "outcomes validate *.jsonl.gz --max-faults 0",
        "outcomes validate export.json --json > faults.json",
    ),
    "outcomes append": (
        "outcomes append events.jsonl",
        "outcomes append export.json.gz --skip-invalid",
        "producer | outcomes append - --log kafka://localhost:9092/student-lifecycle",
        "outcomes append events.jsonl --log 'sqlite:parted.db?partitions=3'",
    ),
    "outcomes tail": (
        "outcomes tail --last 100 --type ledger.student.graduated.v1",
        "outcomes tail --from 0:1000",
        "outcomes tail --follow",
        "outcomes tail --jsonl > records.jsonl",
    ),
    "outcomes policy list": ("outcomes policy list --json",),
    "outcomes policy show": (
        "outcomes policy show",
        "outcomes policy show openclassrooms-2023 > ours.json",
    ),
    "outcomes policy check": (
        "outcomes policy check ours.json",
        "outcomes policy check ours.json --json",
    ),
    "outcomes policy diff": (
        "outcomes policy diff openclassrooms-2022 openclassrooms-2023",
        "outcomes policy diff openclassrooms-2022 ours.json --json",
    ),
    "outcomes disclosure list": ("outcomes disclosure list --json",),
    "outcomes disclosure show": (
        "outcomes disclosure show",
        "outcomes disclosure show threshold-5 > ours.json",
    ),
    "outcomes disclosure check": (
        "outcomes disclosure check ours.json",
        "outcomes disclosure check ours.json report-2022.json",
        "outcomes report --year 2022 --json | outcomes disclosure check round-5 -",
    ),
    "outcomes topic create": (
        "outcomes topic create --log kafka://localhost:9092/student-lifecycle",
        "outcomes topic create --partitions 24 --replication-factor 3 --min-isr 2",
    ),
}
