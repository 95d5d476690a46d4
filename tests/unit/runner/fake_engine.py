"""An engine that answers as it was told to, and a project for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rootless_build.backend.api import (
    Container,
    Exit,
    Image,
    Stdio,
)
from rootless_build.model.errors import (
    ContainerLeftError,
    ImageNotFoundError,
)
from rootless_build.model.events import (
    Event,
    StepReporter,
)
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Bundles,
    Pairs,
    Plan,
    RunContainer,
)
from rootless_build.model.structs import replace
from rootless_build.runner import run as runner
from rootless_build.runner.options import Options, PrivilegeOptions
from tests.unit.backend.idle_engine import IdleEngine

Work = Callable[[RunContainer], None]


def nothing(step: RunContainer) -> None:
    """A container that does nothing."""


@dataclass
class FakeContainer:
    """Ends as it was told to, after `work` was done with its mounts."""

    step: RunContainer
    ended: Exit
    work: Work
    inside: Path | None
    written: bytes = b""
    id: str = "c0ffee"

    def run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        self.work(self.step)
        reporter.output(self.written, "stderr")
        return self.ended

    def copy_out(self, path: str, destination: Path) -> bool:
        if self.inside is None:
            return False
        (destination / "from-the-container").write_text(path)
        return True


@dataclass
class FakeEngine(IdleEngine):
    """An engine with these images in its storage; it records what it is asked."""

    images: dict[str, Image] = field(default_factory=lambda: {"dev": Image("1" * 64)})
    ended: Exit = field(default_factory=lambda: Exit(0))
    work: Work = nothing
    rootless: bool = True
    remote: bool = False
    inside: Path | None = None
    containers: list[RunContainer] = field(default_factory=list)
    builds: list[BuildImage] = field(default_factory=list)
    used: list[Image] = field(default_factory=list)
    open_containers: int = 0
    discarded: list[Image] = field(default_factory=list)
    keeps_containers: bool = False
    interrupted_at_end: bool = False
    written: bytes = b""

    def copy_image(self, image: Image, labels: Pairs, destination: Path) -> None:
        if self.inside is not None:
            shutil.copytree(self.inside, destination, symlinks=True, dirs_exist_ok=True)

    def discard_image(self, image: Image) -> None:
        self.discarded.append(image)

    def find_image(self, reference: str) -> Image | None:
        return self.images.get(reference)

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        return [self.find_image(reference) for reference in references]

    def warm_up(self) -> None:
        """Nothing is slow to start."""

    def pull_image(
        self, reference: str, reporter: StepReporter, platform: str | None = None
    ) -> Image:
        raise ImageNotFoundError("no registry", reference=reference, engine_words="dial tcp")

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        self.builds.append(step)
        return Image("2" * 64)

    @contextmanager
    def container(self, step: RunContainer, image: Image) -> Iterator[Container]:
        self.containers.append(step)
        self.used.append(image)
        self.open_containers += 1
        try:
            yield FakeContainer(step, self.ended, self.work, self.inside, self.written)
        finally:
            self.open_containers -= 1
        if self.interrupted_at_end:
            raise KeyboardInterrupt
        if self.keeps_containers:
            raise ContainerLeftError("the container was not removed", engine_words="no space left")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "old").write_text("old")
    (tmp_path / "Containerfile").write_text("FROM debian:bookworm\n")
    return tmp_path


def plan(project: Path, *, privileged: bool = False) -> Plan:
    bundles = project / "bundles"
    step = RunContainer("dev", command=("make",), mounts=(BindMount(bundles, "/bundles"),))
    return Plan(project, (replace(step, privileged=privileged),), Bundles(bundles))


def run(made: Plan, engine: FakeEngine, *, rootful: bool = False) -> list[Event]:
    events: list[Event] = []
    runner.run(made, engine, Options(privileges=PrivilegeOptions(rootful=rootful)), events.append)
    return events


def write(name: str, text: str) -> Work:
    def work(step: RunContainer) -> None:
        mount = step.mounts[0]
        assert isinstance(mount, BindMount)
        (mount.source / name).write_text(text)

    return work


def names(project: Path) -> list[str]:
    return sorted(path.name for path in (project / "bundles").iterdir())
