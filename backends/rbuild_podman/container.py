"""One container, from its making to its removal.

It is made, initialised, awaited and removed through the API, and its streams come through
`podman start --attach`. The API's log stream is no way to read output: podman 4.3.1 ended it after
469,060 of 10,888,900 bytes, and it is a poll of a file, 0.3 s behind. Attached, every byte came.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from podman.errors import APIError, NotFound

from rbuild_containers.given_volumes import take_over
from rbuild_containers.homes import at_the_root, unknown_user
from rbuild_containers.runtime_state import RuntimeStates
from rbuild_podman import homes, own_names
from rbuild_podman.connection import Connection, engine_errors
from rbuild_podman.specgen import container_spec
from rootless_build.backend import (
    LABEL_PREFIX,
    EngineSettings,
    Exit,
    Image,
    RbuildError,
    RunContainer,
    Stdio,
    StepFailedError,
    StepReporter,
    Stream,
    VolumeMount,
    identities,
    programs,
    removed_at_end,
    replace,
    terminal,
)
from rootless_build.backend.bind_sources import make_sources, refuse_sources

if TYPE_CHECKING:
    from podman.domain.containers import Container as ApiContainer

_STANDARD_INPUT = 0
"""The descriptor; `sys.stdin` may be something else, or closed."""
_STOP_GRACE = 2
"""Seconds an interrupted container has before SIGKILL, where the step says nothing."""
_MONITOR_PATIENCE = 10.0
"""Seconds for conmon to end after its container; it needs 0.05 s on an idle machine."""
_STOP_PATIENCE = 30.0
"""Seconds that podman has to answer once the container has had its grace: a busy machine does not
unmount a container in one."""
_NOT_FOUND = re.compile(
    r"exec.*(?:not found in \$PATH|no such file or directory)|command that was not found", re.DOTALL
)
_NOT_EXECUTABLE = re.compile(
    r"exec.*(?:permission denied|is a directory|operation not permitted)|is not a regular file",
    re.IGNORECASE | re.DOTALL,
)
"""Of runc 1.1.5, which quotes the command after `exec: `, and of crun 1.14.1, 1.21 and 1.28."""
_WORDS_LOST = "no logs from conmon"
"""Of podman 4.3 to 6.1, where neither conmon nor the runtime left a reason. With conmon 2.1.10
(Ubuntu 24.04) it comes and goes where a container with a terminal can't be started.
"""
_ATTEMPTS = 3
_GONE = "no such container"
_NEVER_STARTED = {"configured", "created", "initialized"}


class Containers:
    """The containers of one podman, and the volumes that they have.

    Importing this module imports podman-py, which all of it asks.
    """

    def __init__(self, connection: Connection, settings: EngineSettings) -> None:
        self._connection = connection
        self._settings = settings

    def make(
        self, step: RunContainer, image: Image
    ) -> contextlib.AbstractContextManager[PodmanContainer]:
        """Make a container of `image`; see `new_container`."""
        return new_container(self._connection, step, image, self._settings)

    def create(self, step: RunContainer, image: Image) -> str:
        """Make a container that stays; see `create_lasting`."""
        return create_lasting(self._connection, step, image, self._settings)

    def remove(self, identity: str) -> str:
        """Remove one, and return podman's words when it stays; see `remove_container`."""
        return remove_container(self._connection, identity)

    def remove_volume(self, name: str) -> bool:
        """Remove a named volume; False when there was none."""
        with engine_errors(f"the volume {name} could not be removed"):
            try:
                # By force, containers that have it would go too.
                self._connection.client.volumes.remove(name)
            except NotFound:
                return False
        return True


