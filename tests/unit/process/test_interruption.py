"""Signals that end a run, wherever they strike. Each test is a program: signals are a process's."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """\
import os, signal, sys, threading, time
from rootless_build.process import programs as process
from rootless_build.process.signals import signals_interrupt

{setup}

with signals_interrupt() as state:
    try:
        {work}
        while True:
            signal.pause()
    except KeyboardInterrupt:
        print("interrupted", state.asked)
"""


def ends(setup: str, work: str, *, says: str = "") -> None:
    """Assert that a signal ends that work, and that nothing is said but this."""
    script = PROGRAM.format(setup=textwrap.dedent(setup), work=work)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == f"{says}interrupted True\n"
    assert done.stderr == ""


STRUCK_IN_A_FINALIZER = """
    class Finalized:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0)
"""


def test_a_signal_that_comes_while_python_runs_a_finalizer_is_not_lost() -> None:
    ends(STRUCK_IN_A_FINALIZER, "one = Finalized(); del one")


def test_a_second_signal_is_not_lost_where_the_first_was_lost() -> None:
    setup = """
        def strike_again(frame, event, _):
            if event == "call" and frame.f_code.co_name == sys.unraisablehook.__name__:
                os.kill(os.getpid(), signal.SIGINT)
    """
    work = "sys.setprofile(strike_again); one = Finalized(); del one"
    ends(textwrap.dedent(STRUCK_IN_A_FINALIZER) + textwrap.dedent(setup), work)


def test_a_signal_is_not_lost_while_another_error_is_told() -> None:
    setup = """
        class Broken:
            def __del__(self):
                raise ValueError

        def told(unraisable):
            os.kill(os.getpid(), signal.SIGTERM)
            # So long that it is acted on in here, and nobody wakes the program any more.
            time.sleep(0.3)
            print("told", unraisable.exc_type.__name__)

        sys.unraisablehook = told
    """
    ends(setup, "one = Broken(); del one", says="told ValueError\n")


STRIKES_LATE = """
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
    work = f"threading.Thread(target=strike_late, daemon=True).start(); {waits}"
    ends(STRIKES_LATE.replace("NUMBERS", numbers), work)


TWICE = """\
import os, signal, time
from rootless_build.process.signals import signals_interrupt

with signals_interrupt(same=0.5) as state:
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    except KeyboardInterrupt:
        pass
    try:
        time.sleep({late})
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
    except KeyboardInterrupt:
        pass
    print(state.at_once)
"""


@pytest.mark.parametrize(("late", "at_once"), [(0.0, False), (0.8, True)])
def test_one_ctrl_c_that_comes_by_several_ways_is_one(late: float, *, at_once: bool) -> None:
    words = [sys.executable, "-c", TWICE.format(late=late)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (f"{at_once}\n", "")
