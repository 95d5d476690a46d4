"""A tree of files, and random changes of it."""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

NAMES = ["a", "b", "A", "a.b", "a-b", "ä", b"\xff\x80".decode(errors="surrogateescape"), "z" * 110]


class EditedTree:
    """The tree at `root`. `keep` are names there that stay what they are: files, and directories
    `d` and `dd`, which are made.
    """

    def __init__(self, root: Path, rng: random.Random, keep: Sequence[str] = ()) -> None:
        self.root = root
        self.random = rng
        self._keep = {root / name for name in keep}
        root.mkdir(exist_ok=True)
        for name in keep:
            if name.startswith("d"):
                (root / name).mkdir()
            elif not (root / name).exists():
                (root / name).write_text(name)
        for _ in range(12):
            self._add()

    def edit(self) -> None:
        """One change."""
        changes: list[Callable[[], None]] = [
            *(self._add, self._add, self._remove, self._change, self._change, self._same_time),
            *(self._mode, self._touch, self._link, self._hard_link, self._other_kind),
            self._rename,
        ]
        self.random.choice(changes)()

    def _some(self, kind: Callable[[Path], bool] = lambda _: True) -> Path | None:
        found = [p for p in sorted(self.root.rglob("*")) if p not in self._keep and kind(p)]
        return self.random.choice(found) if found else None

    def _place(self) -> Path:
        below = sorted(p for p in self.root.rglob("*") if p.is_dir() and not p.is_symlink())
        return self.random.choice([self.root, *below]) / self.random.choice(NAMES)

    def _add(self) -> None:
        path = self._place()
        if os.path.lexists(path):
            return
        if self.random.random() < 0.4:
            path.mkdir()
        else:
            path.write_text(str(self.random.random()))

    def _remove(self) -> None:
        if path := self._some():
            _away(path)

    def _change(self) -> None:
        if path := self._some(_is_plain):
            path.write_text(str(self.random.random()))

    def _same_time(self) -> None:
        """Other bytes, as many, and the time that it had."""
        if path := self._some(_is_plain):
            status = path.stat()
            path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _mode(self) -> None:
        if path := self._some(lambda p: not p.is_symlink()):
            path.chmod(stat.S_IMODE(path.stat().st_mode) ^ 0o011)

    def _touch(self) -> None:
        if path := self._some():
            os.utime(path, ns=(1, self.random.randrange(10**18)), follow_symlinks=False)

    def _link(self) -> None:
        path = self._place()
        if not os.path.lexists(path):
            path.symlink_to(self.random.choice(["a", "b/a", "nowhere"]))

    def _hard_link(self) -> None:
        path, to = self._place(), self._some(_is_plain)
        if to is not None and not os.path.lexists(path):
            path.hardlink_to(to)

    def _other_kind(self) -> None:
        """A file, a directory and a link take the place of each other."""
        path = self._some()
        if path is None:
            return
        _away(path)
        how = self.random.randrange(3)
        if how == 0:
            path.write_text("file")
        elif how == 1:
            path.symlink_to("a")
        else:
            path.mkdir()
            (path / "a").write_text("in it")

    def _rename(self) -> None:
        path, to = self._some(), self._place()
        if path is not None and not os.path.lexists(to) and not to.is_relative_to(path):
            path.rename(to)


def _away(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
