"""How a command of `buildah run` ended, and which words on standard error were its own."""

from __future__ import annotations

import pytest

from rbuild_buildah.ending import OnScreen, Output, read_ending
from rootless_build.backend.api import Exit
from rootless_build.model.events import Event, OutputLine, StepReporter

OCI = "Error: while running runtime: exit status {0}\n"
CHROOT_ONCE = "subprocess exited with status {0}\nError: exit status {0}\n"
CHROOT = "subprocess exited with status {0}\n" + CHROOT_ONCE
RUNC = (
    "error running container: from /usr/bin/runc creating container for [{1}]: "
    'time="2026-11-24T02:13:37Z" level=warning msg="unable to get oom kill count" error="no"\n'
    'time="2026-11-24T02:13:37Z" level=error msg="runc create failed: unable to start container '
    'process: exec: \\"{1}\\": {0}"\n: exit status 1\n'
)
NETWORK = 'time="2026-11-24T02:37:03Z" level=error msg="did not get container create message"\n'
CHROOT_REFUSED = (
    "process failed to start with error: {0}process exited with error: exec: not started"
    "subprocess exited with status 1\nError: exit status 1\n"
)


def shown(status: int, *pieces: str, stdout: bytes = b"") -> tuple[Exit, bytes]:
    """The exit, and the standard error the user sees."""
    seen: list[Event] = []
    reporter = StepReporter(seen.append, 1)
    output = Output(reporter)
    if stdout:
        output.feed(stdout, "stdout")
    for piece in pieces:
        output.feed(piece.encode(), "stderr")
    ended = output.end(status)
    reporter.flush()
    lines = (e.data for e in seen if isinstance(e, OutputLine) and e.stream == "stderr")
    return ended, b"".join(lines)


@pytest.mark.parametrize("words", [OCI, CHROOT])
@pytest.mark.parametrize("status", [1, 7, 125, 126, 127, 137])
def test_a_status_is_the_commands_own(status: int, words: str) -> None:
    assert shown(status, words.format(status)) == (Exit(status), b"")


@pytest.mark.parametrize("words", [OCI, CHROOT])
@pytest.mark.parametrize("own", ["late\n", "no newline", "Error: exit status 3\n", "a\n\nb\n"])
def test_the_commands_last_words_are_shown_and_buildahs_are_not(own: str, words: str) -> None:
    assert shown(2, own + words.format(2)) == (Exit(2), own.encode())


def test_words_cut_anywhere_are_the_same_words() -> None:
    text = "warning: x\n" + CHROOT.format(7)
    assert shown(7, *text) == (Exit(7), b"warning: x\n")


def test_a_command_that_ends_well_keeps_every_line() -> None:
    text = "Error: exit status 1\n"
    assert shown(0, text) == (Exit(0), text.encode())


def test_a_line_is_shown_before_the_command_ends() -> None:
    seen: list[Event] = []
    output = Output(StepReporter(seen.append, 1))
    output.feed(b"working\n", "stdout")
    output.feed(b"Error: exit code 1 from a, trying again\n", "stderr")
    assert [event.data for event in seen if isinstance(event, OutputLine)] == [
        b"working\n",
        b"Error: exit code 1 from a, trying again\n",
    ]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("container exited on killed\n" + OCI.format(1), 137),
        ("subprocess exited on terminated\n" + CHROOT_ONCE.format(1), 143),
        ("container exited on segmentation fault\n" + OCI.format(1), 139),
        ("container exited on signal 35\n" + OCI.format(1), 163),
        ("container exited on stack fault\n" + OCI.format(1), 144),
        ("container exited on CPU time limit exceeded\n" + OCI.format(1), 152),
        ("container exited on I/O possible\n" + OCI.format(1), 157),
    ],
)
def test_a_signal_is_told_from_status_1(words: str, status: int) -> None:
    assert shown(1, words) == (Exit(status), b"")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("executable file not found in $PATH", 127),
        ("stat a: no such file or directory", 127),
        ("permission denied", 126),
        ("exec format error", 126),
    ],
)
@pytest.mark.parametrize("command", ["a", "a several\nlines"])
@pytest.mark.parametrize("network", ["", NETWORK])
def test_why_a_command_did_not_start(reason: str, status: int, command: str, network: str) -> None:
    words = RUNC.format(reason, "a").replace("[a]", f"[{command}]")
    ended, seen = shown(1, words + network + OCI.format(1))
    assert (ended.status, seen) == (status, b"")
    assert ended.engine_words.endswith(reason)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ('exec: "nosuch": executable file not found in $PATH', 127),
        ("fork/exec /no/such: no such file or directory", 127),
        ("fork/exec /etc/passwd: permission denied", 126),
        ("fork/exec /y: exec format error", 126),
    ],
)
def test_why_a_command_did_not_start_in_a_chroot(reason: str, status: int) -> None:
    assert shown(1, CHROOT_REFUSED.format(reason)) == (Exit(status, reason), b"")


