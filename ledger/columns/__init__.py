"""Typed columns: records as Parquet, derived from a log and never trusted."""
