"""Secrets that a build takes from variables of its caller: the engine has them there too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from rootless_build.live.surroundings import Work
from rootless_build.model import build_secrets
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage
from rootless_build.recipes.docker.argv import Called

_OWN: Final = ("PATH", "HOME", "TMPDIR", "LD_", "XDG_", "DBUS_")
"""What engines themselves go by: variables, and beginnings of some."""


def hand_over(called: Called, work: Work) -> None:
    """Take the caller's variables into this process, which does the one call.

    Raises RecipeError for one that says something to an engine.
    """
    settings = dict(work.around.choice.settings.environment)
    for name in _variables(called, work):
        value = work.call.environment.get(name)
        if value == os.environ.get(name):
            continue
        if name in settings or name.startswith(_OWN):
            raise RecipeError(
                f"--secret: the variable {name} is one that engines go by; name a file (src=FILE)"
            )
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def _variables(called: Called, work: Work) -> Iterator[str]:
    for step in called.steps:
        for words in step.secrets if isinstance(step, BuildImage) else ():
            made = build_secrets.parse(words, work.call.directory, work.call.environment)
            if made.variable is not None:
                yield made.variable
