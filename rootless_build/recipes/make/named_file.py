"""A makefile that is named, as with `make -f FILE`: what is wrong with it is told beforehand."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from rootless_build.model.nearest import nearest_file

_NAME: Final = re.compile(r".*makefile.*|.*\.(?:mk|mak)", re.IGNORECASE)
_CONTAINERFILE: Final = re.compile(r".*(?:docker|container)file.*", re.IGNORECASE)


def problem(path: Path) -> tuple[str, str] | None:
    """What is wrong with it, for a message that begins with its name, and a hint; None: nothing
    that could be told without make.
    """
    if path.name == "-":
        return "a makefile can't be read from standard input", "write it to a file, and name that"
    if not path.exists():
        return "no such file", nearest_file(path, _NAME)
    if path.is_dir():
        return "it is a directory", nearest_file(
            path / "Makefile", _NAME
        ) or "-C DIR is another project"
    if _CONTAINERFILE.fullmatch(path.name) and not _NAME.fullmatch(path.name):
        return "it is a containerfile", "-f FILE names another containerfile"
    return None if os.access(path, os.R_OK) else ("this user may not read it", "")
