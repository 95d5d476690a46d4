"""Every option with every command: it is among those that its help shows, or it is refused."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from plumbum.cli.switches import SwitchInfo

import rootless_build.cli
from rootless_build.cli import app
from rootless_build.cli.app import Rbuild
from rootless_build.cli.application import Application
from rootless_build.cli.commands import COMMANDS

ROOT: Final = Rbuild("rbuild")
APPLICATIONS: Final[dict[str, Application]] = {
    "": ROOT,
    **{name: ROOT.command_named(name) for name in COMMANDS},
}
OPTIONS: Final[dict[str, SwitchInfo]] = {
    name: option for each in APPLICATIONS.values() for name, option in each.switches.items()
}
EVERYWHERE: Final = {
    "C",
    "directory",
    "log-format",
    "color",
    "progress",
    "v",
    "verbose",
    "q",
    "quiet",
}
META: Final = {"h", "help", "version"}
TAKES: Final = {
    "bundles": "bundles-dir format key",
    "sign": "bundles-dir dry-run key no-wait",
    "install": "bundles-dir dry-run prefix require-signature unverified",
    "base": "backend dry-run force from",
    "doctor": "backend bundles-dir explain fix format online replay report",
    "backends": "backend features format",
    "clean": "all backend bases bundles-dir dry-run everywhere images no-wait volumes yes",
    "targets": "format makefile",
    "matrix": (
        "backends bundles-dir cores dry-run exclude executor executor-option fail-fast format"
        " j jobs keep-going memory options platforms refs resume variable"
    ),
    "debug": "backend build-arg env rootful secret secret-env",
    "help": "",
}
"""What commands take that read no recipe."""


def dashed(name: str) -> str:
    """The option as it is typed."""
    return f"-{name}" if len(name) == 1 else f"--{name}"


def given(name: str, option: SwitchInfo) -> list[str]:
    """The option with some value that it takes."""
    if not option.argtype:
        return [dashed(name)]
    words = {"log-format": "text", "format": "text", "color": "never", "progress": "plain"}
    values = {**words, "keep-images": "1", "jobs": "2", "j": "2"}
    return [dashed(name), values.get(name, ".")]


def helped(capfd: pytest.CaptureFixture[str], command: str) -> set[str]:
    """The options that the help of a command shows."""
    assert app.run(["rbuild", *filter(None, [command]), "--help"]) == 0
    rows = re.findall(r"^  (-[\w-]+(?:, -[\w-]+)*)", capfd.readouterr().out, re.MULTILINE)
    return {name.lstrip("-") for row in rows for name in row.split(", ")}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_an_option_is_in_the_help_of_a_command_or_refused(
    capfd: pytest.CaptureFixture[str], command: str
) -> None:
    shown = helped(capfd, command)
    assert shown == set(APPLICATIONS[command].switches)
    for name, option in OPTIONS.items():
        places = [[*filter(None, [command]), *given(name, option)]]
        if command and name in ROOT.switches:
            places.append([*given(name, ROOT.switches[name]), command])
        for words in places if name not in shown else ():
            assert app.run(["rbuild", *words]) == 2, words
            said = capfd.readouterr().err
            assert f"has no option {dashed(name)}" in said
            having = said.partition(" is an option of ")[2]
            for other, application in APPLICATIONS.items():
                told = re.search(rf"\b{other or 'rbuild TARGET'}\b", having) is not None
                assert told == (name in application.switches)


@pytest.mark.parametrize("command", TAKES)
def test_what_a_command_takes_that_reads_no_recipe(command: str) -> None:
    wanted = {*TAKES[command].split(), *EVERYWHERE, *META}
    assert set(APPLICATIONS[command].switches) == wanted


def test_all_that_changes_a_plan_is_for_all_that_read_a_recipe() -> None:
    plan = set(APPLICATIONS["plan"].switches) - {"format", "explain", "script", "force", "fresh"}
    live = {"live", "no-live"}
    assert live <= plan & set(ROOT.switches) & set(APPLICATIONS["make"].switches)
    plan -= live
    for command in ("", "make", "run"):
        assert plan <= set(APPLICATIONS[command].switches)
    assert plan - {"no-sandbox", "makefile"} <= set(APPLICATIONS["exec"].switches)
    again = set(APPLICATIONS["reproduce"].switches)
    assert plan - {"no-sandbox", "no-provenance"} <= again
    # It builds and runs whatever is there, keeps nothing, and does so at once.
    assert not again & {"force", "fresh", "explain", "keep-images", "dry-run", "no-provenance"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "backends --no-cache",
            "an option of rbuild TARGET, plan, run, exec, make and reproduce",
        ),
        ("--no-cache backends", "rbuild backends has no option --no-cache"),
        ("--secret-env X doctor", "rbuild doctor has no option --secret-env"),
        ("backends --backen x", "did you mean --backend?"),
        ("clean --image x", "did you mean --images?"),
        ("--explain doctor no-subids", "write: rbuild doctor --explain ID"),
        ("--format json plan", "rbuild has no option --format"),
        ("--prefix x install", "--prefix is an option of install"),
        ("--target x run -- ls", "--target is an option of run"),
        ("--targt x", "did you mean --target? It is an option of run"),
        ("plan --keep-images 1", "--keep-images is an option of rbuild TARGET, run and make"),
        ("reproduce --dry-run", "rbuild reproduce has no option --dry-run"),
    ],
)
def test_what_is_said_of_an_option_of_another_command(
    capfd: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert app.run(["rbuild", *words.split()]) == 2
    err = capfd.readouterr().err
    assert said in err
    assert len(err.splitlines()) <= 4


def test_the_help_of_a_command_has_its_own_options_first(capfd: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        app.run(["rbuild", command, "--help"])
        heads = re.findall(r"^(\w[\w ]*):$", capfd.readouterr().out, re.MULTILINE)
        own = [o for o in APPLICATIONS[command].switches.values() if o.group == "Switches"]
        assert (heads[0] == "Own options") == bool(own)
        assert heads[-2:] == ["Output", "Help"]


def notes() -> list[str]:
    """The options that the reference has more to say of."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "options.md"
    _, _, below = page.read_text(encoding="utf-8").partition("\n## More about some of them\n")
    table, _, _ = below.partition("\n## ")
    return re.findall(r"^\| `--([\w-]+)` \|", table, re.MULTILINE)


def test_the_reference_says_more_of_options_that_there_are() -> None:
    said = notes()
    assert len(said) > 10
    assert [name for name in said if name not in OPTIONS] == []


def names_asked_for() -> Iterator[tuple[Path, str]]:
    """The options that the code asks a command for."""
    for file in Path(rootless_build.cli.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                asked = node.func.attr in {"option", "number", "flag", "values"}
                for word in itertools.islice(node.args, 1) if asked else ():
                    if isinstance(word, ast.Constant) and isinstance(word.value, str):
                        yield file, word.value


def test_no_option_is_asked_for_that_no_command_has() -> None:
    """It would be one that is never given."""
    known = {attribute for each in APPLICATIONS.values() for attribute in dir(type(each))}
    asked = list(names_asked_for())
    assert len(asked) > 20
    assert [(file.name, name) for file, name in asked if name not in known] == []
