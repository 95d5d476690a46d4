"""`--ulimit` as docker's client takes it (29.1.3, each tried), and what of it can be had."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rootless_build.model.plan import Limits
from rootless_build.process import ulimits
from rootless_build.process.ulimits import Ulimit

ROOT = os.getuid() == 0


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("nofile=100", Ulimit("nofile", 100, 100)),
        ("nofile=100:200", Ulimit("nofile", 100, 200)),
        ("nofile=-1", Ulimit("nofile", -1, -1)),
        ("nofile=-1:-1", Ulimit("nofile", -1, -1)),
        ("nofile=100:-1", Ulimit("nofile", 100, -1)),
        ("core=0", Ulimit("core", 0, 0)),
        ("locks=5", Ulimit("locks", 5, 5)),
        ("rttime=5", Ulimit("rttime", 5, 5)),
    ],
)
def test_what_docker_takes(text: str, limit: Ulimit) -> None:
    assert ulimits.parse(text) == limit


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nofile", "is not NAME=SOFT"),
        ("memlock=unlimited", "whole numbers"),
        ("core=unlimited:unlimited", "whole numbers"),
        ("nofile=", "whole numbers"),
        ("nofile=100:", "whole numbers"),
        ("nofile=:100", "whole numbers"),
        ("nofile=1.5", "whole numbers"),
        ("nofile= 5", "whole numbers"),
        ("nofile=0x10", "whole numbers"),
        ("nofile=1:2:3", "whole numbers"),
        ("nofile=200:100", "above the hard one"),
        ("nofile=-1:100", "above the hard one"),
        ("NOFILE=100", "is none of core, cpu"),
        ("foo=1", "is none of core, cpu"),
        ("as=-1", "is none of core, cpu"),
    ],
)
def test_what_docker_refuses(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ulimits.parse(text)


@pytest.mark.parametrize(
    ("given", "hard", "found"),
    [
        ("nofile=-1", 4096, "nofile=4096:4096"),
        ("nofile=100:-1", 4096, "nofile=100:4096"),
        ("nofile=5000:9000", 4096, "nofile=4096:4096"),
        ("rtprio=5", 0, "rtprio=0:0"),
        ("nofile=100:200", 4096, "nofile=100:200"),
        ("core=-1", -1, "core=-1"),
    ],
)
def test_a_limit_is_lowered_to_what_the_user_can_have(given: str, hard: int, found: str) -> None:
    limits, lowered = ulimits.possible(Limits(ulimits=(given,), memory="1g"), lambda _: hard)
    assert limits == Limits(ulimits=(found,), memory="1g")
    assert [given in text for text in lowered] == ([] if found == given else [True])


@pytest.mark.parametrize("within", [(), ("unshare", "--user", "--map-root-user")])
def test_the_hard_limit_of_this_process_holds(within: tuple[str, ...]) -> None:
    """In a process of its own: a hard limit can't be raised again."""
    script = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "from rootless_build.process import ulimits\n"
        "print(ulimits.hard_limit('nofile'))\n"
    )
    # Whoever has every capability may raise it. In a namespace of one's own all of them are there,
    # and setrlimit(2) asks for that of the initial one.
    less = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all"] if ROOT else []
    argv = [*less, *within, sys.executable, "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "64\n"
