"""How image builds are done, as far as containerfiles are concerned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from rootless_build.images.at_once import AtOnce
from rootless_build.images.own_files import OwnFiles

if TYPE_CHECKING:
    # A run that changes nothing has options, and asks no engine.
    from rootless_build.images.asking.memory import Memory
    from rootless_build.images.containerfile.stages import Image
    from rootless_build.images.layers.request import MountPoints, Operation
    from rootless_build.images.rewrite.features import Answers
    from rootless_build.images.segments.context_images import Keeping
    from rootless_build.images.segments.stopping import Stop


class RewriteOptions(Struct, frozen=True):
    """How image builds are done. `builder` is the engine's name and version (`podman 4.3.1`),
    empty where it is not known. `data` is the user's directory for what was fetched. `own` are the
    places of rbuild's own files, which reach no build context. `shown` is what messages call the
    containerfile, empty for its path. `lines` are where the user knows its instructions, in their
    order; empty where that is where they are. `images` are those that the engine does not have yet,
    by the names that FROM has for them. `memory` gives what the engine was asked before;
    without one it is asked nothing. `answers` are those that hold. `explain`: how long it was asked
    is told. `at_once` is what this build shares with others that go on. `full` is a directory for
    what a later build needs in order to do but what changed (`segments.readings`); None where
    nothing of it is wanted. `contexts` are the images that are kept of what RUNs mount of
    the build context; None for none. `stop` ends the build at one of its RUNs. `repeated` is told
    what each layer is made of, where the build is to be repeated without rbuild: RUNs see no
    directory of this host then.
    """

    builder: str = ""
    data: Path | None = None
    allow_inexact: bool = False
    own: OwnFiles = OwnFiles()
    shown: str = ""
    lines: tuple[int, ...] = ()
    images: Mapping[str, Image] = {}
    memory: Callable[[], Memory] | None = None
    answers: Answers = {}
    explain: bool = False
    at_once: AtOnce = field(default_factory=AtOnce)
    full: Path | None = None
    contexts: Keeping | None = None
    stop: Stop | None = None
    repeated: Callable[[Sequence[Operation | MountPoints]], None] | None = None
