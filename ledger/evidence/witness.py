"""The witness: somebody else, who signs a checkpoint if it continues all that they saw before.

What they saw last is a file of theirs. The proof that is checked is complete in itself, so that a
witness needs neither the log nor the folder of its owner.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ledger.errors import EvidenceError, StoreError
from ledger.evidence.checkpoint import Checkpoint, cosign
from ledger.evidence.keys import PrivateKey
from ledger.evidence.note import COSIGNATURE, PublicKey
from ledger.evidence.proof_documents import (
    ConsistencyProof,
    Proof,
    Signed,
    decode_proof,
    encode_proof,
)
from ledger.evidence.proofs import Checked, check_proof, check_signed
from ledger.evidence.quorum import quorum_of_key
from ledger.log.archive.files import translate_archive_errors, write_atomically

__all__ = ["Watch", "check_as_witness", "sign_as_witness"]


class Watch(NamedTuple):
    """What a witness watches.

    Attributes:
        log_key: Of the log.
        state: The file with what was seen last; none before the first checkpoint.
    """

    log_key: PublicKey
    state: Path


def check_as_witness(proof: Proof, place: str, watch: Watch) -> Checked:
    """What a proof shows to a witness, who has seen earlier checkpoints.

    Args:
        proof: From the last checkpoint that the witness has seen to a new one.
        place: Where it comes from, for messages.
        watch: The log and what was seen of it.

    Raises:
        EvidenceError: If the new checkpoint does not continue what was seen.
    """
    if not isinstance(proof, ConsistencyProof):
        raise EvidenceError(f"{place} is no proof of consistency")
    quorum = quorum_of_key(watch.log_key)
    checked = check_proof(proof, quorum, place)
    seen = _seen(watch.state)
    if seen is None:
        return checked
    known, _ = check_signed(seen, quorum, str(watch.state))
    old = None if proof.old is None else check_signed(proof.old, quorum, place)[0].checkpoint
    _refuse_other(known.checkpoint, old, checked.signed.checkpoint)
    return checked


def sign_as_witness(
    proof: Proof, place: str, watch: Watch, *, key: PrivateKey, at_seconds: int
) -> str:
    """The checkpoint of a proof with the witness's signature, after what was seen is on disk.

    Args:
        proof: As for `check_as_witness`.
        place: Where it comes from, for messages.
        watch: The log and what was seen of it; its file is replaced.
        key: The witness's.
        at_seconds: Now, since 1970.

    Raises:
        EvidenceError: As `check_as_witness`, or if the key is not for witnesses.
    """
    if key.public.kind != COSIGNATURE:
        raise EvidenceError(
            f"the key of {key.public.name} is a log's; `outcomes key new --witness` makes the other"
        )
    checked = check_as_witness(proof, place, watch)
    note = checked.signed.note
    assert isinstance(proof, ConsistencyProof)
    # Whoever signs first and remembers later could be led to sign two histories.
    with translate_archive_errors(watch.state):
        first = ConsistencyProof(old=None, new=proof.new, anchor_path=(), paths={})
        write_atomically(watch.state, encode_proof(first))
    signature = cosign(note, key.public.name, key.secret, at_seconds=at_seconds)
    return str(note.with_signatures([signature]))


def _seen(state: Path) -> Signed | None:
    try:
        data = state.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{state}: {error.strerror}; check its permissions") from error
    proof = decode_proof(data, str(state))
    if not isinstance(proof, ConsistencyProof):
        raise EvidenceError(f"{state} is not what `outcomes witness sign` has written")
    return proof.new


def _refuse_other(seen: Checkpoint, old: Checkpoint | None, new: Checkpoint) -> None:
    if new.origin != seen.origin:
        raise EvidenceError(f"the checkpoint is of {new.origin}, this file is of {seen.origin}")
    if new.size < seen.size:
        raise EvidenceError(
            f"checkpoint {seen.size} was seen before, this one has {new.size} entries: the log went"
            " back"
        )
    if new.size == seen.size:
        if new.root != seen.root:
            raise EvidenceError(
                f"fork: two checkpoints of {seen.size} entries with different roots; keep both"
            )
        return
    if old is None or old != seen:
        raise EvidenceError(
            f"checkpoint {seen.size} was seen last; ask for the proof from there, by `outcomes"
            " prove consistency`"
        )
