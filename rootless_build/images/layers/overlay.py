"""The layers of an image as one directory: an overlay that is mounted nowhere.

It is there for this process alone, through a descriptor, and goes with it, however that ends.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from rootless_build.images.layers.problems import NoOverlayError
from rootless_build.process.sandbox import kernel

_NAMES: Final = bytes(sorted(set(range(1, 256)) - set(b"/.:,\\")))
"""Names of one byte, for links to layers: the kernel takes 255 bytes of them and what is between
them, and a layer's own path could hold what it takes for the end of one."""
_MOST: Final = 128
_EVERYBODY: Final = ["0", "0", "4294967295"]


class Overlays:
    """Overlays for the layers of images, one for each set of them. They are for reading only."""

    def __init__(self) -> None:
        self._open: dict[tuple[Path, ...], int] = {}

    def close(self) -> None:
        """They are gone."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def merged(self, layers: tuple[Path, ...], room: Path) -> Path:
        """Where the layers are as one, the top one first; `room` is a directory to write to.

        Raises NoOverlayError, and OSError for the room.
        """
        if len(layers) == 1:
            return layers[0]
        if layers not in self._open:
            self._open[layers] = _overlay(layers, room)
        return Path(f"/proc/self/fd/{self._open[layers]}")


def _overlay(layers: tuple[Path, ...], room: Path) -> int:
    if len(layers) > _MOST:
        raise NoOverlayError(f"an image of more than {_MOST} layers can't be read")
    before = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        with tempfile.TemporaryDirectory(dir=room) as links:
            os.chdir(links)
            names = [_NAMES[number : number + 1] for number in range(len(layers))]
            for name, layer in zip(names, layers, strict=True):
                Path(os.fsdecode(name)).symlink_to(layer)
            # Without power over the host, a storage has its marks in the user's attributes. With
            # it, a layer may have a file whose bytes are in one below.
            marks = ("metacopy", b"on") if _is_initial() else ("userxattr", b"")
            return _mounted([("lowerdir", b":".join(names)), marks])
    finally:
        os.chdir(before)
        os.close(before)


def _mounted(options: list[tuple[str, bytes]]) -> int:
    try:
        return kernel.detached("overlay", options)
    except OSError as error:
        # A filter of system calls, an old kernel, a file system that can't be below an overlay.
        message = f"layers of images can't be read here: {error.filename}: {error.strerror}"
        raise NoOverlayError(message) from error


def _is_initial() -> bool:
    """Whether this process is in the user namespace of the host."""
    return Path("/proc/self/uid_map").read_text(encoding="ascii").split() == _EVERYBODY
