"""Check what was signed of an outcome ledger against its records and reports, without its code.

    python3 ledger_evidence.py REPORT.json --archive FOLDER --evidence FOLDER --key LOG.pub
    python3 ledger_evidence.py PROOF CHECKPOINT.txt ... --key LOG.pub [--witness OFFICE.pub]

An archive is read as it lies: the manifest, and files of gzip with a record a line. Without one,
--records takes what `outcomes tail --jsonl` prints. Every record is hashed, and every figure
computed by `ledger_verify.py` beside this file, in one reading. Needs Python 3.11, the package
`cryptography` for signatures, and zone rules as `ledger_verify.py` does; no network.

Exit codes: 0 everything holds, 1 something differs or is not proved, 2 usage, 65 bad input, 69 an
archive is not what its own hashes say, 78 a policy that cannot be.
"""

from __future__ import annotations

import argparse
import base64
import gc
import gzip
import hashlib
import json
import re
import struct
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ledger_verify as figures
from ledger_verify import require

Json = Any
EMPTY_ROOT = hashlib.sha256(b"").digest()
LOG_KEY, WITNESS_KEY = 1, 4
HASH_BYTES, LONGEST_PATH = 32, 64


class WrongError(Exception):
    """Something that was checked does not hold: an exit code and a sentence."""


def wrong(sentence: str, code: int = 1) -> WrongError:
    """Return what to raise where something does not hold."""
    return WrongError(code, sentence)


# --- RFC 6962, 2.1: the tree ----------------------------------------------------------------------


def node_of(left: bytes, right: bytes) -> bytes:
    """Return the hash above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_of(record: Mapping[str, Any]) -> bytes:
    """docs/archive.md, Leaf hashes: the leaf of a record, and its hash."""
    key, value = record["key"], record["value"]
    numbers = (
        record["partition"],
        record["offset"],
        record["recorded_at"],
        -1 if key is None else len(key),
        -1 if value is None else len(value),
    )
    frame = b"OLL1" + struct.pack(">5q", *numbers) + (key or b"") + (value or b"")
    return hashlib.sha256(b"\x00" + frame).digest()


class Tree:
    """A tree that grows: the roots of its perfect subtrees, largest first, and its size."""

    def __init__(self) -> None:
        self.size = 0
        self.roots: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf; two subtrees of one size become one."""
        self.roots.append(leaf)
        self.size += 1
        bit = 1
        while self.size % (2 * bit) == 0:
            right = self.roots.pop()
            self.roots.append(node_of(self.roots.pop(), right))
            bit *= 2

    def root(self) -> bytes:
        """Return the root over all leaves."""
        if not self.roots:
            return EMPTY_ROOT
        result = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            result = node_of(left, result)
        return result


def split(size: int) -> int:
    """Return the largest power of two below a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a path of inclusion leads to, by the recursion of RFC 6962, 2.1.1."""
    if size == 1:
        require(not path, "a path is too long")
        return leaf
    require(path, "a path is too short")
    middle = split(size)
    if index < middle:
        return node_of(root_by_inclusion(leaf, index, middle, path[:-1]), path[-1])
    return node_of(path[-1], root_by_inclusion(leaf, index - middle, size - middle, path[:-1]))


def roots_by_consistency(
    old: int, new: int, path: Sequence[bytes], whole: bytes | None
) -> tuple[bytes, bytes]:
    """Return both roots that a path of consistency leads to, by the recursion of RFC 6962, 2.1.2.

    `whole` is the old root while the old tree is all of what is left.
    """
    if old == new:
        require(len(path) == (0 if whole else 1), "a path has another length")
        return (whole, whole) if whole else (path[0], path[0])
    require(path, "a path is too short")
    middle = split(new)
    if old <= middle:
        first, second = roots_by_consistency(old, middle, path[:-1], whole)
        return first, node_of(second, path[-1])
    first, second = roots_by_consistency(old - middle, new - middle, path[:-1], None)
    return node_of(path[-1], first), node_of(path[-1], second)


