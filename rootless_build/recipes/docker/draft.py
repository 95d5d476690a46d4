"""A step in the making: the fields that the flags of one docker command fill, and the step of them.

A row of `docker.flags` names a field of here and the parser in `docker.values` that makes its
value; that both speak of one type is checked by mypy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Generic, TypeVar, cast

from rootless_build.model.plan import (
    BuildImage,
    BuildOutput,
    Limits,
    Mount,
    Origin,
    PullPolicy,
    RunContainer,
)
from rootless_build.recipes.docker.values import Asked, Surroundings

T = TypeVar("T")
Pair = tuple[str, str]


class One(Generic[T]):
    """A field with one value: the last flag wins, as with docker. `otherwise` is it without any."""

    def __init__(self, otherwise: T) -> None:
        self.otherwise = otherwise


class Several(Generic[T]):
    """A field with the values of all its flags, in the order in which they were given."""


def _word() -> One[str | None]:
    return One(None)


def _number() -> One[int | None]:
    return One(None)


# Of `docker build` and `docker run`.
MEMORY: Final = _word()
MEMORY_SWAP: Final = _word()
CPUS: Final = _word()
CPU_SHARES: Final = _number()
CPU_PERIOD: Final = _number()
CPU_QUOTA: Final = _number()
CPUSET_CPUS: Final = _word()
CPUSET_MEMS: Final = _word()
PIDS_LIMIT: Final = _number()
SHM_SIZE: Final = _word()
ULIMITS: Final = Several[str]()
CGROUP_PARENT: Final = _word()
ADD_HOSTS: Final = Several[str]()
LABELS: Final = Several[Pair]()
NETWORK: Final = _word()
PULL: Final = One(PullPolicy.MISSING)
SECURITY_OPTIONS: Final = Several[str]()
# Of `docker build`.
BUILD_ARGS: Final = Several[Pair]()
BUILD_CONTEXTS: Final = Several[Pair]()
CACHE_FROM: Final = Several[str]()
ASKED: Final = One[Asked | None](None)
CONTAINERFILE: Final = One[Path | None](None)
IMAGE_ID_FILE: Final = One[Path | None](None)
NO_CACHE: Final = One(False)
OUTPUTS: Final = Several[BuildOutput]()
PLATFORMS: Final = Several[str]()
SECRETS: Final = Several[str]()
SQUASH: Final = One(False)
SSH: Final = Several[str]()
TAGS: Final = Several[str]()
TARGET: Final = _word()
# Of `docker run`.
CAP_ADD: Final = Several[str]()
CAP_DROP: Final = Several[str]()
CGROUPNS: Final = _word()
DEVICES: Final = Several[str]()
DNS: Final = Several[str]()
ENTRYPOINT: Final = One[tuple[str, ...] | None](None)
ENVIRONMENT: Final = Several[Pair]()
ENVIRONMENT_OF_FILES: Final = Several[Pair]()
GROUP_ADD: Final = Several[str]()
HOSTNAME: Final = _word()
INIT: Final = One(False)
INTERACTIVE: Final = One(False)
IPC: Final = _word()
LABELS_OF_FILES: Final = Several[Pair]()
MOUNTS: Final = Several[Mount]()
NAME: Final = _word()
PID: Final = _word()
PLATFORM: Final = _word()
PRIVILEGED: Final = One(False)
PUBLISH: Final = Several[str]()
READ_ONLY: Final = One(False)
STOP_SIGNAL: Final = _word()
STOP_TIMEOUT: Final = _number()
SYSCTLS: Final = Several[Pair]()
TTY: Final = One(False)
USER: Final = _word()
USERNS: Final = _word()
UTS: Final = _word()
WORKING_DIRECTORY: Final = _word()
# Of a caller.
ATTACHED: Final = Several[str]()
CONTAINER_ID_FILE: Final = One[Path | None](None)
DETACHED: Final = One(False)
FORCED: Final = One(False)
EXPOSED: Final = Several[str]()
HEALTH: Final = One(False)
METADATA_FILE: Final = One[Path | None](None)
PUBLISHES_ALL: Final = One(False)
PRINTED: Final = One(False)
PUSHED: Final = One(False)
QUIET: Final = One(False)
REMOVED: Final = One(False)
NETWORK_ALIASES: Final = Several[str]()
VOLUMES_FROM: Final = Several[str]()
# Of `docker buildx bake`.
FILES: Final = Several[str]()
OVERRIDES: Final = Several[str]()
VARIABLES: Final = Several[Pair]()


class Draft:
    """What the flags of one docker command have said so far. `notes` are on what has no effect."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.notes: list[str] = []
        self._values: dict[object, object] = {}

    def put(self, field: One[T], value: T) -> None:
        """Give a field its value, in the place of the one before."""
        self._values[field] = value

    def add(self, field: Several[T], *values: T) -> None:
        """Add values to a field that has several."""
        self._values[field] = (*self.all(field), *values)

    def has_any(self, fields: frozenset[object]) -> bool:
        """Whether a flag has filled one of the fields."""
        return not fields.isdisjoint(self._values)

    def value(self, field: One[T]) -> T:
        """The value of a field; what holds without a flag where none was given."""
        if field not in self._values:
            return field.otherwise
        # put() alone, whose types agree, stores under such a key.
        return cast("T", self._values[field])

    def all(self, field: Several[T]) -> tuple[T, ...]:
        """The values of a field, in their order."""
        if field not in self._values:
            return ()
        return cast("tuple[T, ...]", self._values[field])  # as in value()


