"""Evidence: Merkle trees over a log's records, signed checkpoints, and proofs that others check."""
