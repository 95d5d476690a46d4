"""Where podman keeps images, as it says itself, in passing.

`podman info` tells it too, and asks the host's package manager about three programs before: 0.3 s,
ten times as long as any other question, of each build. What a command has found out of settings and
of podman's own record it writes to a log of that level (podman 3.4.4, 4.3.1, 4.9.3, 5.4.2, 5.8.6).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rbuild_containers.working import Storage

ALOUD: Final = "--log-level=debug"
"""With it any command of this host's podman tells."""
QUESTION: Final = (ALOUD, "image", "exists", "localhost/rbuild")
"""One that opens the storage, whatever the answer is."""

_SAID: Final = re.compile(
    r'^time=\S+ level=debug msg="Using (graph driver|graph root|run root) ([^"\\]+)"$', re.MULTILINE
)
_ALL: Final = {"graph driver", "graph root", "run root"}
_OPTION: Final = re.compile(r'^time=\S+ level=debug msg="\w+: \w+=', re.MULTILINE)


def of_log(log: str) -> Storage | None:
    """The storage, from what a command said on standard error.

    None where that does not say all: a path that is written with an escape, a driver that podman
    chooses itself (5.8.6), options of the driver.
    """
    said = dict(_SAID.findall(log))
    if said.keys() != _ALL or _OPTION.search(log):
        return None
    return Storage(Path(said["graph root"]), said["graph driver"], Path(said["run root"]))
