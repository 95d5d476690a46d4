"""A container whose user is the one who runs rbuild: `docker run -u $(id -u):$(id -g)`.

With Docker's own daemon, ids of a container are ids of the host: such a container writes files that
are the caller's. In a rootless engine the container's root is the caller and every other user a
subordinate uid (user_namespaces(7), subuid(5)), which may not even write to the checkout. There the
container gets a user namespace in which its own user and group are the caller's instead of root's:
`RunContainer.caller_ids`. Everything else in it is as docker has it, so that files of the image
which belong to root are root's, and out of the caller's reach.

Only containers with bind mounts or named volumes are concerned: no other can tell the difference.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.backend.api import Engine, Image
from rootless_build.files.plain import text_of
from rootless_build.model import former_names
from rootless_build.model.plan import (
    BindMount,
    CallerIds,
    Pairs,
    Plan,
    RunContainer,
    VolumeMount,
)
from rootless_build.model.structs import replace

_ID: Final = re.compile(r"[+-]?\d+")
_ROOT: Final = frozenset({"", "0", "root"})
_NEVER_RUN: Final = ("none",)
"""A command that a container has to have, although it is not started."""
_LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a passwd or group file that are worth reading."""
_FORMER: Final = MappingProxyType(
    {"identified": f"{__name__}.identify", "marked": f"{__name__}.mark"}
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What a function here was called in 0.1.0."""
        return former_names.find(__name__, name, _FORMER)


def mark(plan: Plan) -> Plan:
    """The plan, with `caller_ids` in every container of which the recipe itself says so in numbers.

    What a user's name, or an image's own user, comes to is only known when the image is there.
    """
    steps = (in_numbers(step) if isinstance(step, RunContainer) else step for step in plan.steps)
    return replace(plan, steps=tuple(steps))


def in_numbers(step: RunContainer, image_user: str = "") -> RunContainer:
    """The step with `caller_ids` as its user, or else the image's, has them in numbers."""
    ids = numeric(step.user or image_user) if _concerns(step) else None
    return replace(step, caller_ids=ids and _callers(*ids))


def identify(step: RunContainer, image: Image, engine: Engine, labels: Pairs) -> RunContainer:
    """The step with `caller_ids` as the user that it, or else its image, names has them.

    Names, and a user whose group is not given, are looked up in the image's own files; `labels` are
    for the container that is made for that, and never started. An engine in which ids are the
    host's, or which does not see this host's files, needs none.
    """
    without = replace(step, caller_ids=None)
    user = step.user or image.user
    if user in _ROOT or not _concerns(step) or engine.remote or not engine.rootless:
        return without
    name, _, group = user.partition(":")
    ids = numeric(user)
    if ids is None or (name not in _ROOT and not group):
        if ids is not None and ids[0] != os.getuid():
            return without
        ids = looked_up(user, *_accounts(engine, image, labels))
    return replace(step, caller_ids=ids and _callers(*ids))


def numeric(user: str) -> tuple[int, int] | None:
    """The uid and gid of docker's `USER[:GROUP]` where both are numbers; a missing one is 0."""
    found = []
    for word in user.partition(":")[::2]:
        if word in _ROOT:
            found.append(0)
        elif _ID.fullmatch(word):
            found.append(int(word))
        else:
            return None
    return found[0], found[1]


def looked_up(user: str, passwd: str, group: str) -> tuple[int, int] | None:
    """The uid and gid of docker's `USER[:GROUP]`, with the text of /etc/passwd and /etc/group.

    As docker 29.1 has it: a name or number is looked for among names and numbers alike; a user
    without a group has that of its entry, else 0. None where a name is in neither file.
    """
    name, _, group_name = user.partition(":")
    uid, gid = _number(name), 0
    for fields in _entries(passwd, 4):
        if name in {fields[0], fields[2]} or uid == int(fields[2]):
            uid, gid = int(fields[2]), int(fields[3])
            break
    if group_name:
        own = _number(group_name)
        for fields in _entries(group, 3):
            if group_name in {fields[0], fields[2]}:
                own = int(fields[2])
                break
        if own is None:
            return None
        gid = own
    return None if uid is None else (uid, gid)


def _number(word: str) -> int | None:
    if not word:
        return 0
    return int(word) if _ID.fullmatch(word) else None


def _entries(text: str, least: int) -> Iterator[list[str]]:
    """The entries of passwd(5) or group(5) whose ids are numbers."""
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) >= least and all(field.isdecimal() for field in fields[2:least]):
            yield fields


def _concerns(step: RunContainer) -> bool:
    """A volume, too, has to show the same owners in all containers of the user."""
    if step.userns or os.getuid() == 0:
        return False
    return any(
        isinstance(mount, BindMount)
        or (isinstance(mount, VolumeMount) and mount.name and not mount.cache)
        for mount in step.mounts
    )


def _callers(uid: int, gid: int) -> CallerIds | None:
    """Whose files such a user's should be: the caller's where it is the caller by its number.

    Its group comes along, whatever it is: what it writes is then wholly the caller's.
    """
    if uid == os.getuid():
        return CallerIds(uid, gid)
    if gid == os.getgid() != 0:
        return CallerIds(0, gid)
    return None


def _accounts(engine: Engine, image: Image, labels: Pairs) -> tuple[str, str]:
    """The text of an image's /etc/passwd and /etc/group; empty for one that it does not have."""
    step = RunContainer(image.id, _NEVER_RUN, network="none", labels=labels)
    with tempfile.TemporaryDirectory() as place, engine.container(step, image) as container:
        container.copy_out("/etc", Path(place))
        passwd, group = (text_of(Path(place, name), _LARGEST) for name in ("passwd", "group"))
        return passwd, group
