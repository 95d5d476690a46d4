"""The image tonistiigi/xx: shell scripts for cross builds, from a copy of its repository.

Facts: its Dockerfile at the tags v1.0.0 to v1.9.0 copies the files xx-* that are beside it to
/usr/bin of an empty image, with the links that its `ln -s` make in /out.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections import defaultdict
from pathlib import Path, PurePath
from typing import Final

from rootless_build.files import archives
from rootless_build.model import references
from rootless_build.model.errors import StepFailedError, UsageError
from rootless_build.model.text import shell_quoted
from rootless_build.process import programs

REPOSITORY: Final = "https://github.com/tonistiigi/xx.git"
_IMAGE: Final = "docker.io/tonistiigi/xx"
_PREFIX: Final = "xx-"
_MARK: Final = "xx-info"
_CONTAINERFILE: Final = "Dockerfile"
_LARGEST: Final = 1024 * 1024
_LINK: Final = re.compile(r"ln -s (\S+) /out/(\S+)")

Files = dict[PurePath, dict[str, bytes]]
"""Directory, name, content."""


def is_xx(image: str) -> bool:
    """Whether the reference is that of the image, whatever its tag."""
    return references.repository(references.canonical(image)) == _IMAGE


def tag(image: str) -> str:
    """The tag of the repository that an image of that reference is made of: `v1.6.1`."""
    version = references.canonical(image).rpartition(":")[2]
    return f"v{version}" if version[0].isdigit() else version


def make_archive(image: str, source: Path | None, archive: Path, place: Path) -> None:
    """Write the image's root file system to `archive`, a tar file; `place` is an empty directory.

    `source` is a git repository with the version's tag, or a directory or a tar archive of what is
    in it; None: it is cloned. Raises UsageError where the version or the scripts are not in it,
    StepFailedError where it can't be cloned.
    """
    found = _scripts(_files(image, source, place))
    if not found:
        raise UsageError(f"{source or REPOSITORY} has no {_MARK}: it is no copy of {REPOSITORY}")
    with tarfile.open(archive, "w") as tar:
        for name, content in sorted(found.items()):
            if name.startswith(_PREFIX):
                info = _entry(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        for link in _LINK.finditer(os.fsdecode(found.get(_CONTAINERFILE, b""))):
            info = _entry(link[2])
            info.type, info.linkname = tarfile.SYMTYPE, link[1]
            tar.addfile(info)


def _scripts(files: Files) -> dict[str, bytes]:
    """What is in the directory of the scripts, the one nearest to the root; empty without one."""
    places = [place for place, found in files.items() if _MARK in found]
    return files[min(places, key=lambda place: len(place.parts))] if places else {}


def _files(image: str, source: Path | None, place: Path) -> Files:
    """What the repository has at the image's version."""
    wanted = tag(image)
    if source is None:
        clone = ("git", "clone", "--quiet", "--depth=1", f"--branch={wanted}", REPOSITORY)
        done = programs.capture([*clone, str(place / "clone")])
        if done.status:
            raise StepFailedError(
                f"{image} is made of its repository, which could not be cloned",
                status=done.status,
                engine_words=done.words,
                hint=f"give a clone or an archive of it: rbuild base --from DIR {image}",
            )
        return _in_directory(place / "clone")
    if source.is_file():
        return _in_archive(source)
    if not ((source / ".git").exists() or (source / "objects").is_dir()):
        return _in_directory(source)
    git = ("git", "-c", "safe.directory=*", "-C", str(source))
    archive = place / "version.tar"
    done = programs.capture([*git, "archive", "--format=tar", f"--output={archive}", wanted])
    if done.status:
        raise UsageError(
            f"{source} has no {wanted}, which {image} is made of",
            hint=f"fetch it: git -C {shell_quoted(source)} fetch --tags",
        )
    return _in_archive(archive)


def _in_archive(archive: Path) -> Files:
    files: Files = defaultdict(dict)
    try:
        with archives.reading(), tarfile.open(archive) as tar:
            for member in tar:
                path = PurePath(member.name)
                # Only what is needed is read, and nothing is unpacked.
                if _is_needed(path) and member.isfile() and (content := tar.extractfile(member)):
                    files[path.parent][path.name] = content.read(_LARGEST)
    except archives.BadArchiveError as error:
        raise UsageError(f"{archive} is no whole tar archive: {error}") from error
    return files


def _in_directory(directory: Path) -> Files:
    files: Files = defaultdict(dict)
    for pattern in ("*", "*/*", "*/*/*"):
        for path in sorted(directory.glob(pattern)):
            if _is_needed(path) and path.is_file():
                files[path.parent.relative_to(directory)][path.name] = path.read_bytes()
    return files


def _is_needed(path: PurePath) -> bool:
    return path.name.startswith(_PREFIX) or path.name == _CONTAINERFILE


def _entry(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"usr/bin/{name}")
    info.mode = 0o755
    return info
