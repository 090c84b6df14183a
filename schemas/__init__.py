"""The words of the ledger: what an event is, and which records are events.

Read `events` for the nine facts, `envelope` for what surrounds them, `rules` for the ordered rules
that a record has to keep, and `admission` for how its bytes become an event or the name of the
first rule that it fails.
"""
