"""Which containers of a Makefile do something else than make bundles, and so are always run.

By the name of the target whose recipe it is, and by the words of its command: `make all` of
Docker's source runs validations and tests too. rbuild.toml overrules both:
`[targets.NAME] always = true`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from rootless_build.model.plan import Plan, RunContainer, Step
from rootless_build.model.structs import replace
from rootless_build.recipes.config import Target

TARGETS: Final = (
    *("all", "test*", "*-test", "*-tests", "*unittest*", "check*", "validate*", "verify*", "lint*"),
    *("vet*", "bench*", "cover*", "shell", "dev", "run*", "serve*", "docs*", "*-docs", "help"),
    *("install*", "clean*", "deploy*", "push*", "publish*", "release*"),
)
"""Patterns for the names of targets."""
WORDS: Final = ("test", "test-*", "*-test", "tests", "check", "validate", "validate-*", "cover")
"""Patterns for the words, and parts of paths, of commands."""
_BETWEEN: Final = re.compile(r"[\s/;&|()'\"]+")


def mark(plan: Plan, targets: Mapping[str, Target]) -> Plan:
    """The plan with `always` set where it belongs."""
    named = {name: target.always for name, target in targets.items() if target.always is not None}

    def change(step: Step) -> Step:
        if not isinstance(step, RunContainer):
            return step
        own = step.origin.target if step.origin else ""
        said = next((named[name] for name in (own, *plan.targets) if name in named), None)
        always = said if said is not None else _is_other(step, (own, *plan.targets))
        return replace(step, always=always)

    return replace(plan, steps=tuple(change(step) for step in plan.steps))


def _is_other(step: RunContainer, targets: tuple[str, ...]) -> bool:
    words = {part for word in step.command for part in _BETWEEN.split(word)}
    return any(fnmatchcase(name, pattern) for name in targets for pattern in TARGETS) or any(
        fnmatchcase(word, pattern) for word in words for pattern in WORDS
    )
