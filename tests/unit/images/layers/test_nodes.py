"""What is known of the files of a tree while a layer is made of them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Final

from rootless_build.images.layers.nodes import FIXED_TIME, Node
from rootless_build.images.layers.sources import HostTree

_FILES: Final = 1000
_MOST: Final = 300
"""Bytes a file, its name of 12 letters among them: 60 MB are enough for 100,000."""


def test_a_hundred_thousand_files_are_little_memory(tmp_path: Path) -> None:
    for number in range(_FILES):
        (tmp_path / f"file-{number:07}").write_bytes(bytes(1000 + number))
    tree = HostTree(tmp_path, FIXED_TIME)
    tree.list("")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        listed = tree.list("")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        tree.close()
    assert len(listed) == _FILES
    # The list itself, which is not kept.
    own = _FILES * (56 + 8)
    assert (after - before - own) / _FILES < _MOST


def test_what_few_files_have_is_nothing_where_it_was_not_said() -> None:
    node = Node(0o100644)
    assert (node.link, node.rdev, node.inode, node.lower) == ("", 0, None, None)
    node.inode = (1, 2)
    assert (node.link, node.rdev, node.inode, node.lower) == ("", 0, (1, 2), None)
    assert node.children is None
    assert Node(0o040755).children == {}
