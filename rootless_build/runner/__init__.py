"""Does a plan's steps: order, staging and publishing, provenance, recovery; knows no engine.

Imports every room but `cli`. Start with `run`.
"""
