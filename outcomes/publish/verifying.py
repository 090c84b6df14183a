"""Verification of a publication: it is made again, from a log or from itself, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from ledger.disclosure.profile import Profile, profile_faults
from ledger.disclosure.shown import ShownReport, decode_shown
from ledger.errors import BadInputError, EvidenceError
from ledger.evidence.anchor import SignedCheckpoint
from ledger.evidence.quorum import Quorum
from ledger.log import Log
from ledger.log.progress import Notify, no_notice
from ledger.numbers import pluralise
from outcomes.publish.data_table import TABLE, cell_rows, data_table_files
from outcomes.publish.disclosing import (
    Disclosed,
    ProgressBar,
    disclosed_again,
    disclosed_from_report,
    is_exact,
    no_progress_bar,
)
from outcomes.publish.evidence import CHECKPOINT, check_checkpoint, checkpoint_of
from outcomes.publish.folder import INDEX, Folder, read_folder, revision_name
from outcomes.publish.index import make_index
from outcomes.publish.making import (
    REPORT,
    SHOWN,
    Exact,
    Order,
    edition_in,
    make_files,
    provenance_head,
)
from outcomes.publish.material import Source
from outcomes.publish.provenance import (
    PROVENANCE,
    Provenance,
    decode_provenance,
    encode_provenance,
    versions,
)
from outcomes.publish.revisions import reason_fault
from projections.policy import Policy, PolicyError, parse_policy
from schemas.canonical import sha256_hex

__all__ = ["FolderCheck", "verify_folder"]

_ABSENT = "nothing"


class FolderCheck(NamedTuple):
    """What became of a publication.

    Attributes:
        faults: What is not as it is made, a sentence each.
        statements: What was compared with what, a sentence for each revision without a fault.
        checkpoints: Those that the revisions carry.
    """

    faults: list[str]
    statements: list[str]
    checkpoints: list[SignedCheckpoint]


class _Claim(NamedTuple):
    """A revision as it says that it was made.

    Attributes:
        place: Its folder, for a person.
        files: What it holds.
        order: What it is made from.
        provenance: What it says of itself.
    """

    place: Path
    files: Mapping[str, bytes]
    order: Order
    provenance: Provenance

    @property
    def is_of_this_program(self) -> bool:
        """Whether the same versions are at hand, which make the same bytes."""
        return self.provenance.versions == versions()


def verify_folder(
    out: Path,
    log: Log | None = None,
    *,
    quorum: Quorum | None = None,
    progress: ProgressBar = no_progress_bar,
    notify: Notify = no_notice,
) -> FolderCheck:
    """Make every revision of a publication again, and compare every byte.

    Args:
        out: The publication.
        log: To make the figures again from, by both engines. Without it each revision is made
            again from its own `shown.json`, or from its exact report where it has one.
        quorum: Whose signatures of a checkpoint are believed; without it none is checked.
        progress: Shows how far a replay is.
        notify: Gets what a person may want to know of how it was done, one sentence.

    Raises:
        BadInputError: If it is no publication.
        CutNotHeldError: If the log does not hold the cut of a revision.
        StoreError: If the folder or the log cannot be read.
    """
    folder = read_folder(out)
    check = FolderCheck([], [], [])
    claims: list[_Claim] = []
    for number, files in enumerate(folder.revisions, 1):
        place = out / revision_name(number)
        try:
            claim = _claim(place, number, files, claims)
            source = claim.order.source
            signed = check_checkpoint(source.checkpoint, source.shown.log, quorum, str(place))
            faults = [*_figures(claim, log, progress, notify), *_files(claim)]
        except (BadInputError, EvidenceError) as error:
            check.faults.append(str(error))
            # What follows a revision that cannot be read is compared with it, so it cannot be, too.
            break
        claims.append(claim)
        check.faults.extend(faults)
        if source.checkpoint is not None:
            carried = checkpoint_of(source.checkpoint, str(place / CHECKPOINT))
            check.checkpoints.append(carried)
        if not faults:
            check.statements.append(f"{_statement(claim, log)}{signed}")
    check.faults.extend(_rest(out, folder, claims))
    return check


def _claim(place: Path, number: int, files: Mapping[str, bytes], before: list[_Claim]) -> _Claim:
    """Read what a revision says of itself.

    Raises:
        BadInputError: If it contradicts itself, so that nothing can be made again from it.
    """
    for name in (PROVENANCE, SHOWN):
        if name not in files:
            raise BadInputError(f"{place / name}: is missing")
    provenance = decode_provenance(files[PROVENANCE], str(place / PROVENANCE))
    shown = decode_shown(files[SHOWN], str(place / SHOWN))
    source = Source(
        shown,
        _policy(place, provenance, shown),
        _profile(place, provenance, shown),
        before[-1].order.source.shown if before else None,
        provenance.revision.reason,
        provenance.checkpoint,
    )
    _refuse_contradiction(place, source)
    exact = None
    if is_exact(source.profile):
        digest = str(provenance.report.get("digest"))
        exact = Exact(files.get(REPORT, b""), digest)
    order = Order(source, number, provenance.languages, edition_in(files, str(place)), exact)
    return _Claim(place, files, order, provenance)


def _policy(place: Path, provenance: Provenance, shown: ShownReport) -> Policy:
    try:
        policy = parse_policy(orjson.dumps(provenance.policy), str(place / PROVENANCE))
    except PolicyError as error:
        raise BadInputError(str(error)) from error
    named = shown.policy
    if (policy.id, policy.version, policy.sha256) != (named.id, named.version, named.sha256):
        raise BadInputError(f"{place / PROVENANCE}: holds another policy than {SHOWN} names")
    return policy


def _profile(place: Path, provenance: Provenance, shown: ShownReport) -> Profile:
    text = orjson.dumps(provenance.disclosure)
    for fault in profile_faults(text):
        pointer, reason = fault
        raise BadInputError(f"{place / PROVENANCE}: the disclosure profile: {pointer} {reason}")
    profile, named = Profile.model_validate_json(text), shown.disclosure
    if (profile.id, profile.version, profile.sha256) != (named.id, named.version, named.sha256):
        raise BadInputError(f"{place / PROVENANCE}: holds another profile than {SHOWN} names")
    return profile


def _refuse_contradiction(place: Path, source: Source) -> None:
    if source.before is None:
        if source.reason is not None:
            raise BadInputError(f"{place / PROVENANCE}: a first revision has no reason")
        return
    fault = reason_fault(source.reason, source.before, source.shown)
    if fault is not None:
        raise BadInputError(
            f"{place / PROVENANCE}: revised because of {source.reason}, but {fault}"
        )


def _figures(
    claim: _Claim, log: Log | None, progress: ProgressBar, notify: Notify
) -> Iterator[str]:
    """Whether what is shown is what the profile lets be shown of the report at the cut."""
    source = claim.order.source
    stated = Disclosed(source.shown, source.policy, source.profile, claim.order.exact)
    if log is not None:
        by_engine = disclosed_again(log, stated, progress=progress, notify=notify)
        for engine, again in by_engine.items():
            yield from _differences(claim, again, f"the {engine} replay gives")
    elif stated.exact is not None:
        place, policies = str(claim.place / REPORT), [source.policy]
        again = disclosed_from_report(stated.exact.report, place, policies, source.profile)
        yield from _differences(claim, again, f"{REPORT} gives")


def _differences(claim: _Claim, again: Disclosed, giver: str) -> Iterator[str]:
    """Every value of the shown report that differs, and whether the exact one does."""
    theirs, ours = (
        dict(_values(shown.as_json())) for shown in (claim.order.source.shown, again.shown)
    )
    for name in sorted(theirs.keys() | ours.keys()):
        stated, given = theirs.get(name, _ABSENT), ours.get(name, _ABSENT)
        if stated != given:
            yield f"{claim.place}: {name}: it shows {stated}, {giver} {given}"
    first, second = claim.order.exact, again.exact
    if first is not None and second is not None:
        members = [orjson.loads(exact.report) for exact in (first, second)]
        if members[0] != members[1] or first.digest != second.digest:
            yield f"{claim.place / REPORT}: another report than {giver}"


def _values(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value of a shown report by its path; a row goes by its measure and group."""
    if isinstance(value, dict):
        row = "|".join(value[name] for name in ("measure", "group") if name in value)
        for name, member in value.items():
            yield from _values(member, f"{path}{row and f'{row} '}{name}|")
    elif isinstance(value, list):
        for member in value:
            yield from _values(member)
    else:
        yield path.removesuffix("|"), value


