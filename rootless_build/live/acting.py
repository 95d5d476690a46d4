"""Commands for containers that need none of the caller's streams: `rm`, `stop`, `commit`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from rootless_build.docker_cli.shapes.json import a_list, a_map, text, whole
from rootless_build.docker_cli.shapes.names import digest, in_full
from rootless_build.docker_cli.tables.columns import aligned
from rootless_build.docker_cli.told import Told
from rootless_build.live import names
from rootless_build.live.daemon import Daemon, DaemonError, for_each
from rootless_build.live.doing import Doing
from rootless_build.model import references

_PATIENCE: Final = 10
"""Seconds that docker gives a container to end."""
_LOOK_AGAIN: Final = 0.05
_RUNNING: Final = ("running", "paused", "stopping")


def _state(daemon: Daemon, name: str) -> tuple[str, str]:
    """The id of a container, and podman's word for its state."""
    said = a_map(daemon.container(name))
    return text(said.get("Id")), text(a_map(said.get("State")).get("Status"))


def _running(daemon: Daemon, name: str) -> tuple[str, str]:
    """The same of one that runs. Raises DaemonError."""
    identity, state = _state(daemon, name)
    if state not in _RUNNING:
        raise DaemonError(f"container {identity} is not running")
    return identity, state


# --- containers -----------------------------------------------------------------------------------


def remove(doing: Doing) -> Told:
    """`docker rm`."""
    force = doing.given.has("force")
    query = {"force": str(force).lower(), "timeout": "0"}
    query["v"] = query["volumes"] = str(doing.given.has("volumes")).lower()

    def act(name: str) -> str:
        identity, state = _state(doing.daemon, name)
        if state in _RUNNING and not force:
            words = "container is running: stop the container before removing or force remove"
            raise DaemonError(f'cannot remove container "{name}": {words}')
        doing.daemon.ask("DELETE", f"/libpod/containers/{identity}", query)
        return f"{name}\n"

    told = for_each(doing.operands, act)
    only_gone = all("No such container" in line for line in told.err.splitlines())
    return Told(told.out, told.err, 0 if force and only_gone else told.status)


def _ending(then: str) -> Callable[[Doing], Told]:
    def act(doing: Doing) -> Told:
        seconds, signal = doing.given.value("timeout"), doing.given.value("signal")

        def one(name: str) -> str:
            query = {} if seconds is None else {"t": seconds}
            if signal is not None:
                _signal(doing.daemon, name, signal, int(seconds or _PATIENCE))
                query = {"t": "0"}
            doing.daemon.of_container("POST", name, f"/{then}", query)
            return f"{name}\n"

        return for_each(doing.operands, one)

    return act


def _signal(daemon: Daemon, name: str, signal: str, seconds: int) -> None:
    """Have a container end by a signal, and wait so long for that (where it is negative, until it
    has ended): podman's service stops one by the container's own signal alone.
    """
    if _state(daemon, name)[1] not in _RUNNING:
        return
    daemon.of_container("POST", name, "/kill", {"signal": signal})
    deadline = time.monotonic() + seconds
    while _state(daemon, name)[1] in _RUNNING and (seconds < 0 or time.monotonic() < deadline):
        time.sleep(_LOOK_AGAIN)


stop = _ending("stop")
restart = _ending("restart")


def kill(doing: Doing) -> Told:
    """`docker kill`."""
    signal = doing.given.value("signal") or "KILL"

    def act(name: str) -> str:
        try:
            _running(doing.daemon, name)
            doing.daemon.of_container("POST", name, "/kill", {"signal": signal})
        except DaemonError as error:
            words = error.words
            if "nvalid signal" in words:
                words = f"invalid signal: {signal}"
            raise DaemonError(f"cannot kill container: {name}: {words}", error.status) from error
        return f"{name}\n"

    return for_each(doing.operands, act)


