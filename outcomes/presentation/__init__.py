"""Figures for people: words, numbers, dates and charts in their language; for the extra `serve`."""
