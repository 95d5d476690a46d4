"""A plan: what is to be done, as data. No behaviour; JSON in and out.

Everything here is final: paths are absolute, `NAME`-only environment variables and build arguments
have been given their values, and relative paths of docker's command line have been resolved. A
step means the same on every backend (design section 4).
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Literal, cast

from msgspec import Struct

from rootless_build.model.structs import Strict, from_data, replace

__all__ = [
    "HIDDEN",
    "SHELL",
    "BindMount",
    "BuildImage",
    "BuildOutput",
    "Bundles",
    "Call",
    "CallerIds",
    "CheckContainerfile",
    "HostCommand",
    "Json",
    "Limits",
    "Mount",
    "Origin",
    "Pairs",
    "Plan",
    "PullImage",
    "PullPolicy",
    "RemoveVolume",
    "RunContainer",
    "Step",
    "TagImage",
    "TmpfsMount",
    "Unexpanded",
    "VolumeMount",
    "digest",
    "from_json",
    "to_dict",
    "to_json",
]

Pairs = tuple[tuple[str, str], ...]
"""`NAME`, value; in the order in which they were given, later ones win."""

SHELL = ("/bin/sh", "-c")
"""make's own default, and the flags it gives it."""


class Origin(Strict, frozen=True):
    """Where a step comes from, for messages: `Makefile:106`, and the line as the recipe has it.

    `target` is the one whose recipe it stands in, empty where there is none. `names_build`: it is
    the name of this build alone, as in a bake file. Builds of one `bake`, which have the same word
    there and follow each other, may go on at a time; it is empty for what has its place.
    """

    file: str
    line: int | None = None
    text: str = ""
    target: str = ""
    names_build: bool = False
    bake: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line is not None else self.file


class PullPolicy(StrEnum):
    """When to ask a registry for an image."""

    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"


class Call(StrEnum):
    """What can be asked about a build, by the names of docker's `--call`."""

    CHECK = "check"
    OUTLINE = "outline"
    TARGETS = "targets"
    DESCRIBE = "subrequests.describe"


HIDDEN = "(secret)"
"""Stands for a secret value in the JSON form, and in its digest."""


# --- mounts -------------------------------------------------------------------------------------


class _Mount(Strict, frozen=True, tag_field="type"):
    """In JSON, `type` says which one it is."""

    @property
    def type(self) -> str:
        """The word for such mounts: docker's `--mount type=`."""
        return str(self.__struct_config__.tag)


class BindMount(_Mount, frozen=True, tag="bind"):
    """A file or directory of the host.

    `create_source`: a missing source is made, as a directory (docker's `-v`), instead of being an
    error (docker's `--mount`).
    """

    source: Path
    target: str
    read_only: bool = False
    create_source: bool = True
    propagation: str | None = None


class VolumeMount(_Mount, frozen=True, tag="volume"):
    """A named volume, or an anonymous one (`name` None) that goes when the container goes.

    An empty volume starts with what the image has at `target`, unless `copy` is false. `cache`: it
    holds what can be made again, so that an engine that can't let the container's user write to it
    leaves it out.
    """

    target: str
    name: str | None = None
    read_only: bool = False
    copy: bool = True
    cache: bool = False


class TmpfsMount(_Mount, frozen=True, tag="tmpfs"):
    """A file system in memory. `options` are mount options such as `size=64m`, `exec`, `mode=1777`.

    Docker's own defaults hold where none is given: rw,noexec,nosuid,nodev, mode 1777.
    """

    target: str
    options: tuple[str, ...] = ()


Mount = BindMount | VolumeMount | TmpfsMount


# --- parts of steps -----------------------------------------------------------------------------


class Limits(Strict, frozen=True):
    """Resource limits, in the words of docker's flags (sizes such as `64m` stay as written)."""

    memory: str | None = None
    memory_swap: str | None = None
    cpus: str | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    pids_limit: int | None = None
    shm_size: str | None = None
    ulimits: tuple[str, ...] = ()
    """`NAME=SOFT[:HARD]`."""
    cgroup_parent: str | None = None


class CallerIds(Strict, frozen=True):
    """The user and the group of a container that are, on this host, those who run rbuild."""

    uid: int
    gid: int


class BuildOutput(Strict, frozen=True):
    """`--output`: `type` is `local`, `tar`, `oci`, `docker`, `image` or `cacheonly`.

    `attributes` is the rest: `local`, `tar` and `oci` have a `dest`, an absolute path; a `docker`
    with one is an image in a file. Where outputs are given and none is an image in storage, no
    image is kept.
    """

    type: str
    attributes: Pairs = ()


