"""Ways through a tree that others own, name by name, so that no link leads out of it.

Every name is opened by itself in the directory that the way has come to: whoever owns the tree can
put nothing in its place meanwhile. What happens where a link, or `..`, leads out of the tree is the
only thing in which ways differ: `ConfinedWay` refuses it, and `RootedWay` goes on as in a chroot.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

MOST_LINKS: Final = 40
"""Links that are followed on one way: as many as the kernel follows."""
_NAMED: Final = os.O_PATH | os.O_NOFOLLOW


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


def _outside() -> OSError:
    return OSError(errno.EXDEV, "leads out of the bundles")
