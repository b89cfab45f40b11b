"""Odd input for everything of ours that reads what others send.

`targets` has a function for each reader: it takes bytes, and what leaves it, but for a refusal of ours, is a finding.
`mutations` makes odd things of real ones. `corpus/` holds where to begin, and every input that once was a finding; the
tests here read all of it and some of its mutations. `make fuzz MINUTES=…` goes on from there, guided by coverage.
"""