class PodmanContainer:
    """See `rootless_build.backend.api.Container`."""

    def __init__(self, connection: Connection, api: ApiContainer, step: RunContainer) -> None:
        self._connection = connection
        self._api = api
        self._step = step
        self.was_run = False
        """Whether it was to be run: docker keeps one that could not be, or was interrupted."""

    @property
    def id(self) -> str:
        """The full id."""
        return str(self._api.id)

    def run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        """Start it, hand its output over as it appears, and wait for its end."""
        self.was_run = True
        refused = self._initialise()
        if refused is not None:
            return refused
        try:
            words = self._attach(reporter, stdio)
            return self._exit(words)
        except BaseException:
            self._stop()
            raise

    def copy_in(self, source: Path, path: str) -> None:
        """See `rootless_build.backend.api.fill`; owner of the copies is the container's user."""
        target = PurePosixPath(self._working_directory(), path)
        copied = programs.capture(
            self._connection.command("cp", f"{source}/.", f"{self.id}:{target}"),
            environment=self._connection.environment,
        )
        if copied.status != 0:
            raise StepFailedError(
                f"the container's {target} could not be filled", engine_words=copied.words
            )

    def copy_out(self, path: str, destination: Path) -> bool:
        """Copy what is in the directory `path` into `destination`."""
        source = PurePosixPath(self._working_directory(), path)
        # The trailing dot means the directory's content, and the target of a link.
        inside = f"{source}/."
        with engine_errors(f"the container's {source} could not be read"):
            # podman-py's get_archive begins to fetch all of it.
            found = self._connection.client.api.head(
                f"/containers/{self.id}/archive", params={"path": inside}
            )
            if found.status_code == 404:
                return False
            found.raise_for_status()
        if not _is_directory(found.headers["X-Docker-Container-Path-Stat"]):
            return False
        copied = programs.capture(
            self._connection.command("cp", f"{self.id}:{inside}", str(destination)),
            environment=self._connection.environment,
        )
        if copied.status != 0:
            raise StepFailedError(
                f"the container's {source} could not be copied out", engine_words=copied.words
            )
        return True

    def _working_directory(self) -> str:
        with engine_errors("the container could not be inspected"):
            return str(self._api.inspect()["Config"].get("WorkingDir") or "/")

    def _initialise(self) -> Exit | None:
        """Everything up to the command itself, so that its failure is told from the command's.

        Nothing of the command has run then: where the reason got lost it is asked for again.
        """
        words = ""
        for _ in range(_ATTEMPTS):
            try:
                with engine_errors("the container could not be started"):
                    self._api.init()
            except StepFailedError as error:
                words = error.engine_words
                if _WORDS_LOST not in words:
                    break
            else:
                return None
        return not_started(words)

    def _attach(self, reporter: StepReporter, stdio: Stdio) -> str:
        """Start it and carry its streams to the end; returns what standard error ended with."""
        arguments = ["start", "--attach", "--sig-proxy=false"]
        if self._connection.endpoint is None:
            # Input may hold any bytes. (podman-remote 4.3.1 refuses an empty sequence.)
            arguments.append("--detach-keys=")
        if self._step.interactive or stdio is not Stdio.CLOSED:
            arguments.append("--interactive")
        argv = self._connection.command(*arguments, self.id)
        environment = self._connection.environment
        if stdio is Stdio.TERMINAL:
            said = terminal.attach(argv, reporter, environment=environment).said
            return said.decode(errors="replace").strip()
        tail = programs.Tail()

        def on_output(data: bytes, stream: Stream) -> None:
            reporter.output(data, stream)
            if stream == "stderr":
                tail.add(data)

        if stdio is Stdio.PIPED:
            programs.stream(argv, on_output, environment=environment, stdin=_STANDARD_INPUT)
        else:
            programs.stream(argv, on_output, environment=environment)
        reporter.flush()
        return tail.text

    def _exit(self, words: str) -> Exit:
        with engine_errors("the container's end could not be learned"):
            if self._api.inspect()["State"]["Status"] in _NEVER_STARTED:
                return Exit(125, words or "podman did not start it, and said nothing")
            status = self._api.wait(condition=["stopped", "exited"])
            out_of_memory = bool(self._api.inspect()["State"].get("OOMKilled"))
        return Exit(int(status), out_of_memory=out_of_memory)

    def _stop(self) -> None:
        asked = self._step.stop_timeout
        grace = _STOP_GRACE if asked is None else min(asked, int(programs.GRACE))
        monitor = self._monitor()
        # podman-py's own `stop` waits for an answer half as long again as the grace is.
        with contextlib.suppress(RbuildError), engine_errors("the container did not stop"):
            self._connection.client.api.post(
                f"/containers/{self.id}/stop",
                params={"ignore": True, "timeout": grace},
                timeout=grace + _STOP_PATIENCE,
            )
        if monitor is not None:
            # conmon, and then podman's own cleaning in its place, outlive the container.
            identities.await_end(monitor, _MONITOR_PATIENCE)

    def _monitor(self) -> int | None:
        """The process that watches over it, where that is one of this host."""
        if self._connection.endpoint is None:
            with contextlib.suppress(RbuildError), engine_errors("podman does not know it"):
                return self._api.inspect()["State"].get("ConmonPid") or None
        return None


def not_started(words: str) -> Exit:
    """What podman's words about a failed start mean."""
    if _NOT_FOUND.search(words):
        return Exit(127, words)
    if _NOT_EXECUTABLE.search(words):
        return Exit(126, words)
    return Exit(125, words or "podman could not start it, and said nothing")


def _is_directory(header: str) -> bool:
    """Whether a file, or what it links to, is a directory: base64 JSON that describes it."""
    return bool(json.loads(base64.b64decode(header))["isDir"])


