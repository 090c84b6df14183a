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
import gzip
import hashlib
import json
import re
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ledger_verify as figures
from ledger_verify import WrongError, require

Json = Any
Record = dict[str, Any]
LOG_KEY, WITNESS_KEY = 1, 4
HASH_BYTES, LONGEST_PATH = 32, 64

# --- RFC 6962, 2.1: the tree ----------------------------------------------------------------------


def hash_of(*parts: bytes) -> bytes:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_of(record: Mapping[str, Any]) -> bytes:
    """docs/archive.md, Leaf hashes: the leaf hash of a record."""
    key, value = record["key"], record["value"]
    lengths = (-1 if part is None else len(part) for part in (key, value))
    numbers = (record["partition"], record["offset"], record["recorded_at"], *lengths)
    return hash_of(b"\x00OLL1", struct.pack(">5q", *numbers), key or b"", value or b"")


class Head(NamedTuple):
    """What was signed of a partition: size of its tree, root, end of the cut."""

    size: int
    root: bytes
    end: int


class Tree:
    """A tree that grows: the roots of its perfect subtrees, largest first, and its size."""

    def __init__(self) -> None:
        self.size = 0
        self.roots: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf; two subtrees of one size become one."""
        size = self.size
        while size % 2:
            leaf = hash_of(b"\x01", self.roots.pop(), leaf)
            size //= 2
        self.roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves."""
        result = self.roots[-1] if self.roots else hash_of()
        for left in reversed(self.roots[:-1]):
            result = hash_of(b"\x01", left, result)
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
        return hash_of(b"\x01", root_by_inclusion(leaf, index, middle, path[:-1]), path[-1])
    right = root_by_inclusion(leaf, index - middle, size - middle, path[:-1])
    return hash_of(b"\x01", path[-1], right)


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
        return first, hash_of(b"\x01", second, path[-1])
    first, second = roots_by_consistency(old - middle, new - middle, path[:-1], None)
    return hash_of(b"\x01", path[-1], first), hash_of(b"\x01", path[-1], second)


def continues(old: tuple[int, bytes], new: tuple[int, bytes], path: Sequence[bytes]) -> bool:
    """Say whether a path proves that a tree begins with another; every one does with none."""
    if old[0] == 0:
        return old[1] == hash_of() and not path
    try:
        roots = roots_by_consistency(old[0], new[0], path, old[1]) if old[0] <= new[0] else ()
    except ValueError:
        return False
    return roots == (old[1], new[1])


def hashes(path: Json) -> list[bytes]:
    """Return a path of hexadecimal hashes as bytes."""
    require(isinstance(path, list) and len(path) <= LONGEST_PATH, "a path is no list")
    require(all(map(figures.is_sha256, path)), "a path has no hash")
    return [bytes.fromhex(item) for item in path]


# --- C2SP signed-note, tlog-checkpoint, tlog-cosignature ------------------------------------------


class Key(NamedTuple):
    """A public key: whose it is, 1 for a log and 4 for a witness, 32 bytes."""

    name: str
    kind: int
    data: bytes

    def id(self) -> bytes:
        """Return the four bytes that tell keys of one name apart."""
        return hash_of(self.name.encode(), b"\n", bytes([self.kind]), self.data)[:4]

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Say whether an Ed25519 signature holds."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - for signatures alone
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        try:
            ed25519.Ed25519PublicKey.from_public_bytes(self.data).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def read_key(path: str, kind: int) -> Key:
    """Read a file with one public key, name+id+base64."""
    try:
        name, identity, encoded = Path(path).read_text("utf-8").strip().split("+", 2)
        data = base64.b64decode(encoded, validate=True)
        key = Key(name, data[0], data[1:])
        require(len(key.data) == HASH_BYTES and key.id().hex() == identity, "no key")
    except (ValueError, IndexError):
        raise WrongError(65, f"{path} is no public key of the form name+id+base64") from None
    if key.kind != kind:
        raise WrongError(2, "--key names the key of a log, --witness those of witnesses")
    return key


