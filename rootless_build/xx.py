"""The image tonistiigi/xx: shell scripts for cross builds, from a copy of its repository.

Facts: its Dockerfile at the tags v1.0.0 to v1.9.0 copies the files xx-* that are beside it to
/usr/bin of an empty image, with the links that its `ln -s` make in /out.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build import process, reference
from rootless_build.errors import StepFailedError, UsageError

REPOSITORY: Final = "https://github.com/tonistiigi/xx.git"
_IMAGE: Final = "docker.io/tonistiigi/xx"
_PLACES: Final = ("src", "base", ".", "*/src", "*/base", "*")
"""Where the scripts are: in the repository up to 1.2 and since, and in an archive of it."""
_MARK: Final = "xx-info"
_LINK: Final = re.compile(r"ln -s (\S+) /out/(\S+)")


def is_xx(image: str) -> bool:
    """Whether the reference is that of the image, whatever its tag."""
    return reference.repository(reference.canonical(image)) == _IMAGE


def tag(image: str) -> str:
    """The tag of the repository that an image of that reference is made of: `v1.6.1`."""
    version = reference.canonical(image).rpartition(":")[2]
    return f"v{version}" if version[0].isdigit() else version


def make_archive(image: str, source: Path | None, archive: Path, place: Path) -> None:
    """Write the image's root file system to `archive`, a tar file; `place` is an empty directory.

    `source` is a git repository with the version's tag, or a directory or a tar archive of what is
    in it; None: it is cloned. Raises UsageError where the version or the scripts are not in it,
    StepFailedError where it can't be cloned.
    """
    directory = _version(image, source, place)
    found = next(
        (path.parent for where in _PLACES for path in sorted(directory.glob(f"{where}/{_MARK}"))),
        None,
    )
    if found is None:
        raise UsageError(f"{source or REPOSITORY} has no {_MARK}: it is no copy of {REPOSITORY}")
    with tarfile.open(archive, "w") as tar:
        for script in sorted(found.glob("xx-*")):
            info = _entry(tar.gettarinfo(script, f"usr/bin/{script.name}"))
            info.mode = 0o755
            tar.addfile(info, io.BytesIO(script.read_bytes()))
        for target, name in _links(found / "Dockerfile"):
            info = _entry(tarfile.TarInfo(f"usr/bin/{name}"))
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)


def _version(image: str, source: Path | None, place: Path) -> Path:
    """A directory with what the repository has at the image's version."""
    wanted = tag(image)
    if source is None:
        clone = ("git", "clone", "--quiet", "--depth=1", f"--branch={wanted}", REPOSITORY)
        done = process.capture([*clone, str(place / "clone")])
        if done.status:
            raise StepFailedError(
                f"{image} is made of its repository, which could not be cloned",
                status=done.status,
                engine_words=done.words,
                hint=f"give a clone or an archive of it: rbuild base --from DIR {image}",
            )
        return place / "clone"
    if source.is_file():
        with tarfile.open(source) as tar:
            tar.extractall(place, filter="data")
        return place
    git = ("git", "-c", "safe.directory=*", "-C", str(source))
    if not ((source / ".git").exists() or (source / "objects").is_dir()):
        return source
    written = place / "version.tar"
    done = process.capture([*git, "archive", "--format=tar", f"--output={written}", wanted])
    if done.status:
        raise UsageError(
            f"{source} has no {wanted}, which {image} is made of",
            hint=f"fetch it: git -C {source} fetch --tags",
        )
    with tarfile.open(written) as tar:
        tar.extractall(place, filter="data")
    return place


def _links(containerfile: Path) -> Iterator[tuple[str, str]]:
    text = containerfile.read_text() if containerfile.is_file() else ""
    for found in _LINK.finditer(text):
        yield found[1], found[2]


def _entry(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info
