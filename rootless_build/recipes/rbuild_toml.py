"""The recipe of an rbuild.toml becomes a plan."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from rootless_build.model import platforms
from rootless_build.model.errors import ConfigError, UnknownTargetError, UsageError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Bundles,
    Limits,
    Mount,
    Origin,
    Plan,
    PullPolicy,
    RunContainer,
    Step,
    VolumeMount,
)
from rootless_build.model.structs import replace
from rootless_build.recipes import config_file, source_date_epoch
from rootless_build.recipes.config import Config, Container, Image, Target
from rootless_build.recipes.docker import values
from rootless_build.recipes.docker.values import BadValueError, Surroundings
from rootless_build.recipes.request import Request

T = TypeVar("T")

_BUNDLES = "bundles"


def read(request: Request, config: Config) -> Plan:
    """The plan of the request's targets, or of the default one.

    Raises RecipeError for an unknown target, ConfigError for a mount that can't be understood.
    """
    assert config.file is not None  # a recipe stands in a file
    targets = _targets(request, config)
    steps: list[Step] = []
    tag = ""
    if config.image is not None:
        tag = config.image.tag or f"{request.project.name.lower()}-dev"
        steps.append(_build(config.image, tag, request, config.file))
    if config.container is not None:
        steps += [
            _run(config, _changed(config.container, target), target, tag, request)
            for target in targets
            if target.container
        ]
    makes = config.bundles is not None and any(t.bundles and t.container for t in targets)
    return Plan(
        project=request.project,
        steps=tuple(steps),
        bundles=_bundles(config, request.project) if makes else None,
        targets=request.targets,
        recipe=config.file.name,
    )


def _targets(request: Request, config: Config) -> list[Target]:
    wanted = request.targets or ((config.default_target,) if config.default_target else ())
    for name in wanted:
        if name not in config.targets:
            known = ", ".join(config.targets) or "none"
            hint = f"its targets are: {known}"
            raise UnknownTargetError(f"rbuild.toml has no target {name}", name, hint=hint)
    return [config.targets[name] for name in wanted] or [Target()]


def _build(image: Image, tag: str, request: Request, file: Path) -> BuildImage:
    environment = {**request.environment, **dict(request.variables)}
    try:
        arguments = source_date_epoch.handed_on(image.build_args, environment)
    except source_date_epoch.BadEpochError as error:
        raise UsageError(str(error), hint="give it as `date +%s` does, or unset it") from error
    return BuildImage(
        context=image.context or request.project,
        containerfile=image.containerfile,
        tags=(tag,),
        target=image.target,
        build_args=arguments,
        labels=image.labels,
        platforms=_platforms(image, file),
        network=image.network,
        pull=PullPolicy(image.pull),
        no_cache=image.no_cache,
        origin=Origin(file.name),
    )


def _platforms(image: Image, file: Path) -> tuple[str, ...]:
    if not image.platforms:
        return ()
    try:
        return platforms.several(image.platforms)
    except platforms.BadPlatformError as error:
        raise _wrong(file, ("image", "platforms"), f"{error}; {error.hint}") from error


def _wrong(file: Path, keys: tuple[str, ...], message: str) -> ConfigError:
    return config_file.error_at(file, keys, message)


class _Reader:
    """Reads values of a section by docker's rules. What is wrong is told with file and key."""

    def __init__(self, file: Path, section: str) -> None:
        self._file = file
        self._section = section

    def __call__(self, key: str, parse: Callable[[str], T], given: Sequence[str]) -> tuple[T, ...]:
        try:
            return tuple(map(parse, given))
        except BadValueError as error:
            raise _wrong(self._file, (self._section, key), str(error)) from error


def _changed(container: Container, target: Target) -> Container:
    """The container with the target's own keys in place of its; environments are added up."""
    keys = ("command", "entrypoint", "working_directory", "user", "privileged", "network", "tty")
    own = {key: value for key in keys if (value := getattr(target, key)) is not None}
    environment = container.environment + target.environment
    return replace(container, environment=environment, **own)


def _run(
    config: Config, container: Container, target: Target, tag: str, request: Request
) -> RunContainer:
    assert config.file is not None  # a recipe stands in a file
    image = container.image or tag
    if not image:
        message = "there is no [image], so name one"
        raise _wrong(config.file, ("container", "image"), message)
    environment: Mapping[str, str] = {**request.environment, **dict(request.variables)}
    around = Surroundings(config.file.parent, environment)
    read = _Reader(config.file, "container")
    mounts: list[Mount] = [
        *(read("mounts", lambda value: values.volume(value, around)[0], container.mounts)),
        *(read("tmpfs", values.tmpfs, container.tmpfs)),
    ]
    limits = Limits(
        shm_size=container.shm_size, ulimits=read("ulimits", values.ulimit, container.ulimits)
    )
    for name, directory in container.volumes:
        (place,) = read("volumes", values.mount_target, (directory,))
        (volume,) = read("volumes", values.volume_name, (name,))
        mounts.append(VolumeMount(place, volume))
    if config.bundles is not None and config.bundles.mount and target.bundles:
        directory_here = config.bundles.directory or request.project / _BUNDLES
        path = config.bundles.container_path
        (place,) = _Reader(config.file, "bundles")("container-path", values.mount_target, (path,))
        mounts.append(BindMount(directory_here, place))
    passed = read(
        "pass-environment",
        lambda name: values.variable(name, around),
        container.pass_environment,
    )
    return RunContainer(
        image=image,
        command=container.command,
        entrypoint=container.entrypoint,
        working_directory=container.working_directory,
        user=container.user,
        hostname=container.hostname,
        privileged=container.privileged,
        network=container.network,
        publish=container.publish,
        devices=container.devices,
        cap_add=container.cap_add,
        security_options=container.security_options,
        init=container.init,
        always=bool(target.always),
        caches=container.caches,
        interactive=container.tty,
        tty=container.tty and request.terminal,
        limits=limits,
        origin=Origin(config.file.name),
        mounts=tuple(mounts),
        environment=(*itertools.chain(*passed), *container.environment, *request.variables),
    )


def _bundles(config: Config, project: Path) -> Bundles | None:
    section = config.bundles
    if section is None:
        return None
    directory = section.directory or project / _BUNDLES
    return Bundles(directory, None if section.mount else section.container_path)
