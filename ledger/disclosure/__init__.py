"""What a publication may show of a report (SPEC section 7).

Empty, so that whoever reads `ledger.disclosure.shown` comes by no exact count, and no solver.
"""
