"""Lines of a recipe: which are docker's, and which words they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.recipes import shell_line
from rootless_build.recipes.shell_line import NotSimpleError, Simple

HERE = Path("/")
SHELL = ("/bin/sh", "-c")


def docker(line: str) -> Simple:
    command = shell_line.docker_command(line)
    assert command is not None
    return command


def words(line: str, directory: Path = HERE, **environment: str) -> tuple[str, ...]:
    return shell_line.expanded(docker(line), directory, environment, SHELL)[0]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "make docker",
        "echo a | grep docker",
        "DOCKER=docker ./build.sh",
        "./docker.sh run",
        "docker-compose up",
        "mkdocker run",
        "echo '$(docker run i)' \\$\\(docker run\\)".replace("$(docker", "$ (docker"),
        "cat <docker",
        "echo a # docker run i; docker",
        "git log --grep 'docker run'",
    ],
)
def test_lines_that_are_not_dockers(line: str) -> None:
    assert shell_line.docker_command(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "docker run i",
        "  docker run i  # and a comment",
        "A=1 B='2 3' docker run i",
        "'docker' run i",
        "do\\cker run i",
        "/usr/local/bin/docker run i",
        "~/bin/podman run i",
        "docker-buildx build .",
        "docker \\\n\trun i",
    ],
)
def test_lines_that_are_dockers_and_nothing_else(line: str) -> None:
    assert docker(line).words


@pytest.mark.parametrize(
    "line",
    [
        "docker run i; true",
        "true; docker run i",
        "docker run i && true",
        "docker run i || true",
        "docker run i | cat",
        "cat f | docker run -i i",
        "docker run i &",
        "docker run i 2>&1",
        "docker run i <file",
        "docker run i\ndocker run j",
        "if true; then docker run i; fi",
        "while docker run i; do :; done",
        "for a in b; do docker run $a; done",
        "(docker run i)",
        "{ docker run i; }",
        "! docker run i",
        "exec docker run i",
        "command docker run i",
        "sudo -E docker run i",
        "sudo -u root docker run i",
        "env -i docker run i",
        "xargs -r docker rm",
        "timeout 5 docker run i",
        'echo "$(docker run i)"',
        "docker run `podman build -q .`",
        'A="$(docker images -q)"',
    ],
)
def test_lines_with_more_than_docker(line: str) -> None:
    with pytest.raises(NotSimpleError):
        shell_line.docker_command(line)


def test_words_are_the_shells() -> None:
    line = r"""docker run "a b" 'c $X' d\ e $X "$X" $NONE "$NONE" "${X#o}" $((1+2)) "#" a#b"""
    assert words(line, X="one two") == (
        *("docker", "run", "a b", "c $X", "d e", "one", "two", "one two", "", "ne two", "3"),
        *("#", "a#b"),
    )


def test_words_over_several_lines() -> None:
    assert words("docker run \\\n  i \\\n  'a\nb'") == ("docker", "run", "i", "a\nb")


def test_patterns_are_matched_where_the_line_stands(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "with space.txt"):
        (tmp_path / name).touch()
    assert words("docker run i *.txt '*.txt' *.md", tmp_path) == (
        *("docker", "run", "i", "a.txt", "b.txt", "with space.txt", "*.txt", "*.md"),
    )


def test_other_commands_may_be_asked_for_words(tmp_path: Path) -> None:
    assert words('docker run -v "$(pwd)":/src i', tmp_path, PATH="/usr/bin:/bin")[3] == (
        f"{tmp_path}:/src"
    )


def test_the_environment_is_the_recipes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    assert words("docker run i $OURS $THEIRS", THEIRS="2") == ("docker", "run", "i", "2")


def test_assignments_are_expanded_and_do_not_change_the_words() -> None:
    found = shell_line.expanded(
        docker('A="$B c" B=$B-2 docker run i $A'), HERE, {"A": "1", "B": "b"}, SHELL
    )
    assert found == (("docker", "run", "i", "1"), {"A": "b c", "B": "b-2"})


def test_what_the_shell_cannot_expand_is_told_in_its_words() -> None:
    with pytest.raises(NotSimpleError, match="say what"):
        words("docker run i ${NONE:?say what}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a && docker build . && docker run i", ["a", "docker build .", "docker run i"]),
        ("docker build . && echo 'a && b'", ["docker build .", "echo 'a && b'"]),
        ("docker build . # a && b", ["docker build . # a && b"]),
        ("docker build .#a && b", ["docker build .#a", "b"]),
        ("echo a && echo b", ["echo a && echo b"]),
        ("cd x && echo b", ["cd x && echo b"]),
        ("echo $(a && b) && docker build .", ["echo $(a && b)", "docker build ."]),
    ],
)
def test_what_and_joins(line: str, expected: list[str]) -> None:
    assert [part.text for part in shell_line.parts(line, HERE)] == expected


@pytest.mark.parametrize(
    "line",
    [
        "cd - && docker build .",
        "cd && docker build .",
        "cd a b && docker build .",
        "cd ~ && docker build .",
        'cd "$X" && docker build .',
        "cd a || exit && docker build .",
        "umask 0 && docker build .",
        ". ./env && docker build .",
        "A=1 && docker build .",
        "trap x EXIT && docker build .",
        "&& docker build .",
        "a; b && docker build .",
    ],
)
def test_what_cannot_be_taken_apart(line: str) -> None:
    with pytest.raises(NotSimpleError):
        shell_line.parts(line, HERE)


@pytest.mark.parametrize(
    ("line", "starts", "only"),
    [
        ("make -C a", True, True),
        ("A=1 /x/make b", True, True),
        ("cd a && make b || exit 1", True, True),
        ("for d in a b; do make -C $d; done", True, True),
        ("if [ -d a ]; then make -C a; fi", True, True),
        ("make a; echo b", True, False),
        ("make a | tee log", True, False),
        ("echo make", False, False),
        ("cmake .", False, False),
    ],
)
def test_lines_that_start_make(line: str, starts: bool, only: bool) -> None:
    assert shell_line.starts_make(line) is starts
    assert (starts and shell_line.only_starts_make(line)) is only