def _files(claim: _Claim) -> Iterator[str]:
    """Whether every file is there, byte for byte, and no other."""
    if claim.is_of_this_program:
        made = make_files(claim.order)
        yield from _byte_faults(claim, {name: sha256_hex(data) for name, data in made.items()})
        return
    named = claim.provenance.files
    head = encode_provenance(provenance_head(claim.order), claim.provenance.versions, named)
    hashes = {name: file.sha256 for name, file in named.items()}
    yield from _byte_faults(claim, {**hashes, PROVENANCE: sha256_hex(head)})
    if claim.files.get(TABLE) != data_table_files(claim.order.source.shown)[TABLE]:
        yield f"{claim.place / TABLE}: its cells are not those of {SHOWN}"


def _byte_faults(claim: _Claim, expected: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(expected.keys() | claim.files.keys()):
        place = claim.place / name
        if name not in claim.files:
            yield f"{place}: is missing"
        elif name not in expected:
            yield f"{place}: is no part of the publication"
        elif sha256_hex(claim.files[name]) != expected[name]:
            yield f"{place}: not the bytes that were published"


def _statement(claim: _Claim, log: Log | None) -> str:
    figures = "its figures were not compared with a log, which --log names"
    if log is not None:
        cells = sum(1 for _ in cell_rows(claim.order.source.shown))
        figures = f"{cells:,} cells disclosed from a replay by each of two engines"
    return f"{claim.place}: no difference; {figures}; {_compared(claim)}"


def _compared(claim: _Claim) -> str:
    files = pluralise(len(claim.files), "file")
    if claim.is_of_this_program:
        return f"{files} made again, every byte the same"
    theirs, ours = claim.provenance.versions, versions()
    others = [f"{name} {theirs[name]}" for name in theirs if theirs[name] != ours.get(name)]
    return f"made by {', '.join(others)}, so {files} were compared by hash and {TABLE} by cells"


def _rest(out: Path, folder: Folder, claims: list[_Claim]) -> Iterator[str]:
    for name in folder.unfinished:
        yield f"{out / name}: left by a run that was stopped, and no part of the publication"
    if folder.page is None:
        yield f"{out / INDEX}: is missing"
        return
    # The page is made by the program that made the newest revision.
    is_ours = len(claims) == len(folder.revisions) and claims[-1].is_of_this_program
    if is_ours and folder.page != make_index(folder.revisions):
        yield f"{out / INDEX}: not the page of these revisions"
