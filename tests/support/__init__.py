"""What several tests need: histories, strategies that make them, and the oracle."""
