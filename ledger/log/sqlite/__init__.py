"""The embedded log: one SQLite file, several readers, one writer at a time, no server."""
