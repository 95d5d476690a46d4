"""Directories as data: what is in them, in the form of a case's `files`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Make them."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            path.symlink_to(content[2:])
        else:
            path.write_text(content)


def tree(directory: Path) -> dict[str, str]:
    """What is there; empty directories end with a slash."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = f"->{path.readlink()}"
        elif path.is_file():
            found[name] = path.read_text()
        elif not any(path.iterdir()):
            found[f"{name}/"] = ""
    return found
