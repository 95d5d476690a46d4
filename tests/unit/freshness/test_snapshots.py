"""How often files are looked at, and that what is known of them is not kept too long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.freshness import snapshots as snapshots_module
from rootless_build.freshness.fingerprints import Fingerprint, Unknown
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.snapshots import LateSnapshot, Snapshots
from rootless_build.images.own_files import OwnFiles
from rootless_build.model.plan import BuildImage, Bundles, HostCommand, Plan


@pytest.fixture
def build(tmp_path: Path) -> BuildImage:
    (tmp_path / "context").mkdir()
    (tmp_path / "context/Dockerfile").write_text("FROM debian\n")
    return BuildImage(tmp_path / "context", tags=("t",))


def snapshots(build: BuildImage) -> Snapshots:
    return Snapshots(Plan(build.context, (build,)), build.context.parent / "cache")


def test_files_are_looked_at_once_until_something_is_done(build: BuildImage) -> None:
    made = snapshots(build)
    before = made.of_build(build)
    (build.context / "new").write_text("x")
    assert made.of_build(build) == before
    assert made.take(build) != before
    assert made.of_build(build) == before
    made.forget()
    assert made.of_build(build) == made.take(build) != before


def test_what_could_not_be_looked_at_is_looked_at_again(build: BuildImage) -> None:
    file = build.context / "Dockerfile"
    made = snapshots(build)
    file.unlink()
    assert made.of_build(build) == Unknown(f"{file}: No such file or directory")
    file.write_text("FROM debian\n")
    assert isinstance(made.of_build(build), Fingerprint)


def test_only_the_first_step_is_looked_at_ahead(build: BuildImage) -> None:
    """What comes before the others may change their files."""
    command = HostCommand("true", build.context)
    for steps, ahead in (((build,), True), ((command, build), False), ((), False)):
        made = Snapshots(Plan(build.context, steps), build.context.parent / "cache")
        before = made.take(build)
        made.look_ahead()
        (build.context / str(len(steps))).write_text(f"{steps}")
        assert (made.of_build(build) == before) is ahead


def test_bundles_of_which_is_known_later_do_not_count_from_then_on(build: BuildImage) -> None:
    """A plan may grow: what rbuild itself writes into them would change the context for ever."""
    made = snapshots(build)
    before = made.of_build(build)
    made.follow(Plan(build.context, (build,)))
    (build.context / "bundles").mkdir()
    assert made.of_build(build) == before, "the plan that is followed writes nowhere else"
    made.follow(Plan(build.context, (build,), Bundles(build.context / "bundles")))
    without = made.of_build(build)
    (build.context / "bundles/provenance.intoto.json").write_text("{}")
    after = made.take(build)
    assert isinstance(without, Fingerprint)
    assert isinstance(after, Fingerprint)
    assert without != before
    assert after.digest == without.digest


def test_directories_of_records_stay_out_when_the_plan_grows(build: BuildImage) -> None:
    records = build.context / "records"
    own = OwnFiles.of(Plan(build.context, (build,)), (records,))
    made = Snapshots(Plan(build.context, (build,)), build.context.parent / "cache", own)
    made.follow(Plan(build.context, (build,), Bundles(build.context / "bundles")))
    before = made.of_build(build)
    records.mkdir()
    (records / "x").write_text("x")
    assert made.take(build) == before


def test_where_the_id_of_the_image_goes_does_not_count(build: BuildImage) -> None:
    """It is empty while the image is built, and full afterwards."""
    file = build.context / "image-id"
    step = BuildImage(build.context, tags=("t",), image_id_file=file)
    before = snapshots(step).take(step)
    file.write_text("x")
    assert snapshots(step).take(step) == before
    (build.context / "other").write_text("x")
    assert snapshots(step).take(step) != before


def test_a_late_snapshot_is_taken_once_in_the_background() -> None:
    """What changes after the engine has read all files is none of its business."""
    taken = iter(range(9))
    late = LateSnapshot(lambda: Fingerprint((("number", str(next(taken))),), {}))
    late.start()
    late.wait()
    late.start()
    late.wait()
    assert late.result() == Fingerprint((("number", "0"),), {})


def test_whoever_waits_for_a_late_snapshot_finds_it_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the thread gets its turn: nobody looks at files after that."""

    class Late:
        """A thread that gets no turn before it is waited for."""

        def __init__(self, work: Callable[[], None], name: str) -> None:
            self._work = work

        def start(self) -> None:
            """Not yet."""

        def wait(self) -> None:
            waits.append(len(taken))
            self._work()

    waits: list[int] = []
    taken: list[Fingerprint] = []

    def take() -> Fingerprint:
        taken.append(Fingerprint((), {}))
        return taken[-1]

    monkeypatch.setattr(snapshots_module, "Background", Late)
    late = LateSnapshot(take)
    late.start()
    late.wait()
    assert len(taken) == 1
    late = LateSnapshot(take)
    late.start()
    assert late.result() is taken[1]
    assert len(taken) == 2
    assert waits == [0, 1]


def test_a_late_snapshot_that_was_not_begun_is_taken_when_it_is_asked_for() -> None:
    made = Fingerprint((), {})
    late = LateSnapshot(lambda: made)
    late.wait()
    assert late.result() is made


def test_a_late_snapshot_that_could_not_be_taken_is_tried_again() -> None:
    answers = iter((Unknown("for a moment"), Fingerprint((), {})))
    late = LateSnapshot(lambda: next(answers))
    late.start()
    assert late.result() == Fingerprint((), {})
    assert LateSnapshot(lambda: Unknown("why")).result() == Unknown("why")


def test_a_plan_that_has_grown_has_no_snapshots_of_before(build: BuildImage) -> None:
    """Nor has one in whose course something was done."""
    cache = build.context.parent / "cache"
    plan = Plan(build.context, (build,))
    made = Snapshots(plan, cache)
    freshness = PlanFreshness(plan, (), cache, snapshots=made)
    before = made.of_build(build)
    freshness.follow(Plan(build.context, (build,), Bundles(build.context / "bundles")))
    (build.context / "file").write_text("x")
    grown = made.of_build(build)
    assert grown != before
    (build.context / "file").write_text("y")
    assert made.of_build(build) == grown
    freshness.forget()
    assert made.of_build(build) != grown
