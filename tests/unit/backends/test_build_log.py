"""What a user sees of a build, from the output of podman 4.3.1 and buildah 1.28.2."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbuild_containers.build_log import BuildLog
from rbuild_containers.end_build import end_build
from rootless_build.model.errors import ImageNotFoundError
from rootless_build.model.events import (
    LONGEST_LINE,
    BuildProgress,
    BuildState,
    Event,
    OutputLine,
    StepReporter,
    Stream,
    UnfinishedLine,
)
from rootless_build.model.plan import BuildImage
from rootless_build.process import programs

ID = "9ecae33e8ef9f37b2d73f455ba62185281ab03bf4cc6f847b9e3114875bbc2fd"

STAGES = f"""\
[1/2] STEP 1/3: FROM localhost/debian:bookworm AS one
[1/2] STEP 2/3: RUN make
cc main.c
[1/2] STEP 3/3: COPY f.txt /f.txt
--> Using cache {ID}
--> {ID[:11]}
[2/2] STEP 1/2: FROM localhost/debian:bookworm
[2/2] STEP 2/2: LABEL a=b
[2/2] COMMIT localhost/m3
--> {ID[:11]}
Successfully tagged localhost/m3:latest
{ID}
"""

STEP = BuildImage(Path("/p"), tags=("docker-dev:x",))


class Reading:
    """A build log and what came of it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.log = BuildLog(StepReporter(self.events.append, 1))

    def feed(self, text: str, stream: Stream = "stdout", size: int = 1 << 20) -> None:
        data = text.encode()
        for start in range(0, len(data), size):
            self.log.feed(data[start : start + size], stream)

    @property
    def output(self) -> list[bytes]:
        return [event.data for event in self.events if isinstance(event, OutputLine)]

    @property
    def progress(self) -> list[tuple[str | None, int, int, str, BuildState]]:
        return [
            (event.stage, event.number, event.of, event.instruction, event.state)
            for event in self.events
            if isinstance(event, BuildProgress) and event.state is not BuildState.STARTED
        ]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_instructions_are_counted_by_stage_and_the_cached_ones_said_so(size: int) -> None:
    reading = Reading()
    reading.feed(STAGES, size=size)
    reading.log.finish(succeeded=True)
    assert reading.progress == [
        ("1/2", 1, 3, "FROM localhost/debian:bookworm AS one", BuildState.DONE),
        ("1/2", 2, 3, "RUN make", BuildState.DONE),
        ("1/2", 3, 3, "COPY f.txt /f.txt", BuildState.CACHED),
        ("2/2", 1, 2, "FROM localhost/debian:bookworm", BuildState.DONE),
        ("2/2", 2, 2, "LABEL a=b", BuildState.DONE),
    ]
    assert reading.output == [b"cc main.c\n"]


def test_a_run_that_prints_steps_of_its_own_is_not_taken_for_the_engine() -> None:
    reading = Reading()
    reading.feed("STEP 1/3: FROM a\nSTEP 2/3: RUN docker build\n")
    said = "STEP 1/7: FROM b\nSTEP 2/3: again\n[1/2] STEP 3/3: staged\nCOMMIT x\n" + ID + "\n"
    reading.feed(said)
    reading.feed("STEP 3/3: CMD x\n")
    reading.log.finish(succeeded=True)
    assert b"".join(reading.output).decode() == said
    assert [done[3] for done in reading.progress] == ["FROM a", "RUN docker build", "CMD x"]


@pytest.mark.parametrize("engine", [f"--> {ID[:11]}\n", ""])
def test_output_without_a_newline_is_told_from_the_engine_words_behind_it(engine: str) -> None:
    reading = Reading()
    reading.feed(f"STEP 1/3: FROM a\nSTEP 2/3: RUN printf x\nx{engine}STEP 3/3: CMD y\n")
    reading.log.finish(succeeded=True)
    assert reading.output == [b"x"]
    assert [done[3] for done in reading.progress] == ["FROM a", "RUN printf x", "CMD y"]


def test_stages_that_are_skipped_do_not_stop_the_count() -> None:
    reading = Reading()
    reading.feed("[1/5] STEP 1/1: FROM a\n[4/5] STEP 1/2: FROM b\n[4/5] STEP 2/2: RUN c\n")
    reading.log.finish(succeeded=True)
    assert [done[0] for done in reading.progress] == ["1/5", "4/5", "4/5"]


def test_what_the_base_wants_to_be_done_is_counted_after_from() -> None:
    reading = Reading()
    reading.feed("STEP 1/2: FROM a\nSTEP 2/3: RUN x\nSTEP 3/4: RUN y\n--> 0123456789a\n")
    reading.feed(f"STEP 3/3: LABEL a=b\nCOMMIT\n--> {ID[:11]}\n{ID}\n")
    reading.log.finish(succeeded=True)
    assert [row[1:4] for row in reading.progress] == [
        (1, 2, "FROM a"),
        (2, 3, "RUN x"),
        (3, 3, "LABEL a=b"),
    ]
    assert reading.output == [b"STEP 3/4: RUN y\n"]
    assert reading.log.result == ID


