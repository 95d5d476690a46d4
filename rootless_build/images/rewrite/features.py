"""What an engine knows of the language of containerfiles, by version.

Sources: the code of buildah and of openshift/imagebuilder at each of buildah's releases, and of
podman for the buildah in it; what says "measured" was run with buildah 1.28.2 and podman 4.3.1.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from msgspec import Struct

Version = tuple[int, ...]
_NEVER: Final[Version] = (9999,)


class Feature(Enum):
    """Something that BuildKit does, and an engine may not."""

    MOUNT = "RUN --mount"
    MOUNT_RELATIVE = "a relative target of a bind or cache mount"
    MOUNT_TMPFS_RELATIVE = "a relative target of a tmpfs mount"
    MOUNT_NO_TARGET = "a mount without a target"
    MOUNT_TMPFS_SIZE = "the option size of a tmpfs mount"
    MOUNT_FLAG_VALUES = "ro=false and rw=false in a mount"
    MOUNT_CACHE_PRIVATE = "a cache that is private"
    MOUNT_LOCKS = "a locked cache beside another, given back after the step"
    MOUNT_CACHE_FROM = "a cache that starts with files of an image or stage"
    MOUNT_DISCARDS_WRITES = "writes to a bind mount are forgotten"
    MOUNT_INSIDE = "a link as the source of a bind mount leads nowhere out of the context"
    MOUNT_IGNORES = "bind mounts leave out what .dockerignore names"
    MOUNT_CONTENT_CACHED = "a RUN is done again when the files of its bind mount changed"
    MOUNT_STAGE_CACHED = "a RUN is done again when the stage it mounts changed"
    RUN_HEREDOC = "a heredoc in RUN"
    COPY_HEREDOC = "a heredoc in COPY or ADD"
    RUN_NETWORK = "RUN --network"
    RUN_SECURITY = "RUN --security"
    RUN_DEVICE = "RUN --device"
    LINK = "COPY --link"
    CHMOD = "COPY --chmod"
    CHMOD_SYMBOLIC = "COPY --chmod with letters"
    PARENTS = "COPY --parents"
    EXCLUDE = "COPY --exclude"
    CHECKSUM = "ADD --checksum"
    UNPACK = "ADD --unpack"
    ADD_GIT = "ADD of a git repository"
    PATTERNS = "substitutions other than ${X:-…} and ${X:+…}"
    FROM_STAGE_ARGUMENT = "FROM of a stage, with an argument in its name"
    FROM_CONTEXT_ARGUMENT = "FROM of a build context, with an argument in its name"
    PLATFORM_SHORT = "FROM --platform without a system"
    PLATFORM_HEADING = "FROM --platform with an ARG of the heading"
    PLATFORM_OF_STAGE = "a platform of one stage is that stage's alone"
    PLATFORM_ARGUMENTS = "TARGETPLATFORM and its like"
    PLATFORM_FLAG = "FROM --platform"
    ESCAPE = "the escape directive in words"
    BUILD_CONTEXT = "build contexts with a name"
    START_INTERVAL = "HEALTHCHECK --start-interval"


class Since(Struct, frozen=True):
    """The first version that has a feature, and how that is known."""

    version: Version
    source: str


BUILDAH: Final[dict[Feature, Since]] = {
    Feature.MOUNT: Since((1, 24), "release 1.24"),
    Feature.MOUNT_RELATIVE: Since((1, 29), "commit d9578d32c"),
    Feature.MOUNT_TMPFS_RELATIVE: Since((1, 38), "commit 701d6bbe9"),
    Feature.MOUNT_NO_TARGET: Since(_NEVER, 'GetBindMount: "must set volume destination"'),
    Feature.MOUNT_TMPFS_SIZE: Since(_NEVER, "GetTmpfsMount knows tmpfs-size only; measured"),
    Feature.MOUNT_FLAG_VALUES: Since(_NEVER, "GetBindMount looks at the name alone"),
    Feature.MOUNT_CACHE_PRIVATE: Since(_NEVER, "GetCacheMount: shared and locked; measured"),
    Feature.MOUNT_LOCKS: Since((1, 29), "run_common.go keeps the last list of locks; measured"),
    Feature.MOUNT_CACHE_FROM: Since(_NEVER, "GetCacheMount mounts the stage itself"),
    Feature.MOUNT_DISCARDS_WRITES: Since((1, 39), "commit 25a3b385a; measured before"),
    Feature.MOUNT_INSIDE: Since(_NEVER, "1.28 mounts what it leads to; measured"),
    Feature.MOUNT_IGNORES: Since(_NEVER, "issue 6450; measured"),
    Feature.MOUNT_CONTENT_CACHED: Since((1, 39), "commit 4383e34c0; measured before"),
    Feature.MOUNT_STAGE_CACHED: Since((1, 44), "commit e6edd799f; measured before"),
    Feature.RUN_HEREDOC: Since((1, 36), "1.33 to 1.35 blank the shell's own variables in it"),
    Feature.COPY_HEREDOC: Since((1, 33), "release 1.33"),
    Feature.RUN_NETWORK: Since((1, 30), "imagebuilder 1.2.4, dispatchers.go"),
    Feature.RUN_SECURITY: Since(_NEVER, "imagebuilder: only --mount and --network"),
    Feature.RUN_DEVICE: Since(_NEVER, "imagebuilder: only --mount and --network"),
    Feature.LINK: Since((1, 37), "accepted from 1.37 on, done from 1.41 on"),
    Feature.CHMOD: Since((1, 20), "release 1.20"),
    Feature.CHMOD_SYMBOLIC: Since(_NEVER, "imagebuilder: checkChmodConversion"),
    Feature.PARENTS: Since((1, 40), "add.go"),
    Feature.EXCLUDE: Since((1, 38), "release 1.38"),
    Feature.CHECKSUM: Since((1, 33), "release 1.33"),
    Feature.UNPACK: Since(_NEVER, "imagebuilder, dispatchers.go"),
    Feature.ADD_GIT: Since(_NEVER, "1.38 knows #ref alone, and applies .dockerignore to the clone"),
    Feature.PATTERNS: Since(_NEVER, "1.37 does not strip a pattern that matches all of the value"),
    Feature.FROM_STAGE_ARGUMENT: Since((1, 29), "commit a237085fe; measured before"),
    Feature.FROM_CONTEXT_ARGUMENT: Since(_NEVER, "executor.go looks for it as written; measured"),
    Feature.PLATFORM_SHORT: Since((1, 31), "commit b37c4ee43"),
    Feature.PLATFORM_HEADING: Since(_NEVER, "imagebuilder: from() expands with other arguments"),
    Feature.PLATFORM_OF_STAGE: Since((1, 40), "reset platform in systemcontext for stages"),
    Feature.PLATFORM_ARGUMENTS: Since((1, 24), "imagebuilder: builtinBuildArgs"),
    Feature.PLATFORM_FLAG: Since((1, 24), "release 1.24.1"),
    Feature.ESCAPE: Since(_NEVER, "imagebuilder: shell_parser.go knows the backslash alone"),
    Feature.BUILD_CONTEXT: Since((1, 27), "release 1.27"),
    Feature.START_INTERVAL: Since((1, 37), "imagebuilder 1.2.14, dispatchers.go"),
}
CLASSIC: Final[dict[Feature, Since]] = {
    feature: Since(_NEVER, "docker's classic builder") for feature in Feature
} | {
    Feature.FROM_STAGE_ARGUMENT: Since((17, 5), "release 17.05"),
    Feature.FROM_CONTEXT_ARGUMENT: Since((17, 5), "stand-ins are tags there"),
    Feature.PLATFORM_FLAG: Since((20, 10), "20.10 without experimental features"),
    Feature.PLATFORM_SHORT: Since((20, 10), "platforms.Parse of containerd"),
    Feature.PLATFORM_OF_STAGE: Since((20, 10), "builder/dockerfile"),
    Feature.ESCAPE: Since((1, 10), "builder/dockerfile"),
    Feature.START_INTERVAL: Since((25,), "release 25.0"),
}
_PODMAN: Final[dict[Version, Version]] = {
    (3, 4): (1, 23),
    (4, 0): (1, 24),
    (4, 1): (1, 26),
    (4, 2): (1, 27),
    (4, 3): (1, 28),
    (4, 4): (1, 29),
    (4, 5): (1, 30),
    (4, 6): (1, 31),
    (4, 7): (1, 32),
    (4, 8): (1, 33),
    (5, 0): (1, 35),
    (5, 1): (1, 36),
    (5, 2): (1, 37),
    (5, 3): (1, 38),
    (5, 4): (1, 39),
    (5, 5): (1, 40),
    (5, 6): (1, 41),
    (5, 7): (1, 42),
    (5, 8): (1, 43),
}
"""The buildah in each podman (its go.mod); one in between has that of the release before it."""
_NAMES: Final = {"buildah": "buildah", "docker-classic": "docker's classic builder"}
_TABLES: Final = {"buildah": BUILDAH, "docker-classic": CLASSIC}
_NUMBERS: Final = re.compile(r"\d+(?:\.\d+)*")


class Builder(Struct, frozen=True):
    """What reads the containerfile. `shown` is its name for a person: `podman 4.3.1`."""

    kind: str
    version: Version
    shown: str

    def has(self, feature: Feature) -> bool:
        """Whether the builder does this as BuildKit does."""
        return _TABLES[self.kind][feature].version <= self.version

    def since(self, feature: Feature) -> str:
        """Who has it, for a person."""
        since = _TABLES[self.kind][feature]
        who = _NAMES[self.kind]
        if since.version == _NEVER:
            return f"{feature.value}: not in {who}"
        return f"{feature.value}: in {who} since {'.'.join(map(str, since.version))}"


def of(shown: str) -> Builder | None:
    """The builder that is written `podman 4.3.1`; None as with `builder`."""
    engine, _, version = shown.partition(" ")
    return builder(engine, version)


def builder(engine: str, version: str) -> Builder | None:
    """The builder of an engine: `podman`, `buildah` or `docker-classic`.

    None for BuildKit, which needs nothing rewritten, and for engines nothing is known of.
    """
    numbers = _NUMBERS.search(version)
    if numbers is None:
        return None
    parsed = tuple(map(int, numbers[0].split(".")))
    shown = f"{engine} {numbers[0]}"
    match engine:
        case "podman":
            known = [own for podman, own in _PODMAN.items() if podman <= parsed[:2]]
            return Builder("buildah", max(known, default=(0,)), shown)
        case "buildah":
            return Builder("buildah", parsed, shown)
        case "docker-classic":
            return Builder("docker-classic", parsed, f"docker's classic builder {numbers[0]}")
        case _:
            return None
