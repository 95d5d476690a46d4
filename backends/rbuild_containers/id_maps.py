"""The user namespace of a container whose user is the one who runs rbuild.

Seen from a rootless engine, 0 is the caller and 1 to N are the subordinate ids; by default a
container's ids are these. Here the container's own user is 0, its root is N, and all others stay.

N, since containers/storage, where it changes the owners of an image's files, takes a container's id
that is the same number as root's place for root (podman 4.3.1, ToHostOverflow of pkg/idtools): no
image has a file of 65536. `--userns=keep-id` of podman, in which root's place is 1, does so to
uid 1; it also adds the user to the container's /etc/passwd, which docker does not.

podman 4.3.1 and buildah 1.28.2 make, once for each image and map, a copy of the image's files with
their owners changed, kept in storage until the image goes ("mapped-layers" in images.json of
containers/storage); either finds that of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from msgspec import Struct

from rootless_build.backend import CallerIds, EngineSettings


class IdMap(Struct, frozen=True):
    """`size` ids from `container` on are those from `host` on, as the engine sees them."""

    container: int
    host: int
    size: int

    def __str__(self) -> str:
        """The range as the command lines of podman and buildah have it."""
        return f"{self.container}:{self.host}:{self.size}"


def id_maps(
    caller: CallerIds, settings: EngineSettings
) -> tuple[tuple[IdMap, ...], tuple[IdMap, ...]]:
    """The maps of uids and of gids in which `caller` are the caller's."""
    uids, gids = settings.subordinate_ids
    return id_map(caller.uid, uids), id_map(caller.gid, gids)


def id_map(own: int, ranges: Sequence[int]) -> tuple[IdMap, ...]:
    """The map in which `own` is the caller, for a user with ranges of so many subordinate ids.

    `own` may be beyond what they reach to. No part of the map reaches over the end of a range,
    which the kernel would refuse (user_namespaces(7)).
    """
    last = sum(ranges)
    if own == 0 or last == 0:
        whole = [IdMap(0, 0, last + 1)]
    else:
        below = min(own, last)
        whole = [
            IdMap(0, last, 1),
            IdMap(1, 1, below - 1),
            IdMap(own, 0, 1),
            IdMap(below + 1, below + 1, max(last - 1 - below, 0)),
        ]
    ends = [1, *(1 + end for end in accumulate(ranges))]
    return tuple(part for each in whole for part in _split(each, ends) if part.size)


def _split(whole: IdMap, ends: Sequence[int]) -> Iterator[IdMap]:
    for end in ends:
        size = min(max(end - whole.host, 0), whole.size)
        yield IdMap(whole.container, whole.host, size)
        whole = IdMap(whole.container + size, whole.host + size, whole.size - size)
