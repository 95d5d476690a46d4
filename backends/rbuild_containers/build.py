"""The arguments that `podman build` and `buildah build` have in common.

Facts: podman 4.3.1 and buildah 1.28.2, each tried; podman-build(1), buildah-build(1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from rbuild_containers.flags import build_limits
from rbuild_containers.working import marks
from rootless_build.backend import (
    LABEL_SEGMENT,
    BuildImage,
    BuildOutput,
    EngineSettings,
    Pairs,
    UnsupportedError,
    build_files,
    platform_builds,
    platforms,
)

_EXPORTERS = ("local", "tar")
_STORAGE = ("docker", "image")
_BUILD_PLATFORM = "BUILDPLATFORM"


def build_arguments(step: BuildImage, settings: EngineSettings) -> tuple[str, ...]:
    """The options and the context of a build, without the program's name.

    Left to each backend: `--layers`, `--isolation`, and an `--iidfile` when the step names none.
    Raises UnsupportedError for what neither engine can do.
    """
    return (*_options(step, settings), str(step.context))


def mount_arguments(mounts: Pairs) -> tuple[str, ...]:
    """What of this host all RUNs of a build have mounted, and where."""
    return tuple(chain.from_iterable(("--volume", f"{path}:{place}") for path, place in mounts))


def build_commands(
    step: BuildImage, program: str, command: Callable[[BuildImage], tuple[str, ...]]
) -> tuple[tuple[str, ...], ...]:
    """The command lines of a build; `command` gives that of one for one platform, with the
    program's name.
    """
    builds = platform_builds.builds_of(step)
    made = tuple(map(command, builds))
    if len(builds) == 1 or not step.tags:
        return made
    name, *others = step.tags
    images = (one.tags[0] for one in builds)
    return (
        *made,
        (program, "manifest", "create", name),
        *((program, "manifest", "add", name, f"containers-storage:{one}") for one in images),
        *((program, "tag", name, other) for other in others),
    )


def _options(step: BuildImage, settings: EngineSettings) -> Iterator[str]:
    # buildah keeps no cache of its own accord; podman 4.3.1 takes only one of the two.
    yield "--squash" if step.squash else "--layers"
    yield from _files(build_files.containerfile(step))
    # The OCI format has no SHELL, ONBUILD and HEALTHCHECK: the engines drop them with a warning.
    yield from ("--format", "docker")
    # The engines hand the host's proxy variables to RUN unless told not to.
    yield "--http-proxy=false"
    # buildah 1.28 leaves the container of a failed instruction behind otherwise.
    yield "--force-rm"
    yield f"--pull={step.pull.value}"
    if step.no_cache:
        yield "--no-cache"
    for tag in step.tags:
        yield from ("--tag", tag)
    if step.target is not None:
        yield from ("--target", step.target)
    labels = tuple(pair for pair in step.labels if pair[0] != LABEL_SEGMENT)
    for flag, pairs in (("--build-arg", step.build_args), ("--label", labels)):
        for name, value in pairs:
            yield from (flag, f"{name}={value}")
    yield from _platform(step.platforms, dict(step.build_args))
    yield from _network(step.network, settings.network)
    for name, value in step.build_contexts:
        yield from ("--build-context", f"{name}={value}")
    for reference, local in step.substitutes:
        for name in spellings(reference):
            yield from ("--build-context", f"{name}=container-image://{local}")
    for flag, values in (
        ("--secret", step.secrets),
        ("--ssh", step.ssh),
        ("--add-host", step.add_hosts),
        ("--security-opt", step.security_options),
    ):
        for value in values:
            yield from (flag, value)
    yield from marks(step.labels)
    yield from _cache_from(step.cache_from)
    yield from chain.from_iterable(build_limits(step.limits))
    yield from _outputs(step.outputs)
    if step.image_id_file is not None:
        yield from ("--iidfile", str(step.image_id_file))


def _files(file: Path) -> Iterator[str]:
    yield from ("--file", str(file))
    ignore = build_files.own_ignore_file(file)
    if ignore.is_file():
        yield from ("--ignorefile", str(ignore))


def _platform(wanted: tuple[str, ...], given: Mapping[str, str]) -> Iterator[str]:
    if len(wanted) > 1:
        message = f"podman and buildah build one platform at a time, not {', '.join(wanted)}"
        raise UnsupportedError(message, hint="name one platform")
    for platform in wanted:
        yield from ("--platform", platform)
    if wanted and _BUILD_PLATFORM not in given:
        # buildah 1.28 takes `FROM --platform=$BUILDPLATFORM` for the platform that is asked for,
        # and then finds no base image of it.
        yield from ("--build-arg", f"{_BUILD_PLATFORM}={platforms.host()}")


def _network(mode: str | None, default: str | None) -> Iterator[str]:
    chosen = default if mode in {None, "default"} else mode
    if chosen is not None:
        yield from ("--network", chosen)


def spellings(reference: str) -> tuple[str, ...]:
    """Every way a containerfile may write a reference to an image on Docker Hub.

    `--build-context` replaces a FROM only where the name is written the same way: buildah 1.28
    matches `debian:bookworm` for `docker.io/library/debian:bookworm` and back, but neither for
    `docker.io/debian:bookworm`, for an implied `:latest`, or in `COPY --from`.
    """
    domain, slash, path = reference.partition("/")
    if not slash or not ("." in domain or ":" in domain or domain == "localhost"):
        path = reference
    elif domain not in {"docker.io", "index.docker.io"}:
        return (reference,)
    path = path.removeprefix("library/")
    official = () if "/" in path else ("docker.io/library/",)
    prefixes = ("", "docker.io/", *official)
    names = [path]
    if path.endswith(":latest"):
        names.append(path.removesuffix(":latest"))
    elif ":" not in path and "@" not in path:
        names.append(f"{path}:latest")
    return tuple(dict.fromkeys([reference, *(p + name for name in names for p in prefixes)]))


def _cache_from(sources: tuple[str, ...]) -> Iterator[str]:
    # A hint in docker, where a source that is not there is no error. The engines take repositories
    # only and fail on a tag, a digest or BuildKit's `type=…`.
    for source in sources:
        repository = source.rpartition("/")[2]
        if not {":", "@", "="} & set(repository) and "/" in source and "=" not in source:
            yield from ("--cache-from", source)


def _outputs(outputs: tuple[BuildOutput, ...]) -> Iterator[str]:
    files = [output for output in outputs if output.type in _EXPORTERS]
    for output in outputs:
        attributes = dict(output.attributes)
        known = output.type in _EXPORTERS or (
            output.type in _STORAGE and not {"dest", "push"} & attributes.keys()
        )
        if not known or attributes.get("dest") == "-":
            written = ",".join([f"type={output.type}", *(f"{k}={v}" for k, v in output.attributes)])
            message = f"podman and buildah have no build output {written}"
            raise UnsupportedError(message, hint="they can write type=local and type=tar")
    if len(files) > 1:
        # buildah before 1.41 takes the last one and forgets the others without a word.
        message = "podman and buildah write one build output at a time"
        raise UnsupportedError(message, hint="name one --output of type local or tar")
    for output in files:
        destination = dict(output.attributes)["dest"]
        yield from ("--output", f"type={output.type},dest={destination}")
