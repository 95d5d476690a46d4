"""Fingerprints: what went into a step, to leave out those whose inputs did not change."""