class Checkpoint(NamedTuple):
    """A signed checkpoint: where it was read, its text, what it says, its lines of signature."""

    place: str
    text: str
    origin: str
    size: int
    root: bytes
    signatures: list[tuple[str, bytes]]


def strict_base64(text: str) -> bytes:
    """Decode base64 of which no bit is left over."""
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, "base64 in another form")
    return data


def read_checkpoint(data: bytes, place: str) -> Checkpoint:
    """Read a note whose text is a checkpoint; no signature is checked yet."""
    try:
        note = data.decode("utf-8")
        require(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "control characters")
        text, blank, below = note.rpartition("\n\n")
        require(blank and below.endswith("\n"), "no blank line before signatures")
        origin, size, root = text.split("\n")[:3]
        require(origin and re.fullmatch("0|[1-9][0-9]{0,17}", size), "no origin and size")
        lines = re.findall(r"^— ([^\s+]+) (\S+)$", below, re.MULTILINE)
        require(len(lines) == below.count("\n"), "a line of signature that is none")
        signatures = [(name, strict_base64(encoded)) for name, encoded in lines]
        require(len(strict_base64(root)) == HASH_BYTES, "no root")
    except ValueError as error:
        raise WrongError(1, f"{place} is no signed checkpoint: {error}") from None
    return Checkpoint(place, f"{text}\n", origin, int(size), strict_base64(root), signatures)


def check_signature(checkpoint: Checkpoint, key: Key) -> None:
    """C2SP signed-note: a signature of the key is there, and every one that says so holds."""
    if key.kind == LOG_KEY and checkpoint.origin != key.name:
        raise WrongError(1, f"{checkpoint.place} is of {checkpoint.origin}, not of {key.name}")
    message, holds = checkpoint.text.encode(), []
    for name, data in checkpoint.signatures:
        signed, signature = message, data[4:]
        if key.kind == WITNESS_KEY:
            moment, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            signed = f"cosignature/v1\ntime {moment}\n".encode() + message
        if (name, data[:4]) == (key.name, key.id()):
            holds.append(key.has_signed(signed, signature))
    if not holds or not all(holds):
        what = f"is not signed by the key of {key.name} {key.id().hex()}"
        raise WrongError(1, f"{checkpoint.place} {what}")


def check_forks(checkpoints: Sequence[Checkpoint]) -> Iterator[str]:
    """Yield a sentence for each two checkpoints of one size with different roots."""
    firsts: dict[tuple[str, int], Checkpoint] = {}
    for each in checkpoints:
        first = firsts.setdefault((each.origin, each.size), each)
        if first.root != each.root:
            yield f"fork: {first.place} and {each.place} are two histories of {each.size}"


# --- docs/evidence.md, Formats: entries and proofs ------------------------------------------------


def read_entry(entry: Json) -> list[Head]:
    """Read an entry of the anchor log: a head for every partition, in order."""
    parts = entry["partitions"]
    require(entry["schema"] == "ledger/anchor/v1", "an entry has another schema")
    require([part["partition"] for part in parts] == list(range(len(parts))), "its partitions")
    require(all(figures.is_integer(p[name]) for p in parts for name in ("end", "size")), "numbers")
    return [Head(part["size"], hashes([part["root"]])[0], part["end"]) for part in parts]


def check_index(index: Json, size: int) -> int:
    """Return the number of a leaf in a tree of a size."""
    require(figures.is_integer(index) and 0 <= index < size, "its entry has no index")
    return int(index)


def check_signed(part: Json, place: str, keys: Sequence[Key]) -> tuple[Checkpoint, list[Head]]:
    """Check that a checkpoint is signed and covers an entry; return both."""
    checkpoint = read_checkpoint(part["checkpoint"].encode(), f"the checkpoint of {place}")
    for key in keys:
        check_signature(checkpoint, key)
    leaf = hash_of(b"\x00", figures.canonical(part["entry"]))
    index = check_index(part["index"], checkpoint.size)
    root = root_by_inclusion(leaf, index, checkpoint.size, hashes(part["path"]))
    require(root == checkpoint.root, "its entry is not in its checkpoint")
    return checkpoint, read_entry(part["entry"])