def _stopping(then: str, wanted: bool, words: str) -> Callable[[Doing], Told]:
    def act(doing: Doing) -> Told:
        def one(name: str) -> str:
            identity, state = _running(doing.daemon, name)
            if (state == "paused") is wanted:
                raise DaemonError(words.format(identity))
            doing.daemon.of_container("POST", name, f"/{then}")
            return f"{name}\n"

        return for_each(doing.operands, one)

    return act


pause = _stopping("pause", True, "container {} is already paused")
unpause = _stopping("unpause", False, "Container {} is not paused")


def wait(doing: Doing) -> Told:
    """`docker wait`."""

    def act(name: str) -> str:
        # podman would wait for one that was never started; so does docker.
        said = a_map(doing.daemon.of_container("POST", name, "/wait"))
        return f"{whole(said.get('StatusCode'))}\n"

    return for_each(doing.operands, act)


def start(doing: Doing) -> Told:
    """`docker start` of containers that nobody looks at."""
    failed: list[str] = []

    def act(name: str) -> str:
        try:
            doing.daemon.of_container("POST", name, "/start")
        except DaemonError:
            failed.append(name)
            raise
        return f"{name}\n"

    told = for_each(doing.operands, act)
    err = f"failed to start containers: {', '.join(failed)}\n" if failed else ""
    return Told(told.out, told.err + err, told.status)


def rename(doing: Doing) -> Told:
    """`docker rename`."""
    old, new = doing.operands
    try:
        names.check(f"/{new}", new, "Error when allocating new name: ")
        _check_other(doing.daemon, old, new)
        names.check_clash(doing.daemon, new, "Error when allocating new name: ")
        doing.daemon.of_container("POST", old, "/rename", {"name": new})
    except DaemonError as error:
        return Told(err=f"failed to rename container: {error.line}", status=1)
    return Told()


def _check_other(daemon: Daemon, old: str, new: str) -> None:
    if text(a_map(daemon.container(old)).get("Name")).removeprefix("/") == new:
        raise DaemonError("Renaming a container with the same name as its current name")


def commit(doing: Doing) -> Told:
    """`docker commit`."""
    name, *target = doing.operands
    given = doing.given
    query = {"pause": "false"}
    try:
        query["container"] = doing.daemon.identity(name)
        if target:
            query |= _repository(target[0])
        for flag, key in (("message", "comment"), ("author", "author")):
            query |= {key: value} if (value := given.value(flag)) is not None else {}
        changes = "\n".join(given.values("change"))
        query |= {"changes": changes} if changes else {}
        said = a_map(doing.daemon.ask("POST", "/commit", query, {}))
    except DaemonError as error:
        return Told(err=error.line, status=1)
    except ValueError as error:
        return Told(err=f"{error}\n", status=1)
    return Told(f"{digest(text(said.get('Id')))}\n")


def _repository(name: str) -> dict[str, str]:
    names.check_image(name)
    whole_name = in_full(references.canonical(name))
    repository, _, tag = whole_name.rpartition(":")
    return {"repo": repository, "tag": tag}


def changes(doing: Doing) -> Told:
    """`docker diff`."""
    try:
        identity = doing.daemon.identity(doing.operands[0])
        said = a_list(doing.daemon.container(identity, "changes"))
    except DaemonError as error:
        return Told(err=error.line, status=1)
    kinds = {0: "C", 1: "A", 2: "D"}
    rows = sorted(
        (kinds.get(whole(a_map(each).get("Kind")), "C"), text(a_map(each).get("Path")))
        for each in said
    )
    return Told("".join(f"{kind} {path}\n" for kind, path in rows))


def processes(doing: Doing) -> Told:
    """`docker top`."""
    name, *words = doing.operands
    try:
        _running(doing.daemon, name)
        query = {"ps_args": " ".join(words)} if words else {}
        said = a_map(doing.daemon.container(name, "top", query))
    except DaemonError as error:
        return Told(err=error.line, status=1)
    rows = [said.get("Titles"), *a_list(said.get("Processes"))]
    lines = ["\t".join(text(cell) for cell in a_list(row)) for row in rows]
    return Told(aligned("\n".join(lines), least=20) + "\n")
