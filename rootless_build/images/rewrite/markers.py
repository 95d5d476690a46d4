"""Markers: twelve hex digits that stand for what a stage, an image or a build context holds.

An engine that does not see that what a RUN mounts has changed gets a marker as part of the
RUN (`rules.mount_content`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rootless_build.images.containerfile.edit import render
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.stages import Stage, earlier
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.parts import Part
from rootless_build.images.rewrite.state import FILES, RewriteState, fingerprint

_TELLS: Final = re.compile(r"rbuild-[0-9a-f]{24}")
"""A name that segments give: it tells what is in the image."""


class Markers:
    """Computes markers, each once. `parts` are the stages that have been rewritten so far."""

    def __init__(
        self, state: RewriteState, stages: tuple[Stage, ...], parts: Mapping[int, Part]
    ) -> None:
        self._state = state
        self._stages = stages
        self._parts = parts
        self._known: dict[int, str] = {}

    def of(self, name: str, number: int) -> str:
        """The marker of what a name means in the stage of that number."""
        directory = dict(self._state.contexts).get(name)
        index = earlier(name, self._stages, number)
        if index is not None and directory is None:
            return self._of_stage(index)
        if _TELLS.fullmatch(name):
            return fingerprint(name)
        if directory is not None:
            place = Path(directory)
            if "://" not in directory and place.is_dir() and not self._state.explains:
                return BuildContext(place).digest("")[:12]
            return fingerprint(name, directory)
        image = self._state.image(name)
        return fingerprint(name, image.id if image else "")

    def _of_stage(self, number: int) -> str:
        """Twelve hex digits for all that the stage is made of, as far as it is known.

        All files that it copies are read for them: asked for only where a rewrite needs them.
        """
        if number not in self._known:
            self._known[number] = self._compute(self._parts[number])
        return self._known[number]

    def _compute(self, part: Part) -> str:
        pieces = [render(line.now) for line in part.lines]
        pieces += [f"{name}={value}" for name, value in sorted(self._state.given.arguments.items())]
        pieces += [f"{name}={value}" for name, value in sorted(self._state.given.platform.items())]
        if part.stage.base:
            pieces.append(self._of_base(part))
        for line in part.lines:
            pieces += self._of_copied(line.now, part)
        return fingerprint(*pieces)

    def _of_base(self, part: Part) -> str:
        if part.base is not None and part.base in self._parts:
            return self._of_stage(part.base)
        # A build context may stand for a stage of the file.
        return self.of(part.stage.base or "", part.number)

    def _of_copied(self, instruction: Instruction, part: Part) -> list[str]:
        if instruction.keyword not in {"COPY", "ADD"}:
            return []
        origin = instruction.value("from")
        words = (
            instruction.json if instruction.json is not None else logical_words(instruction.body)
        )
        if origin == FILES:
            if self._state.directory is None:
                return []
            files = BuildContext(self._state.directory)
            return [files.digest(word) for word in words[:-1]]
        if origin is not None:
            derived = dict(self._state.derived.get(part.number, ()))
            if origin in derived:
                return [render(each) for each in derived[origin]]
            return [self.of(origin, part.number)]
        found = []
        for word in words[:-1]:
            try:
                path = expand(word, part.scope.variables).text
            except WordError:
                path = "."
            if "://" not in path:
                found.append(self._state.context_digest(path))
        return found
