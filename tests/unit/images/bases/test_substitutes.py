"""What an image has from elsewhere is told, and is in the provenance of bundles it came into."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootless_build.backend.api import Container, Exit, Image
from rootless_build.images.bases import executables
from rootless_build.images.bases.executables import Substitute
from rootless_build.images.bases.substitutes import how_to_get
from rootless_build.model.events import Event, Level, Notice
from rootless_build.model.plan import RunContainer
from rootless_build.model.structs import replace
from rootless_build.runner import run as runner
from rootless_build.runner.options import BundleOptions, Options
from rootless_build.runner.provenance import Attestor
from tests.unit.runner.fake_engine import (
    FakeContainer,
    FakeEngine,
    Work,
    nothing,
    plan,
    project,
    write,
)

__all__ = ["project"]

LIST = """\
docker-runc pkg:deb/debian/runc@1.1.5%2Bds1-1%2Bdeb12u1

docker-containerd pkg:deb/debian/containerd@1.6.20~ds1-1
docker-containerd-shim   pkg:deb/debian/containerd@1.6.20~ds1-1
nothing
"""


@dataclass
class ImageOfParts(FakeContainer):
    """A container of an image with a list of what is not the project's own, in /parts."""

    def copy_out(self, path: str, destination: Path) -> bool:
        (destination / "substitutes").write_text(LIST)
        return path == "/parts"


@dataclass
class EngineOfParts(FakeEngine):
    """An engine whose containers are these."""

    @contextmanager
    def container(self, step: RunContainer, image: Image) -> Iterator[Container]:
        yield ImageOfParts(step, self.ended, self.work, None)


def run(project: Path, label: str, work: Work) -> list[Event]:
    image = Image("1" * 64, labels=((executables.LABEL, label),) if label else ())
    made = plan(project)
    options = Options(bundles=BundleOptions(attest=lambda: Attestor(made, "podman", "4.3.1")))
    events: list[Event] = []
    runner.run(made, EngineOfParts({"dev": image}, work=work), options, events.append)
    return events


@dataclass
class ImageOfOthers(FakeContainer):
    """A container that has put something else in the place of the list."""

    make: Callable[[Path], None] = Path.mkdir

    def copy_out(self, path: str, destination: Path) -> bool:
        self.make(destination / "substitutes")
        return True


def large(file: Path) -> None:
    with file.open("w") as opened:
        opened.write(LIST)
        opened.truncate(1 << 33)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda file: file.symlink_to("/etc/hosts"), 0),
        (os.mkfifo, 0),
        (Path.mkdir, 0),
        (lambda _: None, 0),
        (large, 3),
    ],
)
def test_only_a_file_of_the_containers_own_is_read(
    tmp_path: Path, make: Callable[[Path], None], found: int
) -> None:
    image = Image("1", labels=((executables.LABEL, "/parts"),))
    container = ImageOfOthers(RunContainer("dev"), Exit(0), nothing, None, make=make)
    assert len(executables.read(image, container, tmp_path)) == found


def told(events: list[Event]) -> list[str]:
    return [e.text for e in events if isinstance(e, Notice) and e.code == "substitutes"]


def dependencies(project: Path) -> list[dict[str, object]]:
    statement = json.loads((project / "bundles/binary/provenance.intoto.json").read_text())
    found = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    return [each for each in found if each.get("annotations") == {"role": "substitute"}]


def parts(*names: str) -> Work:
    def work(step: RunContainer) -> None:
        for name in names:
            write(f"binary/{name}", "x")(step)

    return work


@pytest.fixture
def ready(project: Path) -> Path:
    (project / "bundles" / "binary").mkdir()
    return project


def test_what_is_not_the_projects_own_is_told_and_stated(ready: Path) -> None:
    events = run(ready, "/parts", parts("dockerd", "docker-runc", "docker-containerd"))
    (said,) = told(events)
    assert said == (
        "not the project's own: docker-runc: Debian's runc 1.1.5+ds1-1+deb12u1; "
        "docker-containerd: Debian's containerd 1.6.20~ds1-1"
    )
    assert [event.level for event in events if isinstance(event, Notice)] == [Level.WARNING]
    assert [(each["name"], each["uri"]) for each in dependencies(ready)] == [
        ("docker-runc", "pkg:deb/debian/runc@1.1.5%2Bds1-1%2Bdeb12u1"),
        ("docker-containerd", "pkg:deb/debian/containerd@1.6.20~ds1-1"),
    ]


@pytest.mark.parametrize(
    ("label", "names"),
    [("", ("docker-runc",)), ("/elsewhere", ("docker-runc",)), ("/parts", ("dockerd",))],
)
def test_where_all_is_the_projects_own_nothing_is_said(
    ready: Path, label: str, names: tuple[str, ...]
) -> None:
    assert told(run(ready, label, parts(*names))) == []
    assert dependencies(ready) == []


def test_files_of_an_earlier_run_are_not_of_this_one(ready: Path) -> None:
    (ready / "bundles" / "binary" / "docker-runc").write_text("the user's own")
    assert told(run(ready, "/parts", parts("dockerd"))) == []


def test_a_part_is_named_as_a_person_would_name_it() -> None:
    runc = Substitute("runc", "pkg:deb/debian/runc@1.1.5")
    shim = replace(runc, name="shim")
    assert (
        executables.sentence([runc, shim])
        == "not the project's own: runc, shim: Debian's runc 1.1.5"
    )
    tool = Substitute("x", "pkg:golang/example.com/a/tool@v1?goos=linux")
    assert tool.origin == "example.com/a's tool v1"
    assert Substitute("x", "somewhere else").origin == "somewhere else"


@pytest.mark.parametrize("name", ["docker/dockerfile:1", "docker.io/docker/dockerfile:1.7-labs"])
def test_what_a_syntax_line_wants_is_no_image_to_be_made(name: str) -> None:
    assert "`# syntax=`" in how_to_get(name)
    assert "# syntax=" not in how_to_get("docker/dockerfile-upstream:1")
