"""The staging directories of processes that died: found, put back, removed."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from rootless_build.bundles.swapping import recover
from rootless_build.files.private_directories import is_private_directory
from rootless_build.files.tree import real, remove
from rootless_build.model.text import shown
from rootless_build.process import identities
from rootless_build.process.locks import is_held


def private_prefix(directory: Path) -> str:
    """How the names of this process's staging directories for a bundles directory begin."""
    return f".{directory.name}.rbuild.{identities.of_this()}."


def abandoned(directory: Path) -> tuple[Path, ...]:
    """The staging directories of dead processes for a bundles directory."""
    directory = real(directory)
    pattern = re.compile(
        rf"\.{re.escape(directory.name)}\.rbuild\.(\d+\.\d+)\.[^.]+", flags=re.DOTALL
    )
    try:
        beside = sorted(directory.parent.iterdir())
    except OSError:
        return ()
    return tuple(
        path
        for path in beside
        if (found := pattern.fullmatch(path.name))
        and is_private_directory(path)
        and not identities.lives(found[1])
        and not is_held(path)
    )


def restore(directory: Path) -> bool:
    """Put back bundles that a dead process was about to replace; whether there were any.

    On file systems that can't exchange two directories there is a moment without bundles.
    """
    directory = real(directory)
    restored = False
    for beside in abandoned(directory):
        with contextlib.suppress(OSError):  # then they stay where they are, for the next run
            restored = recover(beside, directory) or restored
    return restored


def remove_leftovers(directory: Path) -> list[str]:
    """Remove the staging directories of dead processes; returns warnings."""
    warnings: list[str] = []
    for leftover in abandoned(directory):
        try:
            recover(leftover, directory)
            remove(leftover)
        except OSError as error:
            warnings.append("left from an earlier run: " + not_removed(leftover, error))
    return warnings


def not_removed(private: Path, error: OSError) -> str:
    """Say to a person that a staging directory stays, and why."""
    named = error.filename is not None and os.fspath(error.filename) != os.fspath(private)
    where = f" ({shown(error.filename)})" if named else ""
    return f"{shown(private)} can't be removed: {error.strerror}{where}"
