"""Whatever others write, every parser reads it or says what is wrong: no traceback, and an end.

An endless loop is ended by pytest's timeout, and is a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rbuild_buildah.ending import Output, read_ending
from rbuild_containers.build_log import BuildLog
from rbuild_docker.build_log import BuildLog as DockerLog
from rbuild_docker.buildkit_log import BuildKitLog
from rbuild_docker.classic_log import ClassicLog
from rbuild_docker.start_words import StartWords
from rootless_build.bundles.verification import verify
from rootless_build.images.external import external_bases
from rootless_build.model import plan
from rootless_build.model.errors import ConfigError, RecipeError, UnsupportedError, UsageError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, Origin
from rootless_build.recipes import config_file
from rootless_build.recipes.docker.argv import Context, parse
from rootless_build.recipes.docker.flags import BUILD, RUN
from rootless_build.recipes.make import printed as make_printed
from rootless_build.recipes.make.probe import Probe
from rootless_build.recipes.shell import line
from rootless_build.recipes.shell.parts import NotSimpleError
from rootless_build.testing.recorder import Recorder

pytestmark = pytest.mark.timeout(120)

texts = st.text(max_size=80)
odd = st.sampled_from(
    [*"'\"\\$`(){}<>|&;#\n\t=,:", "$(", "${", "&&", "<<EOF", "docker", "run", "build", "--", "-v"]
)
lines = st.lists(odd | st.text(max_size=6), max_size=14).map("".join)
flags = sorted({f"--{flag.name}" for flag in (*RUN, *BUILD)})


# --- docker's command line ----------------------------------------------------------------------

words = st.lists(
    st.sampled_from(["run", "build", "buildx", "volume", "rm", "--", "-", "-it", "img", ".", "a=b"])
    | st.sampled_from(flags).map(str)
    | st.tuples(st.sampled_from(flags), texts).map("=".join)
    | texts,
    max_size=10,
)


@given(st.sampled_from([("run",), ("build",), ("buildx", "build"), ("volume", "rm"), ()]), words)
def test_dockers_command_line(command: tuple[str, ...], rest: list[str]) -> None:
    context = Context(Path("/project"), {"A": "1"}, Origin("Makefile", 1, ""))
    try:
        step, notes = parse([*command, *rest], context)
    except (RecipeError, UnsupportedError):
        return
    assert all(isinstance(note, str) for note in notes)
    plan.digest(step)


# --- lines of a recipe --------------------------------------------------------------------------


@given(lines)
@example("docker run \\")
@example("'")
@example("docker <<")
def test_lines_of_a_recipe(text: str) -> None:
    try:
        found = line.parts(text, Path("/project"))
    except NotSimpleError:
        return
    assert found


@given(st.lists(lines | st.sampled_from(["make: Entering directory '/x'", "make[1]: *** no"])))
def test_what_make_prints(printed: list[str]) -> None:
    probe = cast(
        "Probe",
        SimpleNamespace(
            file=Path("/tmp/probe/probe.mk"),
            reader=lambda text: (5, Path("/x")) if text == "x" else None,
            ends_remaking=lambda target: target == "remade",
        ),
    )
    reader = make_printed.Printed(Path("/project"), probe, "make")
    try:
        reader.read("\n".join(printed))
    except RecipeError:
        return
    assert len(reader.groups) <= len(printed)


# --- files --------------------------------------------------------------------------------------

tables = st.sampled_from(
    ["[image]", "[container]", "[bundles]", "[defaults]", "[targets.x]", "[[mounts]]", "x = ", "1"]
)
toml = st.lists(tables | st.text(max_size=12) | odd, max_size=10).map("\n".join)


@given(toml | st.binary(max_size=60))
def test_rbuild_toml(tmp_path_factory: pytest.TempPathFactory, text: str | bytes) -> None:
    place = tmp_path_factory.mktemp("project")
    file = place / "rbuild.toml"
    file.write_bytes(text.encode(errors="surrogatepass") if isinstance(text, str) else text)
    try:
        config_file.load(place, place / "none.toml")
        said = str(file)  # it is one that can be read
    except (ConfigError, UsageError) as error:
        said = error.message
    assert str(file) in said


hexes = st.text("0123456789abcdefABCDEF \\*()=\n/.", max_size=150)


@given(hexes.map(str.encode) | st.binary(max_size=80), st.sampled_from(["md5", "sha256"]))
def test_checksum_files(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, algorithm: str
) -> None:
    bundles = tmp_path_factory.mktemp("bundles")
    (bundles / "file").write_text("content")
    (bundles / f"file.{algorithm}").write_bytes(content)
    report = verify(bundles)
    assert report.checked + bool(report.problems) >= 1


instructions = st.sampled_from(
    ["FROM ", "FROM a AS b", "ARG X=", "RUN <<EOF", "EOF", "COPY --from=", "# escape=`", "ONBUILD "]
)


@given(st.lists(instructions | lines | texts, max_size=8).map("\n".join))
def test_containerfiles(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    place = tmp_path_factory.mktemp("context")
    (place / "Dockerfile").write_text(text, errors="surrogatepass")
    bases = external_bases(BuildImage(place, build_args=(("X", "$X"),)))
    assert all(isinstance(base, str) for base in bases)


@given(st.recursive(texts | st.none() | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_plans_as_json(value: object) -> None:
    for text in (repr(value), f'{{"project": {value!r}, "steps": []}}'):
        try:
            plan.from_json(text)
        except ValueError:
            continue


# --- engines ------------------------------------------------------------------------------------

said = st.sampled_from(
    [
        b"STEP 1/2: FROM a\n",
        b"[1/2] STEP 9/2: RUN x",
        b"--> Using cache " + b"a" * 64,
        b"Step 1/2 : RUN x\n",
        b" ---> Running in abc\n",
        b"#1 [stage 1/2] RUN x\n",
        b"#1 CACHED\n",
        b"#1 0.1 words",
        b"Error: building at STEP ",
        b"\n",
        b"exit status 300\n",
        b"Error: ",
    ]
)
pieces = st.lists(st.tuples(said | st.binary(max_size=40), st.booleans()), max_size=12)


@pytest.mark.parametrize("kind", [BuildLog, BuildKitLog, ClassicLog])
@given(spoken=pieces, succeeded=st.booleans())
def test_the_log_of_an_image_build(
    kind: Callable[[StepReporter], BuildLog | DockerLog],
    spoken: list[tuple[bytes, bool]],
    succeeded: bool,
) -> None:
    log = kind(Recorder().reporter)
    for data, on_stderr in spoken:
        log.feed(data, "stderr" if on_stderr else "stdout")
    log.finish(succeeded=succeeded)


@given(pieces)
def test_what_a_container_of_docker_says(spoken: list[tuple[bytes, bool]]) -> None:
    words = StartWords(Recorder().reporter)
    for data, on_stderr in spoken:
        words.feed(data, "stderr" if on_stderr else "stdout")


endings = st.sampled_from(
    [b"Error: exit status 7\n", b"exit status ", b"Error: while running runtime: ", b"signal: "]
)


@given(st.lists(endings | st.binary(max_size=30), max_size=8), st.integers(-64, 255), st.booleans())
def test_how_a_container_of_buildah_ends(spoken: list[bytes], status: int, on_stdout: bool) -> None:
    output = Output(Recorder().reporter)
    for data in spoken:
        output.feed(data, "stdout" if on_stdout else "stderr")
    output.end(status)
    ending = read_ending(status, b"".join(spoken), started=on_stdout)
    assert 0 <= ending.start <= len(b"".join(spoken))
