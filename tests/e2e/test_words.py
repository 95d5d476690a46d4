"""What is said when something goes wrong, with real engines, to a person and to a program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild, events

pytestmark = pytest.mark.in_ci("podman")

_BASE = "FROM debian:bookworm\n"


def written(
    rbuild: Rbuild, command: str = "true", *, dockerfile: str = _BASE, flags: str = ""
) -> Rbuild:
    """The project with a Makefile that builds the image and runs the command."""
    run = f"docker run {flags} --network host -v $(CURDIR)/bundles:/out words {command}"
    (rbuild.project / "Makefile").write_text(f"all:\n\tdocker build -t words .\n\t{run}\n")
    (rbuild.project / "Dockerfile").write_text(dockerfile)
    return rbuild


def error(rbuild: Rbuild, *words: str) -> dict[str, object]:
    """The last object of the JSON log."""
    done = rbuild("--log-format", "json", *words)
    assert done.returncode != 0
    told = events(done.stdout)[-1]
    assert told["event"] == "error"
    assert told["exit_code"] == done.returncode
    return told


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("sh -c 'exit 7'", 7, "sh -c 'exit 7' failed with status 7"),
        (
            "sh -c 'echo ran; nosuch'",
            127,
            "failed with status 127: it, or something it calls, was not found; its last words: ",
        ),
        ("nosuch", 127, "nosuch was not found in the image"),
        ("/etc/passwd", 126, "/etc/passwd can't be executed in the image"),
    ],
)
def test_how_a_container_failed(rbuild: Rbuild, command: str, status: int, message: str) -> None:
    told = error(written(rbuild, command))
    assert message in str(told["message"])
    assert (told["status"], told["step"], told["exit_code"]) == (status, 2, 1)
    assert isinstance(told["seconds"], float)
    assert told["notes"] == ["the bundles are as they were"]
    assert bool(told["engine_words"]) is ("the image" in message)
    if "ran" in command:
        assert re.search(r"\S*sh: .*nosuch: not found$", str(told["message"]))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sh -c 'exit 127'", "sh -c 'exit 127' failed with status 127: it, or something it calls"),
        ("nosuch", "nosuch was not found in the image"),
    ],
)
def test_how_a_container_failed_on_a_terminal(rbuild: Rbuild, command: str, message: str) -> None:
    status, shown = written(rbuild, command, flags="-it").on_a_terminal(typed="", size=(30, 100))
    assert status == 1
    assert message in shown


def test_a_failed_container_on_the_screen(rbuild: Rbuild) -> None:
    done = written(rbuild, "sh -c 'seq 60 >&2; exit 7'")()
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said.count("60") == 1
    at = next(n for n, line in enumerate(said) if line.startswith("rbuild: "))
    assert re.fullmatch(r"  at step 2 of 2 \(Makefile:3\), after \d+\.?\d* s", said[at + 1])
    assert "  the bundles are as they were" in said[at:]
    log, debug, look = said[-3:]
    assert debug == "  -> a shell where it failed: rbuild debug"
    assert look == "     to look around in such a container: rbuild run --target all -- sh"
    found = re.fullmatch(r"  the log: rbuild log (\d+) \((.+/log\.jsonl)\)", log)
    assert found
    kept = Path(found[2].replace("~", rbuild.environment["HOME"]))
    assert '"line":"60"' in kept.read_text()


@pytest.mark.parametrize(
    ("command", "how"),
    [
        ("nosuch", "failed with status 127: it, or something it calls, was not found"),
        ("/etc/passwd", "failed with status 126: something it calls can't be executed"),
        ("sh -c 'kill -9 $$'; exit $?", "with status 137: it, or something it calls, was ended by"),
    ],
)
def test_how_a_run_failed(rbuild: Rbuild, command: str, how: str) -> None:
    told = error(written(rbuild, dockerfile=f"{_BASE}RUN {command}\n"))
    assert how in str(told["message"])
    assert str(told["message"]).startswith("Dockerfile:2: RUN ")
    assert told["notes"] == ["the bundles are as they were"]
    assert str(told["log"]).startswith("rbuild log ")


def test_a_failed_instruction_on_the_screen(rbuild: Rbuild) -> None:
    failing = 'RUN true && \\\n    echo "no such header" >&2 && \\\n    sh -c "exit 9"\n'
    done = written(rbuild, dockerfile=f"{_BASE}RUN echo fine\n{failing}")("-q")
    said = done.stderr.splitlines()
    assert done.returncode == 1
    assert said[0] == (
        'rbuild: Dockerfile:3: RUN true && echo "no such header" >&2 && sh -c "exit 9" '
        "failed with status 9"
    )
    assert re.fullmatch(r"  at step 1 of 2: build image words \(Makefile:2\), after .* s", said[1])
    assert said[4].startswith("  the log: rbuild log 1 (")
    assert [*said[2:4], *said[5:]] == [
        "  | no such header",
        "  the bundles are as they were",
        "  -> a shell where it failed: rbuild debug",
        "     when that is mended: rbuild -q   # what stands before it comes from the cache",
    ]
    told = error(rbuild)
    assert (told["status"], told["step"], told["exit_code"]) == (9, 1, 1)
    assert "no such header" in str(told["engine_words"])


@pytest.mark.parametrize(
    ("dockerfile", "words"),
    [
        (f"{_BASE}COPY --from=nosuch/image:1 /a /b\n", ()),
        ("ARG N=nosuch/image:1\nFROM $N\n", ()),
        ("FROM nosuch/image:1\n", ("--no-pull",)),
    ],
)
def test_an_image_that_is_nowhere_is_the_hosts_fault(
    rbuild: Rbuild, dockerfile: str, words: tuple[str, ...]
) -> None:
    told = error(written(rbuild, dockerfile=dockerfile), *words)
    assert (told["code"], told["exit_code"], told["step"]) == ("image-not-found", 3, 1)
    assert "nosuch/image:1" in str(told["message"])
    assert "rbuild base --from FILE nosuch/image:1" in str(told["hint"])


def test_progress_has_the_lines_of_the_file(rbuild: Rbuild) -> None:
    lines = ("FROM debian:bookworm AS one", "RUN true", "FROM one", "COPY VERSION /version")
    (rbuild.project / "Dockerfile").write_text("\n".join(lines) + "\n")
    done = rbuild("--log-format", "json", "build")
    assert done.returncode == 0, done.stdout
    told = [e["instruction"] for e in events(done.stdout) if e["event"] == "build-progress"]
    assert not any(re.search("[0-9a-f]{64}", str(text)) for text in told)
    if rbuild.backend != "docker":
        assert set(told) == set(lines)


def test_every_command_logs_objects(rbuild: Rbuild) -> None:
    for words, status, event in (
        (("binary",), 0, "build-finished"),
        (("reproduce", "binary"), 0, "reproduced"),
        (("run", "--", "sh", "-c", "echo one; exit 7"), 7, "error"),
        (("run", "--", "echo", "one"), 0, "output"),
        (("clean",), 0, "cleaned"),
        (("clean", "--images", "--dry-run"), 0, "removed"),
    ):
        done = rbuild("--log-format", "json", *words)
        assert done.returncode == status, (words, done.stdout)
        told = {str(each["event"]): each for each in events(done.stdout)}
        assert event in told, words
        assert done.stderr == ""
        if event == "error":
            assert (told["error"]["status"], told["build-finished"]["status"]) == (7, 7)


def test_settings_of_the_host_are_shown_when_they_are_new(rbuild: Rbuild) -> None:
    first, second, again = (rbuild(flag, "plan").stderr for flag in ("-v", "-v", "-vv"))
    assert "containers.http_proxy = False" in first
    assert "containers.http_proxy" not in second
    assert "-vv shows them" in second
    assert first == again


def test_a_status_of_a_command_is_passed_on_without_words(rbuild: Rbuild) -> None:
    done = rbuild("-q", "run", "--", "sh", "-c", "exit 7")
    assert (done.returncode, done.stderr) == (7, "")
    done = rbuild("-q", "--env", "A=1", "run", "--", "sh", "-c", 'test "$A" = 1')
    assert (done.returncode, done.stderr) == (0, "")
