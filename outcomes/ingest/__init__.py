"""Taking events in: JSON lines from files and pipes."""
