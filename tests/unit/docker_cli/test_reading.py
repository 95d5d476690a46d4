"""Docker command lines: what is refused is so in docker's words and with its status."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Final, cast

import pytest

from rootless_build.docker_cli.commands import ROWS, find
from rootless_build.docker_cli.reading import Given, misuse, read
from rootless_build.docker_cli.row import Way
from rootless_build.docker_cli.told import Told

DATA: Final = Path(__file__).parents[2] / "data" / "docker_cli"
MISUSE: Final = cast("list[dict[str, object]]", json.loads((DATA / "misuse.json").read_text()))


def told(line: str) -> Told:
    """What is printed instead of the command."""
    read_ = read(shlex.split(line))
    assert isinstance(read_, Told), read_
    return read_


def given(line: str) -> Given:
    """The command."""
    read_ = read(shlex.split(line))
    assert isinstance(read_, Given), read_
    return read_


@pytest.mark.parametrize("row", MISUSE, ids=lambda row: row["words"])
def test_misuse_is_told_as_docker_tells_it(row: dict[str, object]) -> None:
    found = told(str(row["words"]))
    assert (found.status, found.err) == (row["status"], row["stderr"])


def test_flags_and_operands_are_read_by_pflags_rules() -> None:
    found = given("ps -aqf name=x --filter=label=y --format {{.ID}} --no-trunc=false")
    assert found.has("all")
    assert found.has("quiet")
    assert not found.has("no-trunc")
    assert found.values("filter") == ("name=x", "label=y")
    assert found.value("format") == "{{.ID}}"


@pytest.mark.parametrize(
    ("line", "operands"),
    [
        ("exec -it web ls -l", ("web", "ls", "-l")),
        ("rm a -f b", ("a", "b")),
        ("rm -- -f", ("-f",)),
        ("cp - web:/x", ("-", "web:/x")),
    ],
)
def test_what_follows_a_commands_own_flags(line: str, operands: tuple[str, ...]) -> None:
    assert given(line).operands == operands


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("rmi x", "docker rmi"),
        ("image remove x", "docker image rm"),
        ("container ps", "docker container ls"),
        ("builder prune", "docker buildx prune"),
        ("-D --log-level debug ps", "docker ps"),
        ("stop --time 3 x", "docker stop"),
    ],
)
def test_a_command_is_called_as_docker_calls_it(line: str, shown: str) -> None:
    assert given(line).shown == shown


def test_a_steps_own_words_are_left_to_who_plans_it() -> None:
    assert given("run --rm -v a:/b image --flag").rest == (
        *("--rm", "-v", "a:/b", "image", "--flag"),
    )


@pytest.mark.parametrize(
    ("line", "status", "begins"),
    [
        ("run", 1, "docker: 'docker run' requires at least 1 argument\n\nUsage:  docker run "),
        ("run --no-such-flag image", 125, "unknown flag: --no-such-flag\n\nUsage:  docker run "),
        ("build", 1, "ERROR: docker: 'docker buildx build' requires 1 argument\n\nUsage:  "),
        ("image build --what .", 125, "unknown flag: --what\n\nUsage:  docker buildx build "),
        ("tag one", 1, "docker: 'docker tag' requires 2 arguments\n\nUsage:  docker tag "),
    ],
)
def test_misuse_of_a_step_is_told_when_who_plans_it_refuses_it(
    line: str, status: int, begins: str
) -> None:
    told = misuse(line.split())
    assert told is not None
    assert (told.status, told.err[: len(begins)]) == (status, begins)


@pytest.mark.parametrize("line", ["run -q image --flag", "build --squash --rm ."])
def test_a_step_that_docker_would_take_is_no_misuse(line: str) -> None:
    assert misuse(line.split()) is None


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("compose up", "compose"),
        ("service ls", "swarm"),
        ("logs --details x", "--details"),
        ("search x", "registry"),
        ("stats --no-stream", "control groups are of version 2"),
        ("events --since 1h", "podman's events are others"),
        ("system df -v", "podman tells less of each"),
        ("buildx imagetools inspect x", "skopeo"),
    ],
)
def test_what_is_not_done_is_refused_by_name(line: str, word: str) -> None:
    found = told(line)
    assert found.status == 125
    assert word in found.err


@pytest.mark.parametrize("flag", ["--host tcp://example:1", "--context other"])
def test_another_daemon_is_refused_as_docker_fails_where_there_is_none(flag: str) -> None:
    found = told(f"{flag} ps")
    assert found.status == 1
    assert f"{flag} names another one" in found.err


def test_version_is_dockers_line() -> None:
    assert told("-v").out.startswith("Docker version 29.")
    assert told("--version") == told("-v")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_is_whole(row: object) -> None:
    named = find(str(getattr(row, "name", "")).split())
    assert named is not None
    assert named.row is row
    assert bool(named.row.refused) == (named.row.way is Way.REFUSED)
    known = named.row.table.by_name.keys()
    assert named.row.without.keys() <= known
    assert named.row.no_effect.keys() <= known


def test_help_names_a_commands_flags() -> None:
    assert "--no-trunc" in told("images --help").out
    assert told("images --help").status == 0
    assert "prune" in told("image --help").out
    # Docker tells whoever forgot the command so; it is no error.
    assert "prune" in told("image").err
    assert told("image").status == 0
