"""A dead letter is repaired by an event that says so, and by nothing else."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from ledger.audit.dead_letters import dead_letters, parse_pointer, repairs
from ledger.audit.sorted_rows import SortedRows
from ledger.errors import BadInputError, UsageError
from ledger.log import Location, NewRecord, open_log
from outcomes.ingest.resubmitting import corrected_record, resubmit
from tests.e2e.command import run
from tests.support.applications import APPLIED, changed
from tests.support.histories import encode

SUBJECT = APPLIED["subject"].encode()
PLAIN = changed()
BAD = changed(data={"applied_on": "soon"})


@pytest.fixture
def log(tmp_path):
    with closing(open_log(f"sqlite:{tmp_path / 'ledger.db'}", create=True)) as log:
        yield log


def appended(log, *records):
    return [each.offset for each in log.append_each(records, wait_seconds=30).locations]


def open_and_repaired(log):
    with SortedRows() as rows:
        letters = list(dead_letters(log, log.end(), rows))
    by_state = {True: [], False: []}
    for row in letters:
        by_state[row["repaired_by"] is not None].append(row["offset"])
    return by_state[False], by_state[True]


class TestRepair:
    """The corrected event is appended under the letter's own source and id, and closes it."""

    def test_a_corrected_event_closes_its_letter(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))
        assert ([offset], []) == open_and_repaired(log)

        repaired = resubmit(
            log, corrected_record(log, Location(0, offset), PLAIN), Location(0, offset)
        )

        assert ([], [offset]) == open_and_repaired(log)
        (record,) = log.read({0: repaired.event.offset}, log.end())
        assert APPLIED | {"resubmits": f"0:{offset}"} == json.loads(record.value)

    def test_every_other_byte_of_the_event_stays(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))
        text = b' { "a": 1.0,\t' + PLAIN[1:]

        record = corrected_record(log, Location(0, offset), text)

        assert text == record.value.replace(b'"resubmits":"0:%d",' % offset, b"")

    def test_a_wrong_key_is_repaired_without_a_change(self, log):
        (offset,) = appended(log, NewRecord(b"other", PLAIN))

        record = corrected_record(log, Location(0, offset), None)

        assert SUBJECT == record.key
        resubmit(log, record, Location(0, offset))
        assert ([], [offset]) == open_and_repaired(log)

    def test_a_letter_without_a_readable_identity_takes_any(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, b"\xff no json"))

        assert corrected_record(log, Location(0, offset), PLAIN)


class TestRefusals:
    """What would be a second fact, or no repair at all, is refused; the log stays as it was."""

    @pytest.mark.parametrize("members", [{"id": "other"}, {"source": "/other"}])
    def test_another_identity(self, log, members):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))

        with pytest.raises(BadInputError, match="keep the letter's own"):
            corrected_record(log, Location(0, offset), changed(**members))

    def test_an_event_that_is_still_at_fault(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))

        with pytest.raises(BadInputError, match="data_must_match_its_type"):
            corrected_record(log, Location(0, offset), BAD)

    def test_no_correction_where_one_is_needed(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))

        with pytest.raises(BadInputError, match="hand in the corrected event"):
            corrected_record(log, Location(0, offset), None)

    def test_a_claim_to_another_letter(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))

        with pytest.raises(BadInputError, match="claims to repair"):
            corrected_record(log, Location(0, offset), changed(resubmits="0:77"))

    def test_an_event_is_no_dead_letter(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, PLAIN))

        with pytest.raises(UsageError, match="is an event"):
            corrected_record(log, Location(0, offset), PLAIN)

    @pytest.mark.parametrize("place", [Location(0, 9), Location(5, 0)])
    def test_a_place_without_a_record(self, log, place):
        with pytest.raises(UsageError):
            corrected_record(log, place, PLAIN)

    @pytest.mark.parametrize("text", ["", "1", "a:b", "1:2:3", "-1:0", "0:" + "9" * 30, "٣:1"])
    def test_a_text_that_names_no_place(self, text):
        with pytest.raises(UsageError):
            parse_pointer(text)


class TestClaims:
    """A claim closes a letter only if there is one, and the claiming record is an event."""

    def test_a_quarantined_record_closes_nothing(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))
        appended(log, NewRecord(SUBJECT, changed(resubmits=f"0:{offset}", data={})))

        assert offset in open_and_repaired(log)[0]

    def test_a_claim_to_an_event_closes_nothing(self, log):
        (event,) = appended(log, NewRecord(SUBJECT, PLAIN))
        appended(log, NewRecord(SUBJECT, changed(id="2", resubmits=f"0:{event}")))

        assert ([], []) == open_and_repaired(log)

    @pytest.mark.parametrize("claim", [1, None, ["0:0"], "0", "0:0 ", ""])
    def test_a_claim_of_another_form_is_none(self, log, claim):
        appended(log, NewRecord(SUBJECT, BAD))
        appended(log, NewRecord(SUBJECT, encode(APPLIED | {"resubmits": claim})))

        assert {} == repairs(log, log.end())

    def test_the_first_claim_counts(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))
        places = appended(
            log,
            NewRecord(SUBJECT, changed(resubmits=f"0:{offset}")),
            NewRecord(SUBJECT, changed(id="2", resubmits=f"0:{offset}")),
        )

        assert places[0] == repairs(log, log.end())[0, offset]["offset"]


class TestCommand:
    """`outcomes dead-letters` as it is typed."""

    def test_a_letter_is_repaired_once(self, tmp_path):
        with closing(open_log(f"sqlite:{tmp_path / 'ledger.db'}", create=True)) as log:
            appended(log, NewRecord(SUBJECT, BAD))
        (tmp_path / "fixed.json").write_bytes(PLAIN)
        command = ("dead-letters", "resubmit", "0:0", "fixed.json")

        assert 0 == run(*command, folder=tmp_path).code
        again = run(*command, folder=tmp_path)

        assert 2 == again.code
        assert b"0:0 is repaired already, by 0:1" in again.err
        assert "repaired by 0:1" in run("dead-letters", "show", "0:0", folder=tmp_path).text
