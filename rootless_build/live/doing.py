"""A command of docker's that is no step, with what it is done with."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.told import Told
from rootless_build.live.daemon import Daemon
from rootless_build.live.surroundings import Work


class Doing(Struct, frozen=True):
    """See the module."""

    given: Given
    work: Work
    daemon: Daemon

    @property
    def operands(self) -> tuple[str, ...]:
        """Those of the command line."""
        return self.given.operands


Act = Callable[[Doing], Told]
"""Does a command, and says what docker prints of it."""
