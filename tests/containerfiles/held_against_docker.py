"""A case built by an engine, held against what docker with BuildKit made of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rootless_build.backend import api
from rootless_build.backend.api import Engine
from rootless_build.images.building import build_image
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.errors import RbuildError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.recorder import Recorder
from tests.reference import recordings
from tests.reference.case import Case
from tests.reference.cases import FAMILIES, RANDOM_FAMILIES
from tests.reference.contexts import write_context
from tests.reference.images import Image
from tests.reference.refused import line_of
from tests.reference.served import serving

RECORDINGS: Final = {
    name: case
    for family in (*FAMILIES, *RANDOM_FAMILIES)
    for name, case in recordings.read(family)["cases"].items()
}
Read = Callable[[api.Image], Image]
Made = Callable[[Case], tuple[str, str]]
"""Builds a case: what differs from docker's, empty for nothing, and what was said of a failure."""


def held_against_docker(
    case: Case, engine: Engine, building: RewriteOptions, place: Path, read: Read, base: Image
) -> tuple[str, str]:
    """See `Made`; `place` is a directory for it that is not there, `base` its base image."""
    try:
        with serving(case, place / "served") as served:
            image, line = read(build_case(served, engine, building, place)), 0
        words = ""
    except RbuildError as error:
        image, line = None, line_of(error)
        words = f"{error}\n{error.engine_words}"
    return "\n".join(recordings.differences(RECORDINGS[case.name], image, base, line)), words


def build_case(case: Case, engine: Engine, building: RewriteOptions, place: Path) -> api.Image:
    """Build a case in a directory that is not there."""
    write_context(place / "context", case.files())
    for name, more in case.more.items():
        write_context(place / "more" / name, more)
    step = BuildImage(
        place / "context",
        place / "context" / case.file if case.named else None,
        target=case.target,
        build_args=case.args,
        network="host",
        # A layer of another case may differ in times alone, which the engines don't see.
        no_cache=True,
        build_contexts=(
            *((name, str(place / "more" / name)) for name in case.more),
            *case.elsewhere.items(),
        ),
        secrets=tuple(f"id={name},src={place / name}" for name in case.secrets),
    )
    for name, secret in case.secrets.items():
        (place / name).write_text(secret)
    made = build_image(step, engine, Recorder().reporter, building)
    if not case.then:
        return made
    shutil.rmtree(place / "context")
    write_context(place / "context", {**case.files(), **case.then})
    return build_image(replace(step, no_cache=False), engine, Recorder().reporter, building)