def continues(old: tuple[int, bytes], new: tuple[int, bytes], path: Sequence[bytes]) -> bool:
    """Say whether a path proves that a tree begins with another; every one does with none."""
    if old[0] == 0:
        return old[1] == EMPTY_ROOT and not path
    if not old[0] <= new[0]:
        return False
    try:
        return roots_by_consistency(old[0], new[0], path, old[1]) == (old[1], new[1])
    except ValueError:
        return False


def hashes(path: Json) -> list[bytes]:
    """Return a path of hexadecimal hashes as bytes."""
    require(isinstance(path, list | tuple) and len(path) <= LONGEST_PATH, "a path is no list")
    for item in path:
        require(isinstance(item, str) and re.fullmatch("[0-9a-f]{64}", item), "a path has no hash")
    return [bytes.fromhex(item) for item in path]


# --- C2SP signed-note, tlog-checkpoint, tlog-cosignature ------------------------------------------


class Key(NamedTuple):
    """A public key: whose it is, 1 for a log and 4 for a witness, 32 bytes."""

    name: str
    kind: int
    data: bytes

    def id(self) -> bytes:
        """Return the four bytes that tell keys of one name apart."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.data
        return hashlib.sha256(named).digest()[:4]

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Say whether an Ed25519 signature holds."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - for signatures alone
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PublicKey,
        )

        try:
            Ed25519PublicKey.from_public_bytes(self.data).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def read_key(path: str) -> Key:
    """Read a file with one public key, name+id+base64."""
    parts = Path(path).read_text("utf-8").strip().split("+", 2)
    try:
        data = base64.b64decode(parts[-1], validate=True)
        key = Key(parts[0], data[0], data[1:])
        require(key.kind in (LOG_KEY, WITNESS_KEY) and len(key.data) == HASH_BYTES, "no key")
        require(key.id().hex() == parts[1], "no key")
    except (ValueError, IndexError):
        raise wrong(f"{path} is no public key of the form name+id+base64", 65) from None
    return key


class Checkpoint(NamedTuple):
    """A signed checkpoint: where it was read, its text, what it says, its lines of signature."""

    place: str
    text: str
    origin: str
    size: int
    root: bytes
    signatures: list[tuple[str, bytes]]


def read_checkpoint(data: bytes, place: str) -> Checkpoint:
    """Read a note whose text is a checkpoint; no signature is checked yet."""
    try:
        note = data.decode("utf-8")
        require(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "control characters")
        text, blank, below = note.rpartition("\n\n")
        require(blank and below.endswith("\n"), "no blank line before signatures")
        origin, size, root = text.split("\n")[:3]
        require(origin and re.fullmatch("0|[1-9][0-9]{0,17}", size), "no origin and size")
        signatures = []
        for line in below.split("\n")[:-1]:
            match = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
            require(match, "a line of signature that is none")
            assert match is not None
            signatures.append((match[1], strict_base64(match[2])))
        decoded = strict_base64(root)
        require(len(decoded) == HASH_BYTES, "no root")
    except ValueError as error:
        raise wrong(f"{place} is no signed checkpoint: {error}") from None
    return Checkpoint(place, text + "\n", origin, int(size), decoded, signatures)


def strict_base64(text: str) -> bytes:
    """Decode base64 of which no bit is left over."""
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, "base64 in another form")
    return data


def check_signature(checkpoint: Checkpoint, key: Key) -> None:
    """C2SP signed-note: a signature of the key is there, and every one that says so holds."""
    claimed = [
        data[4:] for name, data in checkpoint.signatures if (name, data[:4]) == (key.name, key.id())
    ]
    message = checkpoint.text.encode()
    if key.kind == WITNESS_KEY:
        moments = [int.from_bytes(data[:8], "big") for data in claimed]
        messages = [f"cosignature/v1\ntime {moment}\n".encode() + message for moment in moments]
        claimed = [data[8:] for data in claimed]
    else:
        messages = [message] * len(claimed)
        if checkpoint.origin != key.name:
            raise wrong(f"{checkpoint.place} is of {checkpoint.origin}, not of {key.name}")
    if not claimed or not all(map(key.has_signed, messages, claimed)):
        raise wrong(f"{checkpoint.place} is not signed by the key of {key.name} {key.id().hex()}")


def check_forks(checkpoints: Sequence[Checkpoint]) -> Iterator[str]:
    """Yield a sentence for each two checkpoints of one size with different roots."""
    for number, first in enumerate(checkpoints):
        for second in checkpoints[number + 1 :]:
            same = (first.origin, first.size) == (second.origin, second.size)
            if same and first.root != second.root:
                yield f"fork: {first.place} and {second.place} are two histories of {first.size}"


# --- docs/evidence.md, Formats: entries and proofs ------------------------------------------------


class Head(NamedTuple):
    """What was signed of a partition: end of the cut, size of the tree, its root."""

    end: int
    size: int
    root: bytes


def read_entry(entry: Json) -> list[Head]:
    """Read an entry of the anchor log: a head for every partition, in order."""
    parts = entry["partitions"]
    require(entry["schema"] == "ledger/anchor/v1", "an entry has another schema")
    require([part["partition"] for part in parts] == list(range(len(parts))), "its partitions")
    for part in parts:
        require(all(figures.is_integer(part[name]) for name in ("end", "size")), "its numbers")
    return [Head(part["end"], part["size"], hashes([part["root"]])[0]) for part in parts]


def check_signed(part: Json, place: str, keys: Sequence[Key]) -> tuple[Checkpoint, list[Head]]:
    """Check that a checkpoint is signed and covers an entry; return both."""
    checkpoint = read_checkpoint(part["checkpoint"].encode(), f"the checkpoint of {place}")
    for key in keys:
        check_signature(checkpoint, key)
    leaf = hashlib.sha256(b"\x00" + figures.canonical(part["entry"])).digest()
    index = part["index"]
    require(figures.is_integer(index) and 0 <= index < checkpoint.size, "its entry has no index")
    root = root_by_inclusion(leaf, index, checkpoint.size, hashes(part["path"]))
    require(root == checkpoint.root, "its entry is not in its checkpoint")
    return checkpoint, read_entry(part["entry"])


def check_proof(proof: Json, place: str, keys: Sequence[Key]) -> str:
    """Check a proof and return what it shows."""
    checks = {"record": prove_record, "consistency": prove_consistency, "report": prove_report}
    try:
        return f"{place}: {checks[proof['kind']](proof, place, keys)}"
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise wrong(f"{place} proves nothing: {error}") from None


def prove_record(proof: Json, place: str, keys: Sequence[Key]) -> str:
    """Check that a record is in the tree of its partition."""
    checkpoint, heads = check_signed(proof["signed"], place, keys)
    record = figures.read_record(proof["record"])
    number, offset, index = record["partition"], record["offset"], proof["index"]
    require(0 <= number < len(heads) and 0 <= offset < heads[number].end, "it was not signed")
    require(figures.is_integer(index) and 0 <= index < heads[number].size, "it has no index")
    leaf = leaf_of(record)
    require(leaf.hex() == proof["leaf_sha256"], "leaf_sha256 is not that of its record")
    root = root_by_inclusion(leaf, index, heads[number].size, hashes(proof["path"]))
    require(root == heads[number].root, f"record {number}:{offset} is not in the signed tree")
    return f"record {number}:{offset} is in checkpoint {checkpoint.size} of {checkpoint.origin}"


def prove_consistency(proof: Json, place: str, keys: Sequence[Key]) -> str:
    """Check that a checkpoint continues another, and so every partition."""
    new, heads = check_signed(proof["new"], place, keys)
    if proof["old"] is None:
        return f"checkpoint {new.size} of {new.origin} is signed"
    old, before = check_signed(proof["old"], place, keys[:1])
    require(old.origin == new.origin and old.size > 0, "its checkpoints are of two logs")
    path = hashes(proof["anchor_path"])
    grown = continues((old.size, old.root), (new.size, new.root), path)
    require(grown, f"checkpoint {new.size} does not continue checkpoint {old.size}")
    for number, head in enumerate(before):
        path = hashes(proof["paths"].get(str(number), []))
        later = heads[number] if number < len(heads) else Head(0, 0, EMPTY_ROOT)
        require(continues(head[1:], later[1:], path), f"partition {number} was rewritten")
    return f"checkpoint {new.size} continues checkpoint {old.size} of {new.origin}"


def prove_report(proof: Json, place: str, keys: Sequence[Key]) -> str:
    """Check that a report's records are the beginning of what was signed; not its figures."""
    checkpoint, heads = check_signed(proof["signed"], place, keys)
    stated = proof["report"]
    cut, roots = stated["log"]["cut"], stated["log"]["roots"]
    numbers = {str(number) for number in range(len(heads))}
    require(set(cut) == set(roots) == numbers, "its report has other partitions")
    for number, head in enumerate(heads):
        name = str(number)
        path, root = hashes(proof["paths"].get(name, [])), hashes([roots[name]])[0]
        require(
            figures.is_integer(cut[name]) and 0 <= cut[name] <= head.end, "its cut is not signed"
        )
        tree = (proof["sizes"].get(name, 0), root)
        require(continues(tree, head[1:], path), f"partition {number} is not what was signed")
    require(stated["digest"] == figures.digest_of(stated), "the digest of its report is another")
    what = f"the report {stated['digest']} was made from records of checkpoint {checkpoint.size}"
    return f"{what} of {checkpoint.origin}"


