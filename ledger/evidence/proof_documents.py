"""What a proof consists of, as a JSON document that is complete in itself.

A proof holds a signed checkpoint, the entry of the anchor log that it covers, and the hashes that
lead from a record, an older checkpoint or a report to that entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.errors import EvidenceError
from ledger.evidence.anchor import Entry

__all__ = [
    "PROOF_SCHEMA",
    "ConsistencyProof",
    "CutProof",
    "Proof",
    "RecordProof",
    "ReportProof",
    "Signed",
    "decode_proof",
    "encode_proof",
    "is_proof",
]

PROOF_SCHEMA: Final = "ledger/proof/v1"

_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Path = Annotated[tuple[_Hash, ...], Field(strict=False, max_length=64)]
_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Partition = Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,8})$")]


class _Members(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Signed(_Members):
    """An entry that a checkpoint covers.

    Attributes:
        checkpoint: The signed note, as text.
        entry: Of the anchor log.
        index: Its place among the entries.
        path: The proof that it is there.
    """

    checkpoint: str
    entry: Entry
    index: _Count
    path: _Path


class RecordProof(_Members):
    """That a record is in the log, at its place and with its moment.

    Attributes:
        record: As `outcomes tail --jsonl` prints it.
        leaf_sha256: Its leaf hash.
        index: Its place among the leaves of its partition.
        path: The proof that it is there.
        signed: The tree that it is in.
    """

    schema_: Literal["ledger/proof/v1"] = Field(PROOF_SCHEMA, alias="schema")
    kind: Literal["record"] = "record"
    record: Mapping[str, Any]
    leaf_sha256: _Hash
    index: _Count
    path: _Path
    signed: Signed


class ConsistencyProof(_Members):
    """That everything signed earlier is still there, in the anchor log and in every partition.

    Attributes:
        old: What was signed earlier; None to begin with.
        new: What was signed later.
        anchor_path: The proof that the anchor log only grew.
        paths: The proof for each partition that held a record.
    """

    schema_: Literal["ledger/proof/v1"] = Field(PROOF_SCHEMA, alias="schema")
    kind: Literal["consistency"] = "consistency"
    old: Signed | None
    new: Signed
    anchor_path: _Path
    paths: Mapping[_Partition, _Path]


class CutProof(_Members):
    """That the records below a cut are the beginning of what was signed.

    Attributes:
        sizes: How many records of each partition are below it.
        paths: The proof for each partition that holds a record below it.
        signed: The trees that continue those at the cut.
    """

    sizes: Mapping[_Partition, _Count]
    paths: Mapping[_Partition, _Path]
    signed: Signed


class ReportProof(_Members):
    """That the records which a report was made from are the beginning of what was signed.

    Attributes:
        report: The report, whole.
        sizes: How many records of each partition are below its cut.
        paths: The proof for each partition that holds a record below the cut.
        signed: The trees that continue those of the report.
    """

    schema_: Literal["ledger/proof/v1"] = Field(PROOF_SCHEMA, alias="schema")
    kind: Literal["report"] = "report"
    report: Mapping[str, Any]
    sizes: Mapping[_Partition, _Count]
    paths: Mapping[_Partition, _Path]
    signed: Signed


Proof = RecordProof | ConsistencyProof | ReportProof
_KINDS: Mapping[str, type[Proof]] = {
    "record": RecordProof,
    "consistency": ConsistencyProof,
    "report": ReportProof,
}


def encode_proof(proof: Proof) -> bytes:
    """The document of a proof: one line of JSON."""
    members = proof.model_dump(mode="json", by_alias=True)
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def is_proof(data: bytes) -> bool:
    """Whether a document says of itself that it is a proof."""
    try:
        members = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(members, dict) and members.get("schema") == PROOF_SCHEMA


def decode_proof(data: bytes, place: str) -> Proof:
    """Read a proof; nothing of it is checked yet but its form.

    Raises:
        EvidenceError: If it is none.
    """
    try:
        members = orjson.loads(data)
        kind = members.get("kind") if isinstance(members, dict) else None
        if not isinstance(kind, str) or kind not in _KINDS:
            raise EvidenceError(f"{place} is no proof: kind must be one of {', '.join(_KINDS)}")
        return _KINDS[kind].model_validate_json(data)
    except orjson.JSONDecodeError as error:
        raise EvidenceError(f"{place} is no proof: not JSON ({error})") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise EvidenceError(f"{place} is no proof: {where}: {fault['msg']}") from error
