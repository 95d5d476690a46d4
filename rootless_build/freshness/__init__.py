"""What need not be done again, and why the rest must: fingerprints, records, verdicts.

Imports `images`, `backend`, `files`, `process` and `model`. Start with `plan_freshness`.
"""
