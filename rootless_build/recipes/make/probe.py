"""What only make itself knows: the environment and the shell it gives to a recipe.

A makefile of ours, named in MAKEFILES (GNU make manual, "The Variable MAKEFILES"), is read by make
and by every make it starts, and has two kinds of rules. Makefiles that are included and do not
exist are remade even in a dry run, with the environment of recipes. And a target that is known can
be given prerequisites: these inherit its own variables ("Target-specific Variable Values"), and a
recipe with `+` runs in a dry run too.

What a shell would add to the environment (PWD, OLDPWD, SHLVL) is not in it: make starts a command
without anything for a shell itself, and that copies its own environment (proc(5), environ).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.recipes.make import program as make_program
from rootless_build.recipes.make.records import fields_of, text_of

_GLOBAL: Final = "-"
_FIRST_LEVEL: Final = "1"
_FIELD: Final = "\x1f"
_LEVEL: Final = re.compile(r"[0-9]{0,6}")
_NAMEABLE: Final = re.compile(r"[\w./+@,^-]+")
_ASKS: Final = """\
{environment}: SHELL := /bin/sh
{environment}: .SHELLFLAGS := -c
{environment}:
	+@{cp} -f /proc/self/environ {given}-$(MAKELEVEL)
	+@{{ printf '\\n%s\\0' "{id} $$(pwd -P)"; {cat} {given}-$(MAKELEVEL); }} >> '{environments}'
{shell}: ;@$(file >>{shells},{id}{field}$(realpath .){field}$(SHELL){field}$(.SHELLFLAGS){field}\
$(MAKE_VERSION){field}$(MAKEFILE_LIST))
"""


class Setting(Struct, frozen=True):
    """In what a recipe runs: its environment, and the shell with its flags."""

    environment: Mapping[str, str]
    shell: tuple[str, ...]
    program: str = ""
    """The shell as the Makefile names it, without the flags."""
    asked_with: str = ""
    """The target of rbuild's own that stood in the place of the recipe's."""


class Probe:
    """`directory` is a place of its own for one run of make, and `make` the program that stands
    for `$(MAKE)`.

    `targets` are those whose recipes may differ from the rest.
    """

    def __init__(self, directory: Path, make: Path, targets: Sequence[str] = ()) -> None:
        self.file = directory / "probe.mk"
        self._environments = directory / "environments"
        self._shells = directory / "shells"
        self._numbers = {
            name: str(n) for n, name in enumerate(targets) if _NAMEABLE.fullmatch(name)
        }
        # A make that `$(shell …)` starts is really to do what it is asked, and to say nothing else.
        rules = ["ifneq (,$(findstring n,$(firstword -$(MAKEFLAGS))))"]
        rules.append(f"$(info {self.file} $(MAKELEVEL) $(realpath .))")
        rules += make_program.rules(make)
        rules += [f"-include {directory}/e{_GLOBAL} {directory}/s{_GLOBAL}", self._asks(_GLOBAL)]
        for name, number in self._numbers.items():
            rules.append(f"{name}: | {directory}/s{number} {directory}/e{number}")
            rules.append(self._asks(number))
        # Makefiles find themselves by the first or last word of this list.
        rules += ["endif", "MAKEFILE_LIST :=\n"]
        directory.mkdir()
        self.file.write_text("\n".join(rules), errors="surrogateescape")

    @property
    def says_all_is_read(self) -> Path:
        """Has something in it once all makefiles have been read: before any recipe's turn."""
        return self._environments

    def _asks(self, number: str) -> str:
        return _ASKS.format(
            environment=self._environment_target(number),
            shell=self.file.parent / f"s{number}",
            id=number,
            given=f"{self.file.parent}/environ{number}",
            cp=_program("cp"),
            cat=_program("cat"),
            environments=self._environments,
            shells=self._shells,
            field=_FIELD,
        )

    def _environment_target(self, number: str) -> Path:
        return self.file.parent / f"e{number}"

    def setting(self) -> Setting | None:
        """What the first make gives to recipes in general; None when it did not say."""
        found = [setting for given in self._settings(_GLOBAL).values() for setting in given]
        # make starts anew when it has remade a makefile; the makes it starts are a level deeper.
        first = [s for s in found if s.environment.get("MAKELEVEL") == _FIRST_LEVEL]
        return first[-1] if first else None

    def reader(self, line: str) -> tuple[int, Path] | None:
        """How deep the make is that reads our makefile, and where it works: it prints this line.

        None for other lines.
        """
        if not line.startswith(f"{self.file} "):
            return None
        level, _, directory = line.removeprefix(f"{self.file} ").partition(" ")
        # The project may print such a line too.
        if "\0" in directory or not _LEVEL.fullmatch(level):
            return None
        return int(level or "0"), Path(directory)

    def ends_remaking(self, target: str) -> bool:
        """Whether makefiles are remade no more once make has turned to that target of ours.

        GNU make goes through the makefiles backwards, and ours was read first (seen in 4.3).
        """
        return target == str(self._environment_target(_GLOBAL))

    def makefiles(self) -> list[Path]:
        """Every makefile that was read, also by makes that make started."""
        rows = [row for row in self._shell_rows() if row[0] == _GLOBAL]
        return list(dict.fromkeys(Path(row[1], name) for row in rows for name in row[5].split()))

    def version(self) -> tuple[int, int]:
        """make's own version."""
        rows = self._shell_rows()
        found = re.match(r"([0-9]{1,6})\.([0-9]{1,6})", rows[0][4]) if rows else None
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def of_targets(self) -> Mapping[tuple[Path, str], list[Setting]]:
        """By directory and target: one for each make that considered the target there."""
        return {
            (directory, name): settings
            for name, number in self._numbers.items()
            for directory, settings in self._settings(number).items()
        }

    def _settings(self, wanted: str) -> dict[Path, list[Setting]]:
        shells: dict[Path, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        for number, directory, shell, flags, *_ in self._shell_rows():
            if number == wanted:
                # make takes quotes apart in the flags, and blanks alone in the shell's name.
                shells[Path(directory)].append(((*shell.split(), *_words(flags)), shell))
        environments: dict[Path, list[Mapping[str, str]]] = defaultdict(list)
        for number, directory, environment in self._environment_records():
            if number == wanted:
                environments[Path(directory)].append(environment)
        return {
            directory: [
                Setting(environment, *shell, str(self._environment_target(wanted)))
                for environment, shell in zip(given, shells[directory], strict=False)
            ]
            for directory, given in environments.items()
            if shells[directory]
        }

    def _shell_rows(self) -> list[list[str]]:
        text = text_of(self._shells)
        rows = text.replace("\0", "").splitlines()
        return [row.split(_FIELD) for row in rows if row.count(_FIELD) == 5]

    def _environment_records(self) -> Iterable[tuple[str, str, dict[str, str]]]:
        number, directory, environment = "", "", dict[str, str]()
        for pair in fields_of(self._environments):
            if pair.startswith("\n"):
                if number:
                    yield number, directory, environment
                number, _, directory = pair[1:].partition(" ")
                environment = {}
            else:
                name, _, value = pair.partition("=")
                environment[name] = value
        if number:
            yield number, directory, environment


def _program(name: str) -> str:
    # Where the recipe's own PATH leads is the project's business.
    return shutil.which(name) or shutil.which(name, path=os.defpath) or name


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return (text,)
