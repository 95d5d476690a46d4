"""Recipes as text, whatever is in them: read, told apart, and never a traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rootless_build.model.plan import HostCommand
from rootless_build.recipes.make import matching
from rootless_build.recipes.make.matching import Command
from rootless_build.recipes.make.source import Sources
from tests.unit.recipes.make.make_project import MakeProject

pytestmark = pytest.mark.timeout(60)

odd = st.sampled_from(
    [*" \t\\%#@-:=;'\"(){}[].*+?|^&<>~`é\u2028\x0b\x0c\x1c\x85\r", "$$", "$(A)", "$X", "${B}", "a"]
)
texts = st.lists(odd | st.sampled_from(["echo", "$(call f,x)", " ", "\\ "]), max_size=12).map(
    "".join
)
blanks = st.sampled_from(["", " ", "  ", "\t", " \t ", "\\ ", " $(A)", "$", " $$", "\\\\"])


def commands(text: str, tmp_path: Path, line: int = 2) -> list[Command]:
    file = tmp_path / "Makefile"
    file.write_bytes(text.encode(errors="surrogateescape"))
    return Sources([file]).commands(file, line)


@given(st.lists(st.tuples(texts, blanks).map("".join), max_size=5), st.lists(texts, max_size=5))
def test_any_recipe_is_matched_with_any_output(
    tmp_path_factory: pytest.TempPathFactory, recipe: list[str], printed: list[str]
) -> None:
    place = tmp_path_factory.mktemp("project")
    written = commands("all:\n" + "".join(f"\t{row}\n" for row in recipe), place)
    found = matching.matched(printed, written)
    assert len(found) == len(printed)
    order = {id(command): number for number, command in enumerate(written)}
    places = [order[id(command)] for command in found if command is not None]
    assert places == sorted(places)


@settings(
    max_examples=int(os.environ.get("RBUILD_RECIPES", "20")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.sampled_from(["", "-", "@", "-@ "]), texts, blanks), max_size=3))
def test_host_commands_are_what_make_prints(
    tmp_path: Path, recipe: list[tuple[str, str, str]]
) -> None:
    rows = [f"\t{prefix}echo {text}{blank}x \n" for prefix, text, blank in recipe]
    rows = [row for row in rows if row.count("\\\n") == 0]
    (tmp_path / "Makefile").write_text("A = a b\nall: ; @:\n" + "".join(rows))
    printed = subprocess.run(
        ["make", "--dry-run"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
    )
    steps = MakeProject(tmp_path).steps()
    scripts = [step.script for step in steps if isinstance(step, HostCommand)]
    # make's own first; each is a line, as no text has a newline in it.
    lines = printed.stdout.decode(errors="surrogateescape").split("\n")
    assert scripts == lines[:-1]
    ignored = [step.ignore_errors for step in steps if isinstance(step, HostCommand)]
    assert ignored == [False, *("-" in row[:3] for row in rows)]


@pytest.mark.parametrize("blank", [" ", "   ", "\t", " \t", "\\ ", " \\\\ "])
def test_blanks_at_the_end_of_a_line(tmp_path: Path, blank: str) -> None:
    (tmp_path / "Makefile").write_text(f"all:\n\t-echo hi{blank}\n\techo b\n")
    first, second = MakeProject(tmp_path).steps()
    assert isinstance(first, HostCommand)
    assert isinstance(second, HostCommand)
    assert (first.ignore_errors, second.ignore_errors) == (True, False)


def test_a_line_is_what_a_newline_ends(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes("A = a\u2028b\x0cc\x85d\re\nall:\n\t-echo f\n".encode())
    (step,) = MakeProject(tmp_path).steps()
    assert isinstance(step, HostCommand)
    assert step.ignore_errors


def test_very_long_lines_with_many_variables_are_matched_in_time(tmp_path: Path) -> None:
    row = "-echo " + "$(A) x " * 300 + "end"
    (command,) = commands(f"all:\n\t{row}\n", tmp_path)
    long = "echo " + "a x " * 50_000
    assert matching.matched([long + "end", long], [command]) == [command, None]


def test_long_recipes_are_matched_in_time(tmp_path: Path) -> None:
    rows = [f"-echo {number} $(A)" for number in range(500)]
    written = commands("all:\n" + "".join(f"\t{row}\n" for row in rows), tmp_path)
    found = matching.matched([f"echo {number} a" for number in range(500)], written)
    assert found == written


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("all: X = 1\n", True),
        ("a b: X := $@\n", True),
        ("all:: X += 1\n", True),
        ("a%: export X ?= 1\n", True),
        ("$(A): X=1\n", True),
        ("X := 1\n", False),
        ("X ::= a:b\n", False),
        ("X ?= a: b\n", False),
        ("all: ; A=1 b\n", False),
        ("all: a | b=c\n", False),
        ("all:\n\ta: B=1\n", False),
        ("# all: X = 1\n", False),
        ("all: a b c\n", False),
        ("x" * 100_000 + ": a " + "b:" * 50_000 + "\n", False),
        ("x" * 100_000 + ":=" + "b:" * 50_000 + "\n", False),
    ],
)
def test_targets_with_variables_of_their_own(tmp_path: Path, text: str, has: bool) -> None:
    (tmp_path / "Makefile").write_text(text)
    assert Sources([tmp_path / "Makefile"]).has_target_variables() is has
