"""A build rehearsed: all is read, nothing is done.

So what docker refuses is refused before the engine has begun, in the words and with the line that
the build itself would have had for it, and it is known which files are taken of build contexts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rootless_build.backend.api import Image
from rootless_build.images.configuration import Configuration
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.layers.directories import Directories
from rootless_build.images.layers.handover import NewLayer
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.modes import parsed
from rootless_build.images.layers.nodes import FIXED_TIME
from rootless_build.images.layers.ownership import looked_up
from rootless_build.images.layers.problems import ChangedError, RefusedError
from rootless_build.images.layers.request import (
    Becoming,
    Copying,
    Directory,
    Downloaded,
    Looking,
    Operation,
    Source,
    WorkingDirectory,
)
from rootless_build.images.layers.selection import check_path, check_there
from rootless_build.images.segments.bases import Images
from rootless_build.images.segments.progress import Progress
from rootless_build.images.segments.remote import Remote
from rootless_build.images.segments.sources import ContextFiles, Contexts
from rootless_build.images.segments.stages import Places, Plan, Stages
from rootless_build.images.segments.steps import Files, LayerOfError, Mounting, State, Steps
from rootless_build.model.events import StepReporter
from rootless_build.model.structs import replace

_SOMETHING = NewLayer("", 0, Path())
"""Stands for a layer that would be there by now."""


def rehearse(plan: Plan, contexts: ContextFiles, steps: Steps, images: Images) -> ContextFiles:
    """The build contexts, with what the build takes of them.

    `steps` tells of images. Raises ContainerfileError for what docker would refuse, as far as that
    shows in the containerfile, in the build contexts and in its images' configurations;
    ImageNotFoundError.
    """
    asked = _Asked(contexts)
    _go_through(plan, asked, _Rehearsal(steps), images)
    sent = contexts.with_sent(tuple(asked.paths))
    # What is there of a context is known when all is known that the build takes of it.
    with Directories(FIXED_TIME) as directories:
        _go_through(plan, sent, _RehearsalWithFiles(steps, directories), images)
    return sent


def _go_through(plan: Plan, contexts: Contexts, steps: Steps, images: Images) -> None:
    unheard = StepReporter(lambda _: None, 0)
    Stages(plan, Places(contexts, _unfetched), steps, images, unheard).last()


def _unfetched(remote: Remote) -> Downloaded:
    return Downloaded(Path(), remote.word)


class _Asked:
    """Build contexts that keep the paths that the main one was asked for."""

    def __init__(self, contexts: ContextFiles) -> None:
        self._contexts = contexts
        self.paths: dict[str, None] = {}

    def at(self, path: str) -> Directory:
        self.paths[path] = None
        return self._contexts.at(path)

    def of_name(self, name: str, path: str) -> Directory | None:
        return self._contexts.of_name(name, path)

    def is_directory(self, name: str) -> bool:
        return self._contexts.is_directory(name)


class _Rehearsal:
    """Steps that are only looked at."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def copy(
        self, state: State, pending: Sequence[tuple[Instruction, Operation]]
    ) -> tuple[State, tuple[bool, ...]]:
        """Check what can be known of them."""
        for instruction, operation in pending:
            try:
                self._check(operation, state.files)
            except RefusedError as wrong:
                raise LayerOfError(instruction, str(wrong)) from wrong
            state = replace(state, files=replace(state.files, new=(_SOMETHING,)))
        return state, (False,) * len(pending)

    def mount(self, source: Source) -> None:
        """What is mounted is looked for when it is known what there is."""

    def shows(self, source: Directory, *, writable: bool) -> bool:
        return self._steps.shows(source, writable=writable)

    def run(
        self,
        state: State,
        _runs: Sequence[Instruction],
        _mounted: Mounting,
        _progress: Progress,
    ) -> State:
        """What RUNs are is known when they are read."""
        return state

    def settle(self, state: State) -> State:
        """No engine has done anything."""
        return state

    def intermediate(self, state: State, _: StepReporter) -> State:
        """No image is made."""
        return state

    def files_of(self, image: Image) -> Files:
        return self._steps.files_of(image)

    def configuration_of(self, image: Image) -> Configuration:
        return self._steps.configuration_of(image)

    def _check(self, operation: Operation, files: Files) -> None:
        """Raise RefusedError for a mode that is none, and a name where no file system is yet."""
        empty = files == Files()
        if isinstance(operation, Looking | Becoming):
            return
        if isinstance(operation, WorkingDirectory):
            owner = operation.owner
        else:
            parsed(operation.chmod)
            empty = empty or (operation.link and not operation.chmod)
            owner = operation.chown
        if empty:
            looked_up(ImageTree(None), owner)


class _RehearsalWithFiles(_Rehearsal):
    """Looks for the files of build contexts too. What can't be looked at here is left to those who
    copy it: root of the engine's user namespace.
    """

    def __init__(self, steps: Steps, directories: Directories) -> None:
        super().__init__(steps)
        self._directories = directories

    def mount(self, source: Source) -> None:
        if isinstance(source, Directory):
            with suppress(OSError, ChangedError):
                check_path(source, self._directories)

    def _check(self, operation: Operation, files: Files) -> None:
        super()._check(operation, files)
        if isinstance(operation, Copying):
            with suppress(OSError, ChangedError):
                check_there(operation, self._directories)
