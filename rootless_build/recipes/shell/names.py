"""Programs by their names, and whether a text names docker: all that is known without a grammar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

PROGRAMS: Final = frozenset({"docker", "docker-buildx", "podman"})
SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})
ASK_INPUT: Final = frozenset({"[", "test", "tty"})
"""Programs that ask whether their input is a terminal."""
_NAMES: Final = re.compile(r"docker|podman")
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w*)")
_GIVEN: Final = re.compile(r"(?<![\w$])([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|[^\s;&|()]*)")


def speaks_of_docker(text: str, environment: Mapping[str, str]) -> bool:
    """Whether docker is named in the text, or in a variable that it uses."""
    if _NAMES.search(text) or _NAMES.search(re.sub(r"\\\n|[\"'\\]", "", text)):
        return True
    return names_docker_by_variable(text, environment)


def names_docker_by_variable(text: str, environment: Mapping[str, str]) -> bool:
    """Whether variables that the text uses have docker in them, alone or together."""
    if "$" not in text:
        return False
    values = {**environment, **{name: value.strip("\"'") for name, value in _GIVEN.findall(text)}}
    used = {name: values.get(name, "") for name in _VARIABLE.findall(text)}
    if any(map(_NAMES.search, used.values())):
        return True
    bare = re.sub(r"\\\n|[\"'\\]", "", text)
    filled = _VARIABLE.sub(lambda found: used.get(found[1], ""), bare).replace("}", "")
    return len(_NAMES.findall(filled)) > len(_NAMES.findall(bare))
