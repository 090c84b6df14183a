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

from ledger.errors import StoreError
from ledger.log.archive.damage import damaged
from ledger.log.archive.files import write_atomically
from ledger.log.archive.self_digest import self_digest, with_self_digest
from schemas.moments import milliseconds

__all__ = [
    "MANIFEST",
    "RECORDS",
    "ArchiveSize",
    "Manifest",
    "OffsetRange",
    "Segment",
    "archive_size",
    "manifest_digest",
    "parse_manifest",
    "parse_segment_name",
    "read_manifest",
    "save_manifest",
    "segment_name",
]

MANIFEST = "manifest.json"
RECORDS = "records"
"""The folder of the segments."""

SCHEMA: Final = "ledger/archive/v1"
_NAME = re.compile(r"p([0-9]{4,9})-([0-9]{12,18})-([0-9]{12,18})\.jsonl\.gz")

_Count = Annotated[int, Field(ge=0)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class OffsetRange(NamedTuple):
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
        latest = milliseconds(self.last_recorded_at)
        assert latest is not None, "the manifest was not checked"
        return latest


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
        unsealed: Files that a merge is making or removing; never read.
    """

    schema_: Literal["ledger/archive/v1"] = Field(SCHEMA, alias="schema")
    log: LogOf
    cut: Mapping[str, _Count]
    segments: tuple[Segment, ...]
    unsealed: tuple[str, ...] = ()

    @classmethod
    def empty(cls, name: str, partitions: int) -> Manifest:
        """The manifest of an archive without records."""
        log = LogOf(name=name, partitions=partitions, identity={})
        return cls(log=log, cut=dict.fromkeys(map(str, range(partitions)), 0), segments=())

    def with_segments(
        self, segments: Iterable[Segment], *, unsealed: Iterable[str] = ()
    ) -> Manifest:
        """The same archive with other segments; the cut and the log's identity follow."""
        ordered = tuple(sorted(segments, key=attrgetter("partition", "start")))
        cut = {**dict.fromkeys(self.cut, 0), **{str(part.partition): part.end for part in ordered}}
        log = self.log.model_copy(update={"identity": _identity(ordered)})
        files = {"segments": ordered, "unsealed": tuple(sorted(unsealed))}
        return self.model_copy(update={"log": log, "cut": cut, **files})

    def series(self) -> dict[int, list[Segment]]:
        """The segments of each partition, ascending."""
        series: dict[int, list[Segment]] = {number: [] for number in range(self.log.partitions)}
        for segment in self.segments:
            series[segment.partition].append(segment)
        return series

    @property
    def ends(self) -> dict[int, int]:
        """Partition → the offset before which it is archived."""
        return {partition: self.cut[str(partition)] for partition in range(self.log.partitions)}


def _identity(segments: Iterable[Segment]) -> dict[str, str]:
    starts = (segment for segment in segments if segment.start == 0)
    return {str(segment.partition): segment.first_record for segment in starts}


def segment_name(offsets: OffsetRange) -> str:
    """A segment's path within the archive.

    >>> segment_name(OffsetRange(3, 0, 1041))
    'records/p0003-000000000000-000000001041.jsonl.gz'
    """
    return f"{RECORDS}/p{offsets.partition:04}-{offsets.start:012}-{offsets.end:012}.jsonl.gz"


def parse_segment_name(name: str) -> OffsetRange | None:
    """The offsets that the name of a file in `records/` states; None for any other name.

    >>> parse_segment_name("p0003-000000000000-000000001041.jsonl.gz")
    OffsetRange(partition=3, start=0, end=1041)
    """
    match = _NAME.fullmatch(name)
    return None if match is None else OffsetRange(*map(int, match.groups()))


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest on disk at once."""
    write_atomically(
        folder / MANIFEST, with_self_digest(manifest.model_dump(mode="json", by_alias=True))
    )


def manifest_digest(manifest: Manifest) -> str:
    """`sha256:` and the SHA-256 of all of a manifest but its digest, in canonical form."""
    return self_digest(manifest.model_dump(mode="json", by_alias=True))


class ArchiveSize(NamedTuple):
    """How much an archive holds.

    Attributes:
        offsets: Covered; more than the records where the log has holes.
        records: Sealed.
    """

    offsets: int
    records: int


def archive_size(folder: Path) -> ArchiveSize:
    """How much an archive holds; nothing where there is none yet.

    Raises:
        StoreError: As `read_manifest` does.
    """
    if not (folder / MANIFEST).exists():
        return ArchiveSize(0, 0)
    manifest = read_manifest(folder)[0]
    records = sum(segment.records for segment in manifest.segments)
    return ArchiveSize(sum(manifest.cut.values()), records)


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
            raise damaged(path, "is missing") from error
        raise StoreError(f"no archive at {folder}; `outcomes archive` creates one") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; check its permissions") from error
    return parse_manifest(path, data), data


def parse_manifest(path: Path, data: bytes) -> Manifest:
    """A manifest from its bytes, checked for contradictions; see `read_manifest`."""
    try:
        members = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise damaged(path, "is not JSON") from error
    if not isinstance(members, dict):
        raise damaged(path, "is not a manifest")
    members.pop("digest", None)
    if data != with_self_digest(members):
        raise damaged(path, "was changed: its digest differs")
    if members.get("schema") != SCHEMA:
        schema = members.get("schema")
        raise StoreError(f"{path} has schema {schema}, not {SCHEMA}; upgrade the ledger")
    return _checked(path, members)


def _checked(path: Path, members: dict[str, Any]) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(orjson.dumps(members))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise damaged(path, f"is not valid ({where}: {fault['msg']})") from error
    contradiction = next(_contradictions(manifest), None)
    if contradiction is not None:
        raise damaged(path, f"contradicts itself: {contradiction}")
    return manifest


def _contradictions(manifest: Manifest) -> Iterator[str]:
    ends = {str(partition): 0 for partition in range(manifest.log.partitions)}
    for number, series in groupby(manifest.segments, key=attrgetter("partition")):
        partition = str(number)
        if ends.get(partition) != 0:
            yield f"segments of partition {partition} are out of place"
            return
        for segment in series:
            yield from _faults(segment, ends[partition])
            ends[partition] = segment.end
    if manifest.cut != ends:
        yield "its cut is not where its segments end"
    if manifest.log.identity != _identity(manifest.segments):
        yield "its log is not that of its segments"


def _faults(segment: Segment, expected_start: int) -> Iterator[str]:
    first, last = milliseconds(segment.first_recorded_at), milliseconds(segment.last_recorded_at)
    if segment.start != expected_start or segment.file != segment_name(
        OffsetRange(segment.partition, segment.start, segment.end)
    ):
        yield f"{segment.file} does not begin where the segment before it ends"
    if segment.records > segment.end - segment.start:
        yield f"{segment.file} holds more records than offsets"
    if first is None or last is None or first > last:
        yield f"{segment.file} ends before it begins"
