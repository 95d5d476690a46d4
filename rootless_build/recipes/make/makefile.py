"""A project's makefile by its name, and its targets by theirs, as they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rootless_build.files import plain
from rootless_build.model.nearest import several

NAMES: Final = ("GNUmakefile", "makefile", "Makefile")
"""The names make looks for, in its order."""
_NAME: Final = r"[A-Za-z0-9][\w./-]*"
_RULE: Final = re.compile(rf"^({_NAME}(?:[ \t]+{_NAME})*)[ \t]*::?(?![:=])", re.MULTILINE)
_DESCRIPTION: Final = re.compile(r"(?:^|\s)##(?![#@])(.*)$")
_CONTINUED: Final = re.compile(r"(?<!\\)\\\n[ \t]*")
_INCLUDE: Final = re.compile(r"^ *-?s?include[ \t]+([^#\n]+)", re.MULTILINE)
_GOAL: Final = re.compile(
    r"^ *\.DEFAULT_GOAL[ \t]*[:?]*=[ \t]*([^#\n]*?)[ \t]*(?:#.*)?$", re.MULTILINE
)
_OTHER_RULES: Final = re.compile(
    r"^(?: *-?s?include\b|\$[({]|[^#\t\n=$]*\$[^=\n]*:(?![=]))", re.MULTILINE
)


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
    return tuple(described_targets(makefile))


def described_targets(makefile: Path) -> Mapping[str, str]:
    """Those targets, each with what a comment says of it: `## …` behind its rule, else on the lines
    before it, where `NAME: ` may come first. Nothing makes that form but custom; `##@` begins a
    heading.
    """
    found: dict[str, str] = {}
    before: list[str] = []
    for line in _CONTINUED.sub(" ", plain.text(makefile, errors="replace")).splitlines():
        rule, comment = _RULE.match(line), _DESCRIPTION.search(line)
        described = comment[1].strip(" \t") if comment else ""
        if rule is not None:
            for name in rule[1].split():
                said = described if comment else _without_name(before, name)
                found[name] = found.get(name) or said
        if line.startswith("##") and comment is not None:
            before.append(described)
        elif not line.startswith(".PHONY"):
            before = []
    return found


def included(makefile: Path) -> tuple[str, ...]:
    """What the Makefile includes, as it is written there."""
    text = _CONTINUED.sub(" ", plain.text(makefile, errors="replace"))
    return tuple(dict.fromkeys(word.strip() for word in _INCLUDE.findall(text)))


def default_target(makefile: Path) -> str:
    """The target that make takes when none is named; empty where that is not plain to see."""
    text = _CONTINUED.sub(" ", plain.text(makefile, errors="replace"))
    goals = _GOAL.findall(text)
    if goals:
        return goals[-1] if len(goals) == 1 and "$" not in goals[0] else ""
    rule = _RULE.search(text)
    # A rule that comes of elsewhere, or of a variable, may be the first one.
    above = text[: rule.start()] if rule else ""
    is_first = rule is not None and _OTHER_RULES.search(above) is None
    return rule[1].split()[0] if rule is not None and is_first else ""


def _without_name(lines: Sequence[str], name: str) -> str:
    return " ".join(line.removeprefix(f"{name}:").strip() for line in lines)