def test_a_line_shows_up_before_the_build_goes_on() -> None:
    reading = Reading()
    reading.feed("STEP 1/2: FROM a\nSTEP 2/2: RUN slow\nworking\n")
    assert reading.output == [b"working\n"]


def test_a_line_that_overwrites_itself_shows_up_before_it_has_an_end() -> None:
    events: list[Event] = []
    log = BuildLog(StepReporter(events.append, 1))
    log.feed(b"STEP 1/1: RUN make\n10 %\r20 %\r", "stdout")
    log.feed(b"\n", "stdout")
    assert events[-2:] == [
        UnfinishedLine(1, b"10 %\r20 %\r"),
        OutputLine(1, "stdout", b"10 %\r20 %\r\n"),
    ]


def test_the_rest_of_a_line_that_came_in_pieces_shows_up_with_its_end() -> None:
    reading = Reading()
    reading.feed("STEP 1/1: RUN a\n")
    reading.feed("x" * LONGEST_LINE)
    reading.feed("the end of a secret\r")
    assert not [event for event in reading.events if isinstance(event, UnfinishedLine)]
    reading.feed("\n10 %\r")
    assert reading.output == [b"x" * LONGEST_LINE, b"the end of a secret\r\n"]
    assert reading.events[-1] == UnfinishedLine(1, b"10 %\r")


def test_a_failure_names_the_instruction_its_status_and_the_last_words() -> None:
    reading = Reading()
    reading.feed("[2/2] STEP 1/2: FROM a\n[2/2] STEP 2/2: RUN make\nmain.c: no such file\n")
    error = 'Error: building at STEP "RUN make": while running runtime: exit status 7\n'
    reading.feed(error, "stderr")
    reading.log.finish(succeeded=False)
    failure = reading.log.failure(STEP, 7)
    assert failure.message == "STEP 2/2 of stage 2/2: RUN make failed with status 7"
    assert failure.last_words == "main.c: no such file\n"
    assert failure.engine_words.splitlines() == ["main.c: no such file", error.strip()]
    assert [done[3] for done in reading.progress] == ["FROM a"], "the failed one is not done"


def test_a_failure_before_the_first_instruction_has_the_engines_words() -> None:
    reading = Reading()
    reading.feed("Error: stat /p/nope: no such file or directory\n", "stderr")
    reading.log.finish(succeeded=False)
    assert "/p/nope" in reading.log.failure(STEP, 125).engine_words


def test_stages_that_wait_for_each_other_are_mixed() -> None:
    reading = Reading()
    reading.feed(
        "[1/3] STEP 1/2: FROM a\n[1/3] STEP 2/2: COPY x /\n[3/3] STEP 1/2: FROM b\n"
        "[3/3] STEP 2/2: RUN --mount=from=two make\n[2/3] STEP 1/1: FROM c AS two\n"
        "[3/3] STEP 4/2: no step\n"
    )
    reading.feed('Error: building at STEP "RUN --mount=from=two make": exit status 2\n', "stderr")
    reading.log.finish(succeeded=False)
    assert [(stage, number) for stage, number, *_ in reading.progress] == [
        ("1/3", 1),
        ("1/3", 2),
        ("3/3", 1),
        ("3/3", 2),
    ]
    assert reading.output == [b"[3/3] STEP 4/2: no step\n"]
    failure = reading.log.failure(STEP, 1)
    assert "STEP 2/2 of stage 3/3: RUN --mount=from=two make failed" in failure.message


def test_a_failure_names_a_command_without_a_shell_by_its_words() -> None:
    """Written as the engine does: the words of its JSON, the lines of a heredoc among them."""
    reading = Reading()
    reading.feed(
        "[2/2] STEP 1/2: FROM b\n"
        '[2/2] STEP 2/2: RUN --mount=from=one ["/bin/sh", "-c", "  set -e\\n  make\\n"]\n'
        "[1/2] STEP 1/1: FROM c AS one\n"
    )
    error = 'Error: building at STEP "RUN --mount=from=one /bin/sh -c   set -e\n  make\n": '
    reading.feed(f"{error}while running runtime: exit status 2\n", "stderr")
    reading.log.finish(succeeded=False)
    failure = reading.log.failure(STEP, 1)
    assert "STEP 2/2 of stage 2/2: RUN --mount=from=one" in failure.message
    assert "failed with status 2" in failure.message


def test_the_stage_whose_image_is_nowhere_is_named() -> None:
    reading = Reading()
    reading.feed("[1/2] STEP 1/1: FROM --platform=linux/arm64 x/y:1 AS a\n")
    reading.feed("[2/2] STEP 1/2: FROM debian:bookworm\n")
    reading.feed('Error: creating build container: short-name "x/y:1" did not resolve\n', "stderr")
    reading.log.finish(succeeded=False)
    failure = reading.log.failure(STEP, 125)
    assert isinstance(failure, ImageNotFoundError)
    assert failure.reference == "x/y:1"


