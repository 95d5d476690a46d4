"""Ways through a tree that others own, name by name, so that no link leads out of it.

Every name is opened by itself in the directory that the way has come to: whoever owns the tree can
put nothing in its place meanwhile. What happens where a link, or `..`, leads out of the tree is the
only thing in which ways differ: `ConfinedWay` refuses it, and `RootedWay` goes on as in a chroot.
Where no link may be on the way, `opened` goes it, and `Descent` to one directory after another.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

MOST_LINKS: Final = 40
"""Links that are followed on one way: as many as the kernel follows."""
_NAMED: Final = os.O_PATH | os.O_NOFOLLOW
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY
_MOST_OPEN: Final = 32


class ConfinedWay:
    """A way that ends in an error where it leads out of the tree.

    The root is a real path, and no link.
    """

    def __init__(self, root: Path, path: str, most_links: int = MOST_LINKS) -> None:
        self._root = root
        self._links = most_links
        self._names: list[str] = []
        self._left = path.split("/")[::-1]
        self._here = self._open_root()

    @property
    def path(self) -> str:
        """What has been come to, relative to the root and without links; empty for the root."""
        return "/".join(self._names)

    def end(self) -> int:
        """A descriptor, with O_PATH, of what the way ends at. Raises OSError."""
        try:
            while self._left:
                found = self._step()
                if found is not None:
                    return found
            return os.dup(self._here)
        finally:
            os.close(self._here)

    def _step(self) -> int | None:
        """Go to the next name. Returns a descriptor of what ends the way and is no directory."""
        name = self._left.pop()
        if name == "..":
            self._go_up()
        elif name not in {"", "."}:
            found = os.open(name, _NAMED, dir_fd=self._here)
            mode = os.fstat(found).st_mode
            if stat.S_ISDIR(mode):
                self._go(found)
                self._names.append(name)
            elif not stat.S_ISLNK(mode) and not any(self._left):
                self._names.append(name)
                return found
            else:
                os.close(found)
                self._follow(name, mode)
        return None

    def _follow(self, link: str, mode: int) -> None:
        self._links -= 1
        if not stat.S_ISLNK(mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if self._links < 0:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        text = os.readlink(link, dir_fd=self._here)
        if text.startswith("/"):
            text = self._below_root(text)
            self._names.clear()
            self._go(self._open_root())
        self._left += text.split("/")[::-1]

    def _go_up(self) -> None:
        """To where it came from: the kernel's `..` is where somebody has moved the directory to."""
        if not self._names:
            self._leave()
            return
        self._names.pop()
        self._go(self._open_root())
        for name in self._names:
            self._go(os.open(name, _NAMED | os.O_DIRECTORY, dir_fd=self._here))

    def _go(self, descriptor: int) -> None:
        os.close(self._here)
        self._here = descriptor

    def _open_root(self) -> int:
        return os.open(self._root, _NAMED | os.O_DIRECTORY)

    def _leave(self) -> None:
        """What `..` of the root does. Raises OSError."""
        raise _outside()

    def _below_root(self, text: str) -> str:
        """An absolute link's text, relative to the tree that it leads to. Raises OSError."""
        top = f"{self._root}".rstrip("/")
        if text == top or text.startswith(f"{top}/"):
            return text[len(top) :]
        raise _outside()


class RootedWay(ConfinedWay):
    """A way as in a chroot, and as BuildKit goes: `/` in a link is the root, and `..` of the root
    is the root. The root itself may be a link.
    """

    def _open_root(self) -> int:
        return os.open(self._root, os.O_PATH | os.O_DIRECTORY)

    def _leave(self) -> None:
        """Stay."""

    def _below_root(self, text: str) -> str:
        return text


@contextmanager
def opened(root: Path, path: str, flags: int = os.O_RDONLY, *, make: bool = False) -> Iterator[int]:
    """A descriptor of what is at `path` below the root, to which no link leads.

    It is not waited for. `make`: directories that are missing are made. Raises OSError, also for a
    path with `..`.
    """
    if ".." in path.split("/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    names = [name for name in path.split("/") if name]
    here = os.open(root, _DIRECTORY)
    try:
        for number, name in enumerate(names, 1):
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=here)
            last = flags | os.O_NONBLOCK | os.O_NOCTTY
            how = last if number == len(names) else os.O_PATH | os.O_DIRECTORY
            below = os.open(name, how | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


@contextmanager
def opened_directory(root: Path, path: str, *, make: bool = False) -> Iterator[int]:
    """A descriptor of a directory, as `opened`."""
    with opened(root, path, _DIRECTORY, make=make) as found:
        yield found


class Descent:
    """A way down a tree that somebody may be changing, to one directory after the other, as a walk
    comes to them: each is opened in the one above, and no link is followed.

    The last ones stay open, the deepest last: a deep tree is walked in linear time.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: list[tuple[str, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _path, place in self._open:
            os.close(place)
        self._open.clear()

    def to(self, directory: str) -> int:
        """A descriptor of a directory in the tree; the next one may end it. Raises OSError."""
        while self._open and not _is_above(self._open[-1][0], directory):
            os.close(self._open.pop()[1])
        try:
            if not self._open:
                self._open.append(("", os.open(self._root, _DIRECTORY)))
            self._go_down(directory)
        except OSError as error:
            name = str(self._root / directory)
            raise OSError(error.errno, error.strerror, name) from error
        return self._open[-1][1]

    def _go_down(self, directory: str) -> None:
        above = self._open[-1][0]
        for name in filter(None, directory[len(above) :].split("/")):
            path, place = self._open[-1]
            below = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            self._open.append((f"{path}/{name}" if path else name, below))
            if len(self._open) > _MOST_OPEN:
                os.close(self._open.pop(0)[1])


def _is_above(above: str, directory: str) -> bool:
    return not above or directory == above or directory.startswith(f"{above}/")


def _outside() -> OSError:
    return OSError(errno.EXDEV, "leads out of the bundles")
