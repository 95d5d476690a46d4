"""What of a plan has power over the host: told from its data, before anything is done.

As real root such a thing needs `--rootful`, from whichever recipe it came; with `--unprivileged` a
container gets none of it, be it an ordinary user's. What is on no list here is taken to have it.
THREATS.md has the table, and a test holds this module to it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from rootless_build.files import repository
from rootless_build.images.containerfile.file import text_of
from rootless_build.images.containerfile.parser import parse
from rootless_build.model import build_secrets
from rootless_build.model.errors import HostError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Limits,
    Mount,
    Plan,
    RunContainer,
    Step,
    Unexpanded,
    VolumeMount,
)
from rootless_build.runner.power_rules import Named, Power, Reach, Rules

FINDING: Final = "rootful-privileged"
VOLUME_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")

_PRIVILEGED: Final = "--privileged"
_SOCKETS: Final = frozenset({"docker.sock", "podman.sock"})
_OWN_NETWORKS: Final = frozenset({"default", "bridge", "none", "private", "slirp4netns", "pasta"})
_OWN_NAMESPACES: Final[Mapping[str, frozenset[str]]] = {
    "pid": frozenset({"private"}),
    "ipc": frozenset({"private", "none", "shareable"}),
    "uts": frozenset({"private"}),
    "cgroupns": frozenset({"private"}),
    "userns": frozenset({"private", "auto", "keep-id", "nomap"}),
}
_OWN_SYSCTLS: Final = ("net.", "fs.mqueue.", "kernel.msg", "kernel.sem", "kernel.shm")
"""Of the container's own namespaces; runc and crun refuse them where it has the host's."""
_CONFINING: Final = frozenset(
    {"no-new-privileges", "no-new-privileges=true", "no-new-privileges:true"}
)
_ELSEWHERE: Final = ("docker-image://", "container-image://", "https://", "http://", "target:")
"""Contexts that are no directories of this host."""
_OWN_PROPAGATION: Final = frozenset({None, "private", "rprivate"})


class _Place:
    """What belongs to the project, or was named by the user: nothing in it is the host's."""

    def __init__(self, plan: Plan, named: Named) -> None:
        self._project = plan.project
        self.named = named
        own = Path(os.path.realpath(plan.project))
        roots = (os.path.realpath(path) for path in named.directories)
        # In a project that is the whole host nothing is only the project's.
        self._roots = [*([own] if own != Path("/") else []), *map(Path, roots)]
        self._linked: Path | None = None
        self._asked = False

    def has(self, path: str | Path) -> bool:
        """Whether the path leads to this place, through all links, now."""
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError):
            return False
        return any(map(real.is_relative_to, self._roots)) and _is_plain(real)

    def shares(self, path: Path) -> bool:
        """Whether the path is the git directory that the checkout shares: rbuild mounts that."""
        if not self._asked:
            found = repository.linked(self._project)
            self._asked, self._linked = True, found[1] if found else None
        return path == self._linked


def _is_plain(path: Path) -> bool:
    """A directory or a file, or nothing yet: no device, and no socket at which a daemon listens."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return not path.is_symlink()
    return stat.S_ISDIR(mode) or stat.S_ISREG(mode)


_Words = Iterator[str]
S = TypeVar("S", bound=Struct)


def powers(plan: Plan, named: Named, rules: Rules) -> tuple[Power, ...]:
    """All that the plan's steps ask for of the host, in order."""
    place = _Place(plan, named)
    return tuple(
        power
        for number, step in enumerate(plan.steps, 1)
        for power in _of(number, step, place, rules)
    )


def of_step(number: int, plan: Plan, named: Named, rules: Rules) -> tuple[Power, ...]:
    """All that a step asks for of the host when its turn comes: one before it may have changed
    what links name.
    """
    return tuple(_of(number, plan.steps[number - 1], _Place(plan, named), rules))


def check(plan: Plan, asked: Iterable[Power], rules: Rules) -> None:
    """Raise HostError where some of it is not to be had."""
    refused = [power for power in asked if rules.refuse(power)]
    if not refused:
        return
    steps = "; ".join(
        f"{_place_of(plan, number)} {', '.join(words)}" for number, words in _by_step(refused)
    )
    if rules.unprivileged and any(power.reach is Reach.CONTAINER for power in refused):
        raise HostError(
            f"without privileges (--unprivileged) no container has power over the host: {steps}",
            finding=FINDING,
            hint="take it out of the recipe, or leave out --unprivileged",
        )
    raise HostError(
        f"as root this has power over the host: {steps}",
        finding=FINDING,
        hint="run rbuild as an ordinary user, or say --rootful if you mean it" + _without(refused),
    )


def describe_refusals(plan: Plan, asked: Iterable[Power], rules: Rules) -> Iterator[str]:
    """What `check` would refuse of a plan that is only shown: a line for each step."""
    refused = [power for power in asked if rules.refuse(power)]
    if not refused:
        return
    how = "with --unprivileged" if rules.unprivileged else "as root, without --rootful,"
    for number, words in _by_step(refused):
        yield f"{how} rbuild refuses {_place_of(plan, number)} {', '.join(words)}"