def prove_record(proof: Json, place: str, keys: Sequence[Key]) -> str:
    """Check that a record is in the tree of its partition."""
    checkpoint, heads = check_signed(proof["signed"], place, keys)
    record = figures.read_record(proof["record"])
    number, offset, leaf = record["partition"], record["offset"], leaf_of(record)
    require(number < len(heads) and offset < heads[number].end, "it was not signed")
    require(leaf.hex() == proof["leaf_sha256"], "leaf_sha256 is not that of its record")
    index = check_index(proof["index"], heads[number].size)
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
        later = heads[number] if number < len(heads) else Head(0, hash_of(), 0)
        require(continues(head[:2], later[:2], path), f"partition {number} was rewritten")
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
        is_signed = figures.is_integer(cut[name]) and 0 <= cut[name] <= head.end
        require(is_signed, "its cut is not signed")
        tree = (proof["sizes"].get(name, 0), root)
        require(continues(tree, head[:2], path), f"partition {number} is not what was signed")
    require(stated["digest"] == figures.digest_of(stated), "the digest of its report is another")
    what = f"the report {stated['digest']} was made from records of checkpoint {checkpoint.size}"
    return f"{what} of {checkpoint.origin}"


def check_proof(proof: Json, place: str, keys: Sequence[Key]) -> str:
    """Check a proof and return what it shows."""
    checks = {"record": prove_record, "consistency": prove_consistency, "report": prove_report}
    try:
        return f"{place}: {checks[proof['kind']](proof, place, keys)}"
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise WrongError(1, f"{place} proves nothing: {error}") from None


# --- docs/archive.md: records ---------------------------------------------------------------------


