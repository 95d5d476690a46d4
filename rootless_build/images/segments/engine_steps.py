"""What the build of a stage asks of an engine: to do RUNs, and to take the layers of rbuild's."""

from __future__ import annotations

import errno
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import (
    LABEL_SEGMENT,
    Engine,
    Image,
    ImageContent,
    ImageLabel,
    ImageStore,
)
from rootless_build.backend.build_files import own_ignore_file
from rootless_build.files.private_directories import discard
from rootless_build.images import configuration as configurations
from rootless_build.images.configuration import BUILDKIT, LONG_AGO, Configuration, History
from rootless_build.images.containerfile import mounts, stages
from rootless_build.images.containerfile.patterns import Patterns
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
    Directory,
    ImageFiles,
    LayersRequest,
    Looking,
    MountPoints,
    Operation,
    Source,
)
from rootless_build.images.rewrite import features
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.session import rewrite_build
from rootless_build.images.rewrite.state import abbreviate
from rootless_build.images.segments.absent_agents import naming_absent
from rootless_build.images.segments.filled_caches import FilledCaches
from rootless_build.images.segments.history import After, entry_of, of_layers
from rootless_build.images.segments.moments import epoch_of
from rootless_build.images.segments.mount_points import OF_ENGINES, mount_points
from rootless_build.images.segments.progress import Progress
from rootless_build.images.segments.readings import Reading, Readings
from rootless_build.images.segments.segment_file import write_segment
from rootless_build.images.segments.steps import (
    Files,
    LayerOfError,
    Mending,
    Mounting,
    State,
)
from rootless_build.images.segments.stopping import in_its_place, number_of
from rootless_build.model import platforms
from rootless_build.model.errors import (
    FailedInstruction,
    ImageBuildError,
    ImageNotFoundError,
    RbuildError,
)
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, Pairs, PullPolicy
from rootless_build.model.platforms import Platform
from rootless_build.model.structs import replace
from rootless_build.process import stops

PROXIES: Final = tuple(f"{name}_proxy" for name in ("http", "https", "ftp", "no", "all"))
"""Arguments that no ARG has to declare, in small letters and in capitals."""
_PLAIN_PATH: Final = re.compile(r"[\w./+-]+", re.ASCII)
"""One that means itself in a FROM."""
_ROOT: Final = "0:0"
_PUT_RIGHT: Final = "# mount points"
"""What the history says of the layer that does it, which docker's images have not."""