def describe_lines(plan: Plan, rules: Rules) -> Iterator[str]:
    """What stands in lines whose words are known only when their turn comes: a line for each.

    It may belong to what runs in the container, which nobody can tell before.
    """
    for number, step in enumerate(plan.steps, 1):
        if not isinstance(step, Unexpanded) or not step.may_run:
            continue
        if _PRIVILEGED in step.words.split() and rules.refuse(Power(number, _PRIVILEGED)):
            how = "with --unprivileged" if rules.unprivileged else "as root, without --rootful,"
            place = _place_of(plan, number)
            yield f"{how} rbuild may refuse {place} {_PRIVILEGED} stands in its line"


def _without(refused: list[Power]) -> str:
    lone = {power.words for power in refused} == {_PRIVILEGED}
    return "; without privileges it needs neither (--unprivileged)" if lone else ""


def _place_of(plan: Plan, number: int) -> str:
    step = plan.steps[number - 1]
    where = f" ({step.origin})" if step.origin else ""
    return f"step {number}{where}:"


def _by_step(found: Iterable[Power]) -> Iterator[tuple[int, list[str]]]:
    steps: dict[int, list[str]] = {}
    for power in found:
        steps.setdefault(power.step, []).append(power.words)
    yield from steps.items()


def _of(number: int, step: Step, place: _Place, rules: Rules) -> Iterator[Power]:
    if not isinstance(step, BuildImage | RunContainer):
        return
    network = place.named.network is not None and step.network == place.named.network
    if not rules.isolated:
        yield Power(number, "--isolation chroot, which is all that this host can do", named=True)
    if isinstance(step, RunContainer):
        for words in _judged(step, _OF_RUN, _HARMLESS_IN_RUN, place):
            yield Power(number, words, named=network and words.startswith("--network "))
        return
    for words in _judged(step, _OF_BUILD, _HARMLESS_IN_BUILD, place):
        yield Power(number, words, named=network and words.startswith("--network "))
    for words in _files_of_build(step, place):
        yield Power(number, words, Reach.FILES)


def _judged(
    step: S,
    judges: Mapping[str, Callable[[S, _Place], _Words]],
    harmless: frozenset[str],
    place: _Place,
) -> _Words:
    """Every field has a judge or is known to be harmless; a new one has power until it is."""
    defaults = dict(
        zip(reversed(step.__struct_fields__), reversed(step.__struct_defaults__), strict=False)
    )
    for name in step.__struct_fields__:
        judge = judges.get(name)
        if judge is not None:
            yield from judge(step, place)
        elif name in harmless:
            continue
        elif name not in defaults or getattr(step, name) != defaults[name]:
            yield f"--{name.replace('_', '-')}"


# --- containers -----------------------------------------------------------------------------------

_HARMLESS_IN_RUN: Final = frozenset(
    {
        *("image", "command", "entrypoint", "environment", "secret_environment", "platform"),
        *("working_directory", "user", "caller_ids", "cap_drop", "publish"),
        *("add_hosts", "dns", "hostname", "name", "labels", "interactive", "tty", "init"),
        *("remove", "read_only", "pull", "stop_signal", "stop_timeout", "always", "caches"),
        "origin",
    }
)
_HARMLESS_LIMITS: Final = frozenset(
    {
        *("memory", "memory_swap", "cpus", "cpu_shares", "cpu_period", "cpu_quota"),
        *("cpuset_cpus", "cpuset_mems", "pids_limit", "shm_size", "ulimits"),
    }
)


def _privileged(step: RunContainer, _: _Place) -> _Words:
    if step.privileged:
        yield _PRIVILEGED


def _capabilities(step: RunContainer, _: _Place) -> _Words:
    yield from (f"--cap-add {name}" for name in step.cap_add)


def _devices(step: RunContainer, _: _Place) -> _Words:
    yield from (f"--device {name}" for name in step.devices)


def _security(step: RunContainer | BuildImage, _: _Place) -> _Words:
    yield from (f"--security-opt {o}" for o in step.security_options if o not in _CONFINING)


def _network(step: RunContainer | BuildImage, _: _Place) -> _Words:
    if step.network is not None and step.network not in _OWN_NETWORKS:
        yield f"--network {step.network}"


def _sysctls(step: RunContainer, _: _Place) -> _Words:
    own = (name.replace("/", ".") for name, _ in step.sysctls)
    yield from (f"--sysctl {name}" for name in own if not name.startswith(_OWN_SYSCTLS))


def _groups(step: RunContainer, _: _Place) -> _Words:
    # podman's word for the groups of the user who runs it.
    yield from (f"--group-add {name}" for name in step.group_add if name == "keep-groups")


