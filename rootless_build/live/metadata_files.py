"""The file of `docker build --metadata-file`, in docker's own shape.

What is known exactly stands there: `image.name`; `containerimage.config.digest`, the image's id;
and `containerimage.digest`. Without `--push` that is the id too, as from a docker that keeps images
by their configuration (moby 28, builder/builder-next/exporter/mobyexporter); with it, the digest of
the manifest that is in the registry, where all names have the same one there (BuildKit's always
have: it makes one). Of an image of several platforms it is its name alone.
References and provenance of BuildKit's (`buildx.build.*`) name what is not here.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rootless_build.backend.api import docker_commands
from rootless_build.files.replacing import replace_content
from rootless_build.live.streams import say
from rootless_build.live.surroundings import Work
from rootless_build.model import outputs, references
from rootless_build.model.errors import RecipeError, reason
from rootless_build.model.events import Event, ImageReady
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.recipes.docker.argv import Called

_NAME: Final = "image.name"
_CONFIGURATION: Final = "containerimage.config.digest"
_DIGEST: Final = "containerimage.digest"
_MODE: Final = 0o644


def with_file(
    called: Called,
    work: Work,
    build: Callable[[Called, Work], int],
    pushed: Callable[[], str | None] = lambda: "",
) -> int:
    """Do a call of builds, and write its file if they have ended well; docker's exit status.
    `pushed` gives the digest, sha256:HEX, that the registry has then, empty where nothing was
    pushed; None where there is more than one.
    """
    file = called.metadata_file
    if file is None:
        return build(called, work)
    if not all(isinstance(step, BuildImage) for step in called.steps):
        raise RecipeError(
            "--metadata-file tells of builds, and with --call or --check none is made"
        )
    ready: dict[int, ImageReady] = {}

    def hear(event: Event) -> None:
        if isinstance(event, ImageReady):
            ready[event.step] = event
        work.emit(event)

    status = build(called, replace(work, emit=hear))
    if status:
        return status
    digest = pushed()
    told = [
        (_target(step), _of_build(step, ready.get(number), digest, work))
        for number, step in enumerate(called.steps, 1)
        if isinstance(step, BuildImage)
    ]
    is_bake = all(target for target, _ in told)
    together: dict[str, dict[str, str]] = {}
    for target, said in told:
        together.setdefault(target, {}).update(said)
    return _write(file, together if is_bake else together.get("", {}))


def _of_build(
    step: BuildImage, image: ImageReady | None, pushed: str | None, work: Work
) -> dict[str, str]:
    if image is None or not outputs.keeps_image(step):
        return {}
    names = (tag for tag in step.tags if not tag.startswith(references.OWN))
    name = ",".join(map(references.canonical, names))
    said = {_NAME: name} if name else {}
    if len(step.platforms) > 1:
        return said | ({_DIGEST: pushed} if pushed else {})
    identity = f"sha256:{image.id.removeprefix('sha256:')}"
    commands = docker_commands(work.around.engine)
    if commands is None or not commands.is_docker:
        # The id of docker's may be that of a manifest.
        said[_CONFIGURATION] = identity
    return said if pushed is None else said | {_DIGEST: pushed or identity}


def _target(step: BuildImage) -> str:
    """The target of a bake file that a build is, else nothing."""
    return step.origin.target if step.origin is not None and step.origin.names_build else ""


def _write(file: Path, said: object) -> int:
    place = Path(os.path.realpath(file))
    try:
        if place.exists() and not stat.S_ISREG(place.stat().st_mode):
            say(f"ERROR: {file} is no file, and --metadata-file replaces one")
            return 1
        replace_content(place, json.dumps(said, indent=2, sort_keys=True).encode(), _MODE)
    except OSError as error:
        say(f"ERROR: {file} can't be written: {reason(error)}")
        return 1
    return 0
