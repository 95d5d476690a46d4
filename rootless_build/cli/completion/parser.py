"""The table, as the parser has it: all commands are imported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rootless_build.cli.app import Rbuild
from rootless_build.cli.completion.table import KnownCommand, Option, Table

if TYPE_CHECKING:
    from plumbum.cli.switches import SwitchInfo

    from rootless_build.cli.application import Application


def table() -> Table:
    """All commands, with their options."""
    root = Rbuild("rbuild")
    commands = {"": _command(root, "")}
    for name in root.command_names():
        commands[name] = _command(root.command_named(name), root.COMMANDS[name])
    return Table(commands)


def _command(application: Application, does: str) -> KnownCommand:
    infos = {id(info): info for info in application.switches.values()}
    usage = str(application.USAGE or "")
    return KnownCommand(does, usage, tuple(map(_option, infos.values())))


def _option(info: SwitchInfo) -> Option:
    # Of `Choice`; others take any value.
    values = getattr(info.argtype, "values", ())
    return Option(
        names=tuple(_dashed(info.names)),
        does=re.sub(r"\s+", " ", str(info.help)),
        argument=str(info.argname) if info.argtype else "",
        values=tuple(values),
        repeats=bool(info.list),
        excludes=tuple(_dashed(info.excludes)),
    )


def _dashed(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        bare = name.lstrip("-")
        yield f"--{bare}" if len(bare) > 1 else f"-{bare}"
