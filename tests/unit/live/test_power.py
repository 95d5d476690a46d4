"""What of docker's commands has power over the host, where docker itself does them."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from rootless_build.backend.discovery import Choice
from rootless_build.live import dispatch, passing
from rootless_build.live.calls import Call
from rootless_build.live.surroundings import Surroundings, Work
from rootless_build.model.errors import HostError
from rootless_build.runner.journal import Run
from rootless_build.runner.options import Options
from tests.unit.runner.fake_engine import FakeEngine


class _PassedOnError(Exception):
    """A command line is docker's."""


@dataclass
class _DaemonOfRoot(FakeEngine):
    rootless: bool = False
    docker_commands: object = field(
        default_factory=lambda: SimpleNamespace(is_docker=True, keeps_containers=True)
    )


@pytest.mark.parametrize("words", [("run", "-d"), ("create",), ("container", "create")])
@pytest.mark.parametrize(
    ("flags", "passed"),
    [((), True), (("--privileged",), False), (("-v", "/:/host"), False)],
)
def test_a_container_that_stays_has_no_power_that_one_of_a_step_has_not(
    words: tuple[str, ...],
    flags: tuple[str, ...],
    *,
    passed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def whole(*_: object) -> None:
        raise _PassedOnError

    monkeypatch.setattr(passing, "whole", whole)
    around = Surroundings(
        tmp_path,
        _DaemonOfRoot(),
        cast("Choice", None),
        lambda plan: plan,
        lambda _: nullcontext(cast("Run", None)),
        lambda *_: Options(),
        lambda _: pytest.fail("nothing is judged"),
        lambda: None,
    )
    call = Call((*words, *flags, "dev", "true"), tmp_path, {}, 1)
    do = dispatch.who_does(call)
    assert not isinstance(do, dispatch.Answer)
    with pytest.raises(_PassedOnError if passed else HostError):
        do(Work(call, around, lambda _: None))
