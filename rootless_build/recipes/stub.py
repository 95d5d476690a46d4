"""A stand-in for docker that answers what Makefiles ask, and writes down what it is told to do.

It is a shell script in a directory of its own, first on PATH while make is asked for its plan.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rootless_build import platforms
from rootless_build.data import dataclass

VERSION: Final = "28.0.0"
"""Recent enough for every question a Makefile asks of the client."""

REFUSAL: Final = "rbuild: docker is not run"
"""Begins what the stand-in says of every other command."""

_ANSWERED: Final = {
    ("version",),
    ("info",),
    ("--version",),
    ("-v",),
    ("buildx", "version"),
    ("volume", "rm"),
    ("volume", "remove"),
}

# The answers are those moby's Makefiles look for: `docker version -f '{{.Server.Os}}/…'`, the same
# by awk over `docker version`, `docker info` (no storage driver: there is no daemon), and whether
# buildx is there. Everything else fails as it does without a daemon.
_SCRIPT: Final = """#!/bin/sh
{{ printf '%s\\0' "$@"; printf '\\n\\0'; }} >> "$RBUILD_STUB_RECORD"
case "$1 $2" in
version*)
    shift
    case "$*" in
    *Client*Version*|*Server*Version*) echo {version} ;;
    *Server.Os*Server.Arch*) echo linux/{arch} ;;
    *Server.Os*) echo linux ;;
    *Server.Arch*|*Client.Arch*) echo {arch} ;;
    *'{{{{'*) echo ;;
    *) printf 'Client:\\n Version: {version}\\n OS/Arch: linux/{arch}\\n\\nServer:\\n Engine:\\n'
       printf '  Version: {version}\\n  OS/Arch: linux/{arch}\\n' ;;
    esac ;;
info*)
    case "$*" in
    *Architecture*'{{{{'*|*'{{{{'*Architecture*) echo {machine} ;;
    *'{{{{'*) echo ;;
    *) printf 'OSType: linux\\nArchitecture: {machine}\\n' ;;
    esac ;;
"buildx version"*) echo "github.com/docker/buildx v0.20.0" ;;
"volume rm"*|"volume remove"*) ;;
--version*|-v*) echo "Docker version {version}" ;;
*) echo "{refusal} while the Makefile is read" >&2; exit 1 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Stub:
    """`directory` holds the stand-in; `record` is what it was told, one call after the other."""

    directory: Path
    record: Path

    @property
    def variables(self) -> Mapping[str, str]:
        """What the stand-in itself needs in its environment."""
        return {"RBUILD_STUB_RECORD": str(self.record)}

    def calls(self) -> tuple[tuple[str, ...], ...]:
        """The argument lists it was called with."""
        if not self.record.exists():
            return ()
        text = self.record.read_bytes().decode(errors="surrogateescape")
        found: list[tuple[str, ...]] = []
        call: list[str] = []
        for word in text.split("\0")[:-1]:
            if word == "\n":
                found.append(tuple(call))
                call = []
            else:
                call.append(word)
        return tuple(found)


def answers(call: tuple[str, ...]) -> bool:
    """Whether the stand-in has an answer to that command."""
    return call[:1] in _ANSWERED or call[:2] in _ANSWERED


def install(place: Path) -> Stub:
    """Write the stand-in for docker and docker-buildx below `place`."""
    directory = place / "bin"
    directory.mkdir()
    machine = platform.machine()
    script = _SCRIPT.format(
        version=VERSION,
        arch=platforms.host_architecture(),
        machine=machine,
        refusal=REFUSAL,
    )
    for name in ("docker", "docker-buildx"):
        program = directory / name
        program.write_text(script)
        program.chmod(0o755)
    return Stub(directory, place / "record")
