"""`ledger.conflicts`: the sender hears of what the findings will say, and of nothing else."""

from __future__ import annotations

from contextlib import closing

import pytest

from ledger.audit.findings import collect_findings
from ledger.conflicts import find_conflicts, identity_of
from ledger.log import NewRecord, open_log
from outcomes.ingest.judging import EVENTS
from outcomes.ingest.lines import Line
from outcomes.synthetic.stream import generate
from tests.support.applications import APPLIED, changed

SUBJECT = APPLIED["subject"].encode()
OTHER = changed(time="2024-01-15T11:00:00Z")


@pytest.fixture
def log(tmp_path):
    with closing(open_log(f"sqlite:{tmp_path / 'l.db'}?partitions=2", create=True)) as log:
        yield log


def sent(log, *values):
    judged = [EVENTS.judge(Line(1, value)) for value in values]
    log.append(event for event, _, _ in judged)
    named = [(event, identity_of(event, members)) for event, _, members in judged]
    positions = find_conflicts(log, named)
    assert positions == find_conflicts(log, [(event, None) for event, _, _ in judged])
    return positions


@pytest.mark.parametrize(
    ("held", "values", "expected"),
    [
        pytest.param([], [changed()], [], id="new"),
        pytest.param([changed()], [changed()], [], id="a duplicate"),
        pytest.param([changed()], [changed(x=1)], [], id="an extension is no content"),
        pytest.param([changed()], [OTHER], [0], id="another content"),
        pytest.param([changed()], [OTHER, changed(), OTHER], [0, 2], id="both"),
        pytest.param([OTHER], [changed(source="/lms")], [], id="another source"),
        pytest.param([OTHER], [changed(subject="s-2")], [], id="another student"),
        pytest.param([], [changed(), OTHER], [1], id="within one batch"),
        pytest.param([changed(id="é")], [changed(id="é", data=APPLIED["data"] | {
            "programme": "x"})], [0], id="an id with an escape"),
    ],
)  # fmt: skip
def test_it_is_said_which(log, held, values, expected):
    log.append(EVENTS.judge(Line(1, value))[0] for value in held)

    assert expected == sent(log, *values)


def test_a_student_of_whom_nothing_was_known_is_not_read_again(log, monkeypatch):
    log.append(EVENTS.judge(Line(1, value))[0] for value in [changed()])
    read = []
    whole = type(log).read_subjects
    monkeypatch.setattr(
        type(log), "read_subjects", lambda log, names: (read.extend(names), whole(log, names))[1]
    )

    assert [1] == sent(log, changed(subject="s-2"), OTHER, changed(subject="s-2"))
    assert {b"s-1"} == {*read}


def test_what_is_no_event_is_no_first_record(log):
    log.append([NewRecord(SUBJECT, changed(data={})), NewRecord(b"other", OTHER)])

    assert [] == sent(log, changed())


def test_of_a_log_that_cannot_be_read_it_is_said_that_nobody_has_looked(log, capfd):
    event, _, members = EVENTS.judge(Line(1, changed()))
    log.append([event])
    log.close()

    assert find_conflicts(log, [(event, identity_of(event, members))]) is None
    assert "log.unread" in "".join(capfd.readouterr())


def test_they_are_as_many_as_the_findings(log):
    values = [record.value for record in generate(400, 5) if record.value is not None]
    events = [value for value in values if EVENTS.judge(Line(1, value))[0] is not None]
    count = sum(len(sent(log, *events[start : start + 97])) for start in range(0, len(events), 97))

    counts = collect_findings(log, log.end(), rules=["content_must_not_change"])
    assert count == counts["content_must_not_change"] > 0