# --- docs/archive.md: records ---------------------------------------------------------------------


class Archive:
    """A folder whose manifest lists the files of records; each is hashed before it is read."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.manifest = self.read_manifest()
        self.partitions = int(self.manifest["log"]["partitions"])
        self.segments = self.manifest["segments"]
        self.ends = self.check_segments()

    def read_manifest(self) -> Json:
        """Read the manifest, which carries its own digest."""
        path = self.folder / "manifest.json"
        try:
            manifest = json.loads(path.read_bytes())
            digest = manifest.pop("digest")
            own = f"sha256:{figures.sha256(manifest)}"
            require(digest == own, "it was changed: its digest differs")
            require(manifest["schema"] == "ledger/archive/v1", "it has another schema")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise wrong(f"{path}: {error}", 69) from None
        return manifest

    def check_segments(self) -> dict[int, int]:
        """Check that each segment begins where the one before it ends, and that all are listed."""
        ends = dict.fromkeys(range(self.partitions), 0)
        for segment in self.segments:
            number = segment["partition"]
            if segment["start"] != ends.get(number) or segment["end"] <= segment["start"]:
                raise wrong(f"{segment['file']} does not begin where the one before it ends", 69)
            ends[number] = segment["end"]
        if self.manifest["cut"] != {str(number): end for number, end in ends.items()}:
            raise wrong("the cut of the manifest is not where its segments end", 69)
        listed = {segment["file"] for segment in self.segments}
        for path in sorted(self.folder.glob("records/*.jsonl.gz")):
            if f"records/{path.name}" not in listed:
                raise wrong(f"{path} is not in the manifest", 69)
        return ends

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield every record in log order, from files that have the hashes of the manifest."""
        for segment in self.segments:
            path = self.folder / segment["file"]
            try:
                data = path.read_bytes()
                require(hashlib.sha256(data).hexdigest() == segment["sha256"], "it was changed")
                yield from self.records_of(segment, gzip.decompress(data))
            except (OSError, ValueError, EOFError, zlib.error) as error:
                raise wrong(f"{path}: {error}", 69) from None

    def records_of(self, segment: Json, lines: bytes) -> Iterator[dict[str, Any]]:
        """Yield the records of one segment."""
        offset, count = segment["start"] - 1, 0
        for line in lines.splitlines():
            record = figures.read_record(json.loads(line))
            inside = record["partition"] == segment["partition"]
            require(inside and offset < record["offset"] < segment["end"], "a record out of place")
            offset, count = record["offset"], count + 1
            yield record
        require((count, offset + 1) == (segment["records"], segment["end"]), "records are missing")


