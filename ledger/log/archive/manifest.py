"""The manifest: what an archive holds, with a hash of every file and one of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.errors import DamagedArchiveError, StoreError
from ledger.log.archive.files import write_whole
from ledger.log.archive.self_digest import digest, signed
from schemas.moments import milliseconds

__all__ = [
    "MANIFEST",
    "RECORDS",
    "Held",
    "Manifest",
    "Place",
    "Segment",
    "digest_of",
    "file_name",
    "held_by",
    "parse_manifest",
    "place_of",
    "read_manifest",
    "save_manifest",
]

MANIFEST = "manifest.json"
RECORDS = "records"
"""The folder of the segments."""

SCHEMA: Final = "ledger/archive/v1"
_NAME = re.compile(r"p([0-9]{4,9})-([0-9]{12,18})-([0-9]{12,18})\.jsonl\.gz")
_RESTORE = "put it back from a copy, or archive the log anew into another folder"

_Count = Annotated[int, Field(ge=0)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Place(NamedTuple):
    """Which records a segment holds: those of a partition from one offset up to another."""

    partition: int
    start: int
    end: int


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Segment(_Strict):
    """One sealed file of records, never rewritten.

    Attributes:
        file: Its path within the archive; follows from partition, start and end.
        partition: Whose records.
        start: The offset at which it begins, the end of the segment before it; 0 for the first.
        end: 1 + the offset of its last record.
        records: How many; fewer than end - start where the log has holes.
        compressed_bytes: Size of the file.
        plain_bytes: Size of the lines in it.
        sha256: Of the file, hexadecimal.
        first_recorded_at: Of its first record, RFC 3339.
        last_recorded_at: Of its last record, which is the latest.
        first_record: SHA-256 of its first line.
        last_record: SHA-256 of its last line.
    """

    file: str
    partition: _Count
    start: _Count
    end: _Count
    records: Annotated[int, Field(ge=1)]
    compressed_bytes: _Count
    plain_bytes: _Count
    sha256: _Sha256
    first_recorded_at: str
    last_recorded_at: str
    first_record: _Sha256
    last_record: _Sha256

    @property
    def latest_ms(self) -> int:
        """`last_recorded_at` in milliseconds."""
        found = milliseconds(self.last_recorded_at)
        assert found is not None, "the manifest was not checked"
        return found


class LogOf(_Strict):
    """The log that an archive is of.

    Attributes:
        name: See `port.Log`.
        partitions: See `port.Log`.
        identity: Partition → SHA-256 of its first record as a line, see `ledger.log.identity`.
    """

    name: str
    partitions: Annotated[int, Field(ge=1)]
    identity: Mapping[str, _Sha256]


class Manifest(_Strict):
    """What an archive holds.

    Attributes:
        schema_: Of the manifest.
        log: Whose records.
        cut: Partition → how far it is archived.
        segments: By partition, then offset; each begins where the one before it ends.
        unsealed: Files that a merge is making or removing; they are never read.
    """

    schema_: Literal["ledger/archive/v1"] = Field(SCHEMA, alias="schema")
    log: LogOf
    cut: Mapping[str, _Count]
    segments: tuple[Segment, ...]
    unsealed: tuple[str, ...] = ()

    @classmethod
    def empty(cls, name: str, partitions: int) -> Manifest:
        """Of an archive that is about to be filled."""
        log = LogOf(name=name, partitions=partitions, identity={})
        return cls(log=log, cut=dict.fromkeys(map(str, range(partitions)), 0), segments=())

    def with_segments(
        self, segments: Iterable[Segment], *, unsealed: Iterable[str] = ()
    ) -> Manifest:
        """The same archive with other files; the cut and the log's identity follow from them."""
        ordered = tuple(sorted(segments, key=attrgetter("partition", "start")))
        cut = {**dict.fromkeys(self.cut, 0), **{str(one.partition): one.end for one in ordered}}
        log = self.log.model_copy(update={"identity": _identity(ordered)})
        files = {"segments": ordered, "unsealed": tuple(sorted(unsealed))}
        return self.model_copy(update={"log": log, "cut": cut, **files})

    def series(self) -> dict[int, list[Segment]]:
        """The segments of each partition, ascending."""
        found: dict[int, list[Segment]] = {one: [] for one in range(self.log.partitions)}
        for segment in self.segments:
            found[segment.partition].append(segment)
        return found


