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


def described(directory: Path) -> dict[str, tuple[str, int, int, int]]:
    """What is there, with kinds, modes and times; the content of a file, or where a link leads."""
    found = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        content = ""
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes().decode("latin-1")
        found[str(path.relative_to(directory))] = (
            content,
            status.st_mode,
            status.st_mtime_ns,
            status.st_ino if status.st_nlink > 1 and path.is_file() else 0,
        )
    return found


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
