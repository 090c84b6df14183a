"""The signed checkpoint that a publication carries: it covers the cut, or nothing is published."""

from __future__ import annotations

import json
from contextlib import closing
from types import SimpleNamespace

import jsonschema
import pytest

from ledger.disclosure.profile import built_in_profiles
from ledger.errors import EvidenceError
from ledger.evidence.anchor import read_anchor
from ledger.evidence.keys import create_key, read_private_key
from ledger.evidence.quorum import quorum_of_key
from ledger.evidence.signing import sign_log
from ledger.log import NewRecord, open_log
from ledger.report import ReportQuery
from outcomes.publish.disclosing import disclosed_from_log
from outcomes.publish.evidence import check_checkpoint, cover
from outcomes.publish.publishing import Wishes, publish
from outcomes.publish.verifying import verify_folder
from outcomes.synthetic import generate
from projections.policy import built_in_policies
from tests.support.repository import ROOT

POLICY = built_in_policies()["openclassrooms-2022"]
SCHEMA = json.loads((ROOT / "docs/json/provenance.json").read_text())


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A log that was signed twice, and what is shown at both checkpoints and between them."""
    folder = tmp_path_factory.mktemp("school")
    keys = []
    for name in ("school", "other"):
        create_key(folder / f"{name}.key", f"{name}.example/ledger")
        keys.append(read_private_key(folder / f"{name}.key"))
    records = [NewRecord(each.key, each.value, each.recorded_at) for each in generate(40, 7)]
    with closing(open_log(f"sqlite:{folder / 'ledger.db'}?partitions=2", create=True)) as log:
        cuts = []
        for part in (records[:150], records[150:]):
            log.append(part)
            sign_log(log, folder / "evidence", keys[0])
            cuts.append(log.end())
        between = {partition: end - 10 for partition, end in cuts[1].items()}
        shown = [
            disclosed_from_log(log, ReportQuery([2022], [POLICY], [cut], roots=True), exact())
            for cut in (*cuts, between)
        ]
        yield SimpleNamespace(
            log=log,
            anchor=read_anchor(folder / "evidence"),
            shown=shown,
            quorums=[quorum_of_key(key.public) for key in keys],
        )


def exact():
    return built_in_profiles()["exact"]


@pytest.fixture(scope="module")
def out(school, tmp_path_factory):
    """A publication of the second checkpoint."""
    shown = school.shown[1]
    covered = shown._replace(checkpoint=cover(shown.shown.log, school.anchor))
    path = tmp_path_factory.mktemp("published") / "out"
    publish(path, lambda: covered, Wishes(("en",)))
    return path


class TestCover:
    @pytest.mark.parametrize(("place", "size"), [(0, 1), (1, 2)])
    def test_the_checkpoint_at_the_cut_needs_no_log(self, school, place, size):
        stated = school.shown[place].shown.log
        proof = cover(stated, school.anchor)
        assert size == proof.signed.index + 1
        statement = check_checkpoint(proof, stated, school.quorums[0], "here")
        assert f"covered by checkpoint {size}, signed by school.example/ledger" in statement

    def test_between_two_the_log_leads_to_the_later_one(self, school):
        stated = school.shown[2].shown.log
        with pytest.raises(EvidenceError, match="publish with --year and --log"):
            cover(stated, school.anchor)
        proof = cover(stated, school.anchor, school.log)
        assert any(proof.paths.values())
        assert "covered by checkpoint 2" in check_checkpoint(proof, stated, None, "here")

    def test_a_report_without_roots_or_with_others_is_refused(self, school):
        first, second = (each.shown.log for each in school.shown[:2])
        with pytest.raises(EvidenceError, match="no roots"):
            cover(first.model_copy(update={"roots": None}), school.anchor)
        with pytest.raises(EvidenceError, match="is not what was signed"):
            cover(first.model_copy(update={"roots": second.roots}), school.anchor)

    def test_what_was_read_after_the_last_signature_is_not_covered(self, school):
        stated = school.shown[1].shown.log
        further = {partition: end + 1 for partition, end in stated.cut.items()}
        with pytest.raises(EvidenceError, match="sign the log again"):
            cover(stated.model_copy(update={"cut": further}), school.anchor, school.log)


class TestPublished:
    def test_it_is_carried_as_a_note_and_in_the_provenance(self, school, out):
        note = (out / "revision-1" / "checkpoint.txt").read_bytes()
        assert note == (school.anchor.folder / "checkpoint-000002.txt").read_bytes()
        provenance = json.loads((out / "revision-1" / "provenance.json").read_bytes())
        jsonschema.validate(provenance, SCHEMA)
        assert note.decode() == provenance["checkpoint"]["signed"]["checkpoint"]
        page = (out / "revision-1" / "report.en.html").read_text()
        assert "number 2 of school.example/ledger" in page
        assert note.splitlines()[2].decode() in page.replace("&#43;", "+")

    def test_verify_says_what_it_covers_and_whose_signature_was_checked(self, school, out):
        (unsigned,) = verify_folder(out).statements
        assert "whose signature is checked with --key" in unsigned
        check = verify_folder(out, school.log, quorum=school.quorums[0])
        assert [] == check.faults
        assert "signed by school.example/ledger" in check.statements[0]
        assert [2] == [signed.checkpoint.size for signed in check.checkpoints]

    def test_another_key_has_not_signed_it(self, school, out):
        (fault,) = verify_folder(out, quorum=school.quorums[1]).faults
        assert "is not signed by the key of other.example/ledger" in fault

    def test_a_publication_without_one_says_so_to_who_asks_for_a_signature(self, school, tmp_path):
        publish(tmp_path / "out", lambda: school.shown[0], Wishes(("en",)))
        (statement,) = verify_folder(tmp_path / "out", quorum=school.quorums[0]).statements
        assert "it carries no signed checkpoint" in statement

    @pytest.mark.parametrize(
        "change",
        [
            lambda proof: proof["sizes"].update({"0": 3}),
            lambda proof: proof["paths"].update({"0": ["0" * 64]}),
            lambda proof: proof["signed"].update({"index": 0}),
            lambda proof: proof["signed"].update({"checkpoint": "school\n1\n"}),
            lambda proof: proof["signed"]["entry"]["partitions"][0].update({"root": "0" * 64}),
        ],
    )
    def test_a_proof_that_was_changed_is_a_fault(self, out, change, tmp_path):
        files = {path.name: path.read_bytes() for path in (out / "revision-1").iterdir()}
        provenance = json.loads(files["provenance.json"])
        change(provenance["checkpoint"])
        copy = tmp_path / "out" / "revision-1"
        copy.mkdir(parents=True)
        for name, data in files.items():
            (copy / name).write_bytes(data)
        text = json.dumps(provenance, indent=2, ensure_ascii=False)
        (copy / "provenance.json").write_text(f"{text}\n")
        assert verify_folder(tmp_path / "out").faults