@contextlib.contextmanager
def new_container(
    connection: Connection, step: RunContainer, image: Image, settings: EngineSettings
) -> Iterator[PodmanContainer]:
    """Make a container; it is removed, with its anonymous volumes, when the context ends.

    Raises StepFailedError (125) when podman refuses, UnsupportedError for bind mounts on a
    remote engine, ContainerLeftError when it stays.
    """
    if connection.remote:
        where = f"the podman at {connection.place}"
        refuse_sources(step, where, f"leave {connection.named_by} away")
    make_sources(step)
    # A name of our own finds the container although podman was interrupted before it gave an id.
    own = own_names.make() if step.name is None else None
    step = replace(step, name=step.name or own)
    client = connection.client
    known = own

    def remove() -> None:
        if known is None:
            return
        if words := remove_container(connection, known):
            message = f"the container {step.name} could not be removed"
            raise StepFailedError(message, engine_words=words)
        if connection.endpoint is None:
            RuntimeStates(settings).remove(known)  # where conmon was killed

    made: list[PodmanContainer] = []
    with removed_at_end(remove, lambda: not step.remove and any(m.was_run for m in made)):
        with engine_errors("podman could not make the container", status=125):
            _make_volumes(connection, step)
            _take_volumes_over(connection, step)
            known = _create(connection, step, image, settings)
            uid = unknown_user(step, image)
            if uid is not None and not homes.has_entry(connection, known, uid):
                remove()
                step = at_the_root(step)
                known = _create(connection, step, image, settings)
        with engine_errors("podman lost the container it made", status=125):
            api = client.containers.get(known)
        made.append(PodmanContainer(connection, api, step))
        yield made[0]


def create_lasting(
    connection: Connection, step: RunContainer, image: Image, settings: EngineSettings
) -> str:
    """Make a container that stays, with all that `new_container` makes for one; its id."""
    if connection.remote:
        where = f"the podman at {connection.place}"
        refuse_sources(step, where, f"leave {connection.named_by} away")
    make_sources(step)
    with engine_errors("podman could not make the container", status=125):
        _make_volumes(connection, step)
        _take_volumes_over(connection, step)
        made = _create(connection, step, image, settings, stays=True)
        uid = unknown_user(step, image)
        if uid is None or homes.has_entry(connection, made, uid):
            return made
        remove_container(connection, made)
        return _create(connection, at_the_root(step), image, settings, stays=True)


def _create(
    connection: Connection,
    step: RunContainer,
    image: Image,
    settings: EngineSettings,
    *,
    stays: bool = False,
) -> str:
    """Have podman make a container; returns its id. Of one that `stays` podman keeps the log."""
    fields = container_spec(step, image, settings, connection.default_ulimits)
    if stays:
        fields = {**fields, "remove": step.remove, "log_configuration": {"driver": "k8s-file"}}
    spec = json.dumps(fields)
    made = connection.client.api.post(
        "/containers/create", data=spec, headers={"Content-Type": "application/json"}
    )
    made.raise_for_status()
    return str(made.json()["Id"])


def _make_volumes(connection: Connection, step: RunContainer) -> None:
    """Named volumes with rbuild's labels; podman would make them without."""
    volumes = connection.client.volumes
    labels = {name: value for name, value in step.labels if name.startswith(LABEL_PREFIX)}
    for mount in step.mounts:
        if isinstance(mount, VolumeMount) and mount.name and not volumes.exists(mount.name):
            try:
                volumes.create(mount.name, labels=labels)
            except APIError:
                # Another build of the project may have been faster.
                if not volumes.exists(mount.name):
                    raise


def _take_volumes_over(connection: Connection, step: RunContainer) -> None:
    if step.caller_ids is None or not step.caller_ids.uid or connection.endpoint is not None:
        return
    for mount in step.mounts:
        if isinstance(mount, VolumeMount) and mount.name and not mount.cache:
            place = connection.client.volumes.get(mount.name).attrs["Mountpoint"]
            take_over(Path(place), step.caller_ids.uid, connection.user_namespace)


def remove_container(connection: Connection, identity: str) -> str:
    """Remove a container with its anonymous volumes, by force; returns podman's words when it
    stays.
    """
    # podman-py's remove(v=True) leaves the anonymous volumes: libpod's word for it is `volumes`.
    params = {"force": True, "volumes": True, "timeout": 0}
    with contextlib.suppress(RbuildError), engine_errors("the container was not removed"):
        answer = connection.client.api.delete(f"/containers/{identity}", params=params)
        if answer.status_code != 404:
            answer.raise_for_status()
        if answer.status_code != 404 or connection.endpoint is not None:
            return ""
        # On a full disk podman 4.3.1 forgets the container and then can't take it out of storage.
        # The service answers 404 from then on; the CLI looks there too.
    # The service may be gone, or storage busy for a moment (another podman, a mount that goes away
    # late). Where conmon was killed, podman 4.3.1 learns in one attempt that the container has
    # ended, and removes it in the next.
    words = ""
    for _ in range(3):
        done = programs.capture(
            connection.command("rm", "--force", "--volumes", "--time", "0", identity),
            environment=connection.environment,
        )
        words = done.words
        if done.status == 0 or _GONE in words:
            return ""
    return words
