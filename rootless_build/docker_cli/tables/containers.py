"""`docker ps`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rootless_build.docker_cli import units
from rootless_build.docker_cli.listed import Container
from rootless_build.docker_cli.tables.images import short
from rootless_build.docker_cli.tables.listing import Listing, row
from rootless_build.docker_cli.templates.data import Record
from rootless_build.docker_cli.templates.tokens import quoted

CONTAINERS: Final = Listing(
    "*formatter.ContainerContext",
    {
        "ID": "CONTAINER ID",
        "Names": "NAMES",
        "Image": "IMAGE",
        "Command": "COMMAND",
        "CreatedAt": "CREATED AT",
        "RunningFor": "CREATED",
        "Ports": "PORTS",
        "State": "STATE",
        "Status": "STATUS",
        "Size": "SIZE",
        "Labels": "LABELS",
        "Mounts": "MOUNTS",
        "LocalVolumes": "LOCAL VOLUMES",
        "Networks": "NETWORKS",
        "Platform": "PLATFORM",
    },
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    quiet="{{.ID}}",
    raw=(
        "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\n"
        "created_at: {{.CreatedAt}}\nstate: {{.State}}\nstatus: {{.Status}}\nnames: {{.Names}}\n"
        "labels: {{.Labels}}\nports: {{.Ports}}\n"
    ),
    unread="failed to parse template: ",
    unfilled="failed to execute template: ",
    tried=True,
)
WITH_SIZE: Final = f"table {CONTAINERS.table}\t{{{{.Size}}}}"
IGNORED: Final = "WARNING: Ignoring custom format, because both --format and --quiet are set.\n"
_COMMAND: Final = 20
_MOUNT: Final = 15


def container_rows(
    containers: Sequence[Container], platform: str, *, whole: bool, size: bool
) -> list[Record]:
    """The rows of `docker ps`, the newest first."""
    found = sorted(containers, key=lambda container: -container.created)
    return [_container(container, platform, whole, size) for container in found]


def _container(container: Container, platform: str, whole: bool, size: bool) -> Record:
    system, _, machine = platform.partition("/")
    command = _in_words(container.command)
    mounts = (*container.volumes, *container.binds)
    written, all_ = container.size
    return row(
        CONTAINERS,
        {
            "ID": container.id if whole else short(container.id),
            "Names": container.name,
            "Image": container.image,
            "Command": quoted(command if whole else _shortened(command, _COMMAND)),
            "CreatedAt": units.shown(container.created),
            "RunningFor": f"{units.since(container.created)} ago",
            "Ports": container.ports,
            "State": container.state,
            "Status": status(container),
            "Size": f"{units.size(written)} (virtual {units.size(all_)})" if size else "0B",
            "Labels": ",".join(sorted(f"{k}={v}" for k, v in container.labels.items())),
            "Mounts": ",".join(each if whole else _shortened(each, _MOUNT) for each in mounts),
            "LocalVolumes": str(len(container.volumes)),
            "Networks": ",".join(container.networks),
            "Platform": Record("*v1.Platform", {"architecture": machine, "os": system}),
        },
        container.labels,
    )


def _in_words(command: Sequence[str]) -> str:
    first, *others = command or ("",)
    return " ".join((first, *(f"'{word}'" if " " in word else word for word in others)))


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def status(container: Container) -> str:
    """What docker says of a container's state to people."""
    tell = _STATUSES.get(container.state)
    return tell(container) if tell else container.state.capitalize()


def _up(container: Container) -> str:
    words = f"Up {units.since(container.started)}"
    if container.state == "paused":
        return f"{words} (Paused)"
    if not container.health:
        return words
    health = "health: starting" if container.health == "starting" else container.health
    return f"{words} ({health})"


def _ended(container: Container) -> str:
    return f"Exited ({container.code}) {units.since(container.ended)} ago"


_STATUSES: Final[Mapping[str, Callable[[Container], str]]] = {
    "running": _up,
    "paused": _up,
    "exited": _ended,
    "removing": lambda _: "Removal In Progress",
}
