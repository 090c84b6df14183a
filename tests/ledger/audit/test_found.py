"""`ledger.audit.found`: an archive's columns find all that reading everybody finds."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.audit import found
from ledger.audit.explain import ExplainQuery, Totals, explain_figure
from ledger.audit.found import judged_students
from ledger.audit.reading import students, unread_remark
from ledger.audit.trace import event_traces, student_trace, trace_row
from ledger.columns.build import build_columns
from ledger.columns.cache import column_path, stamp, stamp_path
from ledger.errors import StoreError
from ledger.log import open_log
from projections.explanations import Cell, explain_cell, is_claimable
from projections.measures.catalogue import COUNTS
from projections.policy import built_in_policies, parse_policy
from projections.student import RecordVerdict
from schemas.glimpse import glimpse_record
from schemas.partition import partition_of
from schemas.record import Record
from tests.ledger.log.archive.folders import sealed, segments
from tests.ledger.log.contract import NOON
from tests.support.histories import encode, log_of, new_record, policy_of, story
from tests.support.strategies import SUBJECTS, YEARS, policies, records

PARTITIONS = 3
LIFE = """
    applied a1 2021-12-01 categories=refugee
    enrolled e1 2022-01-10 2022-06-30
    graduated e1 2022-06-01
    answered 2022-07-01 employed job_found_on=2022-07-01
    outcome 2022-07-01 new_job
"""


@pytest.fixture(scope="module", autouse=True)
def _two_parts():
    """The first partition is read in two parts, however few records there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(found, "FIRST_OFFSETS", 4)
        yield


def archive_of(folder, held, *, with_columns=True):
    """An archive, open, with typed columns or without."""
    folder.mkdir(exist_ok=True)
    sealed(folder / "sealed", held, partitions=PARTITIONS, segment_bytes=3_000)
    if with_columns:
        build_columns(folder / "sealed")
    return closing(open_log(f"archive:{folder / 'sealed'}"))


def moved(held, places):
    """The same records, some of them in the partition after their own, behind all that is there."""
    result = []
    for record in held:
        if (record.partition, record.offset) in places:
            partition = (record.partition + 1) % PARTITIONS
            result.append(record._replace(partition=partition, offset=10_000 + record.offset))
        else:
            result.append(record)
    latest = {}
    for record in sorted(result, key=lambda each: each[:2]):
        at_ms = max(record.recorded_at, latest.get(record.partition, 0))
        latest[record.partition] = at_ms
        yield record._replace(recorded_at=at_ms)


def naive(log, query):
    """What reading everybody says."""
    rows, unclaimed = Counter(), 0
    for student in students(log, query.cut):
        unclaimed += sum(
            each.verdict is RecordVerdict.QUARANTINED and not is_claimable(each)
            for each in student.records
        )
        for part in query.parts():
            cell = Cell(query.year, part.measure, query.group)
            rows.update((part, each) for each in explain_cell(student, query.policy, cell))
    return rows, unclaimed


def traced(log, identity, policy):
    """What became of an event, by the subjects that have it."""
    for trace in event_traces(log, log.end(), identity, policy):
        yield trace.subject, [trace_row(each) for each in trace.records]


def by_columns(log, query):
    totals = Totals()
    return Counter(explain_figure(log, query, totals)), totals.unclaimed


class TestOracle:
    @settings(max_examples=12, deadline=None)
    @given(st.data(), st.sampled_from(COUNTS), st.sampled_from(YEARS))
    def test_no_row_is_missing_or_doubled(self, tmp_path_factory, data, measure, year):
        folder = tmp_path_factory.mktemp("found")
        with log_of(folder, data.draw(records()), partitions=PARTITIONS) as log:
            held = list(log.read({}, log.end()))
        places = [record[:2] for record in held]
        away = data.draw(st.sets(st.sampled_from(places), max_size=5)) if places else set()
        policy = data.draw(st.sampled_from([*built_in_policies().values(), None]))
        policy = policy or parse_policy(encode(data.draw(policies)), "")
        with archive_of(
            folder, list(moved(held, away)), with_columns=data.draw(st.booleans())
        ) as archive:
            query = ExplainQuery(archive.end(), policy, year, measure, "all")
            assert by_columns(archive, query) == naive(archive, query)

    @settings(max_examples=4, deadline=None)
    @given(records())
    def test_a_trace_is_that_of_the_partition_read_whole(self, tmp_path_factory, appended):
        folder = tmp_path_factory.mktemp("found")
        with log_of(folder, appended, partitions=PARTITIONS) as log:
            held = list(log.read({}, log.end()))
        with archive_of(folder, held) as archive:
            end, policy = archive.end(), policy_of()
            for subject in SUBJECTS:
                home = partition_of(subject.encode(), PARTITIONS)
                own = [each for each in held if each.partition == home]
                whole = {
                    judged.record[:2]: (judged.verdict, judged.rule)
                    for student in judged_students(
                        sorted(own, key=lambda each: (each.key or b"", each[:2])), PARTITIONS
                    )
                    for judged in student.records
                    if judged.record.key == subject.encode() or judged.glimpse.subject == subject
                }
                trace = student_trace(archive, end, subject, policy)
                assert whole == {
                    each.judged.record[:2]: (each.judged.verdict, each.judged.rule)
                    for each in trace.records
                }

    @settings(max_examples=6, deadline=None)
    @given(records())
    def test_what_became_of_an_event_is_what_the_log_itself_says(self, tmp_path_factory, appended):
        folder, policy = tmp_path_factory.mktemp("found"), policy_of()
        with log_of(folder, appended, partitions=PARTITIONS) as log:
            held = list(log.read({}, log.end()))
            glimpses = {glimpse_record(each)[1:3] for each in held}
            identities = [each for each in glimpses if None not in each][:8]
            expected = [sorted(traced(log, each, policy), key=repr) for each in identities]
        with archive_of(folder, held) as archive:
            assert expected == [
                sorted(traced(archive, each, policy), key=repr) for each in identities
            ]


