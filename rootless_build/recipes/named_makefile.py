"""A makefile that is named, as with `make -f FILE`: what is wrong with it is told beforehand."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from rootless_build.nearest import nearest

_NAME: Final = re.compile(r".*makefile.*|.*\.(?:mk|mak)", re.IGNORECASE)
_CONTAINERFILE: Final = re.compile(r".*(?:docker|container)file.*", re.IGNORECASE)
_MOST: Final = 10


def problem(path: Path) -> tuple[str, str] | None:
    """What is wrong with it, for a message that begins with its name, and a hint; None: nothing
    that could be told without make.
    """
    if path.name == "-":
        return "a makefile can't be read from standard input", "write it to a file, and name that"
    if not path.exists():
        return "no such file", _near(path)
    if path.is_dir():
        return "it is a directory", _near(path / "Makefile") or "-C DIR is another project"
    if _CONTAINERFILE.fullmatch(path.name) and not _NAME.fullmatch(path.name):
        return "it is a containerfile", "-f FILE names another containerfile"
    return None if os.access(path, os.R_OK) else ("this user may not read it", "")


def _near(path: Path) -> str:
    """Makefiles beside it that could be meant."""
    try:
        there = sorted(entry.name for entry in os.scandir(path.parent) if entry.is_file())
    except OSError:
        return ""
    files = [name for name in there if _NAME.fullmatch(name)]
    near = nearest(path.name, files) or (files[0] if len(files) == 1 else "")
    if near:
        return f"did you mean {os.path.relpath(path.parent / near)}?"
    return f"there are {', '.join(files[:_MOST])}" if files else ""
