"""`docker inspect` and its like: objects, by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from rootless_build.docker_cli.shapes import containers, images, others
from rootless_build.docker_cli.templates import inspecting
from rootless_build.docker_cli.templates.printing import UnprintableError
from rootless_build.docker_cli.templates.tokens import TemplateError
from rootless_build.docker_cli.told import Told
from rootless_build.live import health
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.live.doing import Doing
from rootless_build.model.plan import Json

_GONE: Final = 404
Find = Callable[[Daemon, str], Json]


def container(daemon: Daemon, name: str) -> Json:
    """A container in docker's shape."""
    return containers.inspected(health.looked_at(daemon, name))


def _with_size(daemon: Daemon, name: str) -> Json:
    """The same with how much it takes in storage."""
    health.looked_at(daemon, name)
    return containers.inspected(daemon.container(name, query={"size": "true"}))


def image(daemon: Daemon, name: str) -> Json:
    """An image in docker's shape."""
    return images.inspected(daemon.image(name))


def volume(daemon: Daemon, name: str) -> Json:
    """A volume in docker's shape."""
    return others.volume_inspected(daemon.volume(name))


def network(daemon: Daemon, name: str) -> Json:
    """A network in docker's shape."""
    if name in others.BUILT_IN:
        return others.built_in_network(name)
    return others.network_inspected(daemon.network(name))


KINDS: Final[Mapping[str, Find]] = {
    "container": container,
    "image": image,
    "network": network,
    "volume": volume,
}
_SIZED: Final[Mapping[Find, Find]] = {container: _with_size}
_NONE_HERE: Final = ("config", "node", "plugin", "secret", "service", "task")


def of_any_kind(doing: Doing) -> Told:
    """`docker inspect`."""
    kind = doing.given.value("type") or ""
    if kind in KINDS:
        return _inspected(doing, KINDS[kind])
    if kind:
        known = ", ".join(f'"{each}"' for each in sorted((*KINDS, *_NONE_HERE)))
        return Told(err=f'unknown type: "{kind}": must be one of {known}\n', status=1)
    return _inspected(doing, _first)


def _first(daemon: Daemon, name: str) -> Json:
    return _first_of(KINDS.values(), daemon, name)


def _first_with_size(daemon: Daemon, name: str) -> Json:
    return _first_of((_SIZED.get(find, find) for find in KINDS.values()), daemon, name)


def _first_of(kinds: Iterable[Find], daemon: Daemon, name: str) -> Json:
    for find in kinds:
        try:
            return find(daemon, name)
        except DaemonError as error:
            if error.status != _GONE:
                raise
    raise _NoSuchObjectError(name)


class _NoSuchObjectError(DaemonError):
    """What `docker inspect` says itself, without its daemon."""

    @property
    def line(self) -> str:
        return f"error: no such object: {self.words}\n"


def of_kind(kind: str) -> Callable[[Doing], Told]:
    """`docker container inspect` and its like."""
    return lambda doing: _inspected(doing, KINDS[kind])


def _inspected(doing: Doing, find: Find) -> Told:
    form = doing.given.value("format") or ""
    fill_in = None
    if form not in {"", "json"}:
        try:
            fill_in = inspecting.reader(form)
        except TemplateError as error:
            return Told(err=f"{error}\n", status=inspecting.UNREADABLE)
    objects, err = _found(doing, find)
    status = 1 if err else 0
    if fill_in is None:
        write = inspecting.in_one_line if form else inspecting.indented
        return Told(f"{write(objects)}\n", err, status)
    return _filled(objects, fill_in, err)


def _found(doing: Doing, find: Find) -> tuple[list[Json], str]:
    if doing.given.has("size"):
        find = _first_with_size if find is _first else _SIZED.get(find, find)
    found: list[Json] = []
    err = ""
    for name in doing.operands:
        try:
            found.append(find(doing.daemon, name))
        except DaemonError as error:
            err += error.line
    return found, err


def _filled(objects: Sequence[Json], fill_in: Callable[[Json], str], err: str) -> Told:
    lines = []
    for each in objects:
        try:
            lines.append(f"{fill_in(each)}\n")
        except TemplateError as error:
            return Told("".join(lines) or "\n", f"{err}{error}\n", 1)
        except UnprintableError as error:
            return Told("".join(lines) or "\n", f"{err}docker inspect: {error}\n", 1)
    return Told("".join(lines) or "\n", err, 1 if err else 0)
