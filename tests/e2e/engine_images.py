"""The images in the storage of an engine, as the user's own command of it lists them."""

from __future__ import annotations

import subprocess

from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.gathering import gather
from tests.e2e.driver import Rbuild


def engine(rbuild: Rbuild, *words: str) -> str:
    """What the user's own command of the engine prints."""
    with engine_settings(gather(rbuild.environment)) as settings:
        environment = {**rbuild.environment, **dict(settings.environment)}
        done = subprocess.run(
            [rbuild.backend, *words], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ids(rbuild: Rbuild) -> set[str]:
    """Of all images, as the engine lists them."""
    words = ("images", "--all", "--quiet", "--no-trunc")
    return {line.removeprefix("sha256:") for line in engine(rbuild, *words).split()}
