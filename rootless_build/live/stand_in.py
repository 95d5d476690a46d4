"""The directory that is first on PATH: docker and docker-buildx, which call the running rbuild;
sudo, which asks it what is meant; and the engines' own programs with rbuild's settings.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rootless_build.process import programs

_PROGRAM: Final = Path(__file__).with_name("called_docker.py")
_NAMES: Final = ("docker", "docker-buildx")
_SUDO: Final = "sudo"
_ENGINES: Final = ("podman", "buildah")
_PLAIN: Final = re.compile(r"/[\w./+-]{1,100}")
"""A path that can stand in a script's first line, which the kernel cuts."""


def install(directory: Path, socket: Path, path: str) -> None:
    """Write the stand-ins for docker into an empty directory; one for sudo where that is on `path`:
    who has none finds none.
    """
    source = _PROGRAM.read_text(encoding="utf-8").replace("@SOCKET@", str(socket))
    python = sys.executable
    for name in (*_NAMES, *((_SUDO,) if shutil.which(_SUDO, path=path) else ())):
        program = directory / name
        text = source.replace("@PROGRAM@", str(program))
        if _PLAIN.fullmatch(python):
            program.write_text(f"#!{python} -IS\n{text}", encoding="utf-8")
        else:
            script = directory.parent / f"{name}.py"
            script.write_text(text, encoding="utf-8")
            start = f'exec {shlex.quote(python)} -IS {shlex.quote(str(script))} "$@"\n'
            program.write_text(f"#!/bin/sh\n{start}", encoding="utf-8")
        program.chmod(0o755)


def install_engines(directory: Path, environment: Mapping[str, str | None]) -> None:
    """Write what starts the engines' own programs, those that are there, with rbuild's settings."""
    for name in _ENGINES:
        found = programs.which(name)
        if found is None:
            continue
        lines = (
            f"unset {key}" if value is None else f"export {key}={shlex.quote(value)}"
            for key, value in environment.items()
        )
        start = f'exec {shlex.quote(str(found))} "$@"'
        program = directory / name
        program.write_text("\n".join(["#!/bin/sh", *lines, start, ""]), errors="surrogateescape")
        program.chmod(0o755)
