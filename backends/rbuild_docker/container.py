"""One container, from its making to its removal."""

from __future__ import annotations

import contextlib
import json
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, cast

from rbuild_containers.flags import command_after_image
from rbuild_docker.client import Client
from rbuild_docker.run_arguments import options
from rbuild_docker.start_words import StartWords
from rootless_build.backend import (
    LABEL_PREFIX,
    BindMount,
    Exit,
    Image,
    Json,
    Level,
    Mount,
    RunContainer,
    Stdio,
    StepFailedError,
    StepReporter,
    Stream,
    UnsupportedError,
    VolumeMount,
    programs,
    removed_at_end,
    replace,
    terminal,
)
from rootless_build.backend.bind_sources import make_sources, refuse_sources
from rootless_build.backend.caller import numeric
from rootless_build.backend.copying import unpack_output

_STOP_GRACE: Final = 2
"""Seconds an interrupted container has before SIGKILL, where the step says nothing."""
_NO_DETACHING: Final = "--detach-keys=\udcff"
"""A byte that no terminal sends in UTF-8: docker's own ctrl-p,ctrl-q would swallow a ctrl-p."""
_NO_DIRECTORY: Final = ("Could not find the file", "No such container:path", "not a directory")


class DockerContainer:
    """See `rootless_build.backend.api.Container`."""

    def __init__(
        self, client: Client, identity: str, step: RunContainer, image: Image, warnings: str
    ) -> None:
        self._client = client
        self._id = identity
        self._step = step
        self._image = image
        self._warnings = warnings
        self.was_run = False
        """Whether it was to be run: docker keeps one that could not be, or was interrupted."""

    @property
    def id(self) -> str:
        """The full id."""
        return self._id

    def run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        """Start it, hand its output over as it appears, and wait for its end."""
        for warning in self._warnings.splitlines():
            reporter.notice("engine-warning", warning.removeprefix("WARNING: "), Level.WARNING)
        self.was_run = True
        words = StartWords(reporter)
        try:
            said = self._attach(reporter, words, stdio)
        except BaseException:
            self._stop()
            raise
        state = self._state()
        if state["Status"] == "created":
            # The daemon's verdict is by words such as "no such file": 127 for a missing device too.
            status = int(cast("int", state["ExitCode"]))
            error = str(state["Error"]) or said or "docker did not start it, and said nothing"
            return Exit(status if status in {126, 127} and 'exec: "' in error else 125, error)
        words.release()
        reporter.flush()
        return Exit(int(cast("int", state["ExitCode"])), out_of_memory=bool(state["OOMKilled"]))

    def copy_out(self, path: str, destination: Path) -> bool:
        """Copy what is in the directory `path` into `destination`."""
        start = self._step.working_directory or self._image.working_directory
        source = PurePosixPath("/", start, path)
        # `docker cp` into a directory loses the times of directories, and can't write into those
        # it made read-only (20.10, 28.2): it fetches, tar unpacks.
        # The trailing dot means the directory's content, and the target of a link.
        copy = ("docker", "cp", f"{self._id}:{source}/.", "-")
        done = unpack_output(copy, destination, self._client.environment)
        if done.status == 0:
            return True
        if any(said in done.words for said in _NO_DIRECTORY):
            return False
        raise StepFailedError(
            f"the container's {source} could not be copied out", engine_words=done.words
        )

    def _attach(self, reporter: StepReporter, words: StartWords, stdio: Stdio) -> str:
        """Start it and carry its streams to the end; returns what standard error ended with."""
        argv = ["docker", "start", "--attach", _NO_DETACHING]
        # Without a terminal the client refuses to connect a closed input to a container that has.
        if self._step.interactive and (stdio is Stdio.TERMINAL or not self._step.tty):
            argv.append("--interactive")
        argv.append(self._id)
        environment = self._client.environment
        if stdio is Stdio.TERMINAL:
            # The container's standard error is in its terminal; this is the client's.
            said = terminal.attach(argv, reporter, environment=environment).said
            return said.decode(errors="replace")
        tail = programs.Tail()

        def on_output(data: bytes, stream: Stream) -> None:
            if stream == "stderr":
                tail.add(data)
            words.feed(data, stream)

        def ask_to_end(_pid: int) -> None:
            # The client hands SIGTERM on to the container, and waits for its end.
            self._stop()

        if stdio is Stdio.PIPED:
            programs.stream(
                argv,
                on_output,
                environment=environment,
                stdin=sys.stdin.fileno(),
                ask_to_end=ask_to_end,
            )
        else:
            programs.stream(argv, on_output, environment=environment, ask_to_end=ask_to_end)
        return tail.text

    def _state(self) -> dict[str, Json]:
        text = self._client.answer(
            "the container's end could not be learned",
            *("container", "inspect", "--format", "{{json .State}}", self._id),
        )
        return cast("dict[str, Json]", json.loads(text))

    def _stop(self) -> None:
        asked = self._step.stop_timeout
        grace = _STOP_GRACE if asked is None else min(asked, int(programs.GRACE))
        self._client.capture("stop", "--time", str(grace), self._id)