def _namespace(name: str) -> Callable[[RunContainer, _Place], _Words]:
    def judge(step: RunContainer, _: _Place) -> _Words:
        wanted: str | None = getattr(step, name)
        if wanted and wanted not in _OWN_NAMESPACES[name]:
            yield f"--{name} {wanted}"

    return judge


def _limits(step: RunContainer | BuildImage, place: _Place) -> _Words:
    yield from _judged(step.limits, _OF_LIMITS, _HARMLESS_LIMITS, place)


def _cgroup(limits: Limits, _: _Place) -> _Words:
    if limits.cgroup_parent:
        yield f"--cgroup-parent {limits.cgroup_parent}"


def _mounts(step: RunContainer, place: _Place) -> _Words:
    for mount in step.mounts:
        yield from _mount(mount, place)


def _mount(mount: Mount, place: _Place) -> _Words:
    if isinstance(mount, VolumeMount):
        if mount.name is not None and not VOLUME_NAME.fullmatch(mount.name):
            yield f"--volume {mount.name}:{mount.target}"
        return
    if not isinstance(mount, BindMount):
        return
    words = f"--volume {mount.source}:{mount.target}"
    if mount.source.name in _SOCKETS:
        yield f"{words} (an engine's socket)"
    elif not place.has(mount.source) and not place.shares(mount.source):
        yield f"{words}{_led(mount.source)}"
    elif mount.propagation not in _OWN_PROPAGATION:
        yield f"{words}:{mount.propagation}"


def _led(source: Path) -> str:
    """Where links lead to."""
    try:
        real = os.path.realpath(source)
    except (OSError, ValueError):
        return ""
    return f" ({real})" if real != str(source) else ""


_OF_LIMITS: Final[Mapping[str, Callable[[Limits, _Place], _Words]]] = {"cgroup_parent": _cgroup}
_OF_RUN: Final[Mapping[str, Callable[[RunContainer, _Place], _Words]]] = {
    "mounts": _mounts,
    "privileged": _privileged,
    "cap_add": _capabilities,
    "security_options": _security,
    "devices": _devices,
    "group_add": _groups,
    "network": _network,
    "sysctls": _sysctls,
    "limits": _limits,
    **{name: _namespace(name) for name in _OWN_NAMESPACES},
}


# --- image builds ---------------------------------------------------------------------------------

_HARMLESS_IN_BUILD: Final = frozenset(
    {
        *("tags", "target", "build_args", "labels", "platforms", "pull", "no_cache"),
        *("substitutes", "add_hosts", "squash", "origin"),
        # Judged as files.
        *("context", "build_contexts", "platform_contexts", "cache_from", "secrets", "ssh"),
        *("outputs", "image_id_file"),
    }
)


def _instructions(step: BuildImage, _: _Place) -> _Words:
    """What a containerfile asks for itself, of what engines give only where they are told to."""
    try:
        text = text_of(step)
    except OSError:
        return  # the build says it
    if not text:
        return  # there is no containerfile, and the build says so
    for instruction in parse(text).instructions:
        if instruction.keyword != "RUN":
            continue
        security, network = instruction.value("security"), instruction.value("network")
        if security not in {None, "sandbox"}:
            yield f"RUN --security={security}"
        if network not in {None, "default", "none"}:
            yield f"RUN --network={network}"
        if instruction.flag("device") is not None:
            yield f"RUN --device={instruction.value('device') or ''}"


def _no_words(_: BuildImage, __: _Place) -> _Words:
    yield from ()


_OF_BUILD: Final[Mapping[str, Callable[[BuildImage, _Place], _Words]]] = {
    "containerfile": _instructions,
    "containerfile_text": _no_words,
    "network": _network,
    "security_options": _security,
    "limits": _limits,
}


def _files_of_build(step: BuildImage, place: _Place) -> _Words:
    if not place.has(step.context):
        yield f"the context {step.context}{_led(step.context)}"
    for name, value in step.build_contexts:
        own = value.startswith(_ELSEWHERE) or (name, value) in place.named.contexts
        if not own and not (value.startswith("/") and place.has(value)):
            yield f"--build-context {name}={value}"
    yield from (f"--cache-from {source}" for source in step.cache_from if _is_local(source))
    for words in step.secrets:
        if words not in place.named.secrets and not _of_project(words, place):
            yield f"--secret {words}"
    yield from (f"--ssh {words}" for words in step.ssh)
    for output in step.outputs:
        destination = dict(output.attributes).get("dest")
        if destination and not place.has(destination):
            yield f"--output {destination}"
    if step.image_id_file is not None and not place.has(step.image_id_file):
        yield f"--iidfile {step.image_id_file}"


def _is_local(source: str) -> bool:
    return "=" in source and not source.replace(" ", "").startswith(("type=registry", "type=gha"))


def _of_project(words: str, place: _Place) -> bool:
    try:
        secret = build_secrets.parse(words, Path("/"), {})
    except build_secrets.BadSecretError:
        return True  # no engine takes it
    return secret.file is None or place.has(secret.file)