_NO_LIMITS: Final = Limits()
_LIMITS: Final = frozenset[object](
    {MEMORY, MEMORY_SWAP, CPUS, CPU_SHARES, CPU_PERIOD, CPU_QUOTA, CPUSET_CPUS, CPUSET_MEMS}
    | {PIDS_LIMIT, SHM_SIZE, ULIMITS, CGROUP_PARENT}
)


def limits(draft: Draft) -> Limits:
    """The limits that were given."""
    if not draft.has_any(_LIMITS):
        return _NO_LIMITS
    return Limits(
        memory=draft.value(MEMORY),
        memory_swap=draft.value(MEMORY_SWAP),
        cpus=draft.value(CPUS),
        cpu_shares=draft.value(CPU_SHARES),
        cpu_period=draft.value(CPU_PERIOD),
        cpu_quota=draft.value(CPU_QUOTA),
        cpuset_cpus=draft.value(CPUSET_CPUS),
        cpuset_mems=draft.value(CPUSET_MEMS),
        pids_limit=draft.value(PIDS_LIMIT),
        shm_size=draft.value(SHM_SIZE),
        ulimits=draft.all(ULIMITS),
        cgroup_parent=draft.value(CGROUP_PARENT),
    )


def build_image(draft: Draft, context: Path, origin: Origin) -> BuildImage:
    """The step of `docker build`."""
    return BuildImage(
        context=context,
        containerfile=draft.value(CONTAINERFILE),
        tags=draft.all(TAGS),
        target=draft.value(TARGET),
        build_args=draft.all(BUILD_ARGS),
        labels=draft.all(LABELS),
        platforms=tuple(dict.fromkeys(draft.all(PLATFORMS))),
        network=draft.value(NETWORK),
        pull=draft.value(PULL),
        no_cache=draft.value(NO_CACHE),
        outputs=draft.all(OUTPUTS),
        build_contexts=draft.all(BUILD_CONTEXTS),
        secrets=draft.all(SECRETS),
        ssh=draft.all(SSH),
        cache_from=draft.all(CACHE_FROM),
        add_hosts=draft.all(ADD_HOSTS),
        security_options=draft.all(SECURITY_OPTIONS),
        image_id_file=draft.value(IMAGE_ID_FILE),
        squash=draft.value(SQUASH),
        limits=limits(draft),
        origin=origin,
    )


def run_container(
    draft: Draft, image: str, command: tuple[str, ...], origin: Origin
) -> RunContainer:
    """The step of `docker run`. What files say comes first: a flag wins over them."""
    return RunContainer(
        image=image,
        command=command,
        entrypoint=draft.value(ENTRYPOINT),
        environment=(*draft.all(ENVIRONMENT_OF_FILES), *draft.all(ENVIRONMENT)),
        mounts=draft.all(MOUNTS),
        working_directory=draft.value(WORKING_DIRECTORY),
        user=draft.value(USER),
        group_add=draft.all(GROUP_ADD),
        privileged=draft.value(PRIVILEGED),
        cap_add=draft.all(CAP_ADD),
        cap_drop=draft.all(CAP_DROP),
        security_options=draft.all(SECURITY_OPTIONS),
        devices=draft.all(DEVICES),
        network=draft.value(NETWORK),
        publish=draft.all(PUBLISH),
        add_hosts=draft.all(ADD_HOSTS),
        dns=draft.all(DNS),
        hostname=draft.value(HOSTNAME),
        name=draft.value(NAME),
        labels=(*draft.all(LABELS_OF_FILES), *draft.all(LABELS)),
        interactive=draft.value(INTERACTIVE),
        tty=draft.value(TTY),
        init=draft.value(INIT),
        read_only=draft.value(READ_ONLY),
        sysctls=draft.all(SYSCTLS),
        pid=draft.value(PID),
        ipc=draft.value(IPC),
        uts=draft.value(UTS),
        userns=draft.value(USERNS),
        cgroupns=draft.value(CGROUPNS),
        platform=draft.value(PLATFORM),
        pull=draft.value(PULL),
        stop_signal=draft.value(STOP_SIGNAL),
        stop_timeout=draft.value(STOP_TIMEOUT),
        limits=limits(draft),
        origin=origin,
    )
