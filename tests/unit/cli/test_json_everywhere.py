"""With `--log-format json` all that stands on standard output is objects, one a line, whatever was
asked for and however wrong it was. What needs an engine is in tests/e2e/test_words.py.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from rootless_build.cli import app
from rootless_build.cli.command_line import value
from tests.unit.recipes.make.make_project import MakeProject

JSON = ("--log-format", "json")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a Makefile and bundles."""
    MakeProject(tmp_path).write("all: ; docker run i all\nhelp: ; @echo by make\n")
    bundle = tmp_path / "bundles" / "binary" / "daemon"
    bundle.parent.mkdir(parents=True)
    bundle.write_text("#!/bin/sh\n")
    bundle.chmod(0o755)
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    bundle.with_name("daemon.sha256").write_text(f"{digest}  daemon\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RBUILD_BACKEND", raising=False)
    return tmp_path


def objects(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, object]]]:
    """The status, and what stands on standard output but for the settings of this host."""
    status = app.run(["rbuild", *words])
    out = capfd.readouterr().out
    read = [json.loads(line) for line in out.splitlines()]
    assert read
    assert all(list(each)[:2] == ["event", "timestamp"] for each in read)
    return status, [each for each in read if each.get("code") != "host-setting"]


@pytest.mark.parametrize(
    ("words", "event", "fields"),
    [
        (("plan",), "plan", {"plan", "backend", "lines"}),
        (("plan", "--format", "json"), "plan", {"plan"}),
        (("--dry-run",), "plan", {"plan"}),
        (("targets",), "target", {"name", "description", "targets", "default"}),
        (("targets", "--format", "json"), "target", {"name"}),
        (("bundles",), "bundle", {"path", "size", "checksum"}),
        (("bundles", "--format", "json"), "bundle", {"path"}),
        (("bundles", "verify"), "verified", {"directory", "checked", "problems", "warnings"}),
        (
            ("install", "--prefix", "p", "--unverified"),
            "installed",
            {"target", "source", "replaced", "dry_run"},
        ),
        (("backends",), "backend", {"name", "version", "usable", "problem", "chosen", "reason"}),
        (("doctor",), "examined", {"can_build", "findings", "settings"}),
        (("doctor", "--explain", "no-tun"), "explanation", {"id", "text"}),
        (("doctor", "--report"), "report", {"facts"}),
        (("help",), "help", {"text"}),
        (("help", "plan"), "help", {"text"}),
        (("--help",), "help", {"text"}),
        (("clean", "--help"), "help", {"text"}),
        (("--version",), "version", {"version"}),
        (("make", "help"), "output", {"line", "stream"}),
    ],
)
def test_what_a_command_prints_is_objects(
    project: Path,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    event: str,
    fields: set[str],
) -> None:
    status, read = objects(capfd, *words, *JSON)
    assert status in ({0, 3} if words[0] in {"backends", "doctor"} else {0})
    found = [each for each in read if each["event"] == event]
    assert found
    assert fields <= found[0].keys()


@pytest.mark.parametrize(
    "words",
    [
        ("--nosuch",),
        ("nosuch",),
        ("plan", "--format", "yaml"),
        ("all", "plan"),
        ("bundles", "lst"),
        ("bundles", "a", "b"),
        ("base",),
        ("-C", "nowhere"),
        ("-f", "nope"),
        ("--backend", "podmn"),
        ("--backend",),
        ("help", "nosuch"),
        ("run",),
        ("-j0",),
        ("",),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_usage_error_is_an_object(
    project: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], first: bool
) -> None:
    given = ("--log-format=json", *words) if first else (*words, "--log-format=json")
    if words == ("--backend",) and not first:
        given = ("--log-format=json", *words)  # else that is its value
    status, read = objects(capfd, *given)
    assert status == 2
    assert (read[-1]["event"], read[-1]["exit_code"]) == ("error", 2)
    assert read[-1]["message"]
    assert read[-1]["status"] is None
    assert read[-1]["step"] is None


@pytest.mark.parametrize("file", ["rbuild.toml", "config/rbuild/config.toml"])
@pytest.mark.parametrize("words", [("nosuch",), ("--nosuch",), ("--version",), ("all", "plan")])
def test_the_configuration_files_can_ask_for_it(
    project: Path, capfd: pytest.CaptureFixture[str], file: str, words: tuple[str, ...]
) -> None:
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    (project / file).write_text('[defaults]\nlog-format = "json"\n')
    objects(capfd, *words)
    app.run(["rbuild", "--log-format", "text", *words])
    assert "{" not in capfd.readouterr().out


def test_the_option_holds_where_a_file_is_wrong(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "rbuild.toml").write_text("[defaults]\nnonsense = 1\n")
    status, read = objects(capfd, "plan", *JSON)
    assert (status, read[-1]["code"]) == (2, "bad-config")


def test_the_project_elsewhere_is_asked(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "rbuild.toml").write_text('[defaults]\nlog-format = "json"\n')
    monkeypatch.chdir("/")
    objects(capfd, "-C", str(project), "nosuch")


def test_bad_bundles_are_in_the_error(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "bundles/binary/daemon").write_text("changed")
    status, read = objects(capfd, "bundles", "verify", *JSON)
    assert status == 4
    assert read[-1]["problems"]


def test_lists_of_a_format_stay_as_they_are(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["rbuild", "plan", "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["steps"]
    assert app.run(["rbuild", "bundles", "--format", "json"]) == 0
    assert isinstance(json.loads(capfd.readouterr().out), list)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--log-format", "json"), "json"),
        (("plan", "--log-format=json", "x"), "json"),
        (("--log-format", "json", "--log-format=text"), "text"),
        (("run", "--", "--log-format", "json"), None),
        (("--log-format",), None),
        ((), None),
    ],
)
def test_the_option_is_found_anywhere_before_the_words_of_another_command(
    words: tuple[str, ...], found: str | None
) -> None:
    assert value(words, "--log-format") == found


@pytest.mark.parametrize("words", [("-C", "d"), ("-Cd",), ("--directory=d",), ("--directory", "d")])
def test_an_option_by_any_of_its_names(words: tuple[str, ...]) -> None:
    assert value(words, "-C", "--directory") == "d"
