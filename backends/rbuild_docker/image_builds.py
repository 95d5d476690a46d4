"""Builds an image with whichever builder this docker has."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rbuild_docker.build_arguments import EXPORTERS, Builder, build_arguments
from rbuild_docker.build_log import BuildLog
from rbuild_docker.buildkit_log import BuildKitLog
from rbuild_docker.classic_log import ClassicLog
from rbuild_docker.client import Client
from rootless_build.backend import (
    BuildImage,
    ImageBuildError,
    Level,
    Pairs,
    PullPolicy,
    StepReporter,
    UnsupportedError,
    build_files,
    programs,
)

_FIRST_WITHOUT_BUILDKIT: Final = 23
"""The first client that needs the plug-in docker-buildx for BuildKit (release notes of 23.0)."""


def builder_of(client: Client) -> Builder:
    """The best builder of this client; DOCKER_BUILDKIT=0 asks for the classic one."""
    if os.environ.get("DOCKER_BUILDKIT") == "0":
        return Builder.CLASSIC
    if client.capture("buildx", "version").status == 0:
        return Builder.BUILDX
    version = client.capture("version", "--format", "{{.Client.Version}}").text
    major = version.partition(".")[0]
    old = major.isdigit() and int(major) < _FIRST_WITHOUT_BUILDKIT
    return Builder.BUILDKIT if old else Builder.CLASSIC


def build(
    client: Client,
    step: BuildImage,
    reporter: StepReporter,
    *,
    network: str | None,
    directory: Path,
) -> tuple[str, ...]:
    """Build and tag; by what the image is found, nothing for a build whose output is files only.

    `directory` is for files of this build. Raises ImageBuildError, UnsupportedError.
    """
    builder = builder_of(client)
    arguments = build_arguments(step, network, builder)
    _check_containerfile(step)
    _notices(step, builder, reporter)
    makes_image = not any(output.type in EXPORTERS for output in step.outputs)
    id_file = step.image_id_file or directory / "image-id"
    if makes_image:
        id_file.unlink(missing_ok=True)
        arguments = (f"--iidfile={id_file}", *arguments)
    told = directory / "image-metadata"
    told.unlink(missing_ok=True)
    if builder is Builder.BUILDX:
        arguments = (f"--metadata-file={told}", *arguments)
    classic = builder is Builder.CLASSIC
    # The classic builder would leave the container of a RUN that fails.
    arguments = ("--force-rm" if classic else "--progress=plain", *arguments)
    environment = {
        **client.environment,
        "DOCKER_BUILDKIT": "0" if classic else "1",
        # buildx makes a build argument of it; the step has it, where the recipe's line had.
        "SOURCE_DATE_EPOCH": None,
        # It has the time in it: with docker 29 the image of a build that does nothing is another.
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    }
    log: BuildLog = ClassicLog(reporter) if classic else BuildKitLog(reporter)
    with _substitute(client, step.substitutes):
        status = programs.stream(
            ["docker", "build", *arguments],
            log.feed,
            environment=environment,
        )
    log.finish(succeeded=status == 0)
    if status != 0:
        raise log.failure(step, status)
    return (id_file.read_text().strip(), *_digests(told)) if makes_image else ()


def _digests(told: Path) -> Iterator[str]:
    """What an image without attestations is found by in docker's containerd store (29.1.3), where
    the file of the id has that of its configuration.
    """
    with contextlib.suppress(OSError, ValueError):
        data = json.loads(told.read_bytes())
        digest = data.get("containerimage.digest") if isinstance(data, dict) else None
        if isinstance(digest, str):
            yield digest


def _check_containerfile(step: BuildImage) -> None:
    file = build_files.containerfile(step)
    if not file.exists():
        # BuildKit names a directory of its own instead.
        name = step.tags[0] if step.tags else str(step.context)
        message = f"the image {name} could not be built: there is no {file}"
        raise ImageBuildError(message)


def _notices(step: BuildImage, builder: Builder, reporter: StepReporter) -> None:
    if step.pull is PullPolicy.NEVER:
        text = "docker build can't be kept from pulling a base image that is not in storage"
        reporter.notice("pull-never", text, Level.DETAIL)
    ignore = build_files.own_ignore_file(build_files.containerfile(step))
    if builder is Builder.CLASSIC and ignore.exists():
        text = f"docker's classic builder reads no {ignore.name}, only .dockerignore"
        reporter.notice("dockerignore", text, Level.WARNING)


@contextlib.contextmanager
def _substitute(client: Client, substitutes: Pairs) -> Iterator[None]:
    """Base images under the name their FROM has, while the build runs.

    The classic builder knows no other way, and BuildKit takes a tag in storage too.
    """
    with contextlib.ExitStack() as stack:
        for wanted, local in substitutes:
            if "@" in wanted:
                raise UnsupportedError(
                    f"docker can't use {local} for {wanted}: a digest names one image only",
                    hint="use --backend podman or --backend buildah",
                )
            before = client.capture("image", "inspect", "--format", "{{.Id}}", wanted)
            what = f"docker could not use {local} for {wanted}"
            client.answer(what, "tag", local, wanted)
            if before.status == 0:
                stack.callback(client.answer, what, "tag", before.text.strip(), wanted)
            else:
                # Only the name goes: the image has another.
                stack.callback(client.answer, what, "image", "rm", "--no-prune", wanted)
        yield
