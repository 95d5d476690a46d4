"""What belongs to a user, read by root with that user's rights.

`sudo rbuild install` reads a project that its owner, and what the owner builds with, can write to.
With root's rights a link, or a path in rbuild.toml, would lead to files that only root may read.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from msgspec import Struct

from rootless_build.model.errors import HostError


class Owner(Struct, frozen=True):
    """A user, and all groups of it, the first one first."""

    user: int
    groups: tuple[int, ...]


def owner(*places: Path) -> Owner | None:
    """Whoever but root can decide what is at the first of these places that has such a user.

    That is the owner of the place, of a directory above it or of a link on the way. None: only
    root, or this is not root.
    """
    if os.geteuid() != 0:
        return None
    for place in places:
        for path in (place.absolute(), Path(os.path.realpath(place))):
            for step in (*reversed(path.parents), path):
                found = _owner(step)
                if found is not None:
                    return found
    return None


@contextmanager
def rights_of(one: Owner | None, *, needed: bool = True) -> Iterator[None]:
    """Everything that is opened meanwhile is opened with that user's rights; None: with one's own.

    It counts for the whole process: no other thread may open anything, and what is to be imported
    has to be, for the user may not be able to read it. Raises HostError where they can't be taken
    and are `needed`: root of a container may have no power to do so, nor any over files.
    """
    if one is None or os.geteuid() != 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    taken = False
    try:
        try:
            os.setgroups(one.groups)
            os.setegid(one.groups[0])
            os.seteuid(one.user)
            taken = True
        except OSError as error:
            if needed:
                raise HostError(
                    f"the rights of user {one.user} can't be taken: {error.strerror}",
                    finding="no-owner-rights",
                    hint="run rbuild as that user, with --prefix naming a directory of its own",
                ) from error
        yield
    finally:
        os.seteuid(0)
        with nullcontext() if taken else suppress(OSError):
            os.setegid(group)
            os.setgroups(groups)


def _owner(path: Path) -> Owner | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    if status.st_uid == 0:
        return None
    try:
        user = pwd.getpwuid(status.st_uid)
        groups = os.getgrouplist(user.pw_name, user.pw_gid)
    except KeyError:
        return Owner(status.st_uid, (status.st_gid,))
    return Owner(status.st_uid, (user.pw_gid, *(each for each in groups if each != user.pw_gid)))
