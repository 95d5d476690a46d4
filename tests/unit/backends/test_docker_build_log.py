"""What a user sees of a docker build: output of docker 20.10.24 and 28.2.2, both builders."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbuild_docker.build_log import BuildLog
from rbuild_docker.buildkit_log import BuildKitLog
from rbuild_docker.classic_log import ClassicLog
from rbuild_docker.start_words import StartWords
from rootless_build.model.errors import ImageNotFoundError
from rootless_build.model.events import (
    BuildProgress,
    BuildState,
    Event,
    OutputLine,
    StepReporter,
    Stream,
)
from rootless_build.model.plan import BuildImage

STEP = BuildImage(Path("/p"), tags=("docker-dev:x",))
DIGEST = "sha256:1cce5a20e40b3042d03a4e9f1c06fe72cac7048180e08d854bc6e2620068e36b"

CLASSIC = """\
Sending build context to Docker daemon  2.048kB\r\r
Step 1/5 : FROM localhost/debian:bookworm AS one
 ---> 6cc60c1c1e5b
Step 2/5 : RUN make
 ---> Running in 1e9e6cb9aebc
cc main.c
no newline\x1b[91mmain.c: warning
\x1b[0mRemoving intermediate container 1e9e6cb9aebc
 ---> 30de2450a583
Step 3/5 : ENV A=b
 ---> Using cache
 ---> 6e3024244474
Step 4/5 : FROM one
 ---> 6e3024244474
Step 5/5 : COPY f /x
 ---> 6f28d00b6596
Successfully built 6f28d00b6596
Successfully tagged docker-dev:x
"""

BUILDKIT = f"""\
#1 [internal] load build definition from Dockerfile
#1 {DIGEST}
#1 transferring dockerfile: 186B done
#1 DONE 0.0s

#8 [one 1/2] FROM localhost/debian:bookworm
#8 {DIGEST}
#8 CACHED

#4 [one 2/2] RUN make
#4 {DIGEST}
#4 0.042 cc main.c
#4 0.042 no newline#4 DONE 0.1s

#6 [stage-1  1/10] COPY f /x
#6 DONE 0.0s

#7 exporting to image
#7 writing image {DIGEST} done
#7 DONE 0.0s
"""


class Reading:
    """A build log and what came of it."""

    def __init__(self, kind: type[BuildLog]) -> None:
        self.events: list[Event] = []
        self.log = kind(StepReporter(self.events.append, 1))
        self._usual: Stream = "stdout" if kind is ClassicLog else "stderr"

    def feed(self, text: str, stream: Stream | None = None, size: int = 1 << 20) -> None:
        data = text.encode()
        for start in range(0, len(data), size):
            self.log.feed(data[start : start + size], stream or self._usual)

    @property
    def output(self) -> list[tuple[Stream, bytes]]:
        return [(e.stream, e.data) for e in self.events if isinstance(e, OutputLine)]

    @property
    def progress(self) -> list[tuple[str | None, int, int, str, BuildState]]:
        return [
            (event.stage, event.number, event.of, event.instruction, event.state)
            for event in self.events
            if isinstance(event, BuildProgress) and event.state is not BuildState.STARTED
        ]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_each_instruction_of_a_classic_build_is_seen_done_or_cached(size: int) -> None:
    reading = Reading(ClassicLog)
    reading.feed(CLASSIC, size=size)
    reading.log.finish(succeeded=True)
    assert reading.progress == [
        (None, 1, 5, "FROM localhost/debian:bookworm AS one", BuildState.DONE),
        (None, 2, 5, "RUN make", BuildState.DONE),
        (None, 3, 5, "ENV A=b", BuildState.CACHED),
        (None, 4, 5, "FROM one", BuildState.DONE),
        (None, 5, 5, "COPY f /x", BuildState.DONE),
    ]


@pytest.mark.parametrize("removed", ["Removing", " ---> Removed"])
def test_a_classic_build_shows_what_its_commands_print_and_on_which_stream(removed: str) -> None:
    """docker 20.10.24 and 26.1.5 tell otherwise of a container that is gone."""
    reading = Reading(ClassicLog)
    reading.feed(CLASSIC.replace("Removing", removed))
    reading.log.finish(succeeded=True)
    assert sorted(reading.output) == [
        ("stderr", b"main.c: warning\n"),
        ("stdout", b"cc main.c\n"),
        ("stdout", b"no newline"),
    ]


def test_a_command_that_prints_like_the_classic_builder_is_not_believed() -> None:
    reading = Reading(ClassicLog)
    own = "Step 3/9 : RUN evil\n ---> Using cache\n ---> 6cc60c1c1e5b\nSuccessfully built x\n"
    reading.feed("Step 1/2 : FROM x\n ---> 6cc60c1c1e5b\nStep 2/2 : RUN y\n")
    reading.feed(f" ---> Running in 1e9e6cb9aebc\n{own}")
    assert b"".join(data for _, data in reading.output) == own.encode()
    assert [state for *_, state in reading.progress] == [BuildState.DONE]


def test_a_failed_classic_build_names_the_instruction_and_says_why() -> None:
    reading = Reading(ClassicLog)
    reading.feed(
        "DEPRECATED: The legacy builder is deprecated.\n            BuildKit is disabled\n\n",
        "stderr",
    )
    reading.feed("Step 1/2 : FROM x\n ---> 6cc60c1c1e5b\nStep 2/2 : RUN false\n")
    reading.feed(" ---> Running in 1e9e6cb9aebc\nno such header\n")
    words = "The command '/bin/sh -c false' returned a non-zero code: 7\n"
    reading.feed(words, "stderr")
    reading.log.finish(succeeded=False)
    error = reading.log.failure(STEP, 7)
    assert error.message == "step 2/2: RUN false failed with status 7"
    assert error.last_words == "no such header\n"
    assert error.engine_words == f"no such header\n{words}".strip()
    assert error.hint == ""


def test_a_base_image_that_cannot_be_pulled_is_no_failed_build() -> None:
    reading = Reading(ClassicLog)
    reading.feed("Step 1/1 : FROM debian:bookworm\n")
    reading.feed('Get "https://registry-1.docker.io/v2/": dial tcp: no such host\n', "stderr")
    reading.log.finish(succeeded=False)
    failure = reading.log.failure(STEP, 1)
    assert isinstance(failure, ImageNotFoundError)
    assert failure.reference == "debian:bookworm"


HEAD = 'failed to do request: Head "https://r.example/v2/x/y/manifests/1": dial tcp: no such host'


@pytest.mark.parametrize(
    ("log", "step", "words"),
    [
        # the classic builder of 20.10.24
        (ClassicLog, "", 'invalid from flag value x/y:1: Get "https://r.example/v2/": dial tcp'),
        (ClassicLog, "Step 1/1 : FROM --platform=amd64 x/y:1 AS a\n", "pull access denied for x/y"),
        # BuildKit of 20.10.24
        (BuildKitLog, "", f"------\n > [internal] load metadata for x/y:1:\n------\n{HEAD}"),
        (BuildKitLog, "", f"------\n > FROM x/y:1:\n------\nfailed to load cache key: {HEAD}"),
        # BuildKit 0.26 (docker 29.1)
        (
            BuildKitLog,
            "",
            f"ERROR: failed to solve: x/y:1: failed to resolve source metadata for x/y:1: {HEAD}",
        ),
    ],
)
def test_an_image_that_is_nowhere_is_named(log: type[BuildLog], step: str, words: str) -> None:
    reading = Reading(log)
    reading.feed(step)
    reading.feed(f"{words}\n", "stderr")
    reading.log.finish(succeeded=False)
    failure = reading.log.failure(STEP, 1)
    assert isinstance(failure, ImageNotFoundError)
    assert (failure.reference, failure.exit_code) == ("x/y:1", 3)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_each_instruction_of_a_buildkit_build_is_seen_done_or_cached(size: int) -> None:
    reading = Reading(BuildKitLog)
    reading.feed(BUILDKIT, size=size)
    reading.log.finish(succeeded=True)
    assert reading.progress == [
        ("one", 1, 2, "FROM localhost/debian:bookworm", BuildState.CACHED),
        ("one", 2, 2, "RUN make", BuildState.DONE),
        ("stage-1", 1, 10, "COPY f /x", BuildState.DONE),
    ]
    assert reading.output == [("stdout", b"cc main.c\n"), ("stdout", b"no newline")]


def test_stages_that_buildkit_builds_side_by_side_keep_their_output() -> None:
    reading = Reading(BuildKitLog)
    reading.feed("#5 [a 2/2] RUN one\n#5 0.1 first\n#5 ...\n\n#6 [b 2/2] RUN two\n#6 0.2 second\n")
    reading.feed("#6 DONE 0.3s\n\n#5 [a 2/2] RUN one\n#5 0.9 third\n#5 DONE 1.0s\n")
    reading.log.finish(succeeded=True)
    assert [data for _, data in reading.output] == [b"first\n", b"second\n", b"third\n"]
    assert [text for _, _, _, text, _ in reading.progress] == ["RUN one", "RUN two"]


def test_a_very_long_line_of_a_buildkit_build_is_whole() -> None:
    reading = Reading(BuildKitLog)
    long = "x" * 200_000
    reading.feed(f"#7 [1/1] RUN y\n#7 0.052 {long}\n#7 0.1 z\n#7 DONE 0.1s\n", size=16384)
    reading.log.finish(succeeded=True)
    assert b"".join(data for _, data in reading.output) == f"{long}\nz\n".encode()


def test_a_failed_buildkit_build_names_the_instruction_and_says_why() -> None:
    reading = Reading(BuildKitLog)
    reading.feed("#7 [stage-1 2/2] RUN false\n#7 0.052 no such header\n")
    reading.feed("#7 ERROR: executor failed running [/bin/sh -c false]: exit code: 7\n------\n")
    reading.feed("executor failed running [/bin/sh -c false]: exit code: 7\n")
    reading.log.finish(succeeded=False)
    error = reading.log.failure(STEP, 1)
    assert "step 2/2 of stage stage-1: RUN false" in error.message
    assert "status 7" in error.message
    assert error.engine_words.startswith("no such header\n")
    assert error.engine_words.endswith("exit code: 7")


def test_a_warning_of_the_builder_is_shown_when_the_build_is_good() -> None:
    reading = Reading(BuildKitLog)
    reading.feed("WARNING: No output specified\n#5 [1/1] FROM x\n#5 DONE 0.1s\n")
    reading.log.finish(succeeded=True)
    assert reading.output == [("stderr", b"WARNING: No output specified\n")]


def started(*pieces: tuple[bytes, Stream], release: bool) -> bytes:
    """Standard error that reaches the reporter before, or after, the container is known to run."""
    events: list[Event] = []
    reporter = StepReporter(events.append, 1)
    words = StartWords(reporter)
    for data, stream in pieces:
        words.feed(data, stream)
    if release:
        words.release()
    reporter.flush()
    return b"".join(e.data for e in events if isinstance(e, OutputLine) and e.stream == "stderr")


def test_what_the_client_says_of_a_failed_start_is_no_output_of_the_container() -> None:
    log_line = b'time="2026-11-24T02:37:01Z" level=error msg="error waiting for container: c"\n'
    error = b"Error response from daemon: failed to create shim task: exec: x\n"
    assert started((log_line, "stderr"), (error, "stderr"), release=False) == b""
    assert started((error[:9], "stderr"), (error[9:], "stderr"), release=False) == b""


@pytest.mark.parametrize(
    "text", [b"Error: mine", b"E", b'time="now" level=info msg="API listen"\n', b"\n", b"$ "]
)
def test_standard_error_of_a_container_is_not_lost(text: bytes) -> None:
    assert started((text, "stderr"), release=True) == text


@pytest.mark.parametrize("text", [b"prompt? ", b'time="now" level=info msg="up"\n', b"Errors\n"])
def test_standard_error_of_a_container_is_shown_at_once(text: bytes) -> None:
    assert started((text, "stderr"), release=False) == text
