"""Directories of bundles, as data."""

from __future__ import annotations

from pathlib import Path

Tree = dict[str, "Tree | tuple[bytes, int] | str"]
"""A directory: directories, (content, mode) of files, link texts."""


def write(tree: Tree, directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    for name, node in tree.items():
        path = directory / name
        match node:
            case str():
                path.symlink_to(node)
            case (bytes(content), mode):
                path.write_bytes(content)
                path.chmod(mode)
            case dict():
                write(node, path)