class EngineSteps:
    """The steps of one build, done with an engine. `place` is a private directory of the build;
    `options` say what the user knows the containerfile as. `readings` get what is taken of build
    contexts.
    """

    def __init__(
        self,
        step: BuildImage,
        engine: Engine,
        store: ImageStore,
        maker: LayerMaker,
        options: RewriteOptions,
        place: Path,
        readings: Readings | None = None,
    ) -> None:
        self._step = step
        self._engine = engine
        self._store = store
        self._maker = maker
        self._options = options
        self._place = place
        self._readings = readings
        self._numbers = itertools.count()
        self._takes_layouts = True
        self._caches = FilledCaches(engine, step.labels)
        self._lock = threading.Lock()

    # --- layers ---------------------------------------------------------------------------------

    def copy(
        self, state: State, pending: Sequence[tuple[Instruction, Operation]]
    ) -> tuple[State, tuple[bool, ...]]:
        """Make the layers of these, and tell of each whether the engine had it already.

        One that changes nothing is a layer too (docker 29). Raises LayerOfError, RbuildError.
        """
        state, made = self._make(state, pending)
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

    def settle(self, state: State) -> State:
        """The state with nothing that has to be put right."""
        return self._make(state, ())[0]

    def _make(
        self, state: State, pending: Sequence[tuple[Instruction, Operation]]
    ) -> tuple[State, list[NewLayer]]:
        """The layers of these. What has to be put right before is in the first of them, else it is
        a layer of its own, which the state has then.
        """
        mending = state.files.mending
        works = [] if mending is None else [replace(mending.work, merge=bool(pending))]
        operations = (*works, *(operation for _, operation in pending))
        if not operations:
            return state, []
        if self._options.repeated is not None:
            self._options.repeated(operations)
        output = self._new_directory("layers")
        request = LayersRequest(
            state.files.directories,
            operations,
            output,
            epoch_of(self._step),
            index=self._readings is not None,
            groups=not self._store.archives,
        )
        of = [*(state.last for _ in works), *(instruction for instruction, _ in pending)]
        try:
            answer = self._maker.answer(request)
        except LayerRefusedError as refused:
            raise LayerOfError(_known(of[refused.operation]), refused.message) from refused
        except (SourceChangedError, LayerFailedError) as error:
            raise self._failed(_known(of[error.operation]), error) from error
        layers = answer.layers
        state = replace(state, files=replace(state.files, root_alone=answer.root_alone))
        made = [
            NewLayer(layer.digest, layer.size, output / f"{number}.tar")
            for number, layer in enumerate(layers)
        ]
        unused = mending is not None and layers[0].empty
        self._put_down(state, request, [layer.digest for layer in layers], made[unused:])
        if mending is None:
            return state, made
        own = None if layers[0].empty else made[0]
        return _mended(state, mending, own), made[1:]

    def _put_down(
        self, state: State, request: LayersRequest, answered: Sequence[str], new: Sequence[NewLayer]
    ) -> None:
        """Note what was read for layers upon the state, of which `new` are the image's."""
        if self._readings is not None:
            image = state.files.image
            base = image.id if image else ""
            layers = (*state.configuration.layers, *(layer.digest for layer in new))
            reading = Reading(base, request.operations, tuple(answered), layers)
            self._readings.add(reading, request.output)

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
        self._write(directory, configuration, state, () if there else state.files.new)
        return self._take(directory, state)

    def _write(
        self,
        layout: Path,
        configuration: Configuration,
        state: State,
        new: Sequence[NewLayer],
    ) -> None:
        try:
            handover.write_handover(layout, configuration, new)
        except ImageBuildError as error:
            raise self._of_last(state, error) from error

    def _take(self, layout: Path, state: State) -> Image:
        """Let the engine take what is in a directory, the files of the state."""
        try:
            image = self._store.add(layout)
        except ImageBuildError as error:
            raise self._of_last(state, error) from error
        # What the engine has took twice its room until now.
        discard(layout)
        return image

    def _of_last(self, state: State, error: ImageBuildError) -> ImageBuildError:
        """The error with the instruction that made the last of the layers, if any is new."""
        if state.last is None or not state.files.new:
            return error
        return self._failed(state.last, error)

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
        state = self.settle(state)
        configuration = _seen_by_run(state, around)
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
        if isinstance(source, Directory) and self._readings is not None:
            self._readings.add_unknown()
        if not isinstance(source, ImageFiles) or source.path.strip("/.") == "":
            return
        output = self._new_directory("looking")
        try:
            self._maker.make(LayersRequest((), (Looking(source),), output))
        except LayerRefusedError as refused:
            raise RefusedError(refused.message) from refused

    def shows(self, source: Directory, *, writable: bool) -> bool:
        """See Steps. A service shows the containerfile of a segment too, at its path on this host
        (podman 4.3.1).
        """
        if self._store.archives or self._options.repeated is not None:
            return False
        known = features.of(self._options.builder, self._options.answers)
        if writable and (known is None or not known.has(Feature.MOUNT_DISCARDS_WRITES)):
            return False
        ignored = Patterns(source.ignored)
        return not ignored or not BuildContext(source.root, ignored).ignores_any(source.path)

    def run(
        self,
        state: State,
        runs: Sequence[Instruction],
        mounted: Mounting,
        progress: Progress,
    ) -> State:
        """Let the engine do the RUNs."""
        build, stop = self._engine.build_image, self._options.stop
        if stop is not None and (number := number_of(stop, runs)) is not None:
            if number:
                state = self.run(state, runs[:number], mounted, progress)
            user = state.configuration.user
            runs = (in_its_place(stop, runs[number], state.scope.shell, user),)
            build = stop.build
        network = _network_of(runs[0]) or self._step.network
        around = " ".join(filter(None, (network, *self._step.add_hosts)))
        state = self.settle(state)
        # What a RUN writes to /etc/group the next one sees.
        seen = self._with_group(state) if len(runs) == 1 else state
        # One that mounts an agent is alone.
        scope = naming_absent(runs[0], seen.scope, self._step.ssh)
        seen = seen if scope is seen.scope else replace(seen, scope=scope)
        if any(map(_writes, runs)):
            # Its file has another stage first: what is said of this image would be a RUN's words.
            seen = self.intermediate(seen, progress.reporter, around)
        base = self._base(seen, progress.reporter, around)
        told = progress.of_segment(runs)
        try:
            made = self._build(base, state, runs, mounted, network, told, build)
        except (ImageBuildError, ImageNotFoundError):
            if base.layout is None or self._store.content(Image(base.id)) is not None:
                raise
            # Its build does not take it (buildah 1.45): of that nothing was done yet.
            self._takes_layouts = False
            self._take(base.layout, state)
            base = replace(base, name=base.id, layout=None)
            made = self._build(base, state, runs, mounted, network, told, build)
        if base.layout is not None:
            discard(base.layout)
        progress.reporter.image(made.id)
        before = self.files_of(Image(base.id)).directories
        configuration = _with_runs(state, runs, self.configuration_of(made))
        done = replace(state, files=self.files_of(made), configuration=configuration, last=runs[-1])
        if not done.files.directories:
            return done
        points = mount_points(runs[-1], state.scope)
        work = MountPoints(before, OF_ENGINES, points, alone=len(runs) == 1)
        mending = Mending(work, len(configuration.history))
        return replace(done, files=replace(done.files, mending=mending))

    def _with_group(self, state: State) -> State:
        """The state for one RUN, with root's group where it is in no other. Else an engine looks
        what groups that may be, for which it starts its own program three times: 0.05 s.
        """
        if state.configuration.user or self._store.archives or not state.files.directories:
            return state
        alone = state.files.root_alone
        if alone is None:
            output = self._new_directory("groups")
            request = LayersRequest(state.files.directories, (), output, groups=True)
            with suppress(LayerFailedError):
                alone = self._maker.answer(request).root_alone
        if not alone:
            return state
        return replace(state, configuration=replace(state.configuration, user=_ROOT))

    def _base(self, state: State, reporter: StepReporter, around: str) -> SegmentBase:
        """The image that a RUN is done on. One that the engine has not is only written down where
        its build takes it by itself: each command of an engine's costs 0.05 s.
        """
        configuration = _seen_by_run(state, around)
        identity = handover.image_id(configuration)
        transport = self._store.layout_transport
        if (
            not (transport and self._takes_layouts)
            or not _PLAIN_PATH.fullmatch(str(self._place))
            or self._store.content(Image(identity)) is not None
        ):
            image = self.intermediate(state, reporter, around).files.image
            if image is None:
                raise ValueError("an image was just made")
            return SegmentBase(identity, identity)
        # Put down before it is there: an image of which nobody knows would stay for ever.
        reporter.image(identity)
        layout = self._new_directory("image")
        self._write(layout, configuration, state, state.files.new)
        return SegmentBase(identity, f"{transport}{layout}", layout)

    def _build(
        self,
        base: SegmentBase,
        state: State,
        runs: Sequence[Instruction],
        mounted: Mounting,
        network: str | None,
        told: StepReporter,
        build: Callable[[BuildImage, StepReporter], Image],
    ) -> Image:
        """Let the engine do a segment, by its method `build`."""
        filled = tuple(self._with_caches(run, state, mounted, told) for run in runs)
        segment = write_segment(
            base.name,
            filled,
            state.scope.shell,
            lambda run, mount: mounted(run, mount, state.scope),
        )
        file = self._new_directory("segment") / "Dockerfile"
        file.write_bytes(segment.text.encode(errors="surrogateescape"))
        step = self._step_of(file, segment.contexts, state.configuration)
        if self._store.archives:
            # Nothing of the build contexts is needed, and they would be sent.
            step = replace(step, context=file.parent, build_contexts=segment.contexts)
        else:
            # The engine needs none, and nobody knows what the project's is.
            own_ignore_file(file).touch()
        step = replace(step, network=network)
        seen = stages.Image(
            tuple(state.scope.variables.items()), state.scope.working_directory, id=base.id
        )
        options = replace(self._options, lines=segment.lines, images={base.name: seen})
        with (
            _naming_as_written(runs),
            rewrite_build(step, self._engine, told, options) as (known, reporter),
        ):
            made = build(known, reporter)
        reporter.flush()
        return made

    def _with_caches(
        self, run: Instruction, state: State, mounted: Mounting, told: StepReporter
    ) -> Instruction:
        """The RUN, whose caches have what they begin with. Raises ImageBuildError."""
        try:
            return self._caches.without_origins(
                run, state.scope, lambda mount: mounted(run, mount, state.scope), told
            )
        except ImageBuildError as error:
            raise self._failed(run, error) from error

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
            squash=False,
            substitutes=(),
            build_contexts=(*step.build_contexts, *contexts),
            # Several builds go on at a time.
            image_id_file=file.with_name("image-id"),
        )

    def _new_directory(self, kind: str) -> Path:
        directory = self._place / f"{next(self._numbers)}-{kind}"
        directory.mkdir()
        return directory


