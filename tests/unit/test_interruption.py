"""Signals that end a run, wherever they strike. Each test is a program: signals are a process's."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def test_a_signal_that_comes_while_python_runs_a_finalizer_is_not_lost() -> None:
    script = """
        import os, signal, time
        from rootless_build.interruption import signals_interrupt

        class Finalized:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0)

        with signals_interrupt() as state:
            try:
                one = Finalized()
                del one
                while True:
                    signal.pause()
            except KeyboardInterrupt:
                print("interrupted", state.asked)
    """
    done = _run(textwrap.dedent(script))
    assert done.stdout == "interrupted True\n"
    assert done.stderr == ""


STRIKES_LATE = """
    import signal, sys, threading, time
    from rootless_build import process
    from rootless_build.interruption import signals_interrupt

    MAIN = threading.get_ident()

    def place():
        frame = sys._current_frames()[MAIN]
        return frame.f_code.co_name, frame.f_lasti

    def strike_late():
        # In this thread, so that the signal is noted, and the main thread's call goes on.
        before, same = None, 0
        while same < 20:
            time.sleep(0.005)
            same = same + 1 if place() == before else 0
            before = place()
        for number in NUMBERS:
            signal.pthread_kill(threading.get_ident(), number)

    def wait():
        threading.Thread(target=strike_late, daemon=True).start()
        WAIT

    with signals_interrupt() as state:
        try:
            wait()
        except KeyboardInterrupt:
            print("interrupted", state.asked)
"""


@pytest.mark.parametrize("numbers", ["signal.SIGINT,", "signal.SIGTERM, signal.SIGHUP"])
@pytest.mark.parametrize(
    "waits",
    [
        'process.stream(["sleep", "300"], lambda data, name: None)',
        'process.stream(["sh", "-c", "exec >&- 2>&-; exec sleep 300"], lambda data, name: None)',
        "threading.Event().wait()",
    ],
    ids=["output", "end of a program", "thread"],
)
def test_a_signal_that_comes_just_before_a_wait_ends_it(waits: str, numbers: str) -> None:
    script = textwrap.dedent(STRIKES_LATE).replace("WAIT", waits).replace("NUMBERS", numbers)
    done = _run(script)
    assert done.stdout == "interrupted True\n"
    assert done.stderr == ""


def test_a_second_signal_is_not_lost_where_the_first_was_lost() -> None:
    script = """
        import os, signal, sys
        from rootless_build.interruption import signals_interrupt

        class Finalized:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)

        def strike_again(*_):
            os.kill(os.getpid(), signal.SIGINT)

        with signals_interrupt() as state:
            known = sys.unraisablehook
            try:
                sys.setprofile(
                    lambda frame, event, _: frame.f_code is known.__code__
                    and event == "call" and strike_again()
                )
                one = Finalized()
                del one
                while True:
                    signal.pause()
            except KeyboardInterrupt:
                print("interrupted", state.asked)
    """
    done = _run(textwrap.dedent(script))
    assert done.stdout == "interrupted True\n"
    assert done.stderr == ""


def test_a_signal_is_not_lost_while_another_error_is_told() -> None:
    script = """
        import os, signal, sys, time
        from rootless_build.interruption import signals_interrupt

        class Broken:
            def __del__(self):
                raise ValueError

        def told(unraisable):
            os.kill(os.getpid(), signal.SIGTERM)
            # So long that it is acted on in here, and nobody wakes the program any more.
            time.sleep(0.3)
            print("told", unraisable.exc_type.__name__)

        sys.unraisablehook = told
        with signals_interrupt() as state:
            try:
                one = Broken()
                del one
                while True:
                    signal.pause()
            except KeyboardInterrupt:
                print("interrupted", state.asked)
    """
    done = _run(textwrap.dedent(script))
    assert done.stdout == "told ValueError\ninterrupted True\n"
    assert done.stderr == ""


def _run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
