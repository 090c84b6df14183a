"""A dead letter is repaired by an event that says so, and by nothing else."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from ledger.audit.dead_letters import dead_letters, parse_pointer
from ledger.audit.sorted_rows import SortedRows
from ledger.errors import BadInputError, UsageError
from ledger.log import Location, NewRecord, open_log
from ledger.repairs import Repairs, count_letters
from outcomes.ingest import resubmitting
from outcomes.ingest.resubmitting import Correction, corrected_record
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


def repair(log, offset, corrected):
    place = Location(0, offset)
    fix = Correction(place, corrected_record(log, place, corrected))
    (row,) = resubmitting.repair(log, [fix])
    return parse_pointer(row["event"])


def read_repairs(log):
    repairs = Repairs()
    repairs.read_on(log, log.end())
    return repairs


class TestRepair:
    """The corrected event is appended under the letter's own source and id, and closes it."""

    def test_a_corrected_event_closes_its_letter(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))
        assert ([offset], []) == open_and_repaired(log)

        event = repair(log, offset, PLAIN)

        assert ([], [offset]) == open_and_repaired(log)
        (record,) = log.read({0: event.offset}, log.end())
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
        repair(log, offset, None)
        assert ([], [offset]) == open_and_repaired(log)

    @pytest.mark.parametrize("key", [SUBJECT, None, b"Jane Doe"])
    def test_a_letter_without_a_readable_identity_takes_any_of_its_student(self, log, key):
        (offset,) = appended(log, NewRecord(key, b"\xff no json"))

        repair(log, offset, PLAIN)

        assert ([], [offset]) == open_and_repaired(log)


class TestRefusals:
    """What would be a second fact, or no repair at all, is refused; the log stays as it was."""

    @pytest.mark.parametrize("members", [{"id": "other"}, {"source": "/other"}, {"subject": "s-2"}])
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

        assert ([0], []) == open_and_repaired(log)

    def test_the_first_claim_counts(self, log):
        (offset,) = appended(log, NewRecord(SUBJECT, BAD))
        places = appended(
            log,
            NewRecord(SUBJECT, changed(resubmits=f"0:{offset}")),
            NewRecord(SUBJECT, changed(id="2", resubmits=f"0:{offset}")),
        )

        assert places[0] == read_repairs(log).event(Location(0, offset)).offset

    @pytest.mark.parametrize("text", [BAD, b"\xff no json"])
    @pytest.mark.parametrize("members", [{"subject": "s-2"}, {"id": "2"}])
    def test_an_event_of_another_student_or_identity_closes_nothing(self, log, text, members):
        (offset,) = appended(log, NewRecord(SUBJECT, text))
        claim = changed(**members, resubmits=f"0:{offset}")
        appended(log, NewRecord(members.get("subject", APPLIED["subject"]).encode(), claim))

        is_readable = text == BAD or "subject" in members
        assert is_readable == (offset in open_and_repaired(log)[0])

    def test_a_claim_does_not_reach_what_is_recorded_after_it(self, log):
        appended(log, NewRecord(SUBJECT, changed(resubmits="0:1"), 1_700_000_000_000))
        appended(log, NewRecord(SUBJECT, b"no json", 1_700_000_000_001))

        assert ([1], []) == open_and_repaired(log)

    def test_reading_on_is_reading_at_once(self, log):
        """Open and repaired are the same, however often somebody has looked meanwhile."""
        reading = Repairs()
        records = [BAD, changed(resubmits="0:0"), b"no json", changed(resubmits="0:2", id="2")]
        for number, value in enumerate(records):
            appended(log, NewRecord(SUBJECT, value))
            reading.read_on(log, log.end(), seconds=1 if number % 2 else None)

        quarantined = {"data_must_match_its_type": 1, "value_must_be_json": 1}
        counts = count_letters(quarantined, reading, log.end())
        assert counts == count_letters(quarantined, read_repairs(log), log.end())
        assert ({}, quarantined) == (counts.open, counts.repaired)
        assert ({"value_must_be_json": 1}, {"data_must_match_its_type": 1}) == count_letters(
            quarantined, reading, {0: 3}
        )[:2]


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
        assert "1 of them repaired" in run("findings", folder=tmp_path).text
        assert "none of 2 records open; 1 repaired" in run("doctor", folder=tmp_path).text
        brief = run("report", "--year", "2024", "--brief", folder=tmp_path).text
        assert "1 of 2 records, 1 of them repaired" in brief
        assert "dead letter" not in brief

    def test_all_of_a_rule_are_repaired_at_once_but_those_with_another_fault(self, tmp_path):
        with closing(open_log(f"sqlite:{tmp_path / 'ledger.db'}", create=True)) as log:
            keyed = [PLAIN, changed(id="2", data={}), changed(id="3")]
            appended(log, *(NewRecord(b"other", value) for value in keyed))
        command = ("dead-letters", "resubmit", "--rule", "key_must_equal_subject", "--all")

        tried = run(*command, "--dry-run", folder=tmp_path)
        assert (65, "2 dead letters would be repaired, 1 left") == (
            tried.code, tried.text.splitlines()[-1])  # fmt: skip
        done = run(*command, folder=tmp_path)

        assert ["0:0 0:3", "0:2 0:4"] == done.text.splitlines()[::2][:2]
        assert "0:1 the corrected event is at fault: data_must_match_its_type" in done.text
        assert "2 dead letters repaired, 1 left" in done.text
