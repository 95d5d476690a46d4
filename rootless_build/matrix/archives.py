"""Bundles as an archive, from one machine to another; what comes is unpacked as from a stranger."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path, PurePosixPath

from rootless_build.files import archives
from rootless_build.files.tree import link_text, open_itself, real, walk


class BadBundlesError(Exception):
    """What came is not what was made; says how."""


def packed(directory: Path) -> bytes:
    """The files, directories and links below a directory, as tar. Raises OSError."""
    root, packing = real(directory), io.BytesIO()
    with tarfile.open(fileobj=packing, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in walk(root):
            mode = entry.status.st_mode
            member = tarfile.TarInfo(entry.path)
            member.mode, member.mtime = stat.S_IMODE(mode), int(entry.status.st_mtime)
            if stat.S_ISDIR(mode):
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            elif stat.S_ISLNK(mode):
                member.type, member.linkname = tarfile.SYMTYPE, link_text(root / entry.path)
                archive.addfile(member)
            elif stat.S_ISREG(mode):
                with open_itself(root, entry.path) as file:
                    member.size = os.fstat(file.fileno()).st_size
                    archive.addfile(member, file)
    return packing.getvalue()


def unpack(data: bytes, target: Path) -> None:
    """Unpack what `packed` made into an empty directory of this process alone.

    Raises BadBundlesError for anything else: names that lead out, one in another that is no
    directory, devices; and OSError.
    """
    directories: list[tuple[Path, int]] = []
    kinds: dict[PurePosixPath, bool] = {PurePosixPath(): True}
    try:
        with archives.reading(), tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                name = _checked(member, kinds)
                place = target / name
                if member.isdir():
                    place.mkdir(0o700)
                    directories.append((place, member.mode & 0o7777))
                elif member.issym():
                    place.symlink_to(member.linkname)
                    continue
                else:
                    content = archive.extractfile(member)
                    assert content is not None  # it is a regular file
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                    with open(os.open(place, flags, 0o600), "wb") as file:  # noqa: PTH123
                        while piece := content.read(1024 * 1024):
                            file.write(piece)
                        os.fchmod(file.fileno(), member.mode & 0o777)
                os.utime(place, (member.mtime, member.mtime))
    except archives.BadArchiveError as error:
        raise BadBundlesError(f"what came can't be read: {error}") from error
    for place, mode in reversed(directories):
        place.chmod(mode & 0o777 | 0o700)


def _checked(member: tarfile.TarInfo, kinds: dict[PurePosixPath, bool]) -> PurePosixPath:
    """The path of a member; `kinds` says of those before whether they are directories."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not name.parts or "\0" in member.name:
        raise BadBundlesError(f"what came has a file called {member.name!r}")
    if not (member.isreg() or member.isdir() or member.issym()):
        raise BadBundlesError(f"what came has {member.name!r}, which is no file, directory or link")
    if name in kinds or not kinds.get(name.parent, False):
        raise BadBundlesError(f"what came has {member.name!r} twice, or in no directory")
    kinds[name] = member.isdir()
    return name
