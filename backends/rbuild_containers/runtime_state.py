"""What the OCI runtime notes of each container, and keeps when it was killed with it.

runc and crun have a directory for each in XDG_RUNTIME_DIR (as real root in /run), named after the
container or, by buildah, after its bundle directory; a file in it has the bundle's path
(`state.json` of runc 1.1.5, `status` of crun 1.8.1).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rbuild_containers.temporary import bundles_of_builds, process_of
from rootless_build.backend import LABEL_PROCESS, EngineSettings, Leftover, LeftoverKind, identities

_FILES: Final = {"runc": "state.json", "crun": "status"}
_OF_A_PROCESS: Final = re.compile(r"/rbuild-(\d+\.\d+)-[^/\"]*/buildah")
_PREFIX: Final = "buildah-"


class RuntimeStates:
    """The runtime's directories, of whoever's containers."""

    def __init__(self, settings: EngineSettings) -> None:
        environment = {**os.environ, **dict(settings.environment)}
        place = environment.get("XDG_RUNTIME_DIR") if settings.rootless else None
        self._place = Path(place or "/run")

    def of_builds(self) -> Iterator[Leftover]:
        """Containers of image builds of rbuild's, by the temporary directory that each has.

        A runtime that was killed early has noted nothing: the names say the same.
        """
        bundles = {path.name: process_of(path) for path in bundles_of_builds()}
        for directory, text in self._all():
            found = _OF_A_PROCESS.search(text)
            process = found[1] if found else bundles.get(directory.name.removeprefix(_PREFIX))
            if process:
                labels = ((LABEL_PROCESS, process),)
                yield Leftover(LeftoverKind.CONTAINER, directory.name, directory.name, labels, 0)

    def of_own_builds(self) -> Iterator[Leftover]:
        """Containers of image builds of this process."""
        ours = (LABEL_PROCESS, identities.of_this())
        return (left for left in self.of_builds() if ours in left.labels)

    def remove(self, marker: str) -> bool:
        """Remove what has that name, or a bundle's path with `marker` in it; whether any."""
        removed = False
        for directory, text in self._all():
            if marker in {directory.name, directory.name.removeprefix(_PREFIX)} or (
                "/" in marker and marker in text
            ):
                shutil.rmtree(directory, ignore_errors=True)
                removed = True
        return removed

    def _all(self) -> Iterator[tuple[Path, str]]:
        for runtime, name in _FILES.items():
            for directory in (self._place / runtime).glob("*"):
                text = ""
                with contextlib.suppress(OSError):
                    text = (directory / name).read_text(errors="replace")
                if directory.is_dir():
                    yield directory, text
