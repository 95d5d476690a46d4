"""What is read of the command line as it was typed: how to speak has to be known before the rest
is understood, and also where it is not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

from rootless_build import recipes
from rootless_build.model.errors import RbuildError, UsageError
from rootless_build.process import user_directories
from rootless_build.recipes import config, config_file

if TYPE_CHECKING:
    from rootless_build.model.plan import Pairs
    from rootless_build.recipes.config import Config, Defaults

LogFormat = Literal["text", "json"]
LOG_FORMATS: Final = ("text", "json")
_VARIABLE: Final = re.compile(r"[^=\s:+?!#]+=", re.DOTALL)


def is_variable(word: str) -> bool:
    """Whether make would take the word as NAME=VALUE."""
    return _VARIABLE.match(word) is not None


def pairs(words: Sequence[str], option: str) -> Pairs:
    """NAME=VALUE words; a bare NAME takes its value from rbuild's environment, as docker's does.

    A bare name that is not set there is left out. Raises UsageError for a word without a name.
    """
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f"{option} {word}: a name is missing")
        if equals:
            found.append((name, value))
        elif name in os.environ:
            found.append((name, os.environ[name]))
    return tuple(found)


def value(words: Sequence[str], *names: str) -> str | None:
    """The last value of an option, by any of its names, before `--`; None where it is not given."""
    found = None
    for number, word in enumerate(words):
        if word == "--":
            break
        for name in names:
            if word == name and number + 1 < len(words):
                found = words[number + 1]
            elif len(name) > 2 and word.startswith(f"{name}="):
                found = word[len(name) + 1 :]
            elif len(name) == 2 and word.startswith(name) and word != name:
                found = word[2:]
    return found


def target_names(words: Sequence[str]) -> tuple[str, ...]:
    """The targets of the project that is named, as far as they can be told without make."""
    try:
        project, read = _project(words)
        return recipes.project_targets.target_names(project, read, dict(os.environ))
    except (RbuildError, OSError):
        return ()


def described_targets(words: Sequence[str]) -> Mapping[str, str]:
    """Those targets, with what the project says of each."""
    try:
        project, read = _project(words)
        listing = recipes.project_targets.listed(project, read, dict(os.environ))
    except (RbuildError, OSError):
        return {}
    return {target.name: target.description for target in listing.targets}


def _project(words: Sequence[str]) -> tuple[Path, Config]:
    project = Path(value(words, "-C", "--directory") or ".").absolute()
    named = value(words, "--makefile")
    makefile = project / named if named else None
    return project, config_file.with_makefile(config_file.load(project, user_file()), makefile)


def user_file() -> Path:
    """The user's own configuration file."""
    return user_directories.config() / "rbuild" / "config.toml"


def defaults(words: Sequence[str]) -> Defaults:
    """What the configuration files say, as far as they can be read: their mistakes are told by
    whoever needs what is in them.
    """
    for directory in (value(words, "-C", "--directory") or ".", os.devnull):
        try:
            return config_file.load(Path(directory).absolute(), user_file()).defaults
        except (RbuildError, OSError):
            continue
    return config.Defaults()


def log_format(words: Sequence[str]) -> LogFormat:
    """How events and errors are written: as `--log-format` says, else the configuration files."""
    given = value(words, "--log-format")
    chosen = given if given in LOG_FORMATS else defaults(words).log_format
    return cast("LogFormat", chosen or "text")
