"""A publication made again, from its log by both engines or from itself: any change is seen."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import closing
from random import Random
from types import SimpleNamespace

import orjson
import pytest

from ledger.disclosure.profile import built_in_profiles
from ledger.disclosure.shown import decode_shown
from ledger.errors import BadInputError, CutNotHeldError, UsageError
from ledger.evidence.anchor import read_anchor
from ledger.evidence.keys import create_key, read_private_key
from ledger.evidence.signing import sign_log
from ledger.log import NewRecord, open_log
from ledger.report import ReportQuery, encode_report, make_reports
from outcomes.publish import making, verifying
from outcomes.publish.disclosing import disclosed_from_log, disclosed_from_report
from outcomes.publish.edition import load_edition
from outcomes.publish.evidence import cover
from outcomes.publish.folder import read_folder
from outcomes.publish.making import make_files
from outcomes.publish.publishing import Wishes, publish
from outcomes.publish.verifying import verify_folder
from outcomes.synthetic import generate
from projections.policy import built_in_policies
from schemas.canonical import canonical, sha256_hex

MUTATIONS = int(os.environ.get("OUTCOMES_TEST_MUTATIONS", "20"))
POLICY = built_in_policies()["openclassrooms-2022"]
BEYOND = {"measure": "applicants", "group": "all", "count": 2**53, "previous": 0}
"""A count that RFC 8785 does not write."""
EDITION = "school: École\npublished_on: 2023-06-30\nwords:\n  foreword: Welcome.\n"


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A log, and two revisions of a publication of it: only to read.

    Of twelve partitions: as text, 10 comes before 2.
    """
    folder = tmp_path_factory.mktemp("school")
    (folder / "words.yaml").write_text(EDITION)
    with closing(open_log(f"sqlite:{folder / 'ledger.db'}?partitions=12", create=True)) as log:
        log.append(
            NewRecord(record.key, record.value, record.recorded_at) for record in generate(120, 7)
        )
        end = log.end()
        earlier = {partition: offset - 20 for partition, offset in end.items()}
        edition = load_edition(folder / "words.yaml")
        create_key(folder / "school.key", "school.example/ledger")
        sign_log(log, folder / "evidence", read_private_key(folder / "school.key"))
        anchor = read_anchor(folder / "evidence")
        for cut, reason in ((earlier, None), (end, "late-facts")):
            query = ReportQuery([2022], [POLICY], [cut], roots=True)
            shown = disclosed_from_log(log, query, profile())
            signed = shown._replace(checkpoint=cover(shown.shown.log, anchor, log))
            publish(folder / "out", lambda signed=signed: signed, Wishes(("en",), edition, reason))
        (report,) = make_reports(log, query)
        data = encode_report(report)
        disclosed = disclosed_from_report(data, "report.json", [], profile())
        yield SimpleNamespace(log=log, out=folder / "out", report=data, disclosed=disclosed)


KNOWN = {}


@pytest.fixture
def quick(monkeypatch):
    """Works out once what copies of a folder have in common: what is shown again, and each PDF.

    `test_determinism.py` and the first test below hold that the same goes in as comes out.
    """

    def remember(module, name, key):
        function = getattr(module, name)

        def remembered(*arguments, **options):
            known = name, key(*arguments)
            if known not in KNOWN:
                KNOWN[known] = function(*arguments, **options)
            return KNOWN[known]

        monkeypatch.setattr(module, name, remembered)

    remember(verifying, "disclosed_again", lambda log, stated: (id(log), repr(stated)))
    remember(making, "render_pdf", repr)


def profile(name="round-5"):
    return built_in_profiles()[name]


def copied(school, folder):
    return shutil.copytree(school.out, folder / "out")


def published(school, out, name, languages=("en",)):
    """The report of the log's end under a profile, alone in a folder."""
    return publish(
        out,
        lambda: disclosed_from_report(school.report, "report.json", [], profile(name)),
        Wishes(languages),
    )


