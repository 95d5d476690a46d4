"""rbuild as a program that a cell, or what is asked about one, is a process of."""

from __future__ import annotations

import sys


def command(*words: str) -> tuple[str, ...]:
    """rbuild with these words, as a process of its own."""
    # -P: nothing is imported from the directory that it is started in.
    return (sys.executable, "-P", "-m", "rootless_build", *words)