def read_archive(folder: Path) -> tuple[int, Iterator[Record]]:
    """docs/archive.md, The manifest: the partitions of an archive, and its records in log order."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        digest = manifest.pop("digest")
        require(digest == f"sha256:{figures.sha256(manifest)}", "its digest differs")
        require(manifest["schema"] == "ledger/archive/v1", "it has another schema")
        ends = {str(number): 0 for number in range(manifest["log"]["partitions"])}
        for segment in manifest["segments"]:
            number, follows = str(segment["partition"]), "does not begin where the one before ends"
            is_next = segment["start"] == ends.get(number) and segment["start"] < segment["end"]
            require(is_next, f"{segment['file']} {follows}")
            ends[number] = segment["end"]
        require(manifest["cut"] == ends, "its cut is not where its segments end")
        listed = {folder / segment["file"] for segment in manifest["segments"]}
        for path in sorted(folder.glob("records/*.jsonl.gz")):
            require(path in listed, f"{path} is not in it")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WrongError(69, f"{folder / 'manifest.json'}: {error}") from None
    return len(ends), read_segments(folder, manifest["segments"])


def read_segments(folder: Path, segments: Json) -> Iterator[Record]:
    """docs/archive.md, A segment: every record, from files that have the hashes of the manifest."""
    for segment in segments:
        path = folder / segment["file"]
        try:
            data = path.read_bytes()
            require(hashlib.sha256(data).hexdigest() == segment["sha256"], "it was changed")
            lines, offset = gzip.decompress(data).splitlines(), segment["start"] - 1
            for line in lines:
                record = figures.read_record(json.loads(line.decode("utf-8")))
                inside = record["partition"] == segment["partition"]
                inside = inside and offset < record["offset"] < segment["end"]
                require(inside, "a record out of place")
                offset = record["offset"]
                yield record
            is_whole = (len(lines), offset + 1) == (segment["records"], segment["end"])
            require(is_whole, "records are missing")
        except (OSError, ValueError, EOFError, zlib.error, RecursionError) as error:
            raise WrongError(69, f"{path}: {error}") from None


def open_records(options: argparse.Namespace, partitions: int) -> Iterable[Record]:
    """Return the records of what was named, which has so many partitions."""
    if not options.archive and not options.records:
        raise WrongError(2, "name the records: --archive FOLDER or --records FILE")
    if not options.archive:
        return figures.read_records(options.records)
    there, records = read_archive(Path(options.archive))
    require(there == partitions, f"there are {there} partitions, and not {partitions}")
    return records


Heads = dict[tuple[int, int], Head]


def hashed(
    records: Iterable[Record], partitions: int, cuts: Sequence[Sequence[int]], heads: Heads
) -> Iterator[Record]:
    """Yield the records, each hashed; `heads` gets that of each partition at each of the cuts.

    `recorded_at` never goes back in a partition.
    """
    waiting = [sorted({cut[n] for cut in cuts if n < len(cut)}) for n in range(partitions)]
    trees, latest = [Tree() for _ in waiting], [0] * partitions
    for record in records:
        number, offset = record["partition"], record["offset"]
        require(number < partitions, "a record is of a partition that is none of the log")
        tree = trees[number]
        while waiting[number] and offset >= waiting[number][0]:
            end = waiting[number].pop(0)
            heads[number, end] = Head(tree.size, tree.root(), end)
        if tree.size:
            record["recorded_at"] = max(record["recorded_at"], latest[number])
        latest[number] = record["recorded_at"]
        tree.append(leaf_of(record))
        yield record
    for number, tree in enumerate(trees):
        for end in waiting[number]:
            heads[number, end] = Head(tree.size, tree.root(), end)


# --- All together ---------------------------------------------------------------------------------


def read_evidence(
    folder: str, keys: Sequence[Key], kept: Sequence[Checkpoint]
) -> tuple[list[list[Head]], Checkpoint]:
    """Read the entries that were signed, and the last checkpoint of a folder.

    The log has to have signed every checkpoint, also those kept elsewhere, the witnesses the last.
    """
    lines = (Path(folder) / "entries.jsonl").read_bytes().split(b"\n")
    tree, entries = Tree(), list[list[Head]]()
    roots = [tree.root()]
    try:
        require(not lines.pop(), "it is cut off")
        for line in lines:
            tree.append(hash_of(b"\x00", line))
            roots.append(tree.root())
            entry = json.loads(line)
            require(figures.canonical(entry) == line, "it is not in the form of RFC 8785")
            entries.append(read_entry(entry))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"line {len(entries) + 1} is no entry: {error}"
        raise WrongError(1, f"{folder}/entries.jsonl {what}") from None
    paths = sorted(Path(folder).glob("checkpoint-*.txt"))
    checkpoints = [read_checkpoint(path.read_bytes(), str(path)) for path in paths]
    if not checkpoints or not entries:
        raise WrongError(1, f"{folder} has no checkpoint")
    for path, checkpoint in zip(paths, checkpoints, strict=True):
        if path.name != f"checkpoint-{checkpoint.size:06}.txt":
            raise WrongError(
                1, f"{path} is a checkpoint of size {checkpoint.size}, not of its name"
            )
    for checkpoint in (*checkpoints, *kept):
        for key in keys if checkpoint is checkpoints[-1] else keys[:1]:
            check_signature(checkpoint, key)
        size = checkpoint.size
        if size >= len(roots) or roots[size] != checkpoint.root:
            what = f"did not sign the first {size} entries of {folder}"
            raise WrongError(1, f"{checkpoint.place} {what}")
    return entries[: checkpoints[-1].size], checkpoints[-1]


def entry_faults(entries: Sequence[Sequence[Head]], partitions: int, heads: Heads) -> Iterator[str]:
    """Yield for each partition the first entry that the records are at odds with."""
    wrong = set[int]()
    for number, entry in enumerate(entries, 1):
        if len(entry) != partitions:
            yield f"checkpoint {number} signed {len(entry)} partitions, there are {partitions}"
            return
        for partition, head in enumerate(entry):
            there = heads[partition, head.end]
            if partition not in wrong and there != head:
                wrong.add(partition)
                yield (
                    f"partition {partition}: the records below offset {head.end} are not those"
                    f" that checkpoint {number} signed: {there.size} records, {head.size} signed"
                )


def report_faults(stated: Json, signed: Sequence[Head] | None, heads: Heads) -> Iterator[str]:
    """Yield where a report's cut is not signed, or a root of it not that of the records."""
    roots = stated["log"].get("roots", None if signed is None else {})
    for name, end in stated["log"]["cut"].items():
        if signed is not None and (int(name) >= len(signed) or end > signed[int(name)].end):
            yield f"its cut of partition {name}, {end}, is not signed"
        root = roots.get(name) if isinstance(roots, dict) else None
        if roots is not None and root != heads[int(name), end].root.hex():
            yield f"its root of partition {name} is not that of the records"


