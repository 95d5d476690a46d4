"""The commands of recipes, each with what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from rootless_build.model.plan import SHELL
from rootless_build.model.structs import replace
from rootless_build.recipes.make import docker_stub, matching
from rootless_build.recipes.make.printed import Group
from rootless_build.recipes.make.probe import Setting
from rootless_build.recipes.make.source import Sources


class RecipeLine(Struct, frozen=True):
    """One command of a recipe as make printed it, its continuation lines included.

    `file` is absolute; `recipe` is the line where the rule's recipe begins, `line` the one that it
    stands in itself, where that is known, and else `recipe` too. `ran`: make started another make
    with it, whose own lines follow. `ignores_errors`: it has make's `-` prefix, `always_runs`: its
    `+` prefix, with which a dry run runs it. `written` is it as the makefile has it, where that is
    known; `doubt` says what in it can't be known. `unknown` are exported variables whose values
    can't be, each with what it is made of: its environment has none of them.
    """

    file: Path
    recipe: int
    line: int
    target: str
    directory: Path
    text: str
    setting: Setting
    ran: bool = False
    ignores_errors: bool = False
    always_runs: bool = False
    written: str = ""
    doubt: str = ""
    unknown: Mapping[str, str] = {}


class MakeRun(Struct, frozen=True):
    """What make would run, what it said while it read the project, and what the stand-in for
    docker was told meanwhile. `make` is the program that stands for `$(MAKE)` in the lines.
    """

    lines: tuple[RecipeLine, ...]
    messages: tuple[str, ...]
    docker_calls: tuple[docker_stub.Call, ...]
    make: str


def of_group(
    group: Group, setting: Setting, sources: Sources
) -> tuple[list[tuple[int, RecipeLine]], list[str]]:
    """The group's commands, each with its place in all that was printed; and what the recipe after
    it said (`$(info …)`).
    """
    commands = sources.commands(group.file, group.line)
    texts, ran = group.texts, group.ran
    messages: list[str] = []
    found = matching.matched(texts, commands)
    # A recipe is expanded before make says that its turn has come, so what the next one says is
    # printed here.
    while commands and found and found[-1] is None and sources.says(texts[len(found) - 1]):
        found.pop()
        messages.insert(0, texts[len(found)])
    texts = texts[: len(found)]
    if sources.has_special(".ONESHELL") and texts:
        texts, ran = ["\n".join(texts)], {0} if ran else set()
        first = commands[0] if commands else None
        found = [first]
    if sources.has_special(".POSIX") and setting.shell[1:] == SHELL[1:]:
        strict = (setting.shell[0], "-ec")
        setting = replace(setting, shell=strict)
    lines = [
        (
            group.places[number],
            RecipeLine(
                group.file,
                group.line,
                command.line if command is not None else group.line,
                group.target,
                group.directory,
                text,
                setting,
                number in ran,
                ignores_errors=command is not None and command.ignores_errors,
                always_runs=command is not None and command.always_runs,
                written=command.text if command is not None else "",
            ),
        )
        for number, (text, command) in enumerate(zip(texts, found, strict=True))
    ]
    return lines, messages
