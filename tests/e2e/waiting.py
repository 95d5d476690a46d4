"""Targets of the project that wait for ever: in their container, or in their image build."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild

WAIT = "echo waiting; while :; do sleep 1; done"


def with_waiting_targets(rbuild: Rbuild, temporary: Path) -> Rbuild:
    """The targets `wait` and `stubborn`, and the containerfiles Waits and WaitTwice."""
    (rbuild.project / "hack/make/wait").write_text(f"echo half > $DEST/half; {WAIT}\n")
    (rbuild.project / "hack/make/stubborn").write_text(f"trap '' TERM INT HUP; {WAIT}\n")
    (rbuild.project / "Waits").write_text(f"FROM debian:bookworm\nRUN echo one\nRUN {WAIT}\n")
    (rbuild.project / "WaitTwice").write_text(
        f"FROM debian:bookworm AS a\nRUN {WAIT}\nFROM debian:bookworm AS b\nRUN {WAIT}\n"
        "FROM scratch\nCOPY --from=a /etc/hostname /a\nCOPY --from=b /etc/hostname /b\n"
    )
    makefile = rbuild.project / "Makefile"
    targets = "".join(
        f"\n{name}: build\n\t$(RUN) hack/make.sh {name}\n" for name in ("wait", "stubborn")
    )
    makefile.write_text(makefile.read_text() + targets)
    environment = {**rbuild.environment, "TMPDIR": str(temporary)}
    return dataclasses.replace(rbuild, environment=environment)


@contextlib.contextmanager
def at_work(rbuild: Rbuild, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`rbuild`, started, once what it runs says that it waits."""
    with rbuild.started(*words) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        # What an image build prints is on standard error.
        for line in running.stderr if "-f" in words else running.stdout:
            if line == b"waiting\n":
                break
        else:
            pytest.fail(f"it ended: {running.communicate()}")
        yield running
