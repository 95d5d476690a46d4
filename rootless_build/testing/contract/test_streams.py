"""Output, input and the terminal."""

from __future__ import annotations

import hashlib
import termios
from pathlib import Path

import pytest

from rootless_build.backend.api import Stdio
from rootless_build.model.plan import BindMount, RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import PATIENCE, Driver, Run, Screen, sh, shell
from rootless_build.testing.recorder import Recorder

# --- output -------------------------------------------------------------------------------------


def test_a_line_is_there_before_the_container_ends(run: Run, tmp_path: Path) -> None:
    """The container waits for a file that is made once its first line has been seen."""
    script = """
        echo first
        for i in $(seq 200); do [ -e /shared/seen ] && break; sleep 0.1; done
        [ -e /shared/seen ] && echo last
    """
    recorder = Recorder(lambda _: (tmp_path / "seen").touch())
    step = RunContainer(BASE, sh(script), mounts=(BindMount(tmp_path, "/shared"),))
    run(step, recorder=recorder)
    assert [line.data for line in recorder.lines] == [b"first\n", b"last\n"]


def test_ten_megabytes_arrive_whole_and_in_order(run: Run) -> None:
    ran = run(shell("""awk 'BEGIN { for (i = 0; i < 10240; i++) printf "%01023d\\n", i }'"""))
    expected = b"".join(b"%01023d\n" % i for i in range(10240))
    assert len(ran.stdout) == len(expected) == 10 * 2**20
    assert hashlib.sha256(ran.stdout).digest() == hashlib.sha256(expected).digest()


def test_bytes_arrive_unchanged(run: Run, tmp_path: Path) -> None:
    content = bytes(range(256)) * 300 + b"\r\n\r\n\x00\xff\xfe caf\xe9 \xed\xa0\x80\n"
    (tmp_path / "bytes").write_bytes(content)
    step = RunContainer(BASE, ("cat", "/m/bytes"), mounts=(BindMount(tmp_path, "/m"),))
    assert run(step).stdout == content


def test_a_last_line_without_a_newline_gets_none(run: Run) -> None:
    assert run(shell("printf 'first\\nlast'")).stdout == b"first\nlast"


def test_a_very_long_line_is_complete(run: Run) -> None:
    ran = run(shell("head -c 200000 /dev/zero | tr '\\0' x; echo"))
    assert ran.stdout == b"x" * 200_000 + b"\n"


def test_standard_output_and_standard_error_are_apart(run: Run) -> None:
    ran = run(shell("for i in $(seq 500); do echo out $i; echo err $i >&2; done"))
    assert ran.stdout == b"".join(b"out %d\n" % i for i in range(1, 501))
    assert ran.stderr == b"".join(b"err %d\n" % i for i in range(1, 501))


def test_a_silent_container_says_nothing(run: Run) -> None:
    assert run(RunContainer(BASE, ("true",))).recorder.lines == []


# --- input --------------------------------------------------------------------------------------


@pytest.mark.parametrize("interactive", [False, True])
def test_a_closed_input_is_at_its_end(run: Run, *, interactive: bool) -> None:
    step = RunContainer(BASE, sh("cat; echo end"), interactive=interactive)
    assert run(step).text == "end"


def test_a_pipe_is_passed_on_to_its_end(driver: Driver) -> None:
    given = bytes(range(256)) * 8192
    step = RunContainer(BASE, ("cat",), interactive=True)
    done = driver.finish(step, Stdio.PIPED, given=given)
    assert (done.returncode, done.stderr) == (0, b"")
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(given).digest()


def test_a_command_that_does_not_read_ends_while_the_pipe_is_open(driver: Driver) -> None:
    process = driver.start(
        RunContainer(BASE, sh("echo done; exit 3"), interactive=True), Stdio.PIPED
    )
    assert process.wait(PATIENCE) == 3
    assert process.stdout is not None
    assert process.stdout.read() == b"done\n"


# --- terminal -----------------------------------------------------------------------------------


def on_terminal(script: str) -> RunContainer:
    return RunContainer(BASE, sh(script), interactive=True, tty=True)


def test_without_a_terminal_there_is_none(run: Run) -> None:
    ran = run(shell("for fd in 0 1 2; do test -t $fd && echo $fd; done; tty; true"))
    assert ran.text == "not a tty"


def test_a_terminal_is_one_inside_too_and_has_its_size(driver: Driver, screen: Screen) -> None:
    # docker's client only tells the size once the command runs.
    sized = "until stty size 2>&- | grep -qv '^0 0'; do sleep 0.05; done"
    step = on_terminal(
        f"test -t 0 && test -t 1 && test -t 2 && {sized}; stty size; echo $TERM; exit 5"
    )
    process = driver.start(step, Stdio.TERMINAL, terminal=screen.terminal)
    screen.read_until(rb"37 91\r\nxterm\r\n")
    assert process.wait(PATIENCE) == 5


def test_typed_lines_reach_the_container(driver: Driver, screen: Screen) -> None:
    step = on_terminal('stty -echo; echo ready; read line; echo "<$line>"')
    process = driver.start(step, Stdio.TERMINAL, terminal=screen.terminal)
    screen.read_until(rb"ready\r\n")
    screen.type("ünï code\r".encode())
    screen.read_until("<ünï code>\r\n".encode())
    assert process.wait(PATIENCE) == 0


def test_the_size_follows_the_window(driver: Driver, screen: Screen) -> None:
    step = on_terminal(
        "until [ \"$(stty size)\" = '37 91' ]; do sleep 0.05; done; "
        "echo ready; while [ \"$(stty size)\" = '37 91' ]; do sleep 0.05; done; stty size"
    )
    process = driver.start(step, Stdio.TERMINAL, terminal=screen.terminal)
    screen.read_until(rb"ready\r\n")
    screen.resize(50, 120)
    screen.read_until(rb"50 120\r\n")
    assert process.wait(PATIENCE) == 0


def test_ctrl_c_is_the_containers(driver: Driver, screen: Screen) -> None:
    step = on_terminal("trap 'echo caught; exit 42' INT; echo ready; while :; do sleep 0.05; done")
    process = driver.start(step, Stdio.TERMINAL, terminal=screen.terminal)
    screen.read_until(rb"ready\r\n")
    screen.type(b"\x03")
    screen.read_until(rb"caught\r\n")
    assert process.wait(PATIENCE) == 42


def test_the_terminal_is_as_it_was_afterwards(driver: Driver, screen: Screen) -> None:
    before = termios.tcgetattr(screen.terminal)
    process = driver.start(on_terminal("exit 3"), Stdio.TERMINAL, terminal=screen.terminal)
    assert process.wait(PATIENCE) == 3
    assert termios.tcgetattr(screen.terminal) == before
