"""Which files changed since the last build as a whole, and when nobody can say."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.freshness import fingerprints
from rootless_build.freshness.fingerprints import Fingerprint
from rootless_build.freshness.full_builds import FullBuilds
from rootless_build.images import configuration
from rootless_build.images.incremental import NotIncrementalError
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.segments import readings
from rootless_build.images.segments.readings import FullBuild, Reading
from rootless_build.model import platforms
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace

EMPTY = configuration.scratch(platforms.parse(platforms.host()))
BUILT = FullBuild("1" * 64, EMPTY, Reading("", (), (), ()), (), (), time.time())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in ("Dockerfile", "d/f", "d/g", "e"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


class Builds:
    """Builds of a project."""

    def __init__(self, project: Path) -> None:
        self.step = BuildImage(project)
        self.cache = project.parent / "cache"
        self.full = FullBuilds(self.cache / "full-1")

    def now(self) -> Fingerprint:
        found = fingerprints.of_build(self.step, self.cache, OwnFiles())
        assert isinstance(found, Fingerprint)
        return found

    def build(self) -> None:
        """Build all of it."""
        place = self.full.begin()
        assert place is not None
        readings.write(place, BUILT)
        self.full.end(self.now())

    def changed(self) -> tuple[str, ...]:
        """What changed since. Raises NotIncrementalError."""
        return self.full.changes(self.now(), 0.1).files


@pytest.fixture
def builds(project: Path) -> Builds:
    made = Builds(project)
    made.build()
    return made


def add(project: Path) -> None:
    (project / "n" / "m").mkdir(parents=True)


def remove(project: Path) -> None:
    (project / "d" / "f").unlink()
    (project / "d" / "g").unlink()
    (project / "d").rmdir()


def same_size_and_time(project: Path) -> None:
    status = (project / "e").stat()
    (project / "e").write_text("x")
    os.utime(project / "e", ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("edit", "files"),
    [
        (add, {"n", "n/m"}),
        (remove, {"d", "d/f", "d/g"}),
        (same_size_and_time, {"e"}),
        (lambda project: (project / "d" / "f").chmod(0o700), {"d/f"}),
        (lambda project: (project / "d").chmod(0o700), {"d"}),
        (lambda project: (project / "e").touch(), set()),
    ],
)
def test_what_changed(
    builds: Builds, project: Path, edit: Callable[[Path], object], files: set[str]
) -> None:
    assert builds.changed() == ()
    edit(project)
    assert set(builds.changed()) == files
    # It is so for every build after it, whatever was looked at meanwhile.
    assert set(builds.changed()) == files


def test_an_index_that_could_not_be_written_is_not_believed(project: Path) -> None:
    """What the build was made of is kept as it was seen, not as the cache has it."""
    builds = Builds(project)
    builds.now()
    (project / "e").write_text("changed")
    builds.build()
    for file in builds.cache.glob("context-*"):
        file.unlink()
    assert builds.changed() == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda step: replace(step, target="other"), "the target stage changed"),
        (lambda step: replace(step, build_args=(("A", "1"),)), "build argument A is new"),
        (lambda step: replace(step, platforms=("linux/arm64",)), "the platform changed"),
    ],
)
def test_only_files_of_the_context_may_be_others(
    builds: Builds, change: Callable[[BuildImage], BuildImage], why: str
) -> None:
    builds.step = change(builds.step)
    with pytest.raises(NotIncrementalError, match=why):
        builds.changed()


def test_another_containerfile(builds: Builds, project: Path) -> None:
    (project / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    with pytest.raises(NotIncrementalError, match="the containerfile changed"):
        builds.changed()


@pytest.mark.parametrize("name", ["build.json", "parts.json", "context"])
def test_what_is_lost_is_built_again(builds: Builds, name: str) -> None:
    for content in (b"", b"{", b"[]"):
        (builds.full.place / name).write_bytes(content)
        with pytest.raises(NotIncrementalError):
            builds.changed()
    (builds.full.place / name).unlink()
    with pytest.raises(NotIncrementalError):
        builds.changed()


def test_a_build_that_does_not_end_leaves_the_one_before(builds: Builds, project: Path) -> None:
    place = builds.full.begin()
    assert place is not None
    readings.write(place, replace(BUILT, image="2" * 64))
    assert builds.full.changes(builds.now(), 0.1).full.image == BUILT.image
    builds.full.end(None)
    assert builds.full.changes(builds.now(), 0.1).full.image == BUILT.image
    assert not place.exists()


def test_what_killed_builds_left_goes(builds: Builds) -> None:
    left = builds.full.place.with_name("full-1.1.0")
    left.mkdir()
    builds.full.begin()
    assert not left.exists()


def test_only_the_last_few_are_kept(project: Path) -> None:
    builds = Builds(project)
    for number in range(12):
        builds.full = FullBuilds(builds.cache / f"full-{number}")
        builds.build()
    assert len(list(builds.cache.glob("full-*"))) == 8
