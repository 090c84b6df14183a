"""What a person runs: the command line, and what only it uses."""
