"""Images that a Makefile has built while it is read: `docker run $(shell docker build -q .)`.

The stand-in for docker answers such a build with an id that stands for it. The plan has the build
in the place in which make would have had it done, and the container that has the id for its image
is made of what was built. Whatever else is done with the id can't be planned: the image's own is
not known before it is built.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from rootless_build.model import plan
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import (
    BuildImage,
    HostCommand,
    Origin,
    RunContainer,
    Step,
    TagImage,
    Unexpanded,
)
from rootless_build.model.structs import replace
from rootless_build.recipes.docker import argv
from rootless_build.recipes.make.docker_stub import Call

_NAMED: Final = "localhost/rbuild-asked"
_HEX: Final = re.compile(r"[0-9a-f]{10,64}")
_QUIET: Final = re.compile(r" (?:-q|--quiet): ")
_FILES: Final = frozenset({"local", "tar", "cacheonly"})
_OTHER_WAY: Final = "build the image in a recipe's own line, with a tag (-t), and name that"


def add_builds(
    steps: Sequence[Step],
    calls: Sequence[Call],
    makefile: str,
    recipes: Mapping[tuple[str, int], int],
) -> tuple[list[Step], list[str]]:
    """The steps with the builds among the calls, and notes. `makefile` is its name; `recipes` has
    of each line of a makefile the one that its recipe begins at.

    Raises RecipeError for a build whose place or image can't be told.
    """
    first: list[Step] = []
    done = list(steps)
    notes: list[str] = []
    builds: dict[tuple[object, ...], Call] = {}
    for call in calls:
        if call.builds:
            builds.setdefault(_built(call), call)
    for call in builds.values():
        build = _Build(call, makefile)
        users = [number for number, step in enumerate(done) if build.is_used_by(step)]
        for number in users:
            done[number] = build.used(done[number])
        if call.reading:
            first.append(build.step)
        elif not users:
            raise build.refused("it is not known when, as no line uses the image")
        else:
            for number in reversed(_beginnings(done, users, recipes)):
                done.insert(number, build.step)
        # `-q` has its effect: it is what the id is answered for.
        notes += [note for note in build.notes if not _QUIET.search(note)]
    return [*first, *done], notes


def _built(call: Call) -> tuple[object, ...]:
    """Calls are the same where this is, what they build."""
    return call.program, *call.words, call.directory, call.reading


def _beginnings(
    steps: Sequence[Step], users: Sequence[int], recipes: Mapping[tuple[str, int], int]
) -> list[int]:
    """Where the recipes begin that the steps are of: make expands all lines of one at once."""
    found = []
    for user in users:
        number = user
        own = _recipe(steps[user], recipes)
        while number > 0 and _recipe(steps[number - 1], recipes) == own:
            number -= 1
        found.append(number)
    return list(dict.fromkeys(found))


def _recipe(
    step: Step, recipes: Mapping[tuple[str, int], int]
) -> tuple[str, int | None, str] | None:
    origin = step.origin
    if origin is None:
        return None
    line = origin.line
    begins = recipes.get((origin.file, line), line) if line is not None else None
    return origin.file, begins, origin.target


class _Build:
    """One build that the stand-in was asked for."""

    def __init__(self, call: Call, makefile: str) -> None:
        self._call = call
        self._id = call.image
        self._line = call.line
        self._origin = Origin(makefile, None, f"$(shell {self._line})")
        self.step, self.notes = self._planned()

    def refused(self, why: str) -> RecipeError:
        return RecipeError(
            f"{self._origin}: `{self._line}`, which it runs while it is read, can't be a step: "
            f"{why}",
            hint=_OTHER_WAY,
        )

    def _planned(self) -> tuple[BuildImage, tuple[str, ...]]:
        environment: Mapping[str, str] = self._call.environment or {}
        context = argv.Context(self._call.directory, environment, self._origin)
        steps, notes = argv.steps(self._call.words, context)
        step = steps[0]
        if len(steps) > 1 or not isinstance(step, BuildImage):
            raise self.refused("it is more than one build")
        if any(output.type in _FILES for output in step.outputs) and self._id:
            raise self.refused("it makes no image that an id could stand for")
        if self._id and not step.tags:
            # The id is another one in another directory.
            name = hashlib.sha256(self._id.encode()).hexdigest()[:12]
            step = replace(step, tags=(f"{_NAMED}/{name}",))
        return step, notes

    def is_used_by(self, step: Step) -> bool:
        by_tag = isinstance(step, RunContainer | TagImage) and step.image in self.step.tags
        return by_tag or self._is_named_in(step)

    def _is_named_in(self, step: Step) -> bool:
        return any(self._names(text) for text in _texts(step))

    def used(self, step: Step) -> Step:
        """The step, made of the image. Raises RecipeError where it names the id elsewhere."""
        changed = step
        if isinstance(step, RunContainer | TagImage) and self._names(step.image):
            changed = replace(step, image=self.step.tags[0])
        if self._is_named_in(changed):
            origin = step.origin or self._origin
            raise RecipeError(
                f"{origin}: this line can't be turned into a step: it has the id of the image that "
                f"`{self._line}` builds, which is known only when that is done",
                hint=_OTHER_WAY,
                engine_words=origin.text.replace(self._id, "…"),
            )
        return changed

    def _names(self, text: str) -> bool:
        """Whether the id is in it, or a part of the id that stands for an image as well."""
        return bool(self._id) and any(found in self._id for found in _HEX.findall(text))


def _texts(step: Step) -> tuple[str, ...]:
    """All that is written in the step, but for its own line."""
    bare = replace(step, origin=None)
    if isinstance(bare, HostCommand | Unexpanded):
        # What a Makefile exports reaches every command, and few look at it.
        return (bare.script,)
    return (json.dumps(plan.to_dict(bare)),)