class RecordFile:
    """What `outcomes tail --jsonl` prints, as an archive is read."""

    def __init__(self, path: str, partitions: int) -> None:
        self.partitions = partitions
        self.lines = figures.read_records(path)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield every record in log order."""
        for record in sorted(self.lines, key=lambda each: (each["partition"], each["offset"])):
            require(record["partition"] < self.partitions, "a record of another log")
            yield dict(record)


class Reading:
    """One reading of all records: the trees at the ends that matter, and what a report needs.

    `ends` has for each partition the offsets below which a tree is wanted.
    """

    def __init__(self, partitions: int, cuts: Sequence[Mapping[int, int]]) -> None:
        self.partitions = partitions
        self.wanted = {
            number: sorted({cut.get(number, 0) for cut in cuts}) for number in range(partitions)
        }
        self.trees: dict[tuple[int, int], tuple[int, bytes]] = {}
        self.ends = dict.fromkeys(range(partitions), 0)

    def hashed(self, records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the records, each hashed; `recorded_at` never goes back in a partition."""
        number, tree, latest, waiting = -1, Tree(), 0, list[int]()
        for record in records:
            if record["partition"] != number:
                self.finish(number, tree, waiting)
                number, tree = record["partition"], Tree()
                latest, waiting = record["recorded_at"], list(self.wanted[number])
            while waiting and record["offset"] >= waiting[0]:
                self.trees[number, waiting.pop(0)] = (tree.size, tree.root())
            latest = record["recorded_at"] = max(latest, record["recorded_at"])
            tree.append(leaf_of(record))
            self.ends[number] = record["offset"] + 1
            yield record
        self.finish(number, tree, waiting)

    def finish(self, number: int, tree: Tree, waiting: Sequence[int]) -> None:
        """Keep the trees that end with the partition."""
        for end in waiting:
            self.trees[number, end] = (tree.size, tree.root())

    def tree(self, number: int, end: int) -> tuple[int, bytes]:
        """Return size and root of a partition below an offset."""
        return self.trees.get((number, end), (0, EMPTY_ROOT))