def forge(out, number, change):
    """Change what a revision shows, and make all of its files again as the publisher does."""
    folder = out / f"revision-{number}"
    claim = verifying._claim(folder, number, read_folder(out).revisions[number - 1], [])
    source = claim.order.source
    document = source.shown.as_json()
    change(document)
    shown = decode_shown(canonical(document) + b"\n", "forged")
    files = make_files(claim.order._replace(source=source._replace(shown=shown)))
    for name, data in files.items():
        (folder / name).write_bytes(data)


class TestSame:
    def test_every_revision_is_made_again_from_the_log(self, school):
        check = verify_folder(school.out, school.log)
        assert [] == check.faults
        assert 2 == len(check.statements)
        assert all("by each of two engines" in statement for statement in check.statements)

    def test_and_from_itself_which_is_said(self, school, quick):
        check = verify_folder(school.out)
        assert [] == check.faults
        assert all("not compared with a log" in statement for statement in check.statements)

    def test_a_log_that_does_not_reach_the_cut_is_told(self, school, tmp_path):
        with (
            closing(open_log(f"sqlite:{tmp_path / 's.db'}?partitions=12", create=True)) as short,
            pytest.raises(CutNotHeldError),
        ):
            verify_folder(school.out, short)


def mutate(out, random):
    """Change one thing of a folder; what was done, for the failure's message."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    path = random.choice(files)
    data = path.read_bytes()
    deed = random.choice(["flip", "digit", "drop", "add", "swap", "truncate", "append", "rename"])
    if deed == "flip":
        place = random.randrange(len(data))
        flipped = bytes([data[place] ^ 1 << random.randrange(8)])
        path.write_bytes(data[:place] + flipped + data[place + 1 :])
    elif deed == "digit":
        places = [place for place, byte in enumerate(data) if chr(byte).isdigit()]
        place = random.choice(places)
        digit = bytes([(data[place] - 48 + random.randrange(1, 10)) % 10 + 48])
        path.write_bytes(data[:place] + digit + data[place + 1 :])
    elif deed == "drop":
        path.unlink()
    elif deed == "add":
        name = random.choice(["notes.txt", ".hidden", "report.de.pdf", "logo.png"])
        path.with_name(name).write_bytes(data)
    elif deed == "swap":
        # Both revisions have one edition: two files that are alike can be swapped unseen.
        other = random.choice([each for each in files if each.read_bytes() != data])
        path.write_bytes(other.read_bytes())
        other.write_bytes(data)
    elif deed == "truncate":
        path.write_bytes(data[: random.randrange(len(data))])
    elif deed == "append":
        path.write_bytes(data + random.choice([b"\n", b" ", b"\0"]))
    else:
        path.rename(path.with_name(f"{path.name}.bak"))
    return f"{deed} {path.relative_to(out)}"


def faults_of(out, log):
    """What is wrong with a folder; also that it is no publication at all."""
    try:
        return verify_folder(out, log).faults
    except BadInputError as error:
        return [str(error)]


class TestMutations:
    """Any single change of a folder is refused, with the log and without it.

    `OUTCOMES_TEST_MUTATIONS` says how many are tried; `make soak` tries 200.
    """

    @pytest.mark.parametrize("seed", range(MUTATIONS))
    def test_a_changed_folder_is_refused(self, school, quick, tmp_path, seed):
        out = copied(school, tmp_path)
        deed = mutate(out, Random(seed))
        for log in (school.log, None):
            assert faults_of(out, log), deed

    def test_what_is_forged_in_all_files_alike_is_seen_with_the_log_alone(
        self, school, quick, tmp_path
    ):
        published(school, tmp_path / "out", "round-5")
        assert [] == verify_folder(tmp_path / "out", school.log).faults

        def more(document):
            row = next(row for row in document["counts"] if isinstance(row["count"], int))
            row["count"] += 5

        forge(tmp_path / "out", 1, more)
        (tmp_path / "out" / "index.html").write_bytes(
            verifying.make_index(read_folder(tmp_path / "out").revisions)
        )
        assert [] == verify_folder(tmp_path / "out").faults
        fold, columnar = verify_folder(tmp_path / "out", school.log).faults
        assert "the fold replay gives" in fold
        assert "the columnar replay gives" in columnar

    def test_a_reason_that_cannot_be_is_refused(self, school, quick, tmp_path):
        out = copied(school, tmp_path)
        path = out / "revision-2" / "provenance.json"
        path.write_bytes(path.read_bytes().replace(b'"late-facts"', b'"policy"'))
        (fault, *_) = verify_folder(out).faults
        assert "both have the same policy" in fault

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ((("revision", "reason"), "policy"), "a first revision has no reason"),
            ((("revision", "reason"), "whim"), "whim is no reason"),
            ((("languages",), ["xx"]), "xx is no language"),
            ((("report",), {}), "report: Value error, it has no reference year"),
            ((("policy", "version"), 10**30), "version"),
            ((("policy", "version"), 2**60), "version"),
            ((("disclosure", "version"), 10**30), "version"),
        ],
    )
    def test_a_forged_provenance_is_a_fault_that_is_named(
        self, school, quick, tmp_path, change, words
    ):
        out = copied(school, tmp_path)
        file = out / "revision-1" / "provenance.json"
        provenance = place = json.loads(file.read_bytes())
        (*parents, name), value = change
        for parent in parents:
            place = place[parent]
        place[name] = value
        file.write_text(f"{json.dumps(provenance, indent=2, ensure_ascii=False)}\n")
        (fault, *_) = verify_folder(out).faults
        assert words in fault
        assert "provenance.json" in fault


def sealed(provenance):
    """The file, with the hash that its other members have."""
    del provenance["sha256"]
    provenance["sha256"] = sha256_hex(canonical(provenance))
    return orjson.dumps(provenance, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


class TestAnotherVersion:
    """What other versions have made is compared by hash and by cells, and that is said."""

    @pytest.fixture
    def later(self, monkeypatch):
        versions = {**verifying.versions(), "typst": "99.0"}
        monkeypatch.setattr(verifying, "versions", lambda: versions)

    def test_it_is_said(self, school, quick, later):
        check = verify_folder(school.out, school.log)
        assert [] == check.faults
        assert all("made by typst 0." in statement for statement in check.statements)

    def test_a_version_that_was_changed_alone_is_refused(self, school, quick, tmp_path):
        out = copied(school, tmp_path)
        path = out / "revision-1" / "provenance.json"
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"babel": "', b'"babel": "1'))
        (fault,) = verify_folder(out, school.log).faults
        assert "provenance.json: not the bytes that were published" in fault

    @pytest.mark.parametrize("name", ["report.en.pdf", "edition.yaml", "provenance.json"])
    def test_a_changed_file_is_refused(self, school, quick, later, tmp_path, name):
        out = copied(school, tmp_path)
        path = out / "revision-1" / name
        path.write_bytes(path.read_bytes().replace(b"2022", b"2021", 1) + b" ")
        assert verify_folder(out, school.log).faults

    def test_cells_that_were_changed_with_their_hash_are_refused(
        self, school, quick, later, tmp_path
    ):
        out = copied(school, tmp_path) / "revision-1"
        provenance = json.loads((out / "provenance.json").read_bytes())
        table = (out / "data.csv").read_bytes().replace(b",count,", b",count,1", 1)
        (out / "data.csv").write_bytes(table)
        provenance["files"]["data.csv"] = {"bytes": len(table), "sha256": sha256_hex(table)}
        (out / "provenance.json").write_bytes(sealed(provenance))
        (fault,) = verify_folder(out.parent).faults
        assert "its cells are not those of shown.json" in fault


@pytest.fixture(scope="module")
def exact(school, tmp_path_factory):
    """A publication that protects nothing."""
    return published(school, tmp_path_factory.mktemp("exact") / "out", "exact").folder


class TestExact:
    """The exact report comes along under the profile that protects nothing, and no other."""

    def test_it_is_the_report_that_was_published(self, school, exact, quick):
        assert school.report == (exact / "report.json").read_bytes()
        assert [] == verify_folder(exact.parent).faults
        assert [] == verify_folder(exact.parent, school.log).faults

    @pytest.mark.parametrize("number", ["0", "99"])
    def test_another_number_in_it_is_refused_even_without_the_log(
        self, exact, quick, tmp_path, number
    ):
        copy = shutil.copytree(exact.parent, tmp_path / "out")
        path = copy / "revision-1" / "report.json"
        path.write_text(re.sub(r'"count": \d+', f'"count": {number}', path.read_text(), count=1))
        assert verify_folder(copy).faults

    def test_nothing_exact_is_in_any_file_of_another_publication(self, school):
        report = json.loads(school.report)
        digest = report["digest"].removeprefix("sha256:").encode()
        for files in read_folder(school.out).revisions:
            assert "report.json" not in files
            assert not [name for name, data in files.items() if digest in data]


class TestPublishing:
    """A first publication or a revision, from a report that is what it claims."""

    def changed(self, school, **members):
        return json.dumps(json.loads(school.report) | members).encode()

    def disclosed(self, data):
        return disclosed_from_report(data, "r.json", [], profile("exact"))

    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"digest": "sha256:0"}, "its digest is not that of its figures"),
            ({"counts": []}, "its digest is not that of its figures"),
            ({"counts": [BEYOND]}, "its digest is not that of its figures"),
            ({"rates": [{"measure": "a", "group": "b", "numerator": "1"}]}, "r.json"),
            ({"zone_data": None}, "zone_data"),
            ({"schema": "ledger/shown/v1"}, "schema"),
        ],
    )
    def test_a_report_that_is_none_is_one_line(self, school, members, words):
        with pytest.raises(BadInputError, match=words) as caught:
            self.disclosed(self.changed(school, **members))
        assert "\n" not in str(caught.value)

    def test_several_reports_are_refused(self, school):
        with pytest.raises(BadInputError, match="2 reports"):
            self.disclosed(b"[" + school.report + b"," + school.report + b"]")

    def test_members_that_nobody_knows_are_left_out(self, school):
        exact = self.disclosed(self.changed(school, secret="s-1")).exact
        assert b"s-1" not in exact.report

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            ("late-facts", "up to the same cut"),
            ("policy", "the same policy"),
            ("disclosure", "the same profile"),
        ],
    )
    def test_a_reason_that_is_not_true_is_refused(self, school, tmp_path, reason, words):
        out = copied(school, tmp_path)
        before = read_folder(out)
        with pytest.raises(UsageError, match=words):
            publish(out, lambda: school.disclosed, Wishes(("en",), reason=reason))
        assert before == read_folder(out)

    def test_words_alone_and_an_error_can_always_be_the_reason(self, school, quick, tmp_path):
        out = copied(school, tmp_path)
        for number, reason in ((3, "edition"), (4, "correction")):
            done = publish(out, lambda: school.disclosed, Wishes(("en",), reason=reason))
            assert number == done.order.number
        page = (out / "index.html").read_text()
        planned, corrected = page.index("Planned revisions"), page.index("Errors corrected")
        assert planned < page.index("Revision 3 takes") < corrected < page.index("Revision 4 takes")

    def test_a_page_that_a_stopped_run_left_behind_is_brought_up_to_date(
        self, school, quick, tmp_path
    ):
        out = copied(school, tmp_path)
        (out / "index.html").write_bytes(b"behind")
        notes = []
        with pytest.raises(UsageError):
            publish(
                out,
                lambda: school.disclosed,
                Wishes(("en",), reason="policy"),
                notify=notes.append,
            )
        assert read_folder(out) == read_folder(school.out)
        assert "now lists 2 revisions" in notes[0]

    def test_another_year_has_a_folder_of_its_own(self, school, quick, tmp_path):
        out = copied(school, tmp_path)
        query = ReportQuery([2023], [POLICY])
        with pytest.raises(UsageError, match="is about 2022"):
            publish(
                out,
                lambda: disclosed_from_log(school.log, query, profile("exact")),
                Wishes(("en",), reason="correction"),
            )
