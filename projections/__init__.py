"""The rules of the ledger: from one student's events to the figures of a year.

Read them in this order: `history` (which events count), `facts` (what they say about a student),
then `measures` (a catalogue, and one file of rules a family), `contributions` (a student's share
of every figure) and `figures` (the sum over students). `policy` holds the parameters, `zones` the
rules of time zones. All of it is pure: no file here reads a clock, a network, or anything on a disk
but what the packages bring along.
"""
