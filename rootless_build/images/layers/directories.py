"""The directories of the host that files are copied from, as trees: each is opened once."""

from __future__ import annotations

import re
from typing import Final, Self

from rootless_build.images.containerfile.patterns import PatternError, Patterns
from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.request import Directory
from rootless_build.images.layers.sent import sent_patterns
from rootless_build.images.layers.sources import HostTree, in_seconds
from rootless_build.model.structs import replace

_UNSENT: Final = re.compile(r"[\r\0]")
"""What no client can send in a pattern."""

_MEANS_OTHERS: Final = re.compile(r"(?<!\\)(?:\\\\)*\\[A-Za-z0-9]")
"""What, as an expression of Go's, never means the name that it is written as."""


class Directories:
    """A context with the trees of directories; `time` is that of each directory itself."""

    def __init__(self, time: int) -> None:
        self._time = time
        self._trees: dict[Directory, HostTree] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """No file is opened any more."""
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()

    def tree(self, source: Directory) -> HostTree:
        """The tree that a source is in, as the build sees it. Raises RefusedError, OSError."""
        key = replace(source, path="")
        if key not in self._trees:
            self._trees[key] = HostTree(
                source.root,
                self._time,
                ignored=_ignored(source.ignored),
                sent=self._sent(source),
                modified=in_seconds(source.modified),
            )
        return self._trees[key]

    def _sent(self, source: Directory) -> Patterns | None:
        if not source.sent:
            return None
        lines = sent_patterns(self.tree(Directory(source.root, "")), source.sent)
        if not lines:
            return None
        try:
            made = Patterns(line for line in lines if not _MEANS_OTHERS.search(line))
        except PatternError:
            return None  # it is said of the source that has it
        unread = any(pattern.problem for pattern in made.patterns)
        return None if unread else made


def _ignored(lines: tuple[str, ...]) -> Patterns:
    if any(_UNSENT.search(line) for line in lines):
        raise RefusedError("the ignore file: a pattern has a carriage return or a NUL in it")
    try:
        return Patterns(lines)
    except PatternError as error:
        raise RefusedError(f"the ignore file: {error}") from error