# --- steps --------------------------------------------------------------------------------------


class _Step(Strict, frozen=True, tag_field="kind"):
    """In JSON, `kind` says which one it is."""

    @property
    def kind(self) -> str:
        """The word for such steps, in events too."""
        return str(self.__struct_config__.tag)


class BuildImage(_Step, frozen=True, tag="build-image"):
    """Build an image (docker build).

    `context` is an absolute directory; `containerfile` None means the context's own `Dockerfile`
    (or `Containerfile`). `network` None means what the host settings say. `pull` ALWAYS asks the
    registry for base images even if they are in storage. `substitutes` are base images taken from
    storage under another name: (reference as in FROM, local reference). `containerfile_text`
    stands in the place of a file, where the recipe has one written out (bake's
    dockerfile-inline).
    """

    context: Path
    containerfile: Path | None = None
    containerfile_text: str | None = None
    tags: tuple[str, ...] = ()
    target: str | None = None
    build_args: Pairs = ()
    labels: Pairs = ()
    platforms: tuple[str, ...] = ()
    network: str | None = None
    pull: PullPolicy = PullPolicy.MISSING
    no_cache: bool = False
    outputs: tuple[BuildOutput, ...] = ()
    build_contexts: Pairs = ()
    platform_contexts: tuple[tuple[str, Pairs], ...] = ()
    """More build contexts of one of several platforms, by that."""
    substitutes: Pairs = ()
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    add_hosts: tuple[str, ...] = ()
    security_options: tuple[str, ...] = ()
    image_id_file: Path | None = None
    squash: bool = False
    limits: Limits = Limits()
    origin: Origin | None = None


class RunContainer(_Step, frozen=True, tag="run-container"):
    """Run a command in a new container (docker run).

    `image` is a reference; if an earlier step of the plan builds that tag, the image that step
    made is meant. `entrypoint` None is the image's own, `()` none at all. `command` `()` is the
    image's own CMD. `environment` holds final pairs only. `working_directory`, `user`,
    `hostname` None are the image's or engine's. `interactive` is docker's `-i`, `tty` its `-t`.
    `always`: it does something else than make bundles of its inputs, and is run although nothing
    changed. `caches` are directories in the container that are kept from one run to the next; a
    relative one is relative to the working directory. `caller_ids` None are root's, for a rootless
    engine (see `rootless_build.backend.caller`).
    """

    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    environment: Pairs = ()
    secret_environment: tuple[str, ...] = ()
    """Names in `environment` whose values are on no command line and in no record."""
    mounts: tuple[Mount, ...] = ()
    working_directory: str | None = None
    user: str | None = None
    caller_ids: CallerIds | None = None
    group_add: tuple[str, ...] = ()
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_options: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    network: str | None = None
    publish: tuple[str, ...] = ()
    add_hosts: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    hostname: str | None = None
    name: str | None = None
    labels: Pairs = ()
    interactive: bool = False
    tty: bool = False
    init: bool = False
    remove: bool = True
    read_only: bool = False
    sysctls: Pairs = ()
    pid: str | None = None
    ipc: str | None = None
    uts: str | None = None
    userns: str | None = None
    cgroupns: str | None = None
    platform: str | None = None
    pull: PullPolicy = PullPolicy.MISSING
    stop_signal: str | None = None
    stop_timeout: int | None = None
    """Seconds between the stop signal and SIGKILL."""
    limits: Limits = Limits()
    always: bool = False
    caches: tuple[str, ...] = ()
    origin: Origin | None = None


class HostCommand(_Step, frozen=True, tag="host-command"):
    """A line of the recipe that is not docker's, run as make would run it.

    `script` is handed to `shell` (the recipe's SHELL and its flags) as one more argument, in
    `directory`, with exactly `environment`.
    """

    script: str
    directory: Path
    environment: Pairs = ()
    ignore_errors: bool = False
    shell: tuple[str, ...] = SHELL
    origin: Origin | None = None


class Bundles(Strict, frozen=True):
    """Where the results go.

    `directory` is the project's bundles directory on the host. `container_path` is where the build
    script writes them when the recipe mounts nothing there (None: nothing to copy out);
    a relative one is relative to the container's working directory.
    """

    directory: Path
    container_path: str | None = None


