"""Archives that ADD unpacks: tar, compressed or not."""

from __future__ import annotations

import os
import re
import stat
import tarfile
from contextlib import ExitStack
from decimal import Decimal
from typing import IO, Final

from rootless_build.files.archives import BadArchiveError, reading
from rootless_build.images.layers.compressed import decompressed
from rootless_build.images.layers.contents import Spool, Spooled, check_room
from rootless_build.images.layers.copying import Options
from rootless_build.images.layers.destination import cleaned, resolved
from rootless_build.images.layers.forward import Archive
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.nodes import (
    CAPABILITY,
    SECOND,
    Content,
    Node,
    copied,
    directory,
)
from rootless_build.images.layers.ownership import Owner
from rootless_build.images.layers.problems import RefusedError

_LATEST: Final = 2**63 - 1
_OTHER: Final = "of a type that is not unpacked"
_UNKNOWN: Final = {
    # Seen with docker 28.2, and so it is in the code of the go-archive that BuildKit has.
    tarfile.GNUTYPE_SPARSE: "a file with holes in GNU's old format, which docker does not unpack:"
    " `tar --sparse --format=pax` makes archives that it does"
}
CAPABILITY_RECORD: Final = f"SCHILY.xattr.{CAPABILITY}"
_LARGEST_ID: Final = 2**32 - 2
_NUMBER: Final = re.compile("-?[0-9]{1,20}")
_MOST_MAJOR, _MOST_MINOR = 2**12, 2**20
KINDS: Final = {
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.AREGTYPE: stat.S_IFREG,
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO,
}


def unpacked(
    content: Content, image: ImageTree, destination: str, options: Options, spool: Spool
) -> bool:
    """Unpack an archive into a directory of the image, which is made where there is none. False for
    a file that is no archive.

    What is in it is kept in `spool` until the layer is written. Raises RefusedError, OSError.
    """
    try:
        with decompressed(content, spool.directory) as plain:
            found = _first(plain)
            if found is None:
                return False
            archive, entry = found
            with archive, reading():
                _Unpacking(archive, image, destination, options, spool).all(entry)
    except BadArchiveError as error:
        raise RefusedError(f"the archive is broken: {error}") from error
    return True


def _first(plain: IO[bytes]) -> tuple[tarfile.TarFile, tarfile.TarInfo] | None:
    """The archive, and its first entry; None where there is no such thing."""
    try:
        with reading(), ExitStack() as opened:
            archive = opened.enter_context(Archive(plain))
            entry = archive.next()
            if entry is None:
                return None
            opened.pop_all()
            return archive, entry
    except BadArchiveError:
        return None


class _Inside:
    """The destination as a root of its own: no link in it leads to the rest of the image."""

    def __init__(self, image: ImageTree, root: str) -> None:
        self._image = image
        self._root = root

    def find(self, path: str) -> Node | None:
        return self._image.find(self.place(path))

    def place(self, path: str) -> str:
        return "/".join(filter(None, (self._root, path)))


