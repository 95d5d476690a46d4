"""Versions of engines and helpers that have defects which a build of ours meets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from rootless_build.host.facts import Facts
from rootless_build.host.finding import Cure, Severity, as_root, by_rbuild

Version = tuple[int, ...]
_NUMBERS: Final = re.compile(r"\d+(?:\.\d+)*")


def parse(version: str) -> Version:
    """`4.3.1+ds1` as (4, 3, 1); empty where there is no number."""
    found = _NUMBERS.search(version)
    return tuple(map(int, found[0].split("."))) if found else ()


class Span(Struct, frozen=True):
    """Versions of a program from `first` on, before `fixed` (empty: no end)."""

    program: str
    first: Version = ()
    fixed: Version = ()

    def covers(self, versions: Mapping[str, Version]) -> bool:
        """Whether the version that is here is one of them."""
        here = versions.get(self.program, ())
        return bool(here) and self.first <= here and (not self.fixed or here < self.fixed)


class Defect(Struct, frozen=True):
    """`spans` must all hold. `source`: an issue, or "measured"."""

    id: str
    spans: tuple[Span, ...]
    severity: Severity
    breaks: str
    cure: Cure
    source: str


DEFECTS: Final = (
    Defect(
        "crun-too-old",
        (Span("podman", first=(5, 6)), Span("crun", fixed=(1, 14, 3))),
        Severity.BLOCKS,
        "this crun refuses what this podman asks of it ('unknown version specified')",
        as_root(
            "apt-get install runc   # or a newer crun",
            "a crun of 1.14.3 or newer, at the path `podman info` names, or runc",
        ),
        "podman issue 27272, actions/runner-images issue 14473",
    ),
    Defect(
        "podman-api-network",
        (Span("podman", first=(4, 3), fixed=(4, 4)),),
        Severity.OK,
        "image builds through podman's service ignore the network mode",
        by_rbuild("images are built with podman's command line"),
        "measured with podman 4.3.1",
    ),
    Defect(
        "podman-too-old",
        (Span("podman", fixed=(4, 3)),),
        Severity.WARNING,
        "rbuild refuses podman before 4.3, which takes no image made of layers of rbuild's",
        as_root("apt-get install podman   # of a newer release", "or use buildah"),
        "measured with podman 4.3.1; 3.4.4 gives an image that it takes a name of its own",
    ),
    Defect(
        "buildah-too-old",
        (Span("buildah", fixed=(1, 28)),),
        Severity.WARNING,
        "rbuild refuses buildah before 1.28, which takes no image made of layers of rbuild's",
        as_root("apt-get install buildah   # of a newer release", "or use podman"),
        "measured with buildah 1.28.2; 1.23.1 gives an image that it takes a name of its own",
    ),
    Defect(
        "podman-rootless-overlay",
        (Span("podman", fixed=(3, 1)),),
        Severity.WARNING,
        "native overlay storage of ordinary users is not supported",
        as_root("apt-get install fuse-overlayfs"),
        "podman pull request 27990 names 3.1 as the first with it",
    ),
)


def versions(facts: Facts) -> dict[str, Version]:
    """The versions of the engines and helpers that are here."""
    engines = {engine.name: parse(engine.version or "") for engine in facts.engines or ()}
    return engines | {helper.name: parse(helper.version) for helper in facts.helpers}
