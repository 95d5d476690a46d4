"""The project's targets, as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rootless_build.cli import command_line


def names(words: Sequence[str]) -> Mapping[str, str]:
    """Those of the project that the words name, with what it says of each."""
    return command_line.described_targets(words)
