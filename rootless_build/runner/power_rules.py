"""Which powers over the host a plan may have, as data; `host_power` tells which it asks for."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from msgspec import Struct

from rootless_build.model.plan import Pairs


class Reach(Enum):
    """Who has the power: the container, or rbuild itself, which reads and writes files for the
    recipe as the user who runs it.
    """

    CONTAINER = "container"
    FILES = "files"


class Power(Struct, frozen=True):
    """What `step` (its number, from 1) asks for, in the words of docker's options.

    `named`: the command line itself asks for it, not the project.
    """

    step: int
    words: str
    reach: Reach = Reach.CONTAINER
    named: bool = False


class Named(Struct, frozen=True):
    """What the command line names itself: it is not the project's."""

    directories: tuple[Path, ...] = ()
    contexts: Pairs = ()
    secrets: tuple[str, ...] = ()
    network: str | None = None


class Rules(Struct, frozen=True):
    """Under which a run stands. `rootless`: the engine's containers have no power of root's;
    `root`: rbuild itself has it. `isolated`: containers have namespaces of their own, which
    buildah's isolation chroot does not give them.
    """

    rootless: bool
    root: bool
    rootful: bool = False
    unprivileged: bool = False
    isolated: bool = True

    @property
    def bind(self) -> bool:
        """Whether anything can be refused at all."""
        return self.unprivileged or (not self.rootful and (self.root or not self.rootless))

    def refuse(self, power: Power) -> bool:
        """Whether the power is not to be had."""
        if power.reach is Reach.FILES:
            return self.root and not self.rootful
        if self.unprivileged:
            return not (power.named and self.rootless)
        return not self.rootless and not self.rootful
