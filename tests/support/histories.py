"""Histories for tests: written in words, kept in an embedded log, reported on by both programs.

A story has one event a line, in log order, in the words of the registrar:

    applied a1 2022-03-10 categories=refugee+disability
    enrolled e1 2022-04-01 2022-12-01 funding=cpf
    graduated e1 2022-11-30
    answered 2022-12-20 employed job_found_on=2022-12-15 in_field=true
    retracted 3

The nth line has the id n. `id`, `source`, `subject` and `time` given as name=value are attributes,
every other one is a member of `data`; `none` is the empty list of categories.
"""

from __future__ import annotations

import importlib.util
import json
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from ledger.log import NewRecord, open_log
from ledger.replay import replay
from ledger.report import build_report
from projections.contributions import contributions
from projections.facts import facts_of
from projections.figures import Figures
from projections.history import History, resolve
from projections.policy import built_in_policies, parse_policy
from schemas.admission import Event, admit
from schemas.record import Record

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
NOON = 1_705_312_800_000  # 2024-01-15T10:00:00Z
TIME = "2024-01-15T10:00:00Z"

_ATTRIBUTES = ("id", "source", "subject", "time")
_WORDS = {
    "applied": ("student.applied", "application_id applied_on", {"programme": "dev"}),
    "enrolled": (
        "student.enrolled",
        "enrollment_id enrolled_on expected_graduation_on",
        {"programme": "dev", "funding": "cpf"},
    ),
    "rescheduled": ("enrollment.rescheduled", "enrollment_id decided_on expected_graduation_on"),
    "withdrew": ("student.withdrew", "enrollment_id withdrew_on reason"),
    "graduated": ("student.graduated", "enrollment_id graduated_on"),
    "answered": ("survey.answered", "answered_on status", {"survey": "job"}),
    "outcome": ("outcome.declared", "outcome_on kind", {"credited": True, "stated_by": "student"}),
    "declared": ("categories.declared", "declared_on categories"),
    "retracted": ("event.retracted", "retracts", {"reason": "entered_wrongly"}),
}


@cache
def oracle():
    """The auditor's verifier: a second, naive reading of the specification."""
    path = ROOT / "verifier" / "ledger_verify.py"
    spec = importlib.util.spec_from_file_location("ledger_verify", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def event(kind, data, **attributes):
    """A CloudEvent of a type such as `student.applied`."""
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/crm",
        "type": f"ledger.{kind}.v1",
        "subject": "s-1",
        "time": TIME,
        "data": data,
        **attributes,
    }


def story(text):
    """The events of a story."""
    lines = [line.split() for line in text.strip().splitlines() if line.strip()]
    return [_event(number, words) for number, words in enumerate(lines, 1)]


def _event(number, words):
    kind, names, *rest = _WORDS[words[0]]
    plain = [word for word in words[1:] if "=" not in word]
    data = dict(*rest) | dict(zip(names.split(), plain, strict=True))
    attributes = {"id": str(number)}
    for word in words[1:]:
        name, is_named, value = word.partition("=")
        if is_named:
            (attributes if name in _ATTRIBUTES else data)[name] = value
    for name, value in data.items():
        if name == "categories":
            data[name] = [] if value == "none" else value.split("+")
        elif name == "retracts":
            data[name] = {"source": "/crm", "id": value}
        elif value in ("true", "false"):
            data[name] = value == "true"
    return event(kind, data, **attributes)


def encode(members):
    """An event's bytes, as most producers would write them."""
    return json.dumps(members, ensure_ascii=False).encode()


def new_record(members, recorded_at=NOON):
    """An event as a record to append, under the key that it must have."""
    return NewRecord(members["subject"].encode(), encode(members), recorded_at)


@contextmanager
def log_of(folder, records, *, partitions=1):
    """An embedded log in a folder of its own with these records."""
    url = f"sqlite:{folder / 'ledger.db'}?partitions={partitions}"
    with closing(open_log(url, create=True)) as log:
        log.append(records)
        yield log


def counts_of(report):
    """The counts of a report that are not 0, as the shared cases name them."""
    return {f"{row.measure}|{row.group}": row.count for row in report.counts if row.count}


def rates_of(report):
    """The rates of a report that are of somebody, as the shared cases name them."""
    return {
        f"{row.measure}|{row.group}": [row.numerator, row.denominator]
        for row in report.rates
        if row.numerator or row.denominator
    }


def policy_of(name="openclassrooms-2022", **overrides):
    """A built-in policy, some of its members replaced."""
    if not overrides:
        return built_in_policies()[name]
    members = oracle().BUILT_IN_POLICIES[name] | overrides
    return parse_policy(json.dumps(members).encode(), "of a test")


def reports_of(log, policy, years, *, cut=None, beside=()):
    """The reports that the ledger makes by year, at the log's end or at a cut."""
    replayed = replay(log, log.end() if cut is None else cut, [policy, *beside])
    return {
        year: build_report(replayed, log_name=log.name, policy=policy, year=year) for year in years
    }


def oracle_records(log):
    """Every record of a log as the oracle takes them."""
    end = log.end()
    return [record._asdict() for record in log.read(dict.fromkeys(end, 0), end)]


def admit_all(events, partitions=1):
    """Events in log order, as if they were one partition's records."""
    records = [
        Record(0, offset, NOON, members["subject"].encode(), encode(members))
        for offset, members in enumerate(events)
    ]
    admitted = [admit(record, partitions) for record in records]
    assert all(isinstance(event, Event) for event in admitted), admitted
    return admitted


def resolution_of(events):
    """What becomes of each of one student's events."""
    history = History()
    for event in admit_all(events):
        history.add(event)
    return resolve(list(history.events.values()))


def facts(events):
    """What the events in force say about one student."""
    return facts_of(resolution_of(events).in_force)


def figures_of(events, policy):
    """The figures of any number of students, without a log."""
    figures = Figures()
    for subject in dict.fromkeys(event["subject"] for event in events):
        own = [event for event in events if event["subject"] == subject]
        figures.add(contributions(facts(own), policy))
    return figures


def cells(figures, year, *measures):
    """Every non-zero cell of some measures in a year, as `measure` or `measure|group`."""
    return {
        measure if group == "all" else f"{measure}|{group}": count
        for (of_year, measure, group), count in figures.cells.items()
        if count and of_year == year and measure in measures
    }
