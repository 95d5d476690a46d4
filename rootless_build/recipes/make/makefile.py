"""A project's makefile by its name, and its targets by theirs, as they are written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rootless_build.files import plain
from rootless_build.model.nearest import several

NAMES: Final = ("GNUmakefile", "makefile", "Makefile")
"""The names make looks for, in its order."""


def makefile_of(project: Path) -> Path | None:
    """The project's Makefile, by the names make looks for."""
    return next((project / name for name in NAMES if (project / name).is_file()), None)


def name_of(makefile: Path, project: Path) -> str:
    """The makefile's name as it is given to make, which runs in the project."""
    below = makefile.is_relative_to(project)
    return str(makefile.relative_to(project)) if below else str(makefile)


def nearest_targets(target: str, makefile: Path) -> str:
    """A hint at what was meant by a target that is not there."""
    names = target_names(makefile)
    near = several(target, names, 3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"its targets are {', '.join(names)}" if names else ""


def target_names(makefile: Path) -> tuple[str, ...]:
    """Targets that the Makefile itself has a rule for, as far as they are written out."""
    text = plain.text(makefile, errors="replace")
    name = r"[A-Za-z0-9][\w./-]*"
    rules = re.findall(rf"^({name}(?:[ \t]+{name})*)[ \t]*::?(?!=)", text, re.MULTILINE)
    return tuple(dict.fromkeys(target for rule in rules for target in rule.split()))
