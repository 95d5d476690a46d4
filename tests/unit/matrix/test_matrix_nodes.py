"""The executor `nodes`: which node gets which cell, and what becomes of one whose node is lost."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path

import msgspec
import pytest

from rootless_build.matrix import nodes
from rootless_build.matrix.commits import Commit
from rootless_build.matrix.nodes import NodeLostError, NodesFactory
from rootless_build.matrix.placement import Needs
from rootless_build.matrix.work import Job, Result
from rootless_build.model.errors import UsageError

DEADLINE = 30.0
COMMIT = Commit("c", "t")


def job(place: Path, cell: str) -> bytes:
    (place / "cells" / cell).mkdir(parents=True, exist_ok=True)
    made = Job("run", cell, "p", "k", ".", COMMIT, ("binary",), (), str(place))
    return msgspec.msgpack.encode(made)


def answering(status: Callable[[str], int]) -> Callable[[bytes], bytes]:
    """In the place of a run: its status is that of the node that it was given."""

    def do(data: bytes) -> bytes:
        given = msgspec.msgpack.decode(data, type=Job)
        assert given.words[0] == "--on"
        assert given.words[2:] == ("binary",)
        found = status(given.words[1])
        state = "failed" if found else "done"
        return msgspec.msgpack.encode(Result("run", given.cell, COMMIT, state, found, "here"))

    return do


def where(data: bytes) -> str:
    return msgspec.msgpack.decode(data, type=Result).where


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What `rbuild nodes` says is wrong with each."""
    problems: dict[str, str] = {}

    def command(*words: str) -> tuple[str, ...]:
        said = json.dumps([{"name": words[-1], "problem": problems.get(words[-1], "")}])
        return (sys.executable, "-c", f"print({said!r})")

    monkeypatch.setattr(nodes, "command", command)
    return problems


def test_a_cell_goes_to_the_node_that_did_it_last(tmp_path: Path) -> None:
    cells = [f"c{number}" for number in range(6)]

    def run() -> dict[str, str]:
        factory = NodesFactory({"nodes": "a,b,c"})
        executor = factory(Needs())
        do = answering(lambda _: 0)
        ended = {cell: executor.submit(do, job(tmp_path, cell)) for cell in cells}
        found = {cell: where(future.result(DEADLINE)) for cell, future in ended.items()}
        factory.close()
        return found

    first = run()
    assert set(first.values()) <= {"a", "b", "c"}
    assert run() == first


def test_a_lost_node_gets_no_more_cells_and_the_last_one_ends_them(
    tmp_path: Path, looked_at: dict[str, str]
) -> None:
    looked_at["bad"] = "it can't be reached"
    factory = NodesFactory({"nodes": "bad"})
    executor = factory(Needs())
    go = threading.Event()

    def status(_: str) -> int:
        go.wait(DEADLINE)
        return 3

    first, second = (executor.submit(answering(status), job(tmp_path, c)) for c in ("c", "d"))
    go.set()
    with pytest.raises(NodeLostError, match="it can't be reached"):
        first.result(DEADLINE)
    with pytest.raises(BrokenExecutor, match="bad: it can't be reached"):
        second.result(DEADLINE)
    with pytest.raises(BrokenExecutor):
        executor.submit(answering(status), job(tmp_path, "e"))
    factory.close()


def test_what_fails_on_a_node_that_answers_is_the_cells_own_failure(
    tmp_path: Path, looked_at: dict[str, str]
) -> None:
    looked_at["good"] = ""
    factory = NodesFactory({"nodes": "good"})
    executor = factory(Needs())
    ended = [
        executor.submit(answering(status), job(tmp_path, "c"))
        for status in (lambda _: 1, lambda _: 3)
    ]
    results = [msgspec.msgpack.decode(each.result(DEADLINE), type=Result) for each in ended]
    told = [(each.state, each.status, each.where) for each in results]
    assert told == [("failed", 1, "good"), ("failed", 3, "good")]
    factory.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "has no node"),
        ({"nodes": ","}, "has no node"),
        ({"nodes": "a", "workers": "2"}, "no option workers"),
        ({"nodes": "a", "jobs": "0"}, "jobs is 1 to 999"),
    ],
)
def test_bad_options_are_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        NodesFactory(options)


def test_another_platform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no node builds for linux/none yet"):
        NodesFactory({"nodes": "a"})(Needs("linux/none"))