# --- All together ---------------------------------------------------------------------------------


class Evidence(NamedTuple):
    """The entries that were signed, and the checkpoints of a folder, by size."""

    folder: str
    entries: list[list[Head]]
    checkpoints: list[Checkpoint]


def read_evidence(folder: str, keys: Sequence[Key], kept: Sequence[Checkpoint]) -> Evidence:
    """Read a folder of evidence; every checkpoint is signed and covers its entries.

    The log has to have signed every one of them, the witnesses the last.
    """
    lines = (Path(folder) / "entries.jsonl").read_bytes().split(b"\n")
    if lines.pop():
        raise wrong(f"{folder}/entries.jsonl is cut off")
    tree, roots, entries = Tree(), [EMPTY_ROOT], []
    for number, line in enumerate(lines, 1):
        tree.append(hashlib.sha256(b"\x00" + line).digest())
        roots.append(tree.root())
        try:
            entry = json.loads(line)
            require(figures.canonical(entry) == line, "it is not in the form of RFC 8785")
            entries.append(read_entry(entry))
        except (ValueError, KeyError, TypeError) as error:
            raise wrong(f"{folder}/entries.jsonl line {number} is no entry: {error}") from None
    paths = sorted(Path(folder).glob("checkpoint-*.txt"))
    checkpoints = [read_checkpoint(path.read_bytes(), str(path)) for path in paths]
    if not checkpoints:
        raise wrong(f"{folder} has no checkpoint")
    for path, checkpoint in zip(paths, checkpoints, strict=True):
        if path.name != f"checkpoint-{checkpoint.size:06}.txt":
            raise wrong(f"{path} is a checkpoint of size {checkpoint.size}, not of its name")
    for checkpoint in (*checkpoints, *kept):
        for key in keys if checkpoint is checkpoints[-1] else keys[:1]:
            check_signature(checkpoint, key)
        size = checkpoint.size
        if size >= len(roots) or roots[size] != checkpoint.root:
            raise wrong(f"{checkpoint.place} did not sign the first {size} entries of {folder}")
    return Evidence(folder, entries[: checkpoints[-1].size], checkpoints)