@contextlib.contextmanager
def new_container(
    client: Client, step: RunContainer, image: Image, network: str | None
) -> Iterator[DockerContainer]:
    """Make a container; it is removed, with its anonymous volumes, when the context ends.

    Raises StepFailedError (125) when docker refuses, UnsupportedError for bind mounts on a
    remote engine or of a user who can't write to them, ContainerLeftError when it stays.
    """
    if is_remote(client.endpoint):
        refuse_sources(step, f"the docker daemon at {client.endpoint}", "use a local daemon")
    make_sources(step)
    differs = _check_caller(client, step)
    step = replace(step, mounts=tuple(_writable(step, image)))
    _make_volumes(client, step)
    if "selinux" in client.security_options and not step.privileged:
        # Else the container may not read the checkout; relabelling it is not ours to do.
        wanted = ("label=disable", *step.security_options)
        step = replace(step, security_options=wanted)
    # A name of our own finds the container although docker was interrupted before it gave an id.
    own = f"rbuild-{secrets.token_hex(8)}" if step.name is None else None
    step = replace(step, name=step.name or own)
    identity = own
    arguments = (
        *options(step, network),
        "--pull=never",
        f"sha256:{image.id}",
        *command_after_image(step),
    )

    def remove() -> None:
        if identity is not None:
            client.remove(f"the container {step.name}", "rm", "--force", "--volumes", identity)

    kept: list[DockerContainer] = []
    with removed_at_end(remove, lambda: not step.remove and any(k.was_run for k in kept)):
        made = client.capture("create", *arguments)
        if made.status != 0 or not made.text.strip():
            message = "docker could not make the container"
            raise StepFailedError(message, status=125, engine_words=made.words)
        identity = made.text.strip()
        warnings = "\n".join(filter(None, (differs, made.words)))
        kept.append(DockerContainer(client, identity, step, image, warnings))
        yield kept[0]


def _check_caller(client: Client, step: RunContainer) -> str:
    """What differs from a daemon that is root's, for a person; empty for nothing.

    A rootless dockerd (29.1 is the newest) knows no other map of ids than its own, in which the
    container's root is the caller. Raises UnsupportedError where the step's user is the caller by
    its number, and could not write to what is mounted for it.
    """
    shared = [mount for mount in step.mounts if isinstance(mount, BindMount)]
    if step.caller_ids is None or not shared or not client.rootless:
        return ""
    uid, gid = step.caller_ids.uid, step.caller_ids.gid
    if not uid:
        return f"with rootless docker group {gid} of the container is not yours outside of it"
    for mount in shared:
        if mount.read_only:
            continue
        mode = mount.source.stat().st_mode
        needed = stat.S_IWOTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
        if mode & needed != needed:
            raise UnsupportedError(
                f"rootless docker can't do --user {step.user or uid}: user {uid} of the container "
                f"is not you outside of it, and could not write to {mount.source}",
                hint="use --backend podman or --backend buildah, which can; or mount it read-only",
            )
    return f"with rootless docker user {uid} of the container is not you outside of it"


def _writable(step: RunContainer, image: Image) -> Iterator[Mount]:
    """The mounts without rbuild's caches where the user is not root: docker makes new volumes
    root's, and has no way to give them to another.
    """
    ids = numeric(step.user or image.user)
    root = ids is not None and ids[0] == 0
    return (m for m in step.mounts if root or not (isinstance(m, VolumeMount) and m.cache))


def is_remote(endpoint: str) -> bool:
    """Whether the daemon at that address is on another host, as far as one can tell."""
    return not endpoint.startswith(("unix:", "/"))


def _make_volumes(client: Client, step: RunContainer) -> None:
    """Named volumes with rbuild's labels; docker would make them without."""
    labels = [f"--label={k}={v}" for k, v in step.labels if k.startswith(LABEL_PREFIX)]
    for mount in step.mounts:
        if isinstance(mount, VolumeMount) and mount.name:
            # One that is there is left as it is.
            client.answer(
                f"docker could not make the volume {mount.name}",
                *("volume", "create", *labels, mount.name),
                status=125,
            )
