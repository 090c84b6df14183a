"""The rules of the figures, one file a family of measures (SPEC section 4)."""
