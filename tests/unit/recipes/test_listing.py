"""`rbuild targets`: what is listed of each recipe, and that nothing of the project is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rootless_build.cli import app


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def listed(capfd: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    """The rows of the JSON form, by name."""
    assert app.run(["rbuild", "targets", "--format", "json"]) == 0
    return {row["name"]: row for row in json.loads(capfd.readouterr().out)}


def described(capfd: pytest.CaptureFixture[str]) -> dict[str, object]:
    return {name: row["description"] for name, row in listed(capfd).items()}


def default(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return [name for name, row in listed(capfd).items() if row["default"]]


MAKEFILE = """\
# A comment.
X := $(shell touch ran)
## not of a target

binary: export A := 1
binary: bundles ## build linux binaries
.PHONY: binary

## cross: build for all platforms,
##   slowly
.PHONY: cross
cross:
\t@echo "no: target ## no description"

##@ Tests
test unit: \\
    binary ## run tests # of both
help:: ; @touch ran
Y = a ## no target
a ::= b
################
clean:
"""


def test_a_makefile_has_them_in_comments(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "Makefile").write_text(MAKEFILE)
    assert described(capfd) == {
        "binary": "build linux binaries",
        "cross": "build for all platforms, slowly",
        "test": "run tests # of both",
        "unit": "run tests # of both",
        "help": "",
        "clean": "",
    }
    assert not (project / "ran").exists()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a:\nb:\n", "a"),
        (".PHONY: b\n\na b:\n", "a"),
        (".DEFAULT_GOAL := b\na:\nb:\n", "b"),
        (".DEFAULT_GOAL := $(B)\na:\nb:\n", ""),
        ("include x.mk\na:\n", ""),
        ("$(eval b:)\na:\n", ""),
        ("$(B): c\na:\n", ""),
        ("X = $(B):c\nB := $(C)\na:\n", "a"),
        ("", ""),
    ],
)
def test_the_default_of_a_makefile_is_told_where_it_is_plain(
    project: Path, capfd: pytest.CaptureFixture[str], text: str, name: str
) -> None:
    (project / "Makefile").write_text(text)
    assert default(capfd) == ([name] if name else [])


def test_rbuild_toml_describes_targets_of_a_makefile_too(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "Makefile").write_text("a: ## by make\nb: ## by make\n")
    (project / "rbuild.toml").write_text(
        '[targets.a]\nalways = true\n[targets.b]\ndescription = "own"\n'
        '[targets.c]\ndescription = "of elsewhere"\n'
    )
    assert described(capfd) == {"a": "by make", "b": "own", "c": "of elsewhere"}


def test_files_that_may_have_more_targets_are_named(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "Makefile").write_text("a:\n-include x.mk $(Y) # z\n")
    assert app.run(["rbuild", "targets"]) == 0
    assert "Makefile includes x.mk $(Y): targets there are not listed" in capfd.readouterr().err


def test_rbuild_toml_has_its_own(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "rbuild.toml").write_text(
        'default-target = "b"\n[container]\nimage = "i"\ncommand = "c"\n[targets.a]\n'
        '[targets.b]\ndescription = "build it"\n'
    )
    assert described(capfd) == {"a": "", "b": "build it"}
    assert default(capfd) == ["b"]
    assert app.run(["rbuild", "targets"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        "target             description",
        "a",
        "b       (default)  build it",
    ]


def test_a_bake_file_has_targets_and_groups(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "docker-bake.hcl").write_text(
        'variable "V" {\n default = "v1"\n}\n'
        'group "default" {\n targets = ["a", "b"]\n}\n'
        'group "all" {\n targets = ["a"]\n description = "everything"\n}\n'
        'target "_base" {}\n'
        'target "a" {\n description = "build ${V}"\n}\ntarget "b" {}\n'
    )
    rows = listed(capfd)
    assert {name: row["description"] for name, row in rows.items()} == {
        "a": "build v1",
        "b": "",
        "default": "",
        "all": "everything",
    }
    assert rows["default"]["targets"] == ["a", "b"]
    assert rows["default"]["default"] is True
    assert app.run(["rbuild", "targets"]) == 0
    assert "the group of a, b" in capfd.readouterr().out


def test_a_project_without_a_recipe_is_refused(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["rbuild", "targets"]) == 2
    assert "has neither a Makefile" in capfd.readouterr().err


def test_words_are_refused(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "Makefile").write_text("a:\n")
    assert app.run(["rbuild", "targets", "a"]) == 2
    assert "this is too much: a" in capfd.readouterr().err


def test_what_is_no_text_for_a_terminal_is_escaped(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "Makefile").write_text("a: ## \x1b]0;x\x07\n")
    assert app.run(["rbuild", "targets"]) == 0
    assert "\x1b" not in capfd.readouterr().out


def test_a_line_of_200_000_characters_is_read_in_no_time(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A shell asks on each Tab: what takes the square of a line's length would never end."""
    many = 200_000
    text = f"{'$' * many}\na: ## of a{' ' * many}and b\n"
    (project / "Makefile").write_text(text)
    assert described(capfd) == {"a": f"of a{' ' * many}and b"}
