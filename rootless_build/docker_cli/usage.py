"""What `--help` and `--version` print: names and flags, in rbuild's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rootless_build.docker_cli.commands import ROWS, Named
from rootless_build.docker_cli.row import Row, Way

VERSION: Final = "29.1.3"
"""The docker that rbuild speaks as: what scripts compare with what they need."""
BUILDX: Final = "0.30.1"
API: Final = "1.52"


def version() -> str:
    """`docker --version`."""
    return f"Docker version {VERSION}, build rbuild\n"


def of_docker() -> str:
    """`docker --help`: the commands that are done."""
    done = sorted({name for row in ROWS if row.way is not Way.REFUSED for name in _short(row.also)})
    groups = sorted({row.name.split()[0] for row in ROWS if " " in row.name})
    lines = ["Usage:  docker [OPTIONS] COMMAND", "", "Management Commands:"]
    lines += [f"  {name}" for name in groups]
    lines += ["", "Commands:", *(f"  {name}" for name in done)]
    return "\n".join(lines) + "\n"


def _short(names: Sequence[str]) -> list[str]:
    return [name for name in names if " " not in name]


def line(shown: str, row: Row) -> str:
    """How a command is called; of `cp` in two lines."""
    uses = row.usage.split("\n")
    return "\n\t".join(f"{shown} {use}".rstrip() for use in uses)


def of_group(group: Sequence[str]) -> str:
    """`--help` of a group of commands."""
    head = " ".join(group)
    below = sorted(
        {row.name.split()[len(group)] for row in ROWS if row.name.startswith(f"{head} ")}
    )
    return f"Usage:  docker {head} COMMAND\n\nCommands:\n" + "".join(f"  {n}\n" for n in below)


def of(named: Named) -> str:
    """`--help` of a command."""
    row = named.row
    usage = f"Usage:  {line(named.shown, row)}"
    flags = [
        f"  {f'-{flag.letter},' if flag.letter else '   '} --{flag.name} {flag.takes}".rstrip()
        for flag in row.table.by_name.values()
        if not flag.refused
    ]
    return "\n".join((usage, "", *(("Options:", *flags) if flags else ()))).rstrip() + "\n"
