"""What builds leave is removed when none is at work: those that go on have containers too."""

from __future__ import annotations

from rbuild_containers.builds import Builds


def test_what_one_leaves_is_removed_when_the_other_has_ended() -> None:
    ended: list[str] = []
    builds = Builds(lambda: ended.append("all"))
    with builds.one():
        with builds.one():
            builds.leave()
        assert not ended
    assert ended == ["all"]


def test_it_is_removed_once() -> None:
    ended: list[str] = []
    builds = Builds(lambda: ended.append("all"))
    with builds.one():
        builds.leave()
    with builds.one():
        pass
    assert ended == ["all"]


def test_what_ends_well_leaves_nothing() -> None:
    ended: list[str] = []
    builds = Builds(lambda: ended.append("all"))
    with builds.one(), builds.one():
        pass
    assert not ended
