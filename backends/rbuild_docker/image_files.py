"""The files of an image: the layers that `docker save` writes, one on top of the other.

A container is no way to them: dockerd puts files of its own into every one it makes (/.dockerenv,
/etc/hosts, /dev/console; moby, daemon/initlayer). Layers are those of the image specification
(opencontainers/image-spec, layer.md), whiteouts included.
"""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import Final, cast

from rbuild_docker.client import Client
from rootless_build.backend import Image, StepFailedError, archives

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"


def copy_image(client: Client, image: Image, destination: Path) -> None:
    """See `rootless_build.backend.api.Engine.copy_image`."""
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".rbuild-image-") as place:
        archive = Path(place) / "image.tar"
        # By 64 digits alone docker 29 saves none.
        words = ("save", "--output", str(archive), f"sha256:{image.id}")
        client.answer("docker could not save the image", *words)
        try:
            with archives.reading():
                _unpack(archive, destination)
        except archives.BadArchiveError as error:
            message = f"the image that docker saved can't be read: {error}"
            raise StepFailedError(message) from error


def _unpack(archive: Path, destination: Path) -> None:
    directories: dict[Path, tarfile.TarInfo] = {}
    with tarfile.open(archive) as saved:
        manifest = saved.extractfile("manifest.json")
        assert manifest is not None  # a KeyError tells of a missing one
        described = cast("list[dict[str, list[str]]]", json.load(manifest))
        for name in described[0]["Layers"]:
            layer = saved.extractfile(name)
            with tarfile.open(fileobj=layer) as members:
                for member in members:
                    _place(members, member, destination, directories)
    # Last: a read-only directory can't be filled, and filling one changes its time.
    for path, member in reversed(directories.items()):
        if path.is_dir() and not path.is_symlink():
            path.chmod(member.mode & 0o7777)
            os.utime(path, (member.mtime, member.mtime))


def _place(
    members: tarfile.TarFile,
    member: tarfile.TarInfo,
    destination: Path,
    directories: dict[Path, tarfile.TarInfo],
) -> None:
    parts = [part for part in PurePosixPath(member.name).parts if part not in {"/", "."}]
    if not parts:
        return
    target = destination.joinpath(*parts)
    root = destination.resolve()
    if ".." in parts or not target.parent.resolve().is_relative_to(root):
        message = f"{member.name} leads out of the image"
        raise ValueError(message)
    if target.name == _OPAQUE:
        for old in target.parent.iterdir():
            _remove(old)
    elif target.name.startswith(_WHITEOUT):
        _remove(target.with_name(target.name.removeprefix(_WHITEOUT)))
    elif member.isdir():
        if target.is_symlink() or not target.is_dir():
            _remove(target)
            target.mkdir(parents=True)
        directories.pop(target, None)
        directories[target] = member
    elif member.isfile() or member.issym() or member.islnk():
        _remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if member.islnk():
            os.link(destination / member.linkname.lstrip("/"), target, follow_symlinks=False)
        elif member.issym():
            target.symlink_to(member.linkname)
        else:
            _write(members, member, target)
        os.utime(target, (member.mtime, member.mtime), follow_symlinks=False)


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = members.extractfile(member)
    assert content is not None  # it is a file
    with content, target.open("wb") as file:
        while chunk := content.read(1024 * 1024):
            file.write(chunk)
    target.chmod(member.mode & 0o7777)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            _remove(inside)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
