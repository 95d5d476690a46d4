"""What the build of a stage asks for: RUNs, layers, images; and where it stands.

`engine_steps` does all that with an engine, `rehearsal` only looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from rootless_build.backend.api import Image
from rootless_build.images.configuration import Configuration
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.stages import Scope
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.layers.handover import NewLayer
from rootless_build.images.layers.request import Directory, MountPoints, Operation, Source
from rootless_build.images.segments.progress import Progress
from rootless_build.model.events import StepReporter


class Mending(Struct, frozen=True):
    """What engines did to the files for mounts, to be put right in the next layer. `history` is
    how many entries the history had then, before which a layer of its own comes.
    """

    work: MountPoints
    history: int


class Files(Struct, frozen=True):
    """The files that a stage has come to.

    `image` has those in storage, whose layers are in the `directories`, the top one first; None
    where there are none. `new` are layers above those, which no engine has yet; `mending` has to
    be done before there are any. `root_alone`: whether root is in no group but its own, where that
    is known.
    """

    image: Image | None = None
    directories: tuple[Path, ...] = ()
    new: tuple[NewLayer, ...] = ()
    mending: Mending | None = None
    root_alone: bool | None = None


class State(Struct, frozen=True):
    """Where a stage stands: its files, its configuration, and what holds for what comes next.

    `begun` are the files of the image from outside that it goes back to, through other stages.
    """

    files: Files
    configuration: Configuration
    scope: Scope
    begun: Files = Files()
    arguments: dict[str, str] = {}
    """The ARGs that were declared so far; one without a value is empty."""
    last: Instruction | None = None
    """What made the last of its layers."""


class Mounted(Struct, frozen=True):
    """The id of the image that a mount is of, and where in it is what is mounted; None: where the
    mount says. `key` stands for what a RUN is done again for; empty: for another image.
    """

    image: str
    source: str | None = None
    key: str = ""


Mounting = Callable[[Instruction, Mount, Scope], Mounted | None]
"""Gives what a mount of a RUN is of; None for what the engine itself shows it."""


class LayerOfError(Exception):
    """The layer of an instruction can't be made; docker would refuse it too."""

    def __init__(self, instruction: Instruction, message: str) -> None:
        super().__init__(message)
        self.instruction = instruction


class Steps(Protocol):
    """The steps of one build: see the module."""

    def copy(
        self, state: State, pending: Sequence[tuple[Instruction, Operation]]
    ) -> tuple[State, tuple[bool, ...]]:
        """Make the layers of these, and tell of each whether the engine had it already.

        One that changes nothing is a layer too (docker 29). Raises LayerOfError, RbuildError.
        """

    def mount(self, source: Source) -> None:
        """Look at what a RUN is going to mount. Raises RefusedError for what docker refuses."""

    def shows(self, source: Directory, *, writable: bool) -> bool:
        """Whether the engine shows a RUN what is there of a build context, and no more, and nothing
        that the RUN writes lasts.
        """

    def run(
        self,
        state: State,
        runs: Sequence[Instruction],
        mounted: Mounting,
        progress: Progress,
    ) -> State:
        """Let the engine do the RUNs."""

    def settle(self, state: State) -> State:
        """The state with nothing that has to be put right."""

    def intermediate(self, state: State, reporter: StepReporter) -> State:
        """The state with its files in storage, in an image for what a RUN sees of it."""

    def files_of(self, image: Image) -> Files:
        """The files of an image in storage. Raises ImageBuildError."""

    def configuration_of(self, image: Image) -> Configuration:
        """The configuration of an image in storage. Raises ImageBuildError."""
