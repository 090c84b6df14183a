"""The rules of the ledger: from one student's events to the figures of a year.

Read them in this order: `history` (which events count), `facts` (what they say about a student),
then one file a measure (`career_outcomes`, `orientation`, `enrolment`, `graduation`, `placement`),
`contributions` (a student's share of every figure) and `figures` (the sum over students). All of it
is pure: no file here reads a clock, a disk or a network.
"""
