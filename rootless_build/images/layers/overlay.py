"""The layers of an image as one directory: an overlay that is mounted nowhere.

It is there for this process alone, through a descriptor, and goes with it, however that ends. The
kernel makes it, or fuse-overlayfs where a storage is that one's: it has marks of its own for what a
layer takes away (`.wh.NAME`), which the kernel takes for files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rootless_build.images.layers.problems import NoOverlayError
from rootless_build.process.sandbox import kernel

if TYPE_CHECKING:
    import subprocess

_NAMES: Final = bytes(sorted(set(range(1, 256)) - set(b"/.:,\\")))
"""Names of one byte, for links to layers: the kernel takes 255 bytes of them and what is between
them, and a layer's own path could hold what it takes for the end of one."""
_MOST: Final = 128
_EVERYBODY: Final = ["0", "0", "4294967295"]
_FUSE: Final = "/dev/fuse"


class Overlays:
    """Overlays for the layers of images, one for each set of them. They are for reading only.

    `program` is a fuse-overlayfs, empty for the kernel's overlay.
    """

    def __init__(self, program: str = "") -> None:
        self._program = program
        self._open: dict[tuple[Path, ...], int] = {}
        self._running: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        """They are gone; a program ends with what it serves."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
        for process in self._running:
            process.wait()
        self._running.clear()

    def merged(self, layers: tuple[Path, ...], room: Path) -> Path:
        """Where the layers are as one, the top one first; `room` is a directory to write to.

        Raises NoOverlayError, and OSError for the room.
        """
        if len(layers) == 1 and not self._program:
            return layers[0]
        if layers not in self._open:
            if len(layers) > _MOST:
                raise NoOverlayError(f"an image of more than {_MOST} layers can't be read")
            make = self._served if self._program else _overlay
            self._open[layers] = make(layers, room)
        return Path(f"/proc/self/fd/{self._open[layers]}")

    def _served(self, layers: tuple[Path, ...], room: Path) -> int:
        """An overlay of the program's, which is there when it has answered."""
        served = -1
        try:
            with _links(layers, room) as names:
                served, process = _serve(self._program, b":".join(names))
                self._running.append(process)
                os.fstat(served)
        except OSError as error:
            if served >= 0:
                os.close(served)
            message = f"layers of images can't be read here with {self._program}: {error.strerror}"
            raise NoOverlayError(message) from error
        return served


def _overlay(layers: tuple[Path, ...], room: Path) -> int:
    with _links(layers, room) as names:
        # Without power over the host, a storage has its marks in the user's attributes. With
        # it, a layer may have a file whose bytes are in one below.
        marks = ("metacopy", b"on") if _is_initial() else ("userxattr", b"")
        return _mounted([("lowerdir", b":".join(names)), marks])


@contextmanager
def _links(layers: tuple[Path, ...], room: Path) -> Iterator[list[bytes]]:
    """Short names of the layers in what is the current directory meanwhile."""
    before = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        with tempfile.TemporaryDirectory(dir=room) as links:
            os.chdir(links)
            names = [_NAMES[number : number + 1] for number in range(len(layers))]
            for name, layer in zip(names, layers, strict=True):
                Path(os.fsdecode(name)).symlink_to(layer)
            yield names
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


def _serve(program: str, layers: bytes) -> tuple[int, subprocess.Popen[bytes]]:
    """A file system that a program serves through a descriptor of its own, as libfuse takes one.

    Raises OSError.
    """
    # Half of what this process would need to begin, where no program is asked for.
    import subprocess  # noqa: PLC0415

    channel = os.open(_FUSE, os.O_RDWR | os.O_CLOEXEC)
    try:
        options = {"fd": channel, "user_id": os.getuid(), "group_id": os.getgid()}
        known = [(name, b"%d" % number) for name, number in options.items()]
        served = kernel.detached("fuse", [("rootmode", b"40000"), *known])
        try:
            lower = f"lowerdir={os.fsdecode(layers)}"
            argv = [program, "-f", "-o", lower, f"/dev/fd/{channel}"]
            # The output of this process is for answers.
            process = subprocess.Popen(
                argv,
                pass_fds=(channel,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        except OSError:
            os.close(served)
            raise
        return served, process
    finally:
        # While it is open here nobody is told that the program has ended.
        os.close(channel)


def _is_initial() -> bool:
    """Whether this process is in the user namespace of the host."""
    return Path("/proc/self/uid_map").read_text(encoding="ascii").split() == _EVERYBODY
