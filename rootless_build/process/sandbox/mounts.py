"""The mounts of the sandbox, and what they show."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct

from rootless_build.process.sandbox import kernel

_NODES: Final = ("null", "zero", "full", "random", "urandom")
_HARMLESS: Final = kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES
_QUEUES: Final = "/dev/mqueue"


class Box(Struct, frozen=True):
    """What a sandbox shows: everything, read-only, but for what is named here.

    `directory` is where the program starts, and `checkout` what an overlay is laid over, where that
    is `overlaid`. `kept` can be written, and that stays. The `private` directories are empty, but
    for what is `shown` of them. `inner` are mounts below the checkout.
    """

    directory: str
    checkout: str
    kept: tuple[str, ...]
    shown: tuple[str, ...]
    private: tuple[str, ...]
    inner: tuple[str, ...] = ()
    overlaid: bool = True

    @property
    def writable(self) -> tuple[str, ...]:
        """Where files can be made."""
        return (*((self.checkout,) if self.overlaid else ()), *self.kept, *self.private)


class Layers(Struct, frozen=True):
    """Descriptors of the checkout, and of what was changed in it; `begun` is what the private
    directories had in them before anything ran.
    """

    lower: int
    upper: int
    begun: frozenset[str]


def nodes() -> tuple[str, ...]:
    """The devices that there are."""
    return tuple(f"/dev/{name}" for name in _NODES)


def mount(box: Box) -> Layers:
    """Make the mounts of this process, which has a mount namespace of its own."""
    devices = [(path, kernel.tree(path, recursive=False)) for path in nodes()]
    shown = [(path, kernel.tree(path)) for path in (*box.shown, *box.inner)]
    kept = [(path, kernel.tree(path)) for path in box.kept]
    for _, tree in shown:
        kernel.set_attributes(tree, _HARMLESS)
    for _, tree in kept:
        kernel.set_attributes(tree, kernel.NO_SUID | kernel.NO_DEVICES)
    modes = {path: stat.S_IMODE(os.stat(path).st_mode) for path in box.private}
    lower = os.open(box.checkout, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    kernel.set_attributes("/", _HARMLESS)
    upper, checkout = _overlay(box, lower) if box.overlaid else (-1, [])
    trees = dict((*checkout, *shown, *kept))
    for path in sorted({*box.private, *trees}, key=_depth):
        os.makedirs(path, exist_ok=True)
        if path in trees:
            kernel.attach(trees[path], path)
        else:
            options = f"mode={modes[path]:o}"
            kernel.mount("tmpfs", path, "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, options)
    for path, tree in devices:
        kernel.attach(tree, path)
    if os.path.isdir(_QUEUES):
        kernel.mount("tmpfs", _QUEUES, "tmpfs", _HARMLESS)
    kernel.mount("proc", "/proc", "proc", _HARMLESS | kernel.NO_PROGRAMS)
    return Layers(lower, upper, frozenset(in_private(box)))


def _depth(path: str) -> int:
    return len(PurePosixPath(path).parts)


def _overlay(box: Box, lower: int) -> tuple[int, list[tuple[str, int]]]:
    """The directory of changes, and the overlay, mounted nowhere."""
    place = box.private[0]
    kernel.mount("tmpfs", place, "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, "mode=700")
    for name in ("upper", "work", "merged"):
        os.mkdir(f"{place}/{name}")
    os.chmod(f"{place}/upper", os.fstat(lower).st_mode & 0o7777)
    # A comma or a colon in a path would be read as a part of the options.
    os.fchdir(lower)
    options = f"lowerdir=.,upperdir={place}/upper,workdir={place}/work,userxattr"
    kernel.mount(
        "overlay", f"{place}/merged", "overlay", kernel.NO_SUID | kernel.NO_DEVICES, options
    )
    upper = os.open(f"{place}/upper", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return upper, [(box.checkout, kernel.tree(f"{place}/merged"))]


def in_private(box: Box) -> Iterator[str]:
    """The names in the private directories."""
    for place in box.private:
        yield from (f"{place}/{name}" for name in os.listdir(place))