def check_all(
    reports: Mapping[str, Json],
    keys: Sequence[Key],
    kept: Sequence[Checkpoint],
    options: argparse.Namespace,
) -> list[str]:
    """Return what differs between reports, records and evidence, each time in one reading."""
    entries, last = read_evidence(options.evidence, keys, kept) if options.evidence else ([], None)
    ends = [[head.end for head in entry] for entry in entries]
    lines: list[str] = []
    for name, stated in reports.items() or [("", None)]:
        numbered = stated["log"]["cut"].items() if stated else ()
        cut = [end for _, end in sorted((int(number), end) for number, end in numbered)]
        heads: Heads = {}
        partitions = len(cut or entries[0])
        records = hashed(open_records(options, partitions), partitions, [cut, *ends], heads)
        computed = figures.recompute(stated, records, options.policy) if stated else {}
        for _ in records:
            pass  # Without a report nobody else has read them.
        lines += entry_faults(entries, partitions, heads)
        if stated:
            faults = [*report_faults(stated, entries[-1] if entries else None, heads)]
            faults += figures.differences(stated, computed)
            lines += [f"{name}: {fault}" for fault in faults]
    if last and not lines:
        print(f"the records are those of checkpoint {last.size} of {last.origin}")
    for name, stated in reports.items() if not lines else ():
        print(f"{name}: every figure recomputed, {stated['digest']}")
    return lines


def run(options: argparse.Namespace) -> int:
    """Check everything that was named, told apart by what is in it; print a line for each."""
    reports: dict[str, Json] = {}
    proofs: dict[str, Json] = {}
    checkpoints = []
    for path in options.files:
        data = Path(path).read_bytes()
        if "\n\n— ".encode() in data:
            checkpoints.append(read_checkpoint(data, path))
            continue
        document = figures.read_object(path)
        if document.get("schema") == "ledger/proof/v1":
            proofs[path] = document
        else:
            reports[path] = figures.read_report(document, path)
    if (proofs or checkpoints or options.evidence) and not options.key:
        raise WrongError(2, "say whose signature you believe: --key FILE")
    keys = [read_key(options.key, LOG_KEY)] if options.key else []
    keys += [read_key(path, WITNESS_KEY) for path in options.witness]
    if reports:
        figures.use_zones(options.tzdata)
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


def main() -> int:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(description="Check evidence of an outcome ledger.")
    parser.add_argument("files", metavar="FILE", nargs="*", help="reports, proofs, checkpoints")
    for name, metavar, words in (
        ("--archive", "FOLDER", "the records, as they were sealed"),
        ("--records", "FILE", "or as outcomes tail --jsonl prints them"),
        ("--evidence", "FOLDER", "what was signed of them"),
        ("--key", "FILE", "the public key of the log"),
        ("--policy", "FILE", "of the reports, where it is not built in"),
        ("--tzdata", "FOLDER", "of zone rules (default: installed)"),
    ):
        parser.add_argument(name, metavar=metavar, help=words)
    parser.add_argument("--witness", metavar="FILE", action="append", default=[], help="cosigners")
    return figures.exit_code(run, parser)


if __name__ == "__main__":
    sys.exit(main())
