"""What a person runs: the command line, and all that stands only under it."""
