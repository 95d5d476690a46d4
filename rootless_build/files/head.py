"""The commit that a checkout has, read without git from the plain files in which git keeps it.

(gitrepository-layout(5) of git 2.39.5: HEAD, `gitdir` and `commondir` of worktrees, packed-refs.)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rootless_build.files import plain

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REFERENCE: Final = re.compile(r"refs/[\w./+@-]+")
_SMALL: Final = 4096
_PACKED: Final = 16 * 1024 * 1024


def head_commit(project: Path) -> str:
    """The commit in hex; empty where there is none, or where only git could tell."""
    found = next((p / ".git" for p in (project, *project.parents) if (p / ".git").exists()), None)
    if found is None:
        return ""
    directory = _named(found, "gitdir: ") if found.is_file() else found
    head = _text(directory / "HEAD")
    if not head.startswith("ref: "):
        return _commit(head)
    reference = head.removeprefix("ref: ")
    if _REFERENCE.fullmatch(reference) is None or ".." in reference:
        return ""
    common = (
        _named(directory / "commondir", "") if (directory / "commondir").is_file() else directory
    )
    own = (_commit(_text(place / reference)) for place in (directory, common))
    return next(filter(None, own), "") or _packed(common, reference)


def _packed(common: Path, reference: str) -> str:
    for line in plain.text_of(common / "packed-refs", _PACKED).splitlines():
        commit, _, name = line.partition(" ")
        if name == reference:
            return _commit(commit)
    return ""


def _named(file: Path, before: str) -> Path:
    """The directory that a file names, relative to its own."""
    return file.parent / _text(file).removeprefix(before)


def _text(file: Path) -> str:
    return plain.text_of(file, _SMALL).strip()


def _commit(text: str) -> str:
    return text if _COMMIT.fullmatch(text) else ""
