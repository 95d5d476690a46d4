"""Applies the rules to the RUNs of a containerfile, stage by stage, and writes the new file."""

from __future__ import annotations

from typing import Final

from rootless_build.images.containerfile import grammar, mounts
from rootless_build.images.containerfile.edit import new, render
from rootless_build.images.containerfile.escapes import with_backslash
from rootless_build.images.containerfile.stages import (
    Scope,
    Scopes,
    Stage,
    earlier,
    heading_variables,
    needed_stages,
    split,
)
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import WordError
from rootless_build.images.rewrite.parts import Line, Rewritten
from rootless_build.images.rewrite.rules import apply_rules
from rootless_build.images.rewrite.state import FILES, RewriteState, Site

_TRIGGERS: Final = ("<<", "mount", "network", "security", "device")
"""Without any of these in it nothing is to be rewritten."""


def rewrite(work: RewriteState, target: str | None = None) -> Rewritten | None:
    """What to build instead for `target` (None: the last stage), or None: the file as it is.

    Raises ContainerfileError for what is wrong in the file, and for what can't be rewritten.
    """
    grammar.check(work.file)
    source = "".join(instruction.source for instruction in work.file.instructions)
    if not any(map(source.__contains__, _TRIGGERS)):
        return None
    return _Rewriter(work, target).result()


def unchanged(work: RewriteState) -> Rewritten:
    """The file as it is, in the same form."""
    _, stages = split(work.file, work.given)
    lines = tuple(tuple(Line(i, i) for i in (s.begin, *s.instructions)) for s in stages)
    return Rewritten("", lines, files=None, rewrites=())


def _mounts_context(instruction: Instruction) -> bool:
    if instruction.keyword != "RUN":
        return False
    found = [mounts.parse(f.value or "") for f in instruction.flags if f.name == "mount"]
    return any(mount.type == "bind" and mount.origin is None for mount in found)


class _Rewriter:
    def __init__(self, work: RewriteState, target: str | None) -> None:
        self._work = work
        written = work.file.instructions
        if work.file.escape != "\\":
            work.file = with_backslash(work.file)
        work.needs_context = any(map(_mounts_context, work.file.instructions))
        self._heading, self._stages = split(work.file, work.given)
        contexts = frozenset(name for name, _ in work.contexts)
        self._needed = needed_stages(self._stages, target, contexts)
        self._ends: dict[int, Scope] = {}
        self._origins = dict(zip(map(id, work.file.instructions), written, strict=True))

    def result(self) -> Rewritten | None:
        variables = heading_variables(self._heading, self._work.given)
        scopes = Scopes(variables, self._work.given, self._work.image)
        stages = [
            self._stage(number, self._stages[number], scopes) for number in sorted(self._needed)
        ]
        if not self._work.rewrites:
            return None
        added = [
            (Line(new("FROM", f"{origin} AS {name}"), None),) for name, origin in self._work.derived
        ]
        whole = (*added, *stages)
        return Rewritten(
            "".join(render(line.now) for stage in whole for line in stage),
            whole,
            self._files(),
            tuple(sorted(self._work.rewrites, key=lambda rewrite: rewrite.line)),
            tuple(self._work.secrets.items()),
            tuple(self._work.locked),
        )

    def _files(self) -> str | None:
        if not self._work.needs_files:
            return None
        return FILES if self._work.needs_context else ""

    def _stage(self, number: int, stage: Stage, scopes: Scopes) -> tuple[Line, ...]:
        base = earlier(stage.base or "", self._stages, number, numbers=False)
        scope = scopes.begin(stage.base, self._ends.get(base) if base is not None else None)
        lines = [Line(stage.begin, self._origin(stage.begin))]
        for instruction in stage.instructions:
            at = Site(self._work, self._origin(instruction), scope)
            is_run = instruction.keyword == "RUN"
            made = apply_rules(instruction, at) if is_run else (instruction,)
            lines += [Line(now, self._origin(instruction)) for now in made]
            try:
                scopes.after(instruction, scope)
            except WordError as wrong:
                raise at.error(str(wrong)) from wrong
        self._ends[number] = scope
        return tuple(lines)

    def _origin(self, instruction: Instruction) -> Instruction:
        return self._origins.get(id(instruction), instruction)
