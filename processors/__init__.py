"""The online path: fold records as they come, and keep the figures current."""