def entry_faults(evidence: Evidence, reading: Reading) -> Iterator[str]:
    """Yield for each partition the first entry that the records are at odds with."""
    wrong_ones = set[int]()
    for number, heads in enumerate(evidence.entries, 1):
        if len(heads) != reading.partitions:
            yield f"checkpoint {number} signed {len(heads)} partitions, there are others"
            return
        for partition, head in enumerate(heads):
            if partition in wrong_ones:
                continue
            there = reading.tree(partition, head.end)
            if there != head[1:]:
                wrong_ones.add(partition)
                yield (
                    f"partition {partition}: the records below offset {head.end} are not those"
                    f" that checkpoint {number} signed: {there[0]} records, {head.size} were signed"
                )


def report_faults(stated: Json, name: str, evidence: Evidence, reading: Reading) -> Iterator[str]:
    """Yield where a report's cut is not signed, or a root not that of the records."""
    cut, roots = stated["log"]["cut"], stated["log"].get("roots")
    last = evidence.entries[-1]
    for number in range(reading.partitions):
        end = cut[str(number)]
        if number >= len(last) or end > last[number].end:
            yield f"{name}: its cut of partition {number}, {end}, is not signed"
        root = roots.get(str(number)) if isinstance(roots, dict) else None
        if root != reading.tree(number, end)[1].hex():
            yield f"{name}: its root of partition {number} is not that of the records"


def check_report(
    stated: Json,
    name: str,
    source: Archive | RecordFile,
    evidence: Evidence | None,
    policy: str | None,
) -> Iterator[str]:
    """Yield what differs between a report, the records and the evidence, in one reading."""
    cut = {int(number): end for number, end in stated["log"]["cut"].items()}
    require(len(cut) == source.partitions, f"{name} lists other partitions than there are")
    reading = Reading(source.partitions, [cut, *cuts_of(evidence)])
    computed = figures.report(
        reading.hashed(source.records()),
        figures.find_policy(policy or stated["policy"]["id"]),
        stated["reference_year"],
        partitions=source.partitions,
        log_name=stated["log"]["name"],
        cut=cut,
    )
    if evidence is not None:
        yield from entry_faults(evidence, reading)
        yield from report_faults(stated, name, evidence, reading)
    for line in figures.differences(stated, computed):
        yield f"{name}: {line}"


def check_records(source: Archive | RecordFile, evidence: Evidence) -> Iterator[str]:
    """Yield what differs between the records and the evidence, without a report."""
    reading = Reading(source.partitions, cuts_of(evidence))
    for _ in reading.hashed(source.records()):
        pass
    yield from entry_faults(evidence, reading)


def cuts_of(evidence: Evidence | None) -> list[dict[int, int]]:
    """Return the cuts that were signed."""
    entries = evidence.entries if evidence else []
    return [{number: head.end for number, head in enumerate(heads)} for heads in entries]


def sorted_inputs(
    paths: Sequence[str],
) -> tuple[dict[str, Json], dict[str, Json], list[Checkpoint]]:
    """Read reports, proofs and checkpoints, told apart by what is in them."""
    reports: dict[str, Json] = {}
    proofs: dict[str, Json] = {}
    checkpoints = []
    for path in paths:
        data = Path(path).read_bytes()
        if "\n\n— ".encode() in data:
            checkpoints.append(read_checkpoint(data, path))
            continue
        document = figures.read_object(path)
        kind = proofs if document.get("schema") == "ledger/proof/v1" else reports
        kind[path] = document
    return reports, proofs, checkpoints


