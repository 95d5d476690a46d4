"""What of the documents is made from the code is what the code says now."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from rootless_build.cli.commands import COMMANDS
from rootless_build.cli.views.help_tables import EXIT_STATUSES
from rootless_build.model import errors
from rootless_build.model.errors import RbuildError
from tests.docs import exit_codes, made, options
from tests.e2e import shown_commands

ROOT = Path(__file__).parents[3]
README_MAY_HAVE = 150
"""Lines."""


def test_what_is_made_is_what_the_code_says() -> None:
    differing = [str(file.relative_to(ROOT)) for file, _ in made.changed()]
    assert differing == [], "python -m tests.docs writes them"


def test_everything_that_can_be_made_has_its_page() -> None:
    found = [name for page in made.pages() for name in made.names(page.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(made.BLOCKS)


def test_a_page_that_says_otherwise_is_made_anew() -> None:
    head, end = "<!-- made by python -m tests.docs: exit-status -->\n", "<!-- end -->\n"
    text = made.renewed(f"before\n{head}| 5 | no status |\n{end}after\n")
    assert text.startswith(f"before\n{head}")
    assert text.endswith(f"{end}after\n")
    assert "| `130` | interrupted |" in text
    assert "no status" not in text


def test_every_exit_status_of_an_error_has_a_meaning() -> None:
    statuses = {kind.exit_code for kind in exit_codes.kinds()}
    told = {int(status) for status, _ in EXIT_STATUSES if status.isdecimal()}
    assert statuses | {0} == told
    kinds = [getattr(errors, name) for name in errors.__all__]
    codes = {k.code for k in kinds if isinstance(k, type) and issubclass(k, RbuildError)}
    assert {kind.code for kind in exit_codes.kinds()} == codes


def test_the_manual_page_has_every_command() -> None:
    page = (ROOT / "docs/man/rbuild.1").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f".SH RBUILD {name.upper()}\n" not in page] == []


def test_the_manual_pages_are_pages() -> None:
    pages = [ROOT / name for name in made.WHOLE]
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", *pages], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def answers() -> set[str]:
    """The names of what commands are asked for, as the code gives them to the JSON log."""
    found = set()
    for file in (ROOT / "rootless_build" / "cli").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Answer"), args=[ast.Constant(value=str(name)), *_]):
                    found.add(name)
                case _:
                    pass
    return found


def test_the_reference_of_the_json_log_has_everything_that_a_command_can_be_asked_for() -> None:
    page = (ROOT / "docs/reference/json-log.md").read_text(encoding="utf-8")
    _, _, table = page.partition("## What a command was asked for\n")
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} == answers()


def test_every_command_that_is_shown_is_run_by_a_test() -> None:
    """Or stands there with the reason why not: known without an engine."""
    shown = set(shown_commands.commands())
    assert shown == {*shown_commands.ACTIONS, *shown_commands.NOT_RUN}


def test_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= README_MAY_HAVE


_SPAN = re.compile(r"`rbuild ([^`]+)`|^    (?:\$ )?(?:sudo )?rbuild ([^#\n]+)", re.MULTILINE)
_OPTION = re.compile(r"--[a-z][\w-]*|-[A-Za-z]")


def shown_options() -> Iterator[tuple[str, str, str]]:
    """Page, command and option of all that the documents show to be typed."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for span in _SPAN.findall(page.read_text(encoding="utf-8")):
            words = "".join(span).partition(" -- ")[0].split()
            command = next((word for word in words if word in COMMANDS), options.TARGET)
            for word in words:
                if found := _OPTION.match(word.strip("([,")):
                    yield str(page.relative_to(ROOT)), command, found[0].lstrip("-")


def test_every_option_that_a_document_shows_is_one_of_its_command() -> None:
    of = options.applications()
    shown = list(shown_options())
    assert len(shown) > 30
    assert [each for each in shown if each[2] not in of[each[1]].switches] == []