class TestQuarantined:
    """The columns say whose a quarantined record is; segments without one are not unpacked."""

    OTHERS = (
        (b"s-3", b"{"),
        (b"\xff\x00", b"\xff"),
        (None, None),
        (b"s-3", encode(story("applied a2 2022-03-01 subject=s-3 id=8")[0])),
    )

    @pytest.fixture
    def archive(self, tmp_path):
        value = encode(story("applied a1 2022-03-01 id=7")[0])
        own = [(key, value) for key in (b"s-1", b"\xff", b"", None, b"s-2")]
        own += [(b"s-1", each) for each in (None, b"{", b"\xff", b" " * 65_537)]
        pairs = [*own, *self.OTHERS]
        held = [Record(0, n, NOON, *pair) for n, pair in enumerate(pairs)]
        folder = sealed(tmp_path / "sealed", held, segment_bytes=1)
        build_columns(folder)
        with closing(open_log(f"archive:{folder}")) as archive:
            for path in segments(folder)[len(own) :]:
                path.unlink()
            yield archive

    def test_a_student_is_found_by_key_and_by_value(self, archive):
        trace = student_trace(archive, archive.end(), "s-1", policy_of())
        assert set(range(9)) == {each.judged.record.offset for each in trace.records}

    def test_an_event_is_found_by_its_name(self, archive):
        traces = event_traces(archive, archive.end(), ("/crm", "7"), policy_of())
        assert [0, 1, 2, 3, 4] == sorted(
            each.judged.record.offset for trace in traces for each in trace.records
        )


class TestStrays:
    """A record in another partition than its key's, which is quarantined and near a figure."""

    @pytest.fixture
    def archive(self, tmp_path):
        with log_of(tmp_path, map(new_record, story(LIFE)), partitions=PARTITIONS) as log:
            held = list(log.read({}, log.end()))
        with archive_of(tmp_path, list(moved(held, {held[3][:2]}))) as archive:
            yield archive

    def test_an_answer_in_the_wrong_partition_is_near_the_figure_of_its_graduate(self, archive):
        query = ExplainQuery(archive.end(), policy_of(), 2022, "placed", "all")
        rows, _ = by_columns(archive, query)
        assert (rows, 0) == naive(archive, query)
        assert "partition_must_follow_key" in {explanation.rule for _, explanation in rows}

    def test_it_is_found_by_its_name(self, archive):
        (stray,) = (
            judged
            for student in students(archive, archive.end())
            for judged in student.records
            if judged.rule is not None
        )
        identity = (stray.glimpse.source, stray.glimpse.id)
        (trace,) = event_traces(archive, archive.end(), identity, policy_of())
        assert [each.judged.record for each in trace.records] == [stray.record]


class TestForged:
    """Columns are an index: what is wrong in them never reaches a page as a record."""

    @pytest.fixture
    def archive(self, tmp_path):
        with log_of(tmp_path, map(new_record, story(LIFE)), partitions=PARTITIONS) as log:
            held = list(log.read({}, log.end()))
        with archive_of(tmp_path, held) as archive:
            yield archive

    def paths(self, archive):
        return [column_path(archive.folder, segment) for segment in archive.manifest.segments]

    def test_columns_that_are_not_as_stamped_are_not_asked(self, archive):
        (path,) = self.paths(archive)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        query = ExplainQuery(archive.end(), policy_of(), 2022, "placed", "all")
        assert by_columns(archive, query) == naive(archive, query)

    def test_where_columns_are_missing_it_is_said_that_everything_is_read(self, archive):
        message = (
            "no typed columns of this ledger for 1 of 1 segment, whose partitions are read whole"
        )
        assert message not in unread_remark(archive, [])
        stamp_path(self.paths(archive)[0]).unlink()
        assert message in unread_remark(archive, ["s-1"])

    def test_columns_that_name_a_record_that_is_not_there_are_refused(self, archive, tmp_path):
        (segment,) = archive.manifest.segments
        data = self.paths(archive)[0].read_bytes()
        held = [each for each in archive.read({}, archive.end()) if each.offset != 2]
        with archive_of(tmp_path / "less", held) as less:
            path, (segment,) = self.paths(less)[0], less.manifest.segments
            path.write_bytes(data)
            stamp_path(path).write_bytes(stamp(segment, sha256(data).hexdigest(), len(data)))
            query = ExplainQuery(less.end(), policy_of(), 2022, "placed", "all")
            with pytest.raises(StoreError, match=r"no record at offset 2, which .* --refresh"):
                by_columns(less, query)
