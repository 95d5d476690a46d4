"""What planning costs: linear in what a Makefile has, whatever its lines are.

CPU seconds of a child that reads the same kind of Makefile with 400 and with 4,000 of something,
make not counted. The child is ended by RLIMIT_CPU where it takes more than ten.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.recipes.make import matching
from rootless_build.recipes.make.matching import Command, Written
from tests.trust.planning_costs import MAKEFILES, costs, project

FEW, MANY = 400, 4000
MOST = 15
"""How much more ten times as much may cost."""


@pytest.mark.parametrize("kind", MAKEFILES)
def test_planning_is_linear(tmp_path: Path, kind: str) -> None:
    few = project(tmp_path / "few", MAKEFILES[kind](FEW))
    many = project(tmp_path / "many", MAKEFILES[kind](MANY))
    # What is the first has all modules to import.
    _, some, more = costs(few, few, many)
    assert more <= MOST * max(some, 0.02)


@pytest.mark.parametrize(
    "line", ["$(A)a" * 6, "echo " + "$(A)" * 8 + "b", "echo " + "$(A)a$(B)" * 8, "$(A) " * 8]
)
def test_lines_with_many_variables(tmp_path: Path, line: str) -> None:
    text = f"A = {'a' * 100}\nB = {'ab' * 100}\nall:\n\t{line}\n\t{line}\n"
    one = project(tmp_path / "one", text)
    assert costs(one, one)[1] <= 0.5


def command(*pieces: str) -> Command:
    return Command("", Written(pieces), "".join(pieces), 1)


@pytest.mark.parametrize("middle", [120, 400])
def test_lines_of_a_long_recipe_keep_their_commands(middle: int) -> None:
    """Where commands are expanded to nothing, and to several lines, the others are found."""
    commands, lines, wanted = [], [], []
    for number in range(middle):
        commands += [command("", ""), command(f"echo {number} ", " end")]
        lines += [f"echo {number} a end"]
        wanted += [commands[-1]]
    commands += [command("make a")]
    lines += ["something", "else", "make a"]
    found = matching.matched(lines, commands)
    assert found[:middle] == wanted
    assert found[-1] == commands[-1]
