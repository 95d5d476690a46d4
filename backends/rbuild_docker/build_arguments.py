"""A BuildImage as the arguments of `docker build`, for each of docker's two builders."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from rbuild_containers.flags import build_limits
from rbuild_docker.run_arguments import record
from rootless_build.backend import (
    LABEL_SEGMENT,
    BuildImage,
    BuildOutput,
    PullPolicy,
    UnsupportedError,
    build_files,
)

EXPORTERS = ("local", "tar")
"""Build outputs that are files; the others are images in the daemon's storage."""


class Builder(Enum):
    """What `docker build` does its work with.

    CLASSIC is in the daemon. BUILDKIT is the one that clients before 23.0 drive themselves,
    BUILDX the plug-in of that name, which clients since 23.0 need for BuildKit.
    """

    CLASSIC = "docker's classic builder"
    BUILDKIT = "the BuildKit of this docker client"
    BUILDX = "docker buildx"


def build_arguments(step: BuildImage, network: str | None, builder: Builder) -> tuple[str, ...]:
    """Options and context, without `docker build`; `network` is for a step that names none.

    Left out: substitutes, which docker knows as tags. Raises UnsupportedError for what the
    builder can't do.
    """
    _refuse(step, builder)
    return (*_options(step, network, builder), str(step.context))


def _refuse(step: BuildImage, builder: Builder) -> None:
    if builder is Builder.BUILDX:
        return
    classic = builder is Builder.CLASSIC
    for what, missing in (
        ("named build contexts (--build-context)", step.build_contexts),
        ("build secrets (--secret)", classic and step.secrets),
        ("ssh agents (--ssh)", classic and step.ssh),
        ("build outputs (--output)", classic and not all(map(_in_storage, step.outputs))),
    ):
        if missing:
            raise UnsupportedError(
                f"{builder.value} has no {what}",
                hint="install docker-buildx, or use --backend podman or --backend buildah",
            )
    if len(step.platforms) > 1:
        raise UnsupportedError(
            f"{builder.value} builds one platform at a time, not {', '.join(step.platforms)}",
            hint="name one platform",
        )


def _options(step: BuildImage, network: str | None, builder: Builder) -> Iterator[str]:
    classic = builder is Builder.CLASSIC
    file = build_files.containerfile(step)
    if step.containerfile is not None or file.name != "Dockerfile":
        yield f"--file={file}"
    if step.pull is PullPolicy.ALWAYS:
        yield "--pull"
    for given, flag in ((step.no_cache, "--no-cache"), (step.squash, "--squash")):
        if given:
            yield flag
    for option, value in (
        ("--target", step.target),
        ("--network", network if step.network in {None, "default"} else step.network),
        ("--platform", ",".join(step.platforms) or None),
    ):
        if value is not None:
            yield f"{option}={value}"
    for option, values in (
        ("--tag", step.tags),
        ("--build-arg", tuple(f"{name}={value}" for name, value in step.build_args)),
        ("--label", tuple(f"{k}={v}" for k, v in step.labels if k != LABEL_SEGMENT)),
        ("--build-context", tuple(f"{name}={value}" for name, value in step.build_contexts)),
        ("--secret", step.secrets),
        ("--ssh", step.ssh),
        ("--cache-from", step.cache_from),
        ("--add-host", step.add_hosts),
        ("--security-opt", step.security_options),
        (
            "--output",
            () if classic else tuple(record(_attributes(output)) for output in step.outputs),
        ),
    ):
        for value in values:
            yield from (option, value)
    yield from (f"{option}={value}" for option, value in build_limits(step.limits))


def _in_storage(output: BuildOutput) -> bool:
    """What happens without an `--output` too."""
    return (
        output.type in {"docker", "image"} and not {"dest", "push"} & dict(output.attributes).keys()
    )


def _attributes(output: BuildOutput) -> list[str]:
    return [f"type={output.type}", *(f"{name}={value}" for name, value in output.attributes)]
