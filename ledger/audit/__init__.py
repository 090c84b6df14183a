"""Checking what was reported against the log."""
