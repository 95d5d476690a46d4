"""What the build of a stage asks of an engine: to do RUNs, and to take the layers of rbuild's."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rootless_build.backend.api import (
    LABEL_SEGMENT,
    Engine,
    Image,
    ImageContent,
    ImageLabel,
    ImageStore,
)
from rootless_build.backend.build_files import containerfile, own_ignore_file
from rootless_build.files.private_directories import discard
from rootless_build.images import configuration as configurations
from rootless_build.images.configuration import BUILDKIT, LONG_AGO, Configuration, History
from rootless_build.images.containerfile import ignore_file
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.layers import handover
from rootless_build.images.layers.client import (
    LayerFailedError,
    LayerMaker,
    LayerRefusedError,
    SourceChangedError,
)
from rootless_build.images.layers.handover import NewLayer
from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.request import (
    ImageFiles,
    LayersRequest,
    Looking,
    MountPoints,
    Operation,
    Source,
)
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.session import rewrite_build
from rootless_build.images.rewrite.state import abbreviate
from rootless_build.images.segments.history import of_layers
from rootless_build.images.segments.moments import epoch_of
from rootless_build.images.segments.mount_points import OF_ENGINES, mount_points
from rootless_build.images.segments.progress import Progress
from rootless_build.images.segments.segment_file import write_segment
from rootless_build.images.segments.steps import Files, LayerOfError, State
from rootless_build.model import platforms
from rootless_build.model.errors import FailedInstruction, ImageBuildError, RbuildError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, Pairs, PullPolicy
from rootless_build.model.platforms import Platform
from rootless_build.model.structs import replace
from rootless_build.process import stops

PROXIES: Final = tuple(f"{name}_proxy" for name in ("http", "https", "ftp", "no", "all"))
"""Arguments that no ARG has to declare, in small letters and in capitals."""
_PUT_RIGHT: Final = "# mount points"
"""What the history says of the layer that does it, which docker's images have not."""


