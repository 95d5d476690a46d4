"""The stages of a containerfile, and what holds at each of its instructions.

Facts: frontend/dockerfile/dockerfile2llb of moby/buildkit.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.syntax import BLANK, Containerfile, Instruction
from rootless_build.images.containerfile.words import WordError, expand, raw_words
from rootless_build.model import platforms
from rootless_build.model.plan import BuildImage

DEFAULT_SHELL: Final = ("/bin/sh", "-c")
SCRATCH: Final = "scratch"
_NUMBER: Final = re.compile(r"\+?[0-9]+")
_BLANKS: Final = re.compile(f"[{re.escape(BLANK)}]+")


class Stage(Struct):
    """`base` is the image or stage it starts from, variables replaced; None where they can't be.

    `others` are what COPY --from and mounts name, as written.
    """

    begin: Instruction
    base: str | None
    name: str | None
    instructions: list[Instruction] = []

    @property
    def others(self) -> tuple[str, ...]:
        """What its instructions take files from, besides its base."""
        return tuple(name for each in self.instructions for name in sources(each))


class Image(Struct, frozen=True):
    """What a build inherits from an image. `id` tells it from others."""

    environment: tuple[tuple[str, str], ...] = ()
    working_directory: str = "/"
    shell: tuple[str, ...] = DEFAULT_SHELL
    id: str = ""


class Scope(Struct):
    """What holds where an instruction stands.

    `variables` are the ARGs and ENVs in force; `working_directory` is absolute. `complete` is
    false where the base image is not known: more variables may be set, and where a relative
    `working_directory` starts is a guess.
    """

    variables: dict[str, str] = {}
    working_directory: str = "/"
    shell: tuple[str, ...] = DEFAULT_SHELL
    directory_known: bool = True
    complete: bool = True
    environment: dict[str, str] = {}

    def copy(self) -> Scope:
        """A stage that starts from this one: ENV is inherited, ARG is not."""
        return Scope(
            dict(self.environment),
            self.working_directory,
            self.shell,
            self.directory_known,
            self.complete,
            dict(self.environment),
        )


class Given(Struct, frozen=True):
    """What a build is given: `--build-arg`, and the arguments of its platform and target."""

    arguments: Mapping[str, str]
    platform: Mapping[str, str]

    @classmethod
    def of(cls, file: Containerfile, step: BuildImage, platform: str | None = None) -> Given:
        """What the step gives to a build for the platform (None: for this machine)."""
        names = {"TARGETSTAGE": step.target or _last_name(file)}
        return cls(dict(step.build_args), platforms.arguments(platform) | names)


def _last_name(file: Containerfile) -> str:
    words = next(
        (logical_words(each.body) for each in file.instructions[::-1] if each.keyword == "FROM"), ()
    )
    return words[2].lower() if len(words) == 3 else "default"


def split(file: Containerfile, given: Given) -> tuple[tuple[Instruction, ...], tuple[Stage, ...]]:
    """The ARGs before the first FROM, and the stages."""
    heading: list[Instruction] = []
    stages: list[Stage] = []
    for instruction in file.instructions:
        if instruction.keyword == "FROM":
            words = logical_words(instruction.body)
            name = words[2] if len(words) == 3 else None
            stages.append(Stage(instruction, words[0] if words else None, name))
        elif stages:
            stages[-1].instructions.append(instruction)
        elif instruction.keyword == "ARG":
            heading.append(instruction)
    variables = heading_variables(heading, given, file.escape)
    for stage in stages:
        stage.base = base_of(stage.base or "", variables, file.escape)
    return tuple(heading), tuple(stages)


def base_of(written: str, variables: Mapping[str, str], escape: str = "\\") -> str | None:
    """The image a FROM names, None where it has no name or a substitution that fails."""
    try:
        return expand(written, variables, escape).text or None
    except WordError:
        return None


def heading_variables(
    heading: list[Instruction] | tuple[Instruction, ...], given: Given, escape: str = "\\"
) -> dict[str, str]:
    """What the ARGs before the first FROM stand for; one whose value is an error is left out."""
    variables = dict(given.platform)
    for instruction in heading:
        for name, default in declared_arguments(instruction, escape):
            if name in given.arguments:
                variables[name] = given.arguments[name]
            elif default is not None:
                try:
                    variables[name] = expand(default, variables, escape).text
                except WordError:
                    variables.pop(name, None)
    return variables


def declared_arguments(
    instruction: Instruction, escape: str = "\\"
) -> Iterator[tuple[str, str | None]]:
    """The names of an ARG, each with its default as written."""
    for word in raw_words(instruction.body, escape):
        name, equals, value = word.partition("=")
        yield name, value if equals else None


def pairs(instruction: Instruction, escape: str = "\\") -> tuple[tuple[str, str], ...]:
    """The names and values of an ENV or LABEL, as written."""
    words = raw_words(instruction.body, escape)
    if words and "=" not in words[0]:
        name, *rest = _BLANKS.split(instruction.body, maxsplit=1)
        return ((name, rest[0] if rest else ""),)
    return tuple((word.partition("=")[0], word.partition("=")[2]) for word in words)


def sources(instruction: Instruction) -> Iterator[str]:
    """What an instruction's --from, and the from= of its mounts, name."""
    if instruction.keyword in {"COPY", "ADD"}:
        origin = instruction.value("from")
        if origin:
            yield origin
    elif instruction.keyword == "RUN":
        for flag in instruction.flags:
            if flag.name == "mount":
                try:
                    mount = mounts.parse(flag.value or "")
                except mounts.MountError:
                    continue  # the engine says it
                if mount.origin:
                    yield mount.origin