@pytest.mark.parametrize(
    "words",
    [
        # podman 4.3.1 and buildah 1.28.2
        'creating build container: short-name "x/y:1" did not resolve to an alias',
        "creating build container: x/y:1: image not known",
        "creating build container: initializing source docker://x/y:1: pinging container registry",
        "creating build container: pinging container registry x",
        "COPY --from=x/y:1: no stage or image found with that name",
        "at STEP x: type=bind,from=x/y:1 from=x/y:1: no stage or image found with that name",
        # buildah 1.39.3
        "creating build container: unable to copy from source docker://x/y:1: initializing",
    ],
)
def test_an_image_that_is_nowhere_is_named_and_is_no_failed_build(words: str) -> None:
    reading = Reading()
    reading.feed("STEP 1/2: FROM x/y:1\n")
    reading.feed(f"Error: {words}\n", "stderr")
    reading.log.finish(succeeded=False)
    failure = reading.log.failure(STEP, 125)
    assert isinstance(failure, ImageNotFoundError)
    assert (failure.reference, failure.exit_code) == ("x/y:1", 3)
    assert words in failure.engine_words


@pytest.mark.parametrize("reached", ["STEP 2/2: RUN x", "STEP 1/2: FROM a"])
def test_an_interrupted_build_can_clean_up_after_its_instruction(
    tmp_path: Path, reached: str
) -> None:
    # Shaped like the engines: a child that runs the RUN, and work to do once that has ended.
    engine = """
        trap 'touch "$1"/terminated; kill %1; exit' TERM
        echo "STEP 1/2: FROM a"
        case "$2" in *RUN*) echo "$2"; esac
        bash -c 'exec -a buildah-oci-runtime sleep 100' &
        wait %1
        touch "$1"/cleaned-up
    """
    reading = Reading()

    def until_reached(data: bytes, stream: Stream) -> None:
        reading.log.feed(data, stream)
        started = [event for event in reading.events if isinstance(event, BuildProgress)]
        if started and started[-1].instruction in reached:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        programs.stream(
            ["bash", "-c", engine, "engine", str(tmp_path), reached],
            until_reached,
            ask_to_end=end_build(reading.log),
        )
    expected = "cleaned-up" if "RUN" in reached else "terminated"
    assert [path.name for path in tmp_path.iterdir()] == [expected]


def test_an_argument_without_a_value_is_no_warning() -> None:
    # buildah 1.28.2, `ARG APT_MIRROR` and no --build-arg; docker says nothing.
    reading = Reading()
    reading.feed(
        'time="2026-11-29T16:31:27Z" level=warning msg="missing \\"APT_MIRROR\\" build argument. '
        'Try adding \\"--build-arg APT_MIRROR=<VALUE>\\" to the command line"\n'
        'time="2026-11-29T16:31:27Z" level=warning msg="something else"\n',
        "stderr",
    )
    reading.log.finish(succeeded=True)
    assert [line.partition(b"msg=")[2] for line in reading.output] == [b'"something else"\n']


def test_the_engines_error_about_a_long_instruction_is_not_told_as_its_output() -> None:
    long = "RUN " + " &&     ".join(f"echo step {number} of a long one" for number in range(60))
    reading = Reading()
    reading.feed(f"STEP 1/1: {long}\nmaking\n")
    reading.feed(
        f'Error: building at STEP "{long}": while running runtime: exit status 4\n', "stderr"
    )
    reading.log.finish(succeeded=False)
    failure = reading.log.failure(STEP, 1)
    assert failure.last_words == "making\n"
    assert "status 4" in failure.message


TAKING = f"""\
Getting image source signatures
Copying blob sha256:{ID}
Copying config sha256:{ID}
Writing manifest to image destination
"""


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("end", ["", "Storing signatures\n"])
def test_an_image_of_rbuilds_own_is_taken_without_words(*, early: bool, end: str) -> None:
    """Those of a RUN are shown, also if they are the same."""
    reading = Reading()
    if early:
        reading.feed(TAKING + end, "stderr")
    reading.feed("STEP 1/2: FROM dir:/tmp/x/1-image AS rbuild-segment\n")
    if not early:
        reading.feed(TAKING + end, "stderr")
    reading.feed("STEP 2/2: RUN skopeo\n")
    reading.feed(TAKING, "stderr")
    shown = [event.data.decode() for event in reading.events if isinstance(event, OutputLine)]
    assert "".join(shown) == TAKING


def test_words_about_another_base_are_shown() -> None:
    reading = Reading()
    reading.feed("STEP 1/2: FROM docker.io/library/busybox\n")
    reading.feed(TAKING, "stderr")
    shown = [event.data.decode() for event in reading.events if isinstance(event, OutputLine)]
    assert "".join(shown) == TAKING
