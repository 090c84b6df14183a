"""The sections of a publication: one file a subject."""