class _Unpacking:
    """An archive on its way into the image."""

    def __init__(
        self,
        archive: tarfile.TarFile,
        image: ImageTree,
        destination: str,
        options: Options,
        spool: Spool,
    ) -> None:
        self._archive = archive
        self._image = image
        self._owner = options.owner
        owner = options.owner or Owner(0, 0)
        root = resolved(image, destination)
        made = directory(0o755, owner.uid, owner.gid, options.time)
        image.make_directories(root, made, owned=self._owner is not None)
        self._inside = _Inside(image, root)
        self._implied = directory(0o755, 0, 0, options.time)
        self._spool = spool
        self._removed: set[str] = set()

    def all(self, first: tarfile.TarInfo) -> None:
        """Every entry. Raises RefusedError, OSError, and what tarfile raises."""
        entry: tarfile.TarInfo | None = first
        while entry is not None:
            self._one(entry)
            entry = self._archive.next()

    def _one(self, entry: tarfile.TarInfo) -> None:
        _check(entry, owned=self._owner is not None)
        path = cleaned(entry.name).strip("/")
        if not path:
            return  # the destination itself stays as it is
        above, _, name = path.rpartition("/")
        inside = self._way(above)
        parent = self._image.make_directories(self._inside.place(inside), self._implied, owned=True)
        present = self._image.child(parent, name)
        if entry.islnk():
            self._link(parent, name, entry)
            return
        node = self._node(entry)
        if present is not None and present.is_directory and node.is_directory:
            present.mode, present.uid, present.gid = node.mode, node.uid, node.gid
            present.mtime = node.mtime
            self._image.touch(present)
        else:
            self._replace(parent, name, path, present, node)

    def _way(self, path: str) -> str:
        """The path of a directory, which may be missing, without links.

        Raises RefusedError where one leads nowhere: no directory is made in its place.
        """
        way = resolved(self._inside, path)
        if way == path:
            return way  # no link is on it, as in most archives
        here, names = "", path.split("/")
        for number, name in enumerate(names, 1):
            node = self._inside.find("/".join(filter(None, (here, name))))
            here = resolved(self._inside, "/".join(names[:number]))
            if node is not None and node.is_link and self._inside.find(here) is None:
                raise RefusedError(f"{path} leads through a link that leads nowhere")
        return way

    def _replace(
        self, parent: Node, name: str, path: str, present: Node | None, node: Node
    ) -> None:
        if present is not None and present.is_directory:
            self._removed.add(path)
        elif node.is_directory and path in self._removed:
            # A layer could not say that what the image has in the directory is gone.
            raise RefusedError(f"the archive has {path} as a file first, then as a directory")
        self._image.put(parent, name, node)

    def _link(self, parent: Node, name: str, entry: tarfile.TarInfo) -> None:
        above, _, last = cleaned(entry.linkname).strip("/").rpartition("/")
        path = self._inside.place(f"{resolved(self._inside, above)}/{last}".strip("/"))
        target = self._image.find(path)
        if target is None or target.is_directory or self._image.child(parent, name) is target:
            raise RefusedError(f"{entry.name} is a link to {entry.linkname}, which is no file")
        node = self._linked(target, entry)
        self._image.put(parent, name, node)

    def _linked(self, target: Node, entry: tarfile.TarInfo) -> Node:
        """The file with what the entry says of it."""
        owner = self._owner or Owner(entry.uid, entry.gid)
        mode, time = target.mode, target.mtime
        if not target.is_link:
            mode, time = stat.S_IFMT(mode) | entry.mode & 0o7777, time_of(entry)
        said = (mode, time, owner.uid, owner.gid)
        if said == (target.mode, target.mtime, target.uid, target.gid) and (
            target.touched != self._image.operation
        ):
            # What an image has already, as it is, is in no layer again: the link is a copy.
            return copied(target)
        target.mode, target.mtime, target.uid, target.gid = said
        target.inode = target.inode or (-1, id(target))
        self._image.touch(target)
        return target

    def _node(self, entry: tarfile.TarInfo) -> Node:
        kind = KINDS.get(entry.type)
        if kind is None:
            raise RefusedError(f"{entry.name} is {_UNKNOWN.get(entry.type, _OTHER)}")
        node = Node(kind | entry.mode & 0o7777, mtime=time_of(entry))
        self._own(node, entry)
        if kind == stat.S_IFLNK:
            node.link = entry.linkname
        elif kind in {stat.S_IFCHR, stat.S_IFBLK}:
            node.rdev = os.makedev(entry.devmajor, entry.devminor)
        elif kind == stat.S_IFREG:
            node.content = self._spooled(entry)
        return node

    def _own(self, node: Node, entry: tarfile.TarInfo) -> None:
        owner = self._owner or Owner(entry.uid, entry.gid)
        node.uid, node.gid = owner.uid, owner.gid

    def _spooled(self, entry: tarfile.TarInfo) -> Spooled:
        file = self._archive.extractfile(entry)
        assert file is not None  # it is a regular one
        check_room(self._spool.directory, entry.size, entry.name, entry.size)
        with file:
            capability = entry.pax_headers.get(CAPABILITY_RECORD, "")
            return self._spool.add(file, capability.encode(errors="surrogateescape"))


def _check(entry: tarfile.TarInfo, *, owned: bool) -> None:
    """Refuse what no file can have; `owned`: it gets another owner than the archive says."""
    if "\0" in entry.name or "\0" in entry.linkname:
        raise RefusedError(f"there is a NUL in {entry.name!r}, or in where it leads")
    for key, number in () if owned else (("uid", entry.uid), ("gid", entry.gid)):
        # What is no number is 0 to tarfile, and a broken archive to docker.
        said = _NUMBER.fullmatch(entry.pax_headers.get(key, "0"))
        if said is None or not 0 <= number <= _LARGEST_ID:
            raise RefusedError(f"{entry.name} has an owner or a group that nobody can be")
    device = 0 <= entry.devmajor < _MOST_MAJOR and 0 <= entry.devminor < _MOST_MINOR
    if entry.type in {tarfile.CHRTYPE, tarfile.BLKTYPE} and not device:
        raise RefusedError(f"{entry.name} is a device of a number that none can have")


def time_of(entry: tarfile.TarInfo) -> int:
    """In nanoseconds; what is before 1970, or no time, is 1970."""
    try:
        time = Decimal(entry.pax_headers.get("mtime", str(entry.mtime))) * SECOND
        # Before it is a whole number, which may take a million digits.
        return int(time) if 0 <= time <= _LATEST else 0
    except (ArithmeticError, ValueError):
        return 0
