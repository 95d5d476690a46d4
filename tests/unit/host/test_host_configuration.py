"""The engines' configuration files: which are read, and what is wrong with them, by line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.host import configuration, online
from rootless_build.host.facts import Configuration, Facts
from rootless_build.model.structs import replace
from tests.ordinary_host import ORDINARY


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """~/.config/containers of a host with no files of the system."""
    monkeypatch.setattr(configuration, "_SYSTEM", (tmp_path / "etc",))
    directory = tmp_path / "containers"
    (directory / "registries.conf.d").mkdir(parents=True)
    return directory


def read(own: Path, **environment: str) -> Configuration:
    facts: Facts = replace(ORDINARY, config_directory=own.parent)
    return configuration.read(facts, environment)


def problems(own: Path) -> list[str]:
    return [file.problem for file in read(own).files if file.problem]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("containers.conf", "[containers]\n\n[engine\n", 3),
        ("storage.conf", '[storage]\ndriver = "overlay', 2),
        ("registries.conf", "unqualified-search-registries = [docker.io]\n", 1),
        ("registries.conf.d/50-mine.conf", "x = [1,\n2,\n", 2),
        ("policy.json", '{\n "default": [}\n', 2),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    own: Path, name: str, content: str, line: int
) -> None:
    (own / name).write_text(content)
    [problem] = problems(own)
    assert problem.startswith(f"{own / name}:{line}: ")
    assert not problem.endswith(": ")


def test_a_policy_without_a_default_is_a_mistake(own: Path) -> None:
    (own / "policy.json").write_text("{}")
    assert problems(own) == [f'{own / "policy.json"}: it has no "default"']


def test_bytes_that_are_no_text_are_a_mistake(own: Path) -> None:
    (own / "storage.conf").write_bytes(b"\xff\xfe")
    [problem] = problems(own)
    assert problem.startswith(f"{own / 'storage.conf'}: ")


@pytest.mark.skipif(os.getuid() == 0, reason="root can read every file")
def test_a_file_that_can_t_be_read_is_a_mistake(own: Path) -> None:
    (own / "storage.conf").touch(mode=0)
    assert problems(own) == [f"{own / 'storage.conf'}: Permission denied"]


def test_the_last_file_says_where_short_names_are_looked_for(own: Path) -> None:
    (own / "registries.conf").write_text('unqualified-search-registries = ["one.example"]')
    (own / "registries.conf.d/9.conf").write_text('unqualified-search-registries = ["two.example"]')
    assert read(own).search == ("two.example",)


def test_a_policy_that_rejects_the_rest(own: Path) -> None:
    (own / "policy.json").write_text('{"default": [{"type": "reject"}]}')
    found = read(own)
    assert found.rejects
    assert found.policy == own / "policy.json"


def test_no_policy_is_told(own: Path) -> None:
    assert read(own).policy is None


def test_files_named_in_the_environment_are_read(own: Path, tmp_path: Path) -> None:
    named = tmp_path / "mine.conf"
    named.write_text("[\n")
    found = read(own, CONTAINERS_STORAGE_CONF=str(named))
    assert [file.path for file in found.files if file.problem] == [named]


def test_a_registry_that_does_not_answer_is_named_with_why() -> None:
    # Nobody listens on port 1 (tcpmux).
    [(name, why)] = online.ask(("127.0.0.1:1/team",))
    assert name == "127.0.0.1:1/team"
    assert "refused" in why
