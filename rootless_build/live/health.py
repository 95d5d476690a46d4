"""The health of containers that stay: looked at when somebody asks for it.

docker's daemon runs a container's HEALTHCHECK by a clock of its own. podman has systemd's timers do
so, and where there is no systemd nobody does. Scripts wait for `healthy` in a loop: each time that
they ask, a check that is due is made first.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from rootless_build.docker_cli import units
from rootless_build.docker_cli.shapes.json import a_list, a_map, text, whole
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.model.plan import Json

_USUAL: Final = 30.0
_NANOSECONDS: Final = 1e9
_LOOKED_AT: Final = frozenset({"starting", "healthy", "unhealthy"})


def is_due(container: Json, now: float) -> bool:
    """Whether a container, as podman describes it, is to be looked at by now."""
    said = a_map(container)
    state = a_map(said.get("State"))
    health = a_map(state.get("Health") or state.get("Healthcheck"))
    if text(state.get("Status")) != "running" or text(health.get("Status")) not in _LOOKED_AT:
        return False
    check = a_map(a_map(said.get("Config")).get("Healthcheck"))
    interval = whole(check.get("Interval")) / _NANOSECONDS or _USUAL
    log = a_list(health.get("Log"))
    last = text(a_map(log[-1]).get("End")) if log else text(state.get("StartedAt"))
    return now - units.read(last) >= interval


def looked_at(daemon: Daemon, name: str) -> Json:
    """A container as podman describes it, after a look at its health where that is due."""
    container = daemon.container(name)
    return daemon.container(name) if _look(daemon, container) else container


def look_at_listed(daemon: Daemon, listed: Iterable[Json]) -> bool:
    """Look at those of a listing of podman's where it is due; whether there was one."""
    found = [
        _look(daemon, daemon.container(text(a_map(each).get("Id"))))
        for each in listed
        if text(a_map(each).get("Status")) in _LOOKED_AT
    ]
    return any(found)


def _look(daemon: Daemon, container: Json) -> bool:
    if not is_due(container, time.time()):
        return False
    identity = quote(text(a_map(container).get("Id")), safe="")
    try:
        daemon.ask("GET", f"/libpod/containers/{identity}/healthcheck")
    except DaemonError:
        # It has ended meanwhile.
        return False
    return True
