"""The file of a containerfile: where it is, and what is wrong with one that is named."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from rootless_build.backend.build_files import NAMES, existing_containerfile
from rootless_build.files import plain
from rootless_build.model.nearest import nearest_file
from rootless_build.model.plan import BuildImage

_MAKEFILE: Final = re.compile(
    r"(?!.*(?:docker|container)file)(?:(?:.*[._-])?(?:gnu)?makefile(?:[._-].*)?|.*\.(?:mk|mak))",
    re.IGNORECASE,
)
_OTHERS: Final = (
    (
        re.compile(r"GNUmakefile|makefile|Makefile"),
        "a makefile",
        "rbuild reads ./Makefile itself; --makefile FILE names another, -C DIR another project",
    ),
    (
        _MAKEFILE,
        "a makefile",
        "to have it read: --makefile {file}",
    ),
    (
        re.compile(r"rbuild\.toml"),
        "rbuild's own recipe",
        "rbuild reads ./rbuild.toml itself; -C DIR is another project",
    ),
    (
        re.compile(r".*bake.*\.json|.*\.hcl|.*compose.*\.ya?ml"),
        "a bake or compose file",
        "rbuild reads such a file itself where there is no Makefile; -C DIR is another project",
    ),
)
"""What people take for it: names, what that is, and what to do."""
_OF_INPUT: Final = "Dockerfile"
"""What docker calls one that it reads from standard input."""
_INLINE: Final = "dockerfile-inline"
_CONTAINERFILE: Final = re.compile(r".*(dockerfile|containerfile).*", re.IGNORECASE)


def text_of(step: BuildImage) -> str:
    """The text of a build's containerfile; empty where there is none. Raises OSError."""
    if step.containerfile_text is not None:
        return step.containerfile_text
    file = existing_containerfile(step)
    return plain.text(file, errors="surrogateescape") if file else ""


def display(step: BuildImage, path: Path) -> str:
    """What messages call the containerfile of a build, which is at that path: relative to the
    context where it is in it. One that a recipe has written out is named by that.
    """
    if step.containerfile_text is not None:
        origin = step.origin
        if origin is None or not origin.names_build:
            return _OF_INPUT
        return f"{origin.file} ({_INLINE} of {origin.target})"
    return str(path.relative_to(step.context)) if path.is_relative_to(step.context) else str(path)


def problem(path: Path) -> tuple[str, str] | None:
    """What is wrong with a containerfile, for a message that begins with its name, and a hint;
    None: nothing that could be told without reading it.
    """
    if path.name == "-":
        hint = "write it to a file, and name that"
        return "a containerfile can't be read from standard input", hint
    if not path.exists():
        return "no such file", nearest_file(path, _CONTAINERFILE)
    if path.is_dir():
        return "it is a directory, and -f names a containerfile", nearest_file(
            path / "Dockerfile", _CONTAINERFILE
        )
    for pattern, kind, hint in _OTHERS:
        if pattern.fullmatch(path.name):
            said = f"it is {kind}, and -f names a containerfile, as with docker build"
            return said, hint.replace("{file}", os.path.relpath(path))
    return None if os.access(path, os.R_OK) else ("this user may not read it", "")


def absence(context: Path) -> tuple[str, str] | None:
    """Why a build context has no containerfile of its own, and a hint; None where it has one."""
    if not context.is_dir():
        return "there is no such directory", ""
    for name in NAMES:
        if (context / name).is_dir():
            return f"{name} in it is a directory", ""
        if (context / name).exists():
            return None
    return "there is no Dockerfile in it", nearest_file(context / "Dockerfile", _CONTAINERFILE)
