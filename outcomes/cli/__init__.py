"""The commands, one module a group; each reads options, calls one use case, prints."""
