"""Two images of one build, compared: their settings, their layers, and where these differ files.

Layers hold the times of files, so that those of two builds hardly ever agree. What is in the files
does where a build can be reproduced.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import LABEL_PREFIX, Image
from rootless_build.bundles.comparison import contents_differ
from rootless_build.files.tree import link_text, special

_SETTINGS: Final = (
    *("entrypoint", "command", "environment", "working_directory", "user", "volumes", "platform"),
)
_READ: Final = {stat.S_IFDIR: 0o700, stat.S_IFREG: 0o400}
"""The permissions with which the owner can read something."""


class ImageDifference(Struct, frozen=True):
    """`path` is that of a file in the image, empty for what the image says; `text` a sentence. What
    is `readable` is a file in both.
    """

    path: str
    text: str
    readable: bool = False


def settings(before: Image, again: Image) -> Iterator[ImageDifference]:
    """What images say differently of how containers of them run, rbuild's own labels aside."""
    for name in _SETTINGS:
        old, new = getattr(before, name), getattr(again, name)
        if old != new:
            text = f"has the {name.replace('_', ' ')} {_written(new)} instead of {_written(old)}"
            yield ImageDifference("", text)
    old_labels, new_labels = (dict(image.labels) for image in (before, again))
    for name in sorted({*old_labels, *new_labels}):
        was, now = old_labels.get(name), new_labels.get(name)
        if was == now or name.startswith(LABEL_PREFIX):
            continue
        if now is None:
            yield ImageDifference("", f"lost the label {name}, which is {was}")
        else:
            how = "which is new" if was is None else f"not {was}"
            yield ImageDifference("", f"has the label {name}={now}, {how}")


def same_layers(before: Image, again: Image) -> bool:
    """Whether both images' layers are known to be the same, byte for byte."""
    return bool(before.layers) and before.layers == again.layers


def files(before: Path, again: Path) -> tuple[int, tuple[ImageDifference, ...]]:
    """How many entries of two images' file trees agree, and how the others differ.

    The trees are the caller's own copies: what can't be read in them is made so. Times are not
    looked at, nor are owners, which copies do not have.
    """
    old, new = _modes(before), _modes(again)
    paths = sorted({*old, *new})
    found = [
        ImageDifference(path, text, readable=both)
        for path in paths
        for text, both in _differences(before, again, path, old.get(path), new.get(path))
    ]
    return len(paths) - len({one.path for one in found}), tuple(found)


def _modes(root: Path) -> dict[str, int]:
    """Type and permissions of everything in the tree, which can be read then."""
    found: dict[str, int] = {}
    pending = [""]
    while pending:
        directory = pending.pop()
        with os.scandir(root / directory) as entries:
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                mode = entry.stat(follow_symlinks=False).st_mode
                found[path] = mode
                needed = _READ.get(stat.S_IFMT(mode), 0)
                if mode & needed != needed:
                    Path(entry.path).chmod(stat.S_IMODE(mode) | needed)
                if stat.S_ISDIR(mode):
                    pending.append(path)
    return found


def _differences(
    before: Path, again: Path, path: str, old: int | None, new: int | None
) -> Iterator[tuple[str, bool]]:
    """The differences, each with whether there is a file in both."""
    if old is None or new is None:
        yield ("was not there before" if old is None else "is not there again"), False
        return
    if stat.S_IFMT(old) != stat.S_IFMT(new):
        yield f"is {_kind(new)} instead of {_kind(old)}", False
        return
    if stat.S_IMODE(old) != stat.S_IMODE(new) and not stat.S_ISLNK(old):
        yield f"has the mode {stat.S_IMODE(new):o} instead of {stat.S_IMODE(old):o}", False
    if stat.S_ISLNK(old):
        texts = [link_text(root / path) for root in (again, before)]
        if texts[0] != texts[1]:
            yield f"leads to {texts[0]} instead of {texts[1]}", False
    elif stat.S_ISREG(old):
        text = contents_differ(before, again, path)
        if text:
            yield text, True


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFREG: "a file", stat.S_IFLNK: "a link"}
    return kinds.get(stat.S_IFMT(mode)) or special(mode)


def _written(value: object) -> str:
    if not value:
        return "nothing"
    if isinstance(value, tuple):
        return " ".join("=".join(one) if isinstance(one, tuple) else str(one) for one in value)
    return str(value)
