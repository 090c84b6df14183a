"""Appending events: JSON lines from files and pipes."""
