"""Who the user of a container is, and which ids it gets. What engines do: tests/contract."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from rbuild_containers.id_maps import id_map
from rootless_build.backend import caller
from rootless_build.model.plan import (
    BindMount,
    CallerIds,
    HostCommand,
    Plan,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)
from rootless_build.model.structs import replace

U, G = 4321, 8765
PASSWD = """\
root:x:0:0:root:/root:/bin/sh
# nobody reads this
joe:x:1234:2345:Joe:/home/joe:/bin/sh
+::::::
5:x:77:88::/:
"""
GROUP = "root:x:0:\njoe:x:2345:\nextra:x:777:joe\n"
MOUNT = BindMount(Path("/project"), "/w")


@pytest.fixture(autouse=True)
def the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: U)
    monkeypatch.setattr(os, "getgid", lambda: G)


@pytest.mark.parametrize(
    ("user", "found"),
    [
        # Each as docker 29.1.3 has it, with these files in the image.
        ("1234:2345", (1234, 2345)),
        ("1234", (1234, 2345)),
        ("joe", (1234, 2345)),
        ("joe:", (1234, 2345)),
        ("joe:0", (1234, 0)),
        ("joe:extra", (1234, 777)),
        ("1234:999", (1234, 999)),
        (":2345", (0, 2345)),
        ("root:joe", (0, 2345)),
        ("5555", (5555, 0)),
        ("5555:6666", (5555, 6666)),
        ("01234:02345", (1234, 2345)),
        ("+5:5", (5, 5)),
        ("5", (77, 88)),
        ("nobody", None),
        ("1234:nobody", None),
    ],
)
def test_a_user_is_looked_up_as_docker_does(user: str, found: tuple[int, int] | None) -> None:
    assert caller.looked_up(user, PASSWD, GROUP) == found


def marked(step: RunContainer) -> CallerIds | None:
    (made,) = caller.mark(Plan(Path("/project"), (step,))).steps
    assert isinstance(made, RunContainer)
    return made.caller_ids


STEP = RunContainer("dev", mounts=(MOUNT,))


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        (f"{U}:{G}", CallerIds(U, G)),
        (f"{U}", CallerIds(U, 0)),
        (f"{U}:0", CallerIds(U, 0)),
        (f"{U}:99", CallerIds(U, 99)),
        (f":{G}", CallerIds(0, G)),
        (f"0:{G}", CallerIds(0, G)),
        (f"root:{G}", CallerIds(0, G)),
        (f"99:{G}", CallerIds(0, G)),
        ("99:99", None),
        ("0:0", None),
        ("joe", None),
        (None, None),
    ],
)
def test_whose_user_is_the_caller(user: str | None, ids: CallerIds | None) -> None:
    assert marked(replace(STEP, user=user)) == ids


def test_only_containers_that_can_tell_are_concerned(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = replace(STEP, user=f"{U}:{G}")
    assert marked(replace(mine, mounts=(VolumeMount("/v", "v"),))) == CallerIds(U, G)
    others = (VolumeMount("/v"), VolumeMount("/c", "c", cache=True), TmpfsMount("/t"))
    assert marked(replace(mine, mounts=others)) is None
    assert marked(replace(mine, userns="host")) is None
    assert marked(replace(mine, userns="keep-id")) is None
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert marked(replace(STEP, user=f"0:{G}")) is None
    assert marked(mine) is None


def test_other_steps_stay_as_they_are() -> None:
    plan = Plan(Path("/project"), (HostCommand("true", Path("/project")), STEP))
    assert caller.mark(plan) == plan


# --- the map ------------------------------------------------------------------------------------


def place(own: int, ranges: Sequence[int]) -> dict[int, int]:
    """What each id of the container is, as the engine sees it."""
    found: dict[int, int] = {}
    for part in id_map(own, ranges):
        for number in range(part.size):
            assert part.container + number not in found
            found[part.container + number] = part.host + number
    return found


@pytest.mark.parametrize("ranges", [(65536,), (1000, 70000), (300, 200, 500)])
@pytest.mark.parametrize("own", [1, 2, 299, 300, 301, 1000, 1001, 65535, 65536, 1234567])
def test_the_user_is_the_caller_and_root_is_nobody_else(own: int, ranges: Sequence[int]) -> None:
    found = place(own, ranges)
    last = sum(ranges)
    assert found[own] == 0
    assert found[0] == last
    assert len(set(found.values())) == len(found)
    rest = {inside: outside for inside, outside in found.items() if inside not in {0, own}}
    assert all(inside == outside for inside, outside in rest.items())
    assert set(range(1, last)) - {own} == set(rest)


@pytest.mark.parametrize("own", [0, 7, 1000, 5000])
def test_no_part_of_a_map_reaches_over_the_end_of_a_range(own: int) -> None:
    ranges = (500, 600, 65536)
    ends = {1, 501, 1101, 66637}
    for part in id_map(own, ranges):
        inside = set(range(part.host + 1, part.host + part.size))
        assert not inside & ends


def test_without_a_map_all_ids_are_the_engines() -> None:
    assert place(0, (65536,)) == {number: number for number in range(65537)}
    assert place(5, ()) == {0: 0}
