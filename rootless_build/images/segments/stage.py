"""The build of one stage: instructions in, files and a configuration out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from rootless_build.images.configuration import Configuration
from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.stages import Scopes, declared_arguments
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.request import Operation, WorkingDirectory
from rootless_build.images.segments.absent_agents import mounts_agent
from rootless_build.images.segments.copying import CopyError, Sources, read_copy
from rootless_build.images.segments.history import After, entry_of
from rootless_build.images.segments.locks import between_locks
from rootless_build.images.segments.progress import Progress
from rootless_build.images.segments.settings import SettingError, apply
from rootless_build.images.segments.steps import LayerOfError, Mounting, State, Steps
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.structs import replace


class Tools(Struct, frozen=True):
    """What a stage is built with. `mounted` gives the image that a mount is of, `refuse` makes the
    error of an instruction from words and a hint.
    """

    steps: Steps
    scopes: Scopes
    sources: Sources
    progress: Progress
    mounted: Mounting
    refuse: Callable[[Instruction, str, str], ContainerfileError]


class _Waiting(Struct, frozen=True):
    """An instruction that is told when the layers before it are made; `operation` is what its own
    layer is to be, None for one that has none.
    """

    instruction: Instruction
    operation: Operation | None


class StageBuild:
    """Does the instructions of one stage, in their order; what follows each other is done at once.

    Raises ContainerfileError for what docker refuses too, and an engine's errors.
    """

    def __init__(self, begin: State, tools: Tools) -> None:
        self._state = begin
        self._tools = tools
        self._has_command = False
        self._waiting: list[_Waiting] = []
        self._runs: list[Instruction] = []

    def do(self, instructions: Sequence[Instruction]) -> None:
        """Do these."""
        for instruction in instructions:
            try:
                self._do(instruction)
            except (CopyError, SettingError, WordError, RefusedError) as wrong:
                hint = wrong.hint if isinstance(wrong, CopyError) else ""
                raise self._tools.refuse(instruction, str(wrong), hint) from wrong

    def end(self) -> State:
        """What the stage has come to. Its last layers may not be in storage yet."""
        self._run()
        self._copy()
        return self._tools.steps.settle(self._state)

    def _do(self, instruction: Instruction) -> None:
        if instruction.keyword == "RUN":
            self._check_mounts(instruction)
            self._copy()
            if self._runs and _ends_segment(self._runs[-1], instruction):
                self._run()
            self._runs.append(instruction)
            return  # who does it puts it down, and whether there came a layer of it
        # What an instruction sets a RUN before it must not see.
        self._run()
        waiting = _Waiting(instruction, self._apply(instruction))
        if waiting.operation or self._waiting:
            self._waiting.append(waiting)
        else:
            self._tools.progress.begin(instruction)
        self._put_down(instruction)

    def _apply(self, instruction: Instruction) -> Operation | None:
        """Set what the instruction sets; the layer it makes, if any."""
        state = self._state
        if instruction.keyword in {"COPY", "ADD"}:
            return read_copy(instruction, state.scope, self._tools.sources)
        self._tools.scopes.after(instruction, state.scope)
        configuration = self._without_command(instruction, state.configuration)
        configuration = apply(instruction, state.scope, configuration)
        arguments = state.arguments
        if instruction.keyword == "ARG":
            names = [name for name, _ in declared_arguments(instruction)]
            arguments = arguments | {name: state.scope.variables.get(name, "") for name in names}
        self._state = replace(state, configuration=configuration, arguments=arguments)
        if instruction.keyword == "WORKDIR":
            return WorkingDirectory(state.scope.working_directory, configuration.user)
        return None

    def _without_command(self, instruction: Instruction, now: Configuration) -> Configuration:
        """ENTRYPOINT drops the CMD that the stage began with, but not one of its own."""
        self._has_command = self._has_command or instruction.keyword == "CMD"
        drops = instruction.keyword == "ENTRYPOINT" and not self._has_command
        return replace(now, command=()) if drops else now

    def _check_mounts(self, run: Instruction) -> None:
        """Ask for what is mounted, so that what docker refuses there is refused of this RUN."""
        for flag in run.flags:
            mount = mounts.parse(flag.value or "") if flag.name == "mount" else None
            if mount is None or mount.type in {"secret", "ssh"}:
                continue
            path = expand(mount.source or "/", self._state.scope.variables).text
            if mount.origin:
                written = f"from={mount.origin} of a mount"
                source = self._tools.sources.of(written, mount.origin, path)
            elif mount.type == "cache":
                _check_empty(path)
                continue
            else:
                source = self._tools.sources.context(path)
            if mount.type in {"bind", "cache"}:
                self._tools.steps.mount(source)

    def _put_down(self, instruction: Instruction) -> None:
        state = self._state
        entry = entry_of(instruction, After(state.scope, state.configuration, state.arguments))
        if entry is not None:
            history = (*state.configuration.history, entry)
            configuration = replace(state.configuration, history=history)
            self._state = replace(state, configuration=configuration)

    def _run(self) -> None:
        """Let the engine do the RUNs that wait."""
        if self._runs:
            runs, self._runs = self._runs, []
            tools = self._tools
            for group in between_locks(runs):
                self._state = tools.steps.run(self._state, group, tools.mounted, tools.progress)

    def _copy(self) -> None:
        """Make the layers that wait."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        progress = self._tools.progress
        progress.begin(waiting[0].instruction)
        pending = [(w.instruction, w.operation) for w in waiting if w.operation is not None]
        try:
            self._state, known = self._tools.steps.copy(self._state, pending)
        except LayerOfError as wrong:
            raise self._tools.refuse(wrong.instruction, str(wrong), "") from wrong
        layers = iter(known)
        for number, each in enumerate(waiting):
            if number:
                progress.begin(each.instruction)
            progress.end(cached=each.operation is not None and next(layers))


def _check_empty(source: str) -> None:
    """Raise RefusedError for a source in a cache that begins without files."""
    if source.strip("/.") != "":
        raise RefusedError(f"a cache without from= has no {source} in it to begin with")


def _ends_segment(run: Instruction, following: Instruction) -> bool:
    """Whether a RUN that follows another is not of its segment: what the mounts of that were put
    on is not there any more, the network is another, or it is told of an agent.
    """
    networks = {each.value("network") or "default" for each in (run, following)}
    return run.flag("mount") is not None or len(networks) > 1 or mounts_agent(following)