class Unexpanded(_Step, frozen=True, tag="unexpanded"):
    """A docker command of which nobody knows what it is before its turn comes: the recipe's shell
    expands its words then, or it reads files that a step before it may write.

    `script` is the command as the recipe has it. It is `assignments`, `program` and `words`, each
    as written, which `shell` expands in `directory` with exactly `environment`. `line` is what it
    stands in. `does` is what it is in any case, `why` what it depends on; `harmless`: to expand it
    changes nothing. `bundles` is where its results seem to go. `instead` is what its container runs
    in the place of its own command, `by_hand` says that a person works in it.
    """

    script: str
    assignments: str
    program: str
    words: str
    directory: Path
    environment: Pairs = ()
    shell: tuple[str, ...] = SHELL
    line: str = ""
    does: Literal["build", "run", "other", "unknown"] = "unknown"
    why: str = ""
    harmless: bool = False
    bundles: Bundles | None = None
    instead: tuple[str, ...] | None = None
    by_hand: bool = False
    origin: Origin | None = None

    @property
    def may_build(self) -> bool:
        """Whether the line may turn out to build an image."""
        return self.does in {"build", "unknown"}

    @property
    def may_run(self) -> bool:
        """Whether the line may turn out to run a container."""
        return self.does in {"run", "unknown"}


class RemoveVolume(_Step, frozen=True, tag="remove-volume"):
    """Remove named volumes; one that is not there is no error (`docker volume rm -f`)."""

    names: tuple[str, ...]
    origin: Origin | None = None


class TagImage(_Step, frozen=True, tag="tag-image"):
    """Give an image one more name (docker tag). An earlier step builds, pulls or tags `image`."""

    image: str
    name: str
    origin: Origin | None = None


class PullImage(_Step, frozen=True, tag="pull-image"):
    """Have an image in storage (docker pull); one that is there is not asked for, unless `pull`
    is ALWAYS.
    """

    image: str
    pull: PullPolicy = PullPolicy.MISSING
    origin: Origin | None = None


class CheckContainerfile(_Step, frozen=True, tag="check-containerfile"):
    """Ask about what `build` would build, and build nothing (`docker build --call=…`): make
    docker's build checks, or tell what it can be given, or which targets there are.

    The step fails where checks find something, unless `ignores_status`.
    """

    build: BuildImage
    origin: Origin | None = None
    call: Call = Call.CHECK
    json: bool = False
    ignores_status: bool = False


Step = (
    BuildImage
    | RunContainer
    | HostCommand
    | Unexpanded
    | RemoveVolume
    | TagImage
    | PullImage
    | CheckContainerfile
)


class Plan(Strict, frozen=True):
    """The steps of one run, in order. `project` is the absolute project directory."""

    project: Path
    steps: tuple[Step, ...]
    bundles: Bundles | None = None
    targets: tuple[str, ...] = ()
    recipe: str = ""
    """The recipe's file, as a person would name it: `Makefile`, `rbuild.toml`."""
    notes: tuple[str, ...] = ()
    """What the recipe said while it was read, and flags that have no effect here."""


# --- JSON ---------------------------------------------------------------------------------------

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def _plain(value: object) -> Json:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case Path():
            return str(value)
        case tuple() | list():
            return [_plain(item) for item in value]
        case RunContainer() if value.secret_environment:
            hidden = tuple(
                (name, HIDDEN if name in value.secret_environment else given)
                for name, given in value.environment
            )
            names = list[Json](value.secret_environment)
            shown = replace(value, environment=hidden, secret_environment=())
            return {**cast("dict[str, Json]", _plain(shown)), "secret_environment": names}
        case Struct():
            fields = {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
            tag = value.__struct_config__
            return fields if tag.tag_field is None else {**fields, tag.tag_field: tag.tag}
        case _:
            message = f"a plan holds no {type(value).__name__}"
            raise TypeError(message)


def to_dict(value: Plan | Step) -> dict[str, Json]:
    """The plan or step as plain JSON data; paths are strings."""
    return cast("dict[str, Json]", _plain(value))


def to_json(plan: Plan, *, indent: int | None = 2) -> str:
    """The plan as JSON text (ASCII only, so that non-UTF-8 file names survive)."""
    return json.dumps(to_dict(plan), indent=indent)


def digest(value: Plan | Step) -> str:
    """The sha256, in hex, of the JSON form without indentation: same digest, same work."""
    return hashlib.sha256(json.dumps(to_dict(value), sort_keys=True).encode()).hexdigest()


def from_json(text: str) -> Plan:
    """The plan that `to_json` wrote.

    Raises ValueError, which says where the text is not such a plan.
    """
    return from_data(json.loads(text), Plan)
