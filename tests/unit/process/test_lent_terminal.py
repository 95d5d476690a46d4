"""A terminal of rbuild's own for a program in a container: who else of this host may open it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.cli.pseudo_terminal import terminal

_LENT = """
import stat, sys
from rootless_build.model.events import StepReporter
from rootless_build.process.terminal import lent
reporter = StepReporter(lambda _: None, 1)
with lent(reporter, to_others=sys.argv[1] == "others") as place:
    print(oct(stat.S_IMODE(place.stat().st_mode)))
"""


@pytest.mark.parametrize(("whose", "mode"), [("own", "0o600"), ("others", "0o666")])
def test_nobody_else_reads_what_is_typed_unless_a_containers_user_has_to(
    whose: str, mode: str
) -> None:
    with terminal() as screen:
        done = subprocess.run(
            (sys.executable, "-c", _LENT, whose),
            stdin=screen.descriptor,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    assert done.stdout == f"{mode}\n"