class EngineSteps:
    """The steps of one build, done with an engine. `place` is a private directory of the build;
    `options` say what the user knows the containerfile as.
    """

    def __init__(
        self,
        step: BuildImage,
        engine: Engine,
        store: ImageStore,
        maker: LayerMaker,
        options: RewriteOptions,
        place: Path,
    ) -> None:
        self._step = step
        self._engine = engine
        self._store = store
        self._maker = maker
        self._options = options
        self._place = place
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    # --- layers ---------------------------------------------------------------------------------

    def copy(
        self, state: State, pending: Sequence[tuple[Instruction, Operation]]
    ) -> tuple[State, tuple[bool, ...]]:
        """Make the layers of these, and tell of each whether the engine had it already.

        One that changes nothing is a layer too (docker 29). Raises LayerOfError, RbuildError.
        """
        output = self._new_directory("layers")
        operations = tuple(operation for _, operation in pending)
        request = LayersRequest(state.files.directories, operations, output, epoch_of(self._step))
        try:
            layers = self._maker.make(request)
        except LayerRefusedError as refused:
            raise LayerOfError(pending[refused.operation][0], refused.message) from refused
        except (SourceChangedError, LayerFailedError) as error:
            raise self._failed(pending[error.operation][0], error) from error
        made = [
            NewLayer(layer.digest, layer.size, output / f"{number}.tar")
            for number, layer in enumerate(layers)
        ]
        before = state.configuration.layers
        digests = (*before, *(layer.digest for layer in made))
        known = [
            not self._step.no_cache and self._store.has_layers(digests[:end])
            for end in range(len(before) + 1, len(digests) + 1)
        ]
        files = replace(state.files, new=(*state.files.new, *made))
        configuration = replace(state.configuration, layers=digests)
        made_by = pending[-1][0]
        state = replace(state, files=files, configuration=configuration, last=made_by)
        return state, tuple(known)

    def store(self, state: State, configuration: Configuration) -> Image:
        """The image of a configuration that has the files of the state."""
        with self._storing():
            return self._add(state, configuration)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Two stages may come to the same image, which is handed over once."""
        stops.acquire(self._lock)
        try:
            yield
        finally:
            self._lock.release()

    def _add(self, state: State, configuration: Configuration) -> Image:
        there = not self._store.archives and (
            self._store.content(Image(handover.image_id(configuration))) is not None
        )
        directory = self._new_directory("image")
        try:
            handover.write_handover(directory, configuration, () if there else state.files.new)
            image = self._store.add(directory)
        except ImageBuildError as error:
            if state.last is None or not state.files.new:
                raise
            raise self._failed(state.last, error) from error
        # What the engine has took twice its room until now.
        discard(directory)
        return image

    def _failed(self, instruction: Instruction, error: RbuildError) -> ImageBuildError:
        """The error with the instruction that it is of, and what to do where there is no room."""
        hint = error.hint
        if os.strerror(errno.ENOSPC) in error.message:
            hint = (
                f"there is no room in {self._place.parent}: free some, or set TMPDIR to a directory"
                " that has more"
            )
        place = f"{self._options.shown}:{instruction.line}"
        failed = FailedInstruction(abbreviate(instruction), place, why=f": {error.message}")
        return ImageBuildError(failed, hint=hint, engine_words=error.engine_words)

    def intermediate(self, state: State, reporter: StepReporter, around: str = "") -> State:
        """The state with its files in storage, in an image for what a RUN sees of it and `around`
        it (`configuration.intermediate`).
        """
        configuration = configurations.intermediate(
            replace(
                of_layers(state.configuration),
                environment=tuple(state.scope.variables.items()),
                working_directory=state.scope.working_directory,
                shell=state.scope.shell,
            ),
            around,
        )
        identity = handover.image_id(configuration)
        if state.files.image is not None and state.files.image.id == identity:
            return state
        # Put down before it is there: an image of which nobody knows would stay for ever.
        reporter.image(identity)
        return replace(state, files=self.files_of(self.store(state, configuration)))

    def files_of(self, image: Image) -> Files:
        """The files of an image in storage. Raises ImageBuildError."""
        return Files(image, self._content(image).layers)

    def configuration_of(self, image: Image) -> Configuration:
        """The configuration of an image in storage. Raises ImageBuildError."""
        return configurations.read(self._content(image).configuration)

    def _content(self, image: Image) -> ImageContent:
        content = self._store.content(image)
        if content is None:
            message = f"the image {image.id[:12]} is not in storage any more, or not all of it"
            raise ImageBuildError(message, hint="build again; nothing else may prune images")
        return content

    # --- RUN ------------------------------------------------------------------------------------

    def mount(self, source: Source) -> None:
        """See Steps. What is of a build context was looked for before anything was done."""
        if not isinstance(source, ImageFiles) or source.path.strip("/.") == "":
            return
        output = self._new_directory("looking")
        try:
            self._maker.make(LayersRequest((), (Looking(source),), output))
        except LayerRefusedError as refused:
            raise RefusedError(refused.message) from refused

    def run(
        self,
        state: State,
        runs: Sequence[Instruction],
        mounted: Callable[[str], str | None],
        progress: Progress,
    ) -> State:
        """Let the engine do the RUNs."""
        network = _network_of(runs[0]) or self._step.network
        around = " ".join(filter(None, (network, *self._step.add_hosts)))
        state = self.intermediate(state, progress.reporter, around)
        image = state.files.image
        if image is None:
            raise ValueError("an image was just made")
        segment = write_segment(image.id, runs, state.scope.shell, mounted)
        file = self._new_directory("segment") / "Dockerfile"
        file.write_bytes(segment.text.encode(errors="surrogateescape"))
        step = self._step_of(file, segment.contexts, state.configuration)
        if self._store.archives and not any(run.flag("mount") for run in runs):
            # Nothing of the build context is needed, and it would be sent.
            step = replace(step, context=file.parent, build_contexts=())
        else:
            self._copy_ignore_file(file)
        step = replace(step, network=network)
        told, options = progress.of_segment(runs), replace(self._options, lines=segment.lines)
        with rewrite_build(step, self._engine, told, options) as (known, reporter):
            made = self._engine.build_image(known, reporter)
        reporter.flush()
        progress.reporter.image(made.id)
        layers = self.configuration_of(made).layers
        configuration = replace(state.configuration, layers=layers)
        done = replace(state, files=self.files_of(made), configuration=configuration, last=runs[-1])
        return self._put_right(done, state.files.directories, runs)

    def _put_right(
        self, state: State, before: tuple[Path, ...], runs: Sequence[Instruction]
    ) -> State:
        """The state without what the engine did to mount something; BuildKit leaves none of it."""
        if not state.files.directories or self._store.archives:
            return state
        points = mount_points(runs[-1], state.scope)
        work = MountPoints(before, OF_ENGINES, points, alone=len(runs) == 1)
        output = self._new_directory("layers")
        request = LayersRequest(state.files.directories, (work,), output)
        try:
            (layer,) = self._maker.make(request)
        except LayerFailedError as error:
            raise self._failed(runs[-1], error) from error
        if layer.empty:
            return state
        new = NewLayer(layer.digest, layer.size, output / "0.tar")
        now = state.configuration
        entry = History(LONG_AGO, _PUT_RIGHT, comment=BUILDKIT)
        return replace(
            state,
            files=replace(state.files, new=(new,)),
            configuration=replace(
                now, layers=(*now.layers, layer.digest), history=(*now.history, entry)
            ),
        )

    def _copy_ignore_file(self, file: Path) -> None:
        own = own_ignore_file(containerfile(self._step))
        if (ignored := ignore_file.text_of(own.parent, own.name)) is not None:
            own_ignore_file(file).write_bytes(ignored.encode(errors="surrogateescape"))

    def _step_of(self, file: Path, contexts: Pairs, now: Configuration) -> BuildImage:
        step = self._step
        platform = str(Platform(now.os, now.architecture, now.variant))
        arguments = tuple(pair for pair in step.build_args if pair[0].lower() in PROXIES)
        label = ImageLabel.of(step.labels)
        return replace(
            step,
            containerfile=file,
            containerfile_text=None,
            tags=(),
            target=None,
            build_args=arguments,
            # That marks containers that are left. A label of the image's would be one more
            # instruction, and one more image.
            labels=((LABEL_SEGMENT, label.project),) if label else (),
            platforms=() if platform == platforms.host() else (platform,),
            pull=PullPolicy.NEVER,
            cache_from=(),
            substitutes=(),
            build_contexts=(*step.build_contexts, *contexts),
            # Several builds go on at a time.
            image_id_file=file.with_name("image-id"),
        )

    def _new_directory(self, kind: str) -> Path:
        directory = self._place / f"{next(self._numbers)}-{kind}"
        directory.mkdir()
        return directory


def _network_of(run: Instruction) -> str | None:
    """The network that a RUN has of its own; all of a segment have the same."""
    network = run.value("network")
    return None if network == "default" else network
