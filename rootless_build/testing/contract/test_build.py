"""Image builds."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image
from rootless_build.model.errors import ImageBuildError, ImageNotFoundError, StepFailedError
from rootless_build.model.events import BuildProgress, BuildState
from rootless_build.model.plan import BuildImage, BuildOutput, RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import (
    PATIENCE,
    Build,
    Driver,
    Run,
    kill_once_running,
    processes,
    sh,
    until,
    where_supported,
)
from rootless_build.testing.recorder import Recorder


@pytest.fixture
def context(tmp_path: Path, base_image: Image) -> Path:
    """An empty build context."""
    made = tmp_path / "context ünï"
    made.mkdir()
    return made


def containerfile(context: Path, *lines: str, name: str = "Dockerfile") -> None:
    (context / name).write_text("\n".join(lines) + "\n")


def show(run: Run, image: Image, script: str) -> str:
    return run(RunContainer("built", sh(script), ()), image).text


# --- what goes in -------------------------------------------------------------------------------


def test_build_arguments(build: Build, run: Run, context: Path) -> None:
    containerfile(
        context,
        f"FROM {BASE}",
        "ARG GIVEN=default",
        "ARG EMPTY=default",
        "ARG OTHER=default",
        'RUN printf "%s|%s|%s" "$GIVEN" "$EMPTY" "$OTHER" > /args',
    )
    value = 'two words, "quoted" and $dollar=x'
    image = build(BuildImage(context, build_args=(("GIVEN", value), ("EMPTY", ""))))
    assert show(run, image, "cat /args") == f"{value}||default"


def test_a_target_stage(build: Build, run: Run, context: Path) -> None:
    containerfile(
        context,
        f"FROM {BASE} AS first",
        "RUN echo first > /stage",
        "FROM first AS last",
        "RUN echo last > /stage",
    )
    assert show(run, build(BuildImage(context, target="first")), "cat /stage") == "first"
    assert show(run, build(BuildImage(context)), "cat /stage") == "last"


def test_every_tag_and_label_is_set(engine: Engine, build: Build, context: Path) -> None:
    containerfile(context, f"FROM {BASE}", "LABEL of=file")
    tags = ("localhost/rbuild-test-tagged:1", "localhost/rbuild-test-tagged:2")
    image = build(BuildImage(context, tags=tags, labels=(("given", "a, b=c"), ("empty", ""))))
    labels = {"of": "file", "given": "a, b=c", "empty": ""}
    assert labels.items() <= dict(image.labels).items()
    for tag in tags:
        assert engine.find_image(tag) == image


def test_a_containerfile_outside_the_context(
    build: Build, run: Run, context: Path, tmp_path: Path
) -> None:
    (context / "Dockerfile").write_text("FROM no-such-image\n")
    (context / "file").write_text("of the context\n")
    containerfile(tmp_path, f"FROM {BASE}", "COPY file /", name="other file")
    image = build(BuildImage(context, containerfile=tmp_path / "other file"))
    assert show(run, image, "cat /file") == "of the context"


def test_a_containerfile_called_containerfile(build: Build, run: Run, context: Path) -> None:
    containerfile(context, f"FROM {BASE}", "ENV WHICH=Containerfile", name="Containerfile")
    assert show(run, build(BuildImage(context)), "echo $WHICH") == "Containerfile"
    containerfile(context, f"FROM {BASE}", "ENV WHICH=Dockerfile")
    assert show(run, build(BuildImage(context)), "echo $WHICH") == "Dockerfile"


def test_the_dockerignore_file_is_respected(build: Build, run: Run, context: Path) -> None:
    containerfile(context, f"FROM {BASE}", "COPY . /c", "RUN find /c -type f | sort > /list")
    (context / ".dockerignore").write_text("bundles\n**/*.o\n!keep.o\n")
    for name in ("bundles/old", "src/a.c", "src/a.o", "keep.o", "with space"):
        file = context / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    listed = show(run, build(BuildImage(context)), "cat /list").splitlines()
    assert set(listed) - {"/c/.dockerignore", "/c/Dockerfile"} == {
        "/c/src/a.c",
        "/c/keep.o",
        "/c/with space",
    }


@pytest.mark.parametrize("reference", ["docker.io/library/nosuch:1", "nosuch:1"])
def test_a_base_image_is_replaced_without_touching_the_containerfile(
    engine: Engine, build: Build, run: Run, context: Path, reference: str
) -> None:
    containerfile(context, f"FROM {reference} AS base", "RUN echo x > /made", "FROM base")
    before = (context / "Dockerfile").read_bytes()
    image = build(BuildImage(context, substitutes=((reference, BASE),)))
    assert show(run, image, "cat /made") == "x"
    assert (context / "Dockerfile").read_bytes() == before
    assert [path.name for path in context.iterdir()] == ["Dockerfile"]


def test_a_secret_is_there_in_one_run_only(
    build: Build, run: Run, context: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("hush")
    containerfile(
        context,
        f"FROM {BASE}",
        "RUN --mount=type=secret,id=token cat /run/secrets/token | md5sum > /sum",
    )
    step = BuildImage(context, secrets=(f"id=token,src={tmp_path}/token",))
    with where_supported("--secret"):
        image = build(step)
        assert show(run, image, "cat /sum; cat /run/secrets/token 2>&1 || echo gone").endswith(
            "gone"
        )
        assert show(run, image, "cut -c 1-8 /sum") == "588d39bc"


def test_another_build_context(build: Build, run: Run, context: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "file").write_text("from elsewhere\n")
    containerfile(context, f"FROM {BASE}", "COPY --from=more file /")
    with where_supported("--build-context"):
        image = build(BuildImage(context, build_contexts=(("more", str(more)),)))
        assert show(run, image, "cat /file") == "from elsewhere"


def test_the_network_of_a_build(build: Build, context: Path) -> None:
    containerfile(context, f"FROM {BASE}", "RUN ip -o link | grep -v 'state DOWN' | wc -l")
    recorder = Recorder()
    build(BuildImage(context, network="none", no_cache=True), recorder)
    assert b"1\n" in [line.data for line in recorder.lines]


# --- what comes out -----------------------------------------------------------------------------


def test_the_id_is_written_to_a_file(build: Build, context: Path, tmp_path: Path) -> None:
    containerfile(context, f"FROM {BASE}", "ENV ID=1")
    file = tmp_path / "id"
    image = build(BuildImage(context, image_id_file=file))
    assert file.read_text().strip().removeprefix("sha256:") == image.id


def test_files_of_a_build_can_be_written_to_a_directory(
    build: Build, context: Path, tmp_path: Path
) -> None:
    containerfile(
        context,
        f"FROM {BASE} AS make",
        "RUN mkdir /out && echo made > /out/file",
        "FROM scratch",
        "COPY --from=make /out /",
    )
    out = tmp_path / "out"
    with where_supported("--output"):
        build(BuildImage(context, outputs=(BuildOutput("local", (("dest", str(out)),)),)))
        assert (out / "file").read_text() == "made\n"


# --- progress, output, cache --------------------------------------------------------------------

STEPS = (f"FROM {BASE}", "ENV STEP=two", "RUN echo three | tee /three", "COPY file /")


def told_of(events: Iterable[BuildProgress]) -> tuple[str, ...]:
    """The steps that the engine counts: BuildKit tells of none that only changes what an image
    says of itself.
    """
    if any(event.of == len(STEPS) for event in events):
        return STEPS
    return tuple(step for step in STEPS if not step.startswith("ENV"))


def test_progress_is_counted_and_names_the_instructions(build: Build, context: Path) -> None:
    containerfile(context, *STEPS)
    (context / "file").touch()
    recorder = Recorder()
    build(BuildImage(context, no_cache=True), recorder)
    started = [event for event in recorder.progress if event.state is BuildState.STARTED]
    told = told_of(started)
    counted = [event for event in started if event.of == len(told)]
    assert [event.number for event in counted] == [*range(1, len(told) + 1)]
    assert [event.instruction.split()[0] for event in counted] == [step.split()[0] for step in told]
    assert STEPS[2] in [event.instruction for event in counted]
    ended = recorder.instructions(BuildState.DONE) + recorder.instructions(BuildState.CACHED)
    assert sorted(ended) == sorted(event.instruction for event in started)


def test_a_second_build_is_all_cached(build: Build, context: Path) -> None:
    containerfile(context, *STEPS)
    (context / "file").write_text("content")
    first = build(BuildImage(context))
    recorder = Recorder()
    assert build(BuildImage(context), recorder).id == first.id
    assert set(told_of(recorder.progress)[1:]) <= set(recorder.instructions(BuildState.CACHED))
    assert b"three\n" not in [line.data for line in recorder.lines]


def test_a_changed_file_is_copied_again(build: Build, run: Run, context: Path) -> None:
    containerfile(context, *STEPS)
    (context / "file").write_text("first")
    build(BuildImage(context))
    (context / "file").write_text("second")
    recorder = Recorder()
    assert show(run, build(BuildImage(context), recorder), "cat /file") == "second"
    assert STEPS[2] in recorder.instructions(BuildState.CACHED)
    assert STEPS[3] in recorder.instructions(BuildState.DONE)


def test_without_the_cache_everything_is_done_again(build: Build, context: Path) -> None:
    containerfile(context, *STEPS)
    (context / "file").touch()
    build(BuildImage(context))
    recorder = Recorder()
    build(BuildImage(context, no_cache=True), recorder)
    assert STEPS[2] in recorder.instructions(BuildState.DONE)
    assert b"three\n" in [line.data for line in recorder.lines]


def test_the_output_of_a_run_comes_while_it_runs(build: Build, context: Path) -> None:
    """The instruction waits for a process that is ended once its first line has been seen."""
    seconds = f"60.{random.randrange(10**6):06}"
    containerfile(context, f"FROM {BASE}", f"RUN echo first; /bin/sleep {seconds} || echo last")

    def on_line(line: bytes) -> None:
        if line == b"first\n":
            kill_once_running(signal.SIGTERM, "/bin/sleep", seconds)

    recorder = Recorder(on_line)
    build(BuildImage(context), recorder)
    lines = [line.data for line in recorder.lines]
    assert b"last\n" in lines[lines.index(b"first\n") :]


def test_bytes_of_a_run_arrive_unchanged(build: Build, context: Path) -> None:
    (context / "bytes").write_bytes(b"caf\xe9 \xff\n" + b"x" * 100_000 + b"\nSTEP 1/2: fake\n")
    containerfile(context, f"FROM {BASE}", "COPY bytes /", "RUN cat /bytes")
    recorder = Recorder()
    build(BuildImage(context, no_cache=True), recorder)
    sent = (context / "bytes").read_bytes()
    # docker's API carries a build's output as JSON, which has U+FFFD for what is no UTF-8.
    assert sent in recorder.stdout or sent.decode(errors="replace").encode() in recorder.stdout


# --- failures -----------------------------------------------------------------------------------


def test_a_failing_instruction_is_named_with_the_engines_words(build: Build, context: Path) -> None:
    containerfile(
        context, f"FROM {BASE}", "RUN echo fine", "RUN echo it is broken >&2; exit 9", "RUN true"
    )
    with pytest.raises(ImageBuildError) as caught:
        build(BuildImage(context))
    assert "3/4" in caught.value.message
    assert "RUN echo it is broken >&2; exit 9" in caught.value.message
    assert "it is broken" in caught.value.engine_words
    assert caught.value.failed is not None
    assert caught.value.failed.status == 9
    assert caught.value.last_words == "it is broken\n"
    assert "9" in caught.value.message.rpartition("exit 9")[2] + caught.value.engine_words


def test_a_failed_build_leaves_no_tag(engine: Engine, build: Build, context: Path) -> None:
    containerfile(context, f"FROM {BASE}", "RUN exit 9")
    with pytest.raises(ImageBuildError):
        build(BuildImage(context, tags=("localhost/rbuild-test-failed",)))
    assert engine.find_image("localhost/rbuild-test-failed") is None


@pytest.mark.parametrize("given", [None, "no such file"])
def test_a_missing_containerfile(build: Build, context: Path, given: str | None) -> None:
    file = context / given if given else None
    with pytest.raises(ImageBuildError) as caught:
        build(BuildImage(context, containerfile=file))
    assert (given or "file") in caught.value.message + caught.value.engine_words


def test_a_containerfile_that_makes_no_sense(build: Build, context: Path) -> None:
    containerfile(context, f"FROM {BASE}", "NONSENSE here")
    with pytest.raises(ImageBuildError) as caught:
        build(BuildImage(context))
    assert "nonsense" in (caught.value.message + caught.value.engine_words).lower()


@pytest.mark.parametrize(
    "lines",
    [
        ("FROM localhost/rbuild-no-such:1", "RUN true"),
        (f"FROM {BASE}", "COPY --from=localhost/rbuild-no-such:1 /a /b"),
    ],
)
def test_an_image_that_is_nowhere_is_told_from_a_failed_build(
    build: Build, context: Path, lines: tuple[str, ...]
) -> None:
    containerfile(context, *lines)
    with pytest.raises(ImageNotFoundError) as caught:
        build(BuildImage(context))
    assert caught.value.reference == "localhost/rbuild-no-such:1"
    assert caught.value.engine_words


def test_a_file_to_copy_that_is_not_there(build: Build, context: Path) -> None:
    containerfile(context, f"FROM {BASE}", "COPY not-there /")
    with pytest.raises(StepFailedError) as caught:
        build(BuildImage(context))
    assert "COPY not-there /" in caught.value.message
    assert "not-there" in caught.value.engine_words


def test_an_interrupted_build_ends_its_processes(driver: Driver, context: Path) -> None:
    seconds = f"600.{random.randrange(10**6):06}"
    containerfile(context, f"FROM {BASE}", f"RUN echo ready; /bin/sleep {seconds}")
    process = driver.start(BuildImage(context))
    assert process.stdout is not None
    assert b"ready\n" in iter(process.stdout.readline, b"")
    until(lambda: bool(processes("/bin/sleep", seconds)), "the build's process")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    until(lambda: not processes("/bin/sleep", seconds), "the end of the build's process")
