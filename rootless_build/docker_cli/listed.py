"""What docker lists, as data: whatever an engine says of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from rootless_build.docker_cli.units import NEVER


class Image(Struct, frozen=True):
    """An image. `id` has 64 hex digits, times are seconds since 1970, `names` are docker's short
    ones with their tags, `digests` NAME@DIGEST.
    """

    id: str
    names: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    created: float = 0
    size: int = 0
    labels: Mapping[str, str] = {}
    containers: int = -1
    digest: str = ""


class Container(Struct, frozen=True):
    """A container. `state` is docker's word, `code` is its exit status, `volumes` are the names of
    those that it mounts and `binds` the other sources; `ports` as docker shows them.
    """

    id: str
    name: str
    image: str
    image_id: str = ""
    command: tuple[str, ...] = ()
    created: float = 0
    state: str = "created"
    started: float = NEVER
    ended: float = NEVER
    code: int = 0
    health: str = ""
    labels: Mapping[str, str] = {}
    volumes: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    ports: str = ""
    size: tuple[int, int] = (0, 0)


class Volume(Struct, frozen=True):
    """A volume. `used`: a container has it."""

    name: str
    driver: str = "local"
    mountpoint: str = ""
    scope: str = "local"
    labels: Mapping[str, str] = {}
    used: bool = False


class Network(Struct, frozen=True):
    """A network."""

    id: str
    name: str
    driver: str = "bridge"
    scope: str = "local"
    created: str = ""
    internal: bool = False
    ipv6: bool = False
    labels: Mapping[str, str] = {}


class Past(Struct, frozen=True):
    """A step of an image's history; its `id` is empty where no image is left of it."""

    id: str = ""
    created: float = 0
    made_by: str = ""
    size: int = 0
    comment: str = ""


class Usage(Struct, frozen=True):
    """What all of a kind take on the disk: how many there are and are used, in bytes all of them
    and those that nothing uses. `has_share`: it is told how much of it that is.
    """

    kind: str
    total: int = 0
    active: int = 0
    size: int = 0
    reclaimable: int = 0
    has_share: bool = True
