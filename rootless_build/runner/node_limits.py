"""What of a step can't be done exactly on a node, refused by name before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from rootless_build.model import mounts, outputs, platforms
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import BuildImage, Bundles, RunContainer

_HINT: Final = "leave --on away, or have this step changed"
_NETWORKS: Final = frozenset({None, "default", "host"})
_FILE_OPTION: Final = "seccomp="
_UNCONFINED: Final = "seccomp=unconfined"


def check(step: BuildImage | RunContainer, bundles: Bundles | None, node: str) -> None:
    """Raise UnsupportedError where a step asks for what does not go to a node yet."""
    wants = _of_build(step) if isinstance(step, BuildImage) else _of_container(step, bundles)
    wanted = next(wants, None)
    if wanted is not None:
        raise UnsupportedError(f"the node {node} can't do this yet: {wanted}", hint=_HINT)


def _of_build(step: BuildImage) -> Iterator[str]:
    if step.secrets:
        yield "--secret"
    if step.ssh:
        yield "--ssh"
    if outputs.archives(step) or outputs.files(step):
        yield "--output to files"
    if step.network not in _NETWORKS:
        # podman's service builds with the host's whatever it is asked for (4.3.1).
        yield f"--network {step.network} of a build"
    for name, value in step.build_contexts:
        if Path(value).is_absolute():
            yield f"--build-context {name}={value}, a directory of this host"
    if step.platform_contexts:
        yield "--build-context of one platform"
    yield from _platforms(step.platforms)
    yield from _profiles(step.security_options)


def _of_container(step: RunContainer, bundles: Bundles | None) -> Iterator[str]:
    for mount in mounts.binds(step):
        own = bundles is not None and mount.source == bundles.directory
        if not own:
            yield f"a mount of {mount.source}: only the bundles are copied there and back"
        elif mount.read_only:
            yield f"a mount of {mount.source} to be read alone"
    if step.secret_environment:
        yield f"the secret {step.secret_environment[0]}"
    if step.devices:
        yield f"--device {step.devices[0]}"
    if step.publish:
        yield f"--publish {step.publish[0]}: the port would be the node's"
    if not step.remove:
        yield "a container that stays (docker run without --rm)"
    if step.limits.cgroup_parent:
        yield "--cgroup-parent"
    yield from _platforms(filter(None, (step.platform,)))
    yield from _profiles(step.security_options)


def _platforms(wanted: Iterable[str]) -> Iterator[str]:
    others = [each for each in wanted if each != platforms.host()]
    if others:
        yield f"--platform {', '.join(others)}"


def _profiles(options: Iterable[str]) -> Iterator[str]:
    for option in options:
        if option.startswith(_FILE_OPTION) and option != _UNCONFINED:
            yield f"--security-opt {option}, a file of this host"