def earlier(
    name: str, stages: tuple[Stage, ...] | list[Stage], before: int, *, numbers: bool = True
) -> int | None:
    """Which of the first `before` stages a name or a number means.

    Without `numbers` it is a name as FROM has it: in small letters, however the stage is written
    (docker 29).
    """
    wanted = name.lower() if numbers else name
    for index in reversed(range(before)):
        named = stages[index].name
        if named is not None and named.lower() == wanted:
            return index
    return int(name) if numbers and _NUMBER.fullmatch(name) and int(name) < before else None


def target_of(target: str, stages: tuple[Stage, ...]) -> int | None:
    """Which stage `--target` means, which takes no number (docker 29)."""
    return earlier(target.lower(), stages, len(stages), numbers=False)


def needed_stages(
    stages: tuple[Stage, ...], target: str | None, contexts: frozenset[str] = frozenset()
) -> frozenset[int]:
    """The stages that a build of `target` (None: the last) has to do with.

    Names with variables can mean any stage before, and then each of those counts. `contexts` are
    the names of build contexts, which take the place of stages.
    """
    first = len(stages) - 1
    if target is not None:
        found = target_of(target, stages)
        first = first if found is None else found
    pending, seen = [first] if stages else [], set[int]()
    while pending:
        number = pending.pop()
        if number in seen:
            continue
        seen.add(number)
        stage = stages[number]
        names = [(stage.base or "", False), *((other, True) for other in stage.others)]
        for name, numbers in names:
            if "$" in name:
                pending += range(number)
            if "$" in name or name in contexts:
                continue
            index = earlier(name, stages, number, numbers=numbers)
            if index is not None and (stages[index].name or "").lower() not in contexts:
                pending.append(index)
    return frozenset(seen)


class Scopes:
    """Follows a file from its head, one instruction after the other.

    `image` looks an image up that no stage provides; it returns None for one that is not known.
    """

    def __init__(
        self,
        heading: Mapping[str, str],
        given: Given,
        image: Callable[[str], Image | None],
        escape: str = "\\",
    ) -> None:
        self._heading = heading
        self._given = given
        self._image = image
        self._escape = escape

    def begin(self, base: str | None, parent: Scope | None) -> Scope:
        """The scope a stage starts with; `parent` is the end of the stage it is made from."""
        if parent is not None:
            return parent.copy()
        if base == SCRATCH:
            return Scope()
        image = self._image(base) if base else None
        if image is None:
            return Scope(complete=False, directory_known=False)
        environment = dict(image.environment)
        return Scope(
            dict(environment),
            image.working_directory or "/",
            image.shell or DEFAULT_SHELL,
            environment=environment,
        )

    def after(self, instruction: Instruction, scope: Scope) -> None:
        """Bring the scope to where the instruction ends. Raises WordError."""
        match instruction.keyword:
            case "ARG":
                self._argument(instruction, scope)
            case "ENV":
                before = dict(scope.variables)
                for written_name, written in pairs(instruction, self._escape):
                    name = expand(written_name, before, self._escape).text
                    value = expand(written, before, self._escape).text
                    scope.variables[name] = value
                    scope.environment[name] = value
            case "WORKDIR":
                path = expand(instruction.body, scope.variables, self._escape).text
                scope.working_directory = join(scope.working_directory, path)
                scope.directory_known = scope.directory_known or path.startswith("/")
            case "SHELL" if instruction.json:
                scope.shell = instruction.json
            case _:
                pass

    def _argument(self, instruction: Instruction, scope: Scope) -> None:
        for name, default in declared_arguments(instruction, self._escape):
            value = self._given.arguments.get(name)
            if value is None and default is not None:
                value = expand(default, scope.variables, self._escape).text
            if value is None:
                value = self._heading.get(name)
            if value is not None:
                scope.variables[name] = value


def join(directory: str, path: str) -> str:
    """An absolute path: `path` as seen from `directory`."""
    return posixpath.normpath("/" + posixpath.join(directory, path)).replace("//", "/")