def read_keys(options: argparse.Namespace) -> list[Key]:
    """Read the key of the log, and those of the witnesses."""
    keys = [read_key(path) for path in (options.key, *options.witness)]
    if [key.kind for key in keys] != [LOG_KEY, *[WITNESS_KEY] * len(options.witness)]:
        raise wrong("--key names the key of a log, --witness those of witnesses", 2)
    return keys


def run(options: argparse.Namespace) -> int:
    """Check everything that was named; print a line for each result."""
    reports, proofs, checkpoints = sorted_inputs(options.files)
    if (proofs or checkpoints or options.evidence) and not options.key:
        raise wrong("say whose signature you believe: --key FILE", 2)
    keys = read_keys(options) if options.key else []
    for name, proof in proofs.items():
        print(check_proof(proof, name, keys))
    for checkpoint in checkpoints:
        check_signature(checkpoint, keys[0])
        print(f"{checkpoint.place}: checkpoint {checkpoint.size} of {checkpoint.origin} is signed")
    lines = list(check_forks(checkpoints))
    if not lines and (reports or options.evidence):
        lines = check_all(reports, keys, checkpoints, options)
    print("\n".join(dict.fromkeys(lines)), end="\n" if lines else "")
    return 1 if lines else 0


def check_all(
    reports: Mapping[str, Json],
    keys: Sequence[Key],
    kept: Sequence[Checkpoint],
    options: argparse.Namespace,
) -> list[str]:
    """Return what differs between reports, records and evidence; print what does not."""
    evidence = read_evidence(options.evidence, keys, kept) if options.evidence else None
    lines: list[str] = []
    if reports:
        figures.use_zones(options.tzdata)
    for name, stated in reports.items():
        figures.check_report(stated, name)
        source = open_records(options, len(stated["log"]["cut"]))
        lines += check_report(stated, name, source, evidence, options.policy)
    if evidence is not None and not reports:
        lines += check_records(open_records(options, len(evidence.entries[0])), evidence)
    if evidence is not None and not lines:
        last = evidence.checkpoints[-1]
        print(f"the records are those of checkpoint {last.size} of {last.origin}")
    for name, stated in reports.items() if not lines else ():
        print(f"{name}: every figure recomputed, {stated['digest']}")
    return lines


def open_records(options: argparse.Namespace, partitions: int) -> Archive | RecordFile:
    """Open what was named as records."""
    if options.archive:
        return Archive(options.archive)
    if options.records:
        return RecordFile(options.records, partitions)
    raise wrong("name the records: --archive FOLDER or --records FILE", 2)


def main() -> int:
    """Run the command line; a failure is one line and an exit code."""
    gc.disable()  # As in `ledger_verify.py`.
    parser = argparse.ArgumentParser(description="Check evidence of an outcome ledger.")
    parser.add_argument("files", metavar="FILE", nargs="*", help="reports, proofs, checkpoints")
    parser.add_argument("--archive", metavar="FOLDER", help="the records, as they were sealed")
    parser.add_argument("--records", metavar="FILE", help="or as outcomes tail --jsonl prints them")
    parser.add_argument("--evidence", metavar="FOLDER", help="what was signed of them")
    parser.add_argument("--key", metavar="FILE", help="the public key of the log")
    parser.add_argument(
        "--witness", metavar="FILE", action="append", default=[], help="who has to have cosigned"
    )
    parser.add_argument("--policy", metavar="FILE", help="of the reports, where it is not built in")
    parser.add_argument("--tzdata", metavar="FOLDER", help="of zone rules (default: installed)")
    try:
        return run(parser.parse_args())
    except (WrongError, figures.UnusableError) as error:
        code, line = error.args
    except (OSError, ValueError, KeyError, TypeError) as error:
        code, line = 65, str(error)
    print(line, file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