class SegmentBase(Struct, frozen=True):
    """The image that a segment is done on: its id, and what FROM calls it. `layout` is where it was
    written, if the engine does not have it.
    """

    id: str
    name: str
    layout: Path | None = None


@contextmanager
def _naming_as_written(runs: Sequence[Instruction]) -> Iterator[None]:
    """A context in which an error has its RUN as the project wrote it: in a segment other images
    are mounted.
    """
    try:
        yield
    except ImageBuildError as error:
        failed = error.failed
        line = failed.place.rpartition(":")[2] if failed else ""
        written = [run for run in runs if line == str(run.line)]
        # Triggers of one base have one line.
        if failed and len(written) == 1:
            error.at(replace(failed, text=abbreviate(written[0])))
        raise


def _seen_by_run(state: State, around: str) -> Configuration:
    directory = state.scope.working_directory
    return configurations.intermediate(
        replace(
            of_layers(state.configuration),
            environment=tuple(state.scope.variables.items()),
            # For one that is named an engine looks whether it is there: one more process.
            working_directory="" if directory == "/" else directory,
            shell=state.scope.shell,
        ),
        around,
    )


def _with_runs(state: State, runs: Sequence[Instruction], made: Configuration) -> Configuration:
    """The configuration with the layers of RUNs, and their entries in the history.

    docker's classic builder makes no layer of a RUN that changes nothing (20.10.24), and says so in
    its own history.
    """
    new = len(made.layers) - len(state.configuration.layers)
    empty = [entry.empty_layer for entry in made.history[-len(runs) :]]
    if empty.count(False) != new or len(empty) != len(runs):
        empty = [number >= new for number in range(len(runs))]
    after = After(state.scope, state.configuration, state.arguments)
    entries = tuple(
        replace(entry, empty_layer=is_empty)
        for run, is_empty in zip(runs, empty, strict=True)
        if (entry := entry_of(run, after)) is not None
    )
    history = (*state.configuration.history, *entries)
    return replace(state.configuration, layers=made.layers, history=history)


def _mended(state: State, mending: Mending, own: NewLayer | None) -> State:
    """The state when that is done, in a layer of its own if there is one."""
    files, now = replace(state.files, mending=None), state.configuration
    if own is None:
        return replace(state, files=files)
    entry = History(LONG_AGO, _PUT_RIGHT, comment=BUILDKIT)
    history = (*now.history[: mending.history], entry, *now.history[mending.history :])
    configuration = replace(now, layers=(*now.layers, own.digest), history=history)
    files = replace(files, new=(*files.new, own))
    return replace(state, files=files, configuration=configuration)


def _known(instruction: Instruction | None) -> Instruction:
    if instruction is None:
        raise ValueError("an instruction has done it")
    return instruction


def _writes(run: Instruction) -> bool:
    """Whether a RUN writes to something that it binds."""
    found = (mounts.parse(flag.value or "") for flag in run.flags if flag.name == "mount")
    return any(mount.type == "bind" and mount.writable for mount in found)


def _network_of(run: Instruction) -> str | None:
    """The network that a RUN has of its own; all of a segment have the same."""
    network = run.value("network")
    return None if network == "default" else network