def _identity(segments: Iterable[Segment]) -> dict[str, str]:
    return {str(one.partition): one.first_record for one in segments if one.start == 0}


def file_name(place: Place) -> str:
    """A segment's path within the archive.

    >>> file_name(Place(3, 0, 1041))
    'records/p0003-000000000000-000000001041.jsonl.gz'
    """
    return f"{RECORDS}/p{place.partition:04}-{place.start:012}-{place.end:012}.jsonl.gz"


def place_of(name: str) -> Place | None:
    """What the name of a file in `records/` says that it holds; None where it says nothing.

    >>> place_of("p0003-000000000000-000000001041.jsonl.gz")
    Place(partition=3, start=0, end=1041)
    """
    match = _NAME.fullmatch(name)
    return None if match is None else Place(*map(int, match.groups()))


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the one before it, whole."""
    write_whole(folder / MANIFEST, signed(manifest.model_dump(mode="json", by_alias=True)))


def digest_of(manifest: Manifest) -> str:
    """`sha256:` and the SHA-256 of all of a manifest but its digest, in canonical form."""
    return digest(manifest.model_dump(mode="json", by_alias=True))


class Held(NamedTuple):
    """How much an archive holds.

    Attributes:
        offsets: That it covers; more than the records where the log has holes.
        records: That are sealed.
    """

    offsets: int
    records: int


def held_by(folder: Path) -> Held:
    """How much an archive holds, nothing where there is none yet.

    Raises:
        StoreError: As `read_manifest` does.
    """
    if not (folder / MANIFEST).exists():
        return Held(0, 0)
    manifest = read_manifest(folder)[0]
    records = sum(segment.records for segment in manifest.segments)
    return Held(sum(manifest.cut.values()), records)


def read_manifest(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest of an archive, and its bytes.

    Raises:
        StoreError: If there is none, or it is of a newer ledger.
        DamagedArchiveError: If it is not what was written.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if (folder / RECORDS).is_dir():
            raise DamagedArchiveError([f"{path} is missing; {_RESTORE}"]) from error
        raise StoreError(f"no archive at {folder}; `outcomes archive` makes one") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; mind its rights") from error
    return parse_manifest(path, data), data


def parse_manifest(path: Path, data: bytes) -> Manifest:
    """The manifest that some bytes are, checked against itself; see `read_manifest`."""
    try:
        members = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _damaged(path, "is not JSON") from error
    if not isinstance(members, dict):
        raise _damaged(path, "is no manifest")
    members.pop("digest", None)
    if data != signed(members):
        raise _damaged(path, "is not what was written, its digest differs")
    if members.get("schema") != SCHEMA:
        found = members.get("schema")
        raise StoreError(f"{path} is of schema {found}, not {SCHEMA}; upgrade the ledger")
    return _checked(path, members)


def _checked(path: Path, members: dict[str, Any]) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(orjson.dumps(members))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise _damaged(path, f"does not say what it must ({where}: {fault['msg']})") from error
    contradiction = next(_contradictions(manifest), None)
    if contradiction is not None:
        raise _damaged(path, f"contradicts itself: {contradiction}")
    return manifest


def _contradictions(manifest: Manifest) -> Iterator[str]:
    ends = {str(partition): 0 for partition in range(manifest.log.partitions)}
    for number, series in groupby(manifest.segments, key=attrgetter("partition")):
        partition = str(number)
        if ends.get(partition) != 0:
            yield f"segments of partition {partition} are out of place"
            return
        for one in series:
            yield from _faults(one, ends[partition])
            ends[partition] = one.end
    if manifest.cut != ends:
        yield "its cut is not where its segments end"
    if manifest.log.identity != _identity(manifest.segments):
        yield "its log is not that of its segments"


def _faults(one: Segment, expected_start: int) -> Iterator[str]:
    first, last = milliseconds(one.first_recorded_at), milliseconds(one.last_recorded_at)
    if one.start != expected_start or one.file != file_name(
        Place(one.partition, one.start, one.end)
    ):
        yield f"{one.file} does not begin where the segment before it ends"
    if one.records > one.end - one.start:
        yield f"{one.file} holds more records than offsets"
    if first is None or last is None or first > last:
        yield f"{one.file} ends before it begins"


def _damaged(path: Path, what: str) -> DamagedArchiveError:
    return DamagedArchiveError([f"{path} {what}; {_RESTORE}"])
