"""The read model: one SQLite file that holds what was folded, and how far."""
