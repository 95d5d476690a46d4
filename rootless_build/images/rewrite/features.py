"""What of the language of containerfiles an engine is left to do, and what rbuild does for it.

Nothing here goes by versions: distributions build an engine with other libraries than its version
says (Ubuntu's podman 4.9.3), and what a release notes as new may be wrong for years. What rbuild
can do exactly at no cost it does for every engine. Where that costs time, or can't be, an engine is
left to do what it has shown that it does (`images.asking`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from msgspec import Struct


class Feature(Enum):
    """Something that BuildKit does, and that engines do otherwise or not at all."""

    MOUNT = "RUN --mount"
    MOUNT_TARGET = "the target of a mount below the working directory"
    MOUNT_TMPFS_SIZE = "the size of a tmpfs mount"
    MOUNT_OWNER = "uid, gid and mode of a cache or secret mount"
    MOUNT_AGENT_OWNER = "uid, gid and mode of an ssh mount"
    MOUNT_FLAG_VALUES = "ro=false and rw=false in a mount"
    MOUNT_CACHE_PRIVATE = "a cache that is private"
    MOUNT_CACHE_FROM = "a cache that starts with files of an image or stage"
    MOUNT_DISCARDS_WRITES = "writes to a bind mount are forgotten"
    MOUNT_INSIDE = "a link as the source of a bind mount leads nowhere out of the context"
    MOUNT_CONTENT_CACHED = "a RUN is done again when what it mounts has changed"
    RUN_HEREDOC = "a heredoc in RUN"
    RUN_SECURITY = "RUN --security"
    RUN_DEVICE = "RUN --device"
    BUILD_CONTEXT = "build contexts with a name"


ASKED: Final = (
    Feature.MOUNT_DISCARDS_WRITES,
    Feature.MOUNT_OWNER,
    Feature.MOUNT_AGENT_OWNER,
    Feature.MOUNT_TMPFS_SIZE,
)
"""What an engine is asked for: to rewrite it costs a copy of the context, or can't be exact."""
_OWN: Final[Mapping[str, frozenset[Feature]]] = MappingProxyType(
    {
        "buildah": frozenset((Feature.MOUNT, Feature.BUILD_CONTEXT)),
        "docker-classic": frozenset(),
    }
)
"""What no rewrite could stand for, or need not. An engine that has it not says so itself."""
_REFERENCE: Final = 29
"""The docker whose BuildKit (0.26) is the measure of all engines."""
_NUMBERS: Final = re.compile(r"\d+(?:\.\d+)*")


class Answer(Struct, frozen=True):
    """What came out when an engine was asked: whether it does as BuildKit does, and the day."""

    exact: bool
    day: str


Answers = Mapping[Feature, Answer]
NO_ANSWERS: Final[Answers] = MappingProxyType({})


class Builder(Struct, frozen=True):
    """What reads the containerfile. `shown` is its name for a person: `podman 4.3.1`. `answers` are
    those it gave when it was asked.
    """

    kind: str
    shown: str
    answers: Answers = NO_ANSWERS

    @property
    def is_classic(self) -> bool:
        """Whether it is docker's, before BuildKit: it knows no mounts, so no contexts for them."""
        return self.kind == "docker-classic"

    def has(self, feature: Feature) -> bool:
        """Whether the builder is left to do this."""
        if feature in self.answers:
            return self.answers[feature].exact
        return feature in _OWN[self.kind]

    def will_be_asked(self, feature: Feature) -> bool:
        """Whether a build that has it asks the builder first."""
        return self.kind == "buildah" and feature in ASKED and feature not in self.answers

    def why(self, feature: Feature) -> str:
        """Why it is not, for a person."""
        if self.kind == "docker-classic":
            return f"{feature.value}: not in docker's classic builder"
        if feature not in ASKED:
            return f"{feature.value}: engines do it otherwise or not at all"
        answer = self.answers.get(feature)
        if answer is None:
            return f"{feature.value}: {self.shown} has not shown that yet; a build asks it"
        return f"{feature.value}: {self.shown} did it otherwise when it was asked on {answer.day}"


def older_buildkit(shown: str) -> str:
    """What there is to say of the BuildKit of `docker 26.1.5`; empty for one of 29 or newer, which
    has the one that rbuild's tests are held against.
    """
    engine, _, version = shown.partition(" ")
    numbers = _NUMBERS.match(version)
    if engine != "docker" or numbers is None or int(numbers[0].partition(".")[0]) >= _REFERENCE:
        return ""
    return f"docker {numbers[0]} has a BuildKit before 0.26: what it does otherwise stays so"


def of(shown: str, answers: Answers = NO_ANSWERS) -> Builder | None:
    """The builder that is written `podman 4.3.1`; None as with `builder`."""
    engine, _, version = shown.partition(" ")
    return builder(engine, version, answers)


def builder(engine: str, version: str, answers: Answers = NO_ANSWERS) -> Builder | None:
    """The builder of an engine: `podman`, `buildah` or `docker-classic`.

    None for BuildKit, which needs nothing rewritten, and for engines nothing is known of.
    """
    numbers = _NUMBERS.search(version)
    if numbers is None:
        return None
    match engine:
        case "podman" | "buildah":
            return Builder("buildah", f"{engine} {numbers[0]}", answers)
        case "docker-classic":
            return Builder("docker-classic", f"docker's classic builder {numbers[0]}")
        case _:
            return None
