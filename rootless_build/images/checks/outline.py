"""What a build can be given, and which targets there are (`docker build --call=outline|targets`).

As BuildKit has it (frontend/dockerfile/dockerfile2llb/outline.go): of the stages that the wanted
one is made from, and of those that it takes files of.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from msgspec import Struct

from rootless_build.images.checks.file_checks import comment_above
from rootless_build.images.checks.reading import Reading
from rootless_build.images.containerfile import grammar, mounts
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.stages import (
    Scope,
    Stage,
    declared_arguments,
    earlier,
    sources,
    target_of,
)
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.model.structs import replace

_AGENT = "default"


class Lines(Struct, frozen=True):
    """Where something stands in the containerfile."""

    first: int
    last: int


class Argument(Struct, frozen=True):
    """An ARG, with the value that it would have."""

    name: str
    value: str
    description: str
    lines: Lines


class Wanted(Struct, frozen=True):
    """A secret or an agent that a RUN mounts."""

    name: str
    required: bool
    lines: Lines


class Outline(Struct, frozen=True):
    """What a build can be given."""

    name: str
    description: str
    arguments: tuple[Argument, ...]
    secrets: tuple[Wanted, ...]
    agents: tuple[Wanted, ...]


class Target(Struct, frozen=True):
    """A stage that can be built. `base` and `platform` are as they are written."""

    name: str
    description: str
    base: str
    platform: str
    is_default: bool
    lines: Lines


class _Found(Struct):
    """What is known at the end of a stage: all arguments, and which of them count."""

    scope: Scope
    known: dict[str, Argument]
    used: dict[str, None]
    secrets: dict[str, Wanted]
    agents: dict[str, Wanted]

    def add(self, other: _Found) -> None:
        """What a stage has that files are taken of counts too."""
        self.known = other.known | self.known
        self.used |= other.used
        self.secrets = self.secrets | other.secrets
        self.agents = self.agents | other.agents


def targets_of(reading: Reading) -> tuple[Target, ...]:
    """The stages, in the order in which they are written."""
    last = len(reading.stages) - 1
    lines = reading.text.splitlines()
    return tuple(
        Target(
            (stage.name or "").lower(),
            _description(stage.begin, stage.name or "", lines),
            logical_words(stage.begin.body)[0],
            stage.begin.value("platform") or "",
            number == last,
            _place(stage.begin),
        )
        for number, stage in enumerate(reading.stages)
    )


def outline_of(reading: Reading) -> Outline:
    """Of the stage that the step wants, or the last. Raises what `Find` raises."""
    target = reading.step.target
    wanted = None if target is None else target_of(target, reading.stages)
    number = len(reading.stages) - 1 if wanted is None else wanted
    found = _Outlining(reading).stage(number)
    stage = reading.stages[number]
    lines = reading.text.splitlines()
    arguments = (found.known[name] for name in found.used if name in found.known)
    return Outline(
        (stage.name or "").lower(),
        _description(stage.begin, stage.name or "", lines),
        tuple(sorted(arguments, key=lambda each: each.lines.first)),
        _in_order(found.secrets),
        _in_order(found.agents),
    )


class _Outlining:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._lines = reading.text.splitlines()
        self._done: dict[int, _Found] = {}
        self._global = dict(self._heading())

    def _heading(self) -> Iterator[tuple[str, Argument]]:
        reading = self._reading
        for each in reading.heading:
            for name, default in declared_arguments(each, reading.file.escape):
                given = default is not None or name in reading.given.arguments
                value = reading.variables.get(name, "") if given else ""
                yield name, self._argument(each, name, value)

    def _argument(self, instruction: Instruction, name: str, value: str) -> Argument:
        description = _description(instruction, name, self._lines)
        return Argument(name, value, description, _place(instruction))

    def stage(self, number: int) -> _Found:
        """What is known at the end of a stage."""
        if number not in self._done:
            self._done[number] = self._read(number)
        return self._done[number]

    def _read(self, number: int) -> _Found:
        reading, stage = self._reading, self._reading.stages[number]
        base = reading.parent(number)
        parent = None if base is None else self.stage(base)
        image = reading.image(number)
        scopes, scope = reading.begin(stage, parent.scope if parent else None, image)
        found = _Found(scope, dict(self._global), {}, {}, {})
        if parent is not None:
            found.add(parent)
            found.known = dict(parent.known)
        found.used |= dict.fromkeys(self._named_by(stage))
        triggers = () if base is None else _triggers(reading.stages[base], stage)
        for each in (*triggers, *stage.instructions):
            try:
                scopes.after(each, scope)
                self._note(each, found, number)
            except WordError as wrong:
                raise grammar.error(reading.file, each, str(wrong)) from wrong
        return found

    def _named_by(self, stage: Stage) -> Iterator[str]:
        """The arguments in a FROM."""
        for text in (stage.begin.body, stage.begin.value("platform") or ""):
            read = expand(text, self._reading.variables, self._reading.file.escape)
            yield from (each.name for each in read.substitutions)

    def _note(self, instruction: Instruction, found: _Found, number: int) -> None:
        if instruction.keyword == "ARG":
            self._note_arguments(instruction, found)
            return
        for name in sources(instruction):
            other = earlier(name, self._reading.stages, number)
            if other is not None:
                found.add(self.stage(other))
        for flag in instruction.flags:
            if instruction.keyword == "RUN" and flag.name == "mount":
                self._note_mount(mounts.parse(flag.value or ""), instruction, found)

    def _note_arguments(self, instruction: Instruction, found: _Found) -> None:
        reading = self._reading
        for name, default in declared_arguments(instruction, reading.file.escape):
            found.used[name] = None
            given = name in reading.given.arguments
            if default is None and not given and name in reading.variables:
                continue  # it is the one before the first FROM, or the builder's own
            value = found.scope.variables.get(name, "") if given or default is not None else ""
            found.known[name] = self._argument(instruction, name, value)

    def _note_mount(self, mount: mounts.Mount, instruction: Instruction, found: _Found) -> None:
        if mount.type not in {"secret", "ssh"}:
            return
        variables, escape = found.scope.variables, self._reading.file.escape
        written = mount.source or mount.id or posixpath.basename(mount.target or "")
        name = expand(written, variables, escape).text
        required = any(_requires(each) for each in mount.others)
        wanted = Wanted(name or _AGENT, required, _place(instruction))
        (found.secrets if mount.type == "secret" else found.agents).setdefault(wanted.name, wanted)


def _triggers(base: Stage, stage: Stage) -> tuple[Instruction, ...]:
    """What ONBUILD of a stage adds to one that starts from it: it stands at its FROM."""
    line, end = stage.begin.line, stage.begin.end_line
    return tuple(
        replace(each.inner, line=line, end_line=end) for each in base.instructions if each.inner
    )


def _requires(option: str) -> bool:
    name, _, value = option.partition("=")
    return name.lower() == "required" and value.lower() in {"", "1", "t", "true"}


def _description(instruction: Instruction, name: str, lines: Sequence[str]) -> str:
    head = f"{name} "
    comment = reversed(comment_above(instruction, lines))
    words = (line.removeprefix(head) for line in comment if line.startswith(head))
    return next(words, "") if name else ""


def _place(instruction: Instruction) -> Lines:
    return Lines(instruction.line, instruction.end_line)


def _in_order(found: dict[str, Wanted]) -> tuple[Wanted, ...]:
    return tuple(sorted(found.values(), key=lambda each: each.lines.first))
