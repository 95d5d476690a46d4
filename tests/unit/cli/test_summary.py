"""What a person reads at the end of a run: what was built, how large, and how long it took."""

from __future__ import annotations

from pathlib import Path

from rootless_build.cli.views.summary import Summary
from rootless_build.model.events import BundlesPublished, Event, StepFinished, StepStarted

BUNDLES = Path("/p/bundles")


def learned(*events: Event) -> Summary:
    summary = Summary()
    for event in events:
        summary.learn(event)
    return summary


def bundles(*events: Event) -> list[str]:
    return [f"{line.head}{line.text}" for line in learned(*events).bundles()]


def test_each_file_has_its_size_and_what_became_of_it() -> None:
    files = ("binary/dockerd", "binary/docker-proxy", "binary/rootless.sh", "link")
    sizes, before = (60_000_000, 2_000_000, 4_096, 7), (None, 1_987_712, 4_096, 9)
    assert bundles(BundlesPublished(BUNDLES, files, 2, sizes, before, 62_004_096, 2_000_000)) == [
        "bundles: 4 new or changed files in /p/bundles, 2 checksums agreed",
        "    57.2 MiB  new          binary/dockerd",
        "     1.9 MiB  +12.0 KiB    binary/docker-proxy",
        "     4.0 KiB  changed      binary/rootless.sh",
        "         7 B  -2 B         link",
        "    59.1 MiB  in all, 57.2 MiB more than before",
    ]


def test_of_many_files_the_largest_are_shown() -> None:
    files = tuple(f"f{number:02}" for number in range(20))
    sizes = tuple(range(20))
    told = bundles(BundlesPublished(BUNDLES, files, 0, sizes, (None,) * 20, 190, 400))
    assert [line.split()[-1] for line in told[1:13]] == list(files[8:])
    assert told[13:] == ["  … and 8 more, 28 B", "       190 B  in all, 210 B less than before"]


def test_what_several_steps_published_is_one_list() -> None:
    assert bundles(
        BundlesPublished(BUNDLES, ("a", "b"), 1, (5, 5), (None, 3), 10, 3),
        BundlesPublished(BUNDLES, ("a", "c"), 2, (9, 1), (5, None), 15, 10),
    ) == [
        "bundles: 3 new or changed files in /p/bundles, 2 checksums agreed",
        "         9 B  new          a",
        "         5 B  +2 B         b",
        "         1 B  new          c",
        "        15 B  in all, 12 B more than before",
    ]


def test_bundles_that_are_as_they_were() -> None:
    event = BundlesPublished(BUNDLES, (), 0, (), (), 1024, 1024)
    (line,) = learned(event).bundles()
    assert line.text == "bundles unchanged in /p/bundles, 1.0 KiB in all"
    assert not line.is_new


def test_a_log_of_an_earlier_rbuild_has_no_sizes() -> None:
    assert bundles(BundlesPublished(BUNDLES, ("a",), 0)) == [
        "bundles: 1 new or changed file in /p/bundles",
        "  a",
    ]


def steps(*seconds: float, cached: tuple[int, ...] = ()) -> list[str]:
    events: list[Event] = []
    for number, took in enumerate(seconds, 1):
        of = len(seconds)
        events.append(StepStarted(number, of, "run-container", f"run {number}"))
        done = number in cached
        events.append(StepFinished(number, of, "run-container", 0, took, cached=done))
    return list(learned(*events).steps())


def test_the_time_of_each_step_that_did_something() -> None:
    assert steps(0.5, 3.0, 125.0, cached=(1,)) == [
        "         3.0 s  [2/3] run 2",
        "    2 min 05 s  [3/3] run 3",
    ]
    assert steps(3.0) == []
    assert steps(1.0, 2.0, cached=(1,)) == []


def test_a_command_at_work_has_as_many_steps_as_it_has_called_for() -> None:
    whole = (StepStarted(1, 0, "host-command", "./x"), StepFinished(1, 0, "host-command", 0, 9.0))
    call = (StepStarted(2, 0, "docker-command", "ps"), StepFinished(2, 0, "docker-command", 0, 1.0))
    assert list(learned(whole[0], *call, whole[1]).steps()) == [
        "         1.0 s  [2/2] ps",
        "         9.0 s  [1/2] ./x",
    ]


def test_of_many_steps_the_longest_are_shown() -> None:
    told = steps(*(float(number) for number in range(1, 21)))
    assert [line.split()[-1] for line in told[:-1]] == [str(number) for number in range(9, 21)]
    assert told[-1] == "          36 s  … 8 shorter steps"
