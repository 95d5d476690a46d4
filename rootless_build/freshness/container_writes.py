"""Whether a container wrote something into the directories that it mounts.

One that wrote nothing anywhere is there for what it does or says: a test, in a project that is
mounted whole.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build.model.plan import BindMount, RunContainer

_NOT_LOOKED_AT: Final = re.compile(r"\.git|\..+\.rbuild\..+|\.rbuild-.+")
"""git writes there when it is only asked; the others are directories of rbuild's own."""
_COARSE: Final = 5
"""CLOCK_REALTIME_COARSE (linux/time.h), which file systems take times from."""


def now() -> int:
    """The time that a file written now would have at least, ns since 1970."""
    return time.clock_gettime_ns(_COARSE)


def has_written(step: RunContainer, since: int) -> bool:
    """Whether a file or a link in a directory that the container could write was changed later
    than `since`. Directories don't count: rbuild makes some to mount others on.
    """
    places = [m.source for m in step.mounts if isinstance(m, BindMount) and not m.read_only]
    return any(changed > since for place in places for changed in _changes(place))


def _changes(place: Path) -> Iterator[int]:
    """When each of the files was changed last: no program can set that."""
    if place.is_file():
        yield place.stat().st_ctime_ns
        return
    pending = [str(place)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if _NOT_LOOKED_AT.fullmatch(entry.name):
                        continue
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        pending.append(entry.path)
                    else:
                        yield status.st_ctime_ns
        except OSError:
            # It is gone, a file, or not to be read by this user.
            continue