def on_screen(status: int, written: bytes, said: bytes) -> Exit:
    """The exit of a command in a chroot on a terminal, on which `written` came last."""
    screen = OnScreen(StepReporter(lambda _event: None, 1))
    screen.screen(written)
    return screen.end(status, said)


@pytest.mark.parametrize(
    "half",
    [
        b"process exited with error: exec: not started",
        b"",
        # 1.39.3
        b"\r\nprocess exited with error: exec: not started\r\n",
        b"\r\n",
    ],
)
def test_on_a_terminal_half_of_a_failed_start_may_be_lost(half: bytes) -> None:
    """Seen once in 30 times with buildah 1.28.2 on a machine with more to do than cores."""
    reason = 'exec: "no-such-command": executable file not found in $PATH'
    written = b"\0process failed to start with error: " + reason.encode() + half
    assert on_screen(1, written, CHROOT_ONCE.format(1).encode()) == Exit(127, reason)


@pytest.mark.parametrize(
    "written", [b"", b"process failed to start with error: of mine", b"exec: not started\r\n"]
)
def test_on_a_terminal_what_a_command_wrote_last_is_its_own(written: bytes) -> None:
    assert on_screen(1, written, CHROOT_ONCE.format(1).encode()) == Exit(1)


# buildah 1.33.7, 1.39.3 and 1.43.2 with crun 1.14.1, 1.21 and 1.28
CRUN = (
    "error running container: from /usr/bin/crun creating container for [{}]: {}\n: exit status 1\n"
)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("executable file `nosuch` not found in $PATH: No such file or directory", 127),
        ("open executable: Permission denied", 126),
        ("open executable: Operation not permitted", 126),
        ("the path `/etc/passwd` exists but it is not executable: Operation not permitted", 126),
        ("the path `/etc` is not a regular file: Operation not permitted", 126),
        ("cgroups in hybrid mode not supported, drop all controllers from cgroupv2", 125),
    ],
)
@pytest.mark.parametrize("command", ["a", "sh -c [x]: executable file `x` not found"])
def test_why_crun_did_not_start_a_command(reason: str, status: int, command: str) -> None:
    assert shown(1, CRUN.format(command, reason) + OCI.format(1)) == (Exit(status, reason), b"")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ('exec: "nosuch": executable file not found in $PATH', 127),
        ('exec: "/etc/passwd": permission denied', 126),
        ('exec: "/etc": is a directory', 126),
        ("error setting rlimit type 7: operation not permitted", 125),
    ],
)
def test_on_a_terminal_the_runtimes_log_stands_before_the_error(reason: str, status: int) -> None:
    # buildah 1.28.2 with runc 1.1.5
    said = f"runc create failed: unable to start container process: {reason}"
    quoted = said.replace('"', '\\"')
    words = (
        'time="2026-11-29T16:54:27Z" level=warning msg="unable to get oom kill count"\n'
        f'time="2026-11-29T16:54:27Z" level=error msg="{quoted}"\n'
        "error running container: from /usr/bin/runc creating container for [a]: : exit status 1\n"
        "Error: while running runtime: exit status 1\n"
    )
    assert read_ending(1, words.encode(), started=False).exit == Exit(status, said)


def test_a_runtime_that_fails_for_another_reason_is_the_engines_error() -> None:
    words = RUNC.replace('exec: \\"{1}\\": ', "").format("error setting rlimit type 7", "make")
    ended, seen = shown(1, words + OCI.format(1))
    assert (ended.status, seen) == (125, b"")
    assert "error setting rlimit type 7" in ended.engine_words


def test_buildahs_own_error_is_no_output_of_the_command() -> None:
    ended, seen = shown(125, "Error: stat /nonexistent: no such file or directory\n")
    assert (ended, seen) == (Exit(125, "stat /nonexistent: no such file or directory"), b"")


def test_a_command_that_says_error_and_ends_with_125_is_not_taken_for_buildah() -> None:
    assert shown(125, "Error: x\n", OCI.format(125)) == (Exit(125), b"Error: x\n")


def test_buildah_that_was_killed_is_the_engines_error() -> None:
    ended, seen = shown(-9, "partial")
    assert (ended.status, seen) == (125, b"partial")
    assert "signal 9" in ended.engine_words


def test_a_long_line_is_not_kept_for_ever() -> None:
    seen: list[Event] = []
    output = Output(StepReporter(seen.append, 1))
    for _ in range(40):
        output.feed(b"x" * 4096, "stderr")
    assert sum(len(event.data) for event in seen if isinstance(event, OutputLine)) > 65536


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("executable file `no-such` not found in $PATH: No such file or directory", 127),
        ("the path `/etc/passwd` exists but it is not executable: Operation not permitted", 126),
        ("the path `/etc` is not a regular file: Operation not permitted", 126),
    ],
)
def test_why_crun_did_not_start_a_command_on_a_terminal(words: str, status: int) -> None:
    said = (
        f"{words}\nerror running container: from /usr/bin/crun creating container for [x]: "
        ": exit status 1\nError: while running runtime: exit status 1\n"
    )
    ended = OnScreen(StepReporter(lambda _event: None, 1)).end(1, said.encode())
    assert ended == Exit(status, words)
