"""The plug-in: whether buildah can run here, its engine, and its commands for a person to paste."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from typing import ClassVar, Final, assert_never

from rbuild_buildah import flags
from rbuild_buildah.command import PROGRAM, with_isolation
from rbuild_buildah.engine import BuildahEngine, build_command
from rbuild_buildah.store import Store
from rbuild_containers.build import build_commands
from rbuild_containers.versions import version_in
from rbuild_containers.witness import StorageWitness, witness
from rootless_build.backend import (
    BackendUnavailableError,
    BindMount,
    BuildImage,
    CheckContainerfile,
    EngineSettings,
    HostCommand,
    Probe,
    PullImage,
    RemoveVolume,
    RunContainer,
    Stdio,
    Step,
    TagImage,
    Unexpanded,
    VolumeMount,
    programs,
)

_OLDEST: Final = (1, 28)
"""An image that 1.23.1 (Ubuntu 22.04) pulls from a directory gets the directory's name."""
_HINT: Final = "install it, for example: apt-get install buildah"
_SHOWN_NAME: Final = "rbuild"
"""The container's name in commands for a person, where the step gives none."""
_NOT_INSTALLED: Final = "buildah is not installed"
_WITH_ENTRYPOINT: Final = (
    "exec {run} -- $(buildah inspect --format "
    "'{{{{range .OCIv1.Config.Entrypoint}}}}{{{{.}}}} {{{{end}}}}{command}' {name}) \"$@\""
)
_COMMAND: Final = "{{range .OCIv1.Config.Cmd}}{{.}} {{end}}"


class BuildahBackend:
    """Drives the buildah program (1.28 and newer)."""

    name: ClassVar[str] = "buildah"

    def probe(self, settings: EngineSettings) -> Probe:
        """Asks `buildah --version` (20 ms)."""
        if programs.which(PROGRAM) is None:
            return Probe(None, _NOT_INSTALLED, _HINT)
        done = programs.capture([PROGRAM, "--version"], environment=dict(settings.environment))
        words = done.text.split()
        if done.status or len(words) < 3:
            return Probe("", f"buildah does not work: {done.words or done.text}")
        return answered(words[2])

    def witness(self, settings: EngineSettings) -> StorageWitness | None:
        """See `rootless_build.backend.api.witness`."""
        return witness(PROGRAM, with_isolation(settings))

    @contextlib.contextmanager
    def open(self, settings: EngineSettings) -> Iterator[BuildahEngine]:
        """Starts nothing: each command of buildah stands alone, and says itself what is wrong."""
        if programs.which(PROGRAM) is None:
            raise BackendUnavailableError(_NOT_INSTALLED, finding="no-buildah", hint=_HINT)
        with contextlib.ExitStack() as opened:
            yield BuildahEngine(with_isolation(settings), opened)

    def commands(self, step: Step, settings: EngineSettings) -> tuple[tuple[str, ...], ...]:
        """The step for a shell. Volumes are named by the directories rbuild keeps them in.

        Raises UnsupportedError.
        """
        settings = with_isolation(settings)
        match step:
            case BuildImage():
                return build_commands(
                    step, PROGRAM, lambda one: (PROGRAM, *build_command(one, settings))
                )
            case RunContainer():
                return _run_commands(step, settings)
            case RemoveVolume():
                store = Store.of(settings)
                return tuple(
                    (PROGRAM, "unshare", "rm", "-rf", str(store.volume(name).directory))
                    for name in step.names
                )
            case TagImage():
                return ((PROGRAM, "tag", step.image, step.name),)
            case PullImage():
                return ((PROGRAM, "pull", step.image),)
            case HostCommand() | Unexpanded() | CheckContainerfile():
                return ()
            case _:
                assert_never(step)


def answered(version: str) -> Probe:
    """What is said of a buildah that answers with its version."""
    numbers = version_in(version)
    if numbers and numbers < _OLDEST:
        return Probe(
            version,
            f"buildah {version} is too old: the oldest that rbuild can use is 1.28",
            "install buildah of a newer release, or use docker, or podman from 4.3",
        )
    return Probe(version)


def _run_commands(step: RunContainer, settings: EngineSettings) -> tuple[tuple[str, ...], ...]:
    flags.check(step, settings)
    name = step.name or _SHOWN_NAME
    stdio = Stdio.TERMINAL if step.tty else Stdio.CLOSED
    store = Store.of(settings)
    volumes = tuple(_volumes(step, store))
    named = (mount.name for mount in step.mounts if isinstance(mount, VolumeMount) and mount.name)
    made = tuple(("mkdir", "-p", str(store.volume(name).data)) for name in named)
    run = (PROGRAM, "run", *flags.run_arguments(step, settings, None, stdio), *volumes, name)
    return (
        *made,
        (PROGRAM, "from", *flags.create_arguments(step, settings), "--name", name, step.image),
        _with_entrypoint(step, run, name),
        (PROGRAM, "rm", name),
    )


def _volumes(step: RunContainer, store: Store) -> Iterator[str]:
    for mount in step.mounts:
        if not isinstance(mount, VolumeMount):
            yield from flags.mount_arguments(mount)
        elif mount.name is not None:
            data = store.volume(mount.name).data
            yield from flags.mount_arguments(BindMount(data, mount.target, mount.read_only))


def _with_entrypoint(step: RunContainer, run: tuple[str, ...], name: str) -> tuple[str, ...]:
    """`buildah run` leaves the image's ENTRYPOINT and CMD out: a shell asks for them."""
    if step.entrypoint is not None:
        return (*run, "--", *step.entrypoint, *step.command)
    script = _WITH_ENTRYPOINT.format(
        run=shlex.join(run), command="" if step.command else _COMMAND, name=shlex.quote(name)
    )
    return ("sh", "-c", script, "sh", *step.command)
