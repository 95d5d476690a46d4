"""Base images for a build: from storage, from a registry, or the stand-in `rbuild base` made."""

from __future__ import annotations

from typing import Final

from rootless_build.backend.api import LABEL_BASE, LABEL_IMAGE, Engine, Image
from rootless_build.model import references
from rootless_build.model.errors import ImageNotFoundError, UsageError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, PullPolicy
from rootless_build.model.structs import replace

_FRONTEND: Final = f"{references.HUB}/docker/dockerfile"


def substitute_bases(step: BuildImage, engine: Engine, reporter: StepReporter) -> BuildImage:
    """The step with a substitute for every base image that only exists as a stand-in.

    Raises ImageNotFoundError for a base image that is nowhere to be had.
    """
    # Only a build reads a containerfile.
    from rootless_build.images.external import external_bases  # noqa: PLC0415

    platform = step.platforms[0] if len(step.platforms) == 1 else None
    substitutes = tuple(
        (wanted, local)
        for wanted in external_bases(step)
        if (local := stand_in(wanted, step.pull, engine, reporter, platform)) is not None
    )
    # The bases are here now: asking again would fail for those that could not be pulled.
    pull = PullPolicy.MISSING if step.pull is PullPolicy.ALWAYS else step.pull
    return replace(step, pull=pull, substitutes=step.substitutes + substitutes)


def stand_in(
    wanted: str,
    pull: PullPolicy,
    engine: Engine,
    reporter: StepReporter,
    platform: str | None = None,
) -> str | None:
    """The reference to use for `wanted`: of its stand-in, which is announced, or of an image that
    was built or named here, which podman and buildah keep below localhost. One that is pulled is
    pulled for the `platform`, None for this host's.

    None: the image itself is in storage, pulled if need be (or nowhere, under PullPolicy.NEVER).
    Raises ImageNotFoundError for one that is nowhere to be had.
    """
    references.check(wanted)
    full = references.canonical(wanted)
    if full.startswith(f"{references.LOCAL}/"):
        _check_own(wanted, full, engine)
        return None
    image, made = engine.find_images((full, references.local(full)))
    if image and not stands_in(made):
        made = None
    # One that the user made is wanted: no registry is asked, as for any image that is in storage.
    # `--pull` asks.
    if pull is not PullPolicy.ALWAYS and (taken := choose(image, made)) is not None:
        return _as_made(wanted, taken, reporter) if taken is made else None
    if pull is PullPolicy.NEVER:
        if engine.find_image(wanted) is None:
            raise _not_here(wanted)
        return None
    try:
        engine.pull_image(full, reporter, platform)
    except ImageNotFoundError as error:
        if not made and not engine.find_image(full):
            error.hint = how_to_get(wanted)
            raise
        if not stands_in(made):
            reporter.notice("not-pulled", f"{wanted} could not be pulled; using the one in storage")
        return _as_made(wanted, made, reporter) if made else None
    return None


def _check_own(wanted: str, full: str, engine: Engine) -> None:
    """Raise ImageNotFoundError for a name of this host's that no image has."""
    if engine.find_image(full) is None:
        # Engines ask a registry of that name, three times.
        raise ImageNotFoundError(f"the image {wanted} is not in storage", reference=wanted)


def _as_made(wanted: str, made: Image, reporter: StepReporter) -> str:
    local = references.local(references.canonical(wanted))
    return _announce(wanted, local, reporter) if stands_in_for(wanted, made) else local


def _not_here(wanted: str) -> ImageNotFoundError:
    if references.is_id(wanted):
        message = f"the image {wanted.removeprefix('sha256:')[:12]}, built here once, is gone"
        return ImageNotFoundError(message, reference=wanted, hint="build it again")
    message = f"the image {wanted} is not in storage, and is not to be pulled"
    return ImageNotFoundError(message, reference=wanted)


def how_to_get(wanted: str) -> str:
    """What a person can do about an image that is nowhere to be had."""
    if references.repository(references.canonical(wanted)) == _FRONTEND:
        return (
            "it is what `# syntax=` has BuildKit fetch, to read the containerfile with: with no"
            " registry take that line out, or use --backend podman or --backend buildah"
        )
    # Only a failure needs it.
    from rootless_build.images.bases import packages  # noqa: PLC0415

    try:
        packages.describe(wanted)
    except packages.NoReleaseError as refused:
        return f"{refused.message}; {refused.hint}"
    except UsageError:
        return (
            "with no registry, make it of its root file system, a tar archive or a directory: "
            f"rbuild base --from FILE {wanted}"
        )
    return f"with no registry, make a stand-in: rbuild base {wanted}"


def in_storage(wanted: str, engine: Engine) -> Image | None:
    """The image of that name, or its stand-in; asks no registry and announces nothing."""
    return choose(*engine.find_images((wanted, references.local(wanted))))


def choose(image: Image | None, made: Image | None) -> Image | None:
    """The one that a build takes: the image of the name, or that of the name below localhost.

    With docker a stand-in has the other's name while a build lasts. Where a build was killed it
    still has: it may be older than what the user made since.
    """
    if image is None:
        return made
    return made if stands_in(made) and stands_in(image) else image


def stands_in(image: Image | None) -> bool:
    """Whether `rbuild base` made it. What was built from such an image has its labels too."""
    labels = dict(image.labels) if image is not None else {}
    return LABEL_BASE in labels and LABEL_IMAGE not in labels


def stands_in_for(wanted: str, image: Image) -> bool:
    """Whether `rbuild base` made it of that name. What an engine alone built from a stand-in has
    the label too, but of another name.
    """
    return stands_in(image) and dict(image.labels)[LABEL_BASE] == references.canonical(wanted)


def _announce(wanted: str, local: str, reporter: StepReporter) -> str:
    reporter.notice("base-substituted", f"{wanted}: using {local}, made by rbuild base")
    return local
