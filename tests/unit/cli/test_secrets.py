"""Secrets are named on the command line, and shown nowhere."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbuild_buildah import flags
from rbuild_docker.run_arguments import run_arguments as docker_arguments
from rbuild_podman.run_arguments import run_arguments as podman_arguments
from rootless_build.backend.api import EngineSettings, Image
from rootless_build.cli.secrets import build_secret, secret_pairs
from rootless_build.model import build_secrets, events
from rootless_build.model.errors import BundlesError, StepFailedError, UnsupportedError, UsageError
from rootless_build.model.events import (
    BuildProgress,
    BuildState,
    Event,
    Level,
    Notice,
    OutputLine,
    ScreenOutput,
    StepReporter,
    StepStarted,
)
from rootless_build.model.overrides import Overrides, apply
from rootless_build.model.plan import (
    BuildImage,
    Plan,
    RunContainer,
    TmpfsMount,
    digest,
    to_json,
)
from rootless_build.model.privileges import without_privileges
from rootless_build.recipes.docker.values import BadValueError, Surroundings, secret
from rootless_build.runner.dind import without_dind
from rootless_build.runner.masking import Mask
from rootless_build.runner.provenance import portable

VALUE = "s3cr3t value"
STEP = RunContainer(
    "dev", ("make",), environment=(("A", "1"), ("T", VALUE)), secret_environment=("T",)
)
SETTINGS = EngineSettings(Path("/run"), Path("/data"))


def test_a_secret_is_in_no_form_of_the_plan() -> None:
    plan = Plan(Path("/p"), (STEP,))
    assert VALUE not in to_json(plan)
    assert VALUE not in json.dumps(portable(plan))
    other = Plan(
        Path("/p"),
        (
            RunContainer(
                "dev", ("make",), environment=(("A", "1"), ("T", "x")), secret_environment=("T",)
            ),
        ),
    )
    assert digest(other) == digest(plan)


def test_a_secret_is_on_no_command_line() -> None:
    for arguments in (podman_arguments(STEP, SETTINGS), docker_arguments(STEP, None)):
        assert "--env=T" in arguments
        assert not [word for word in arguments if VALUE in word]
    with pytest.raises(UnsupportedError, match="--secret-env"):
        flags.check(STEP, SETTINGS)


def test_the_value_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T", VALUE)
    monkeypatch.delenv("MISSING", raising=False)
    assert secret_pairs(("T",)) == (("T", VALUE),)
    with pytest.raises(UsageError, match="not set"):
        secret_pairs(("MISSING",))
    with pytest.raises(UsageError, match="name alone") as caught:
        secret_pairs((f"T={VALUE}",))
    assert VALUE not in caught.value.message + caught.value.hint


def test_secrets_of_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text(VALUE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T", VALUE)
    assert build_secret("id=a,src=key") == f"id=a,src={tmp_path}/key"
    assert build_secret("id=a,env=T") == "id=a,env=T"


@pytest.mark.parametrize(
    ("words", "environment", "meant"),
    [
        # buildx 0.30, util/buildflags and BuildKit's secretsprovider.
        ("id=tok", {"tok": "x"}, "id=tok,env=tok"),
        ("id=tok", {}, "id=tok,src=/p/tok"),
        ("id=tok,src=", {}, "id=tok,src=/p/tok"),
        ("id=x,env=A", {}, "id=x,env=A"),
        ("id=x,src=s", {"x": "y"}, "id=x,src=/p/s"),
        ("id=x,source=../s", {}, "id=x,src=/s"),
        ("type=env,id=x,src=A", {}, "id=x,env=A"),
        ("type=file,id=x,src=/A", {}, "id=x,src=/A"),
        ('id=x,"src=a b"', {}, "id=x,src=/p/a b"),
        ('"id=x","src=s"', {}, "id=x,src=/p/s"),
        ("ID=x,SRC=s", {}, "id=x,src=/p/s"),
    ],
)
def test_a_secret_is_resolved_as_docker_does(
    words: str, environment: dict[str, str], meant: str
) -> None:
    assert str(build_secrets.parse(words, Path("/p"), environment)) == meant
    assert str(build_secrets.parse(meant, Path("/else"), {})) == meant


@pytest.mark.parametrize(
    "words", ["", "id", "src=s", "id=", "id=x,mode=1", "id=x,type=y", 'id=x,"src=a,b"', 'id=x,"s']
)
def test_words_that_are_no_secret(words: str) -> None:
    with pytest.raises(build_secrets.BadSecretError):
        build_secrets.parse(words, Path("/p"), {})


def test_a_recipes_secret_without_a_source_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tok").write_text(VALUE)
    for words in ("id=tok", 'id=x,"src=tok"', "id=x,env=T"):
        monkeypatch.setenv("T", VALUE)
        made = secret(words, Surroundings(tmp_path, {"T": VALUE}))
        mask = Mask()
        mask.learn(BuildImage(tmp_path, secrets=(made,)))
        assert mask.text(f"<{VALUE}>") == "<***>"


def test_a_variable_that_engines_do_not_get_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `export T := x` in a makefile an engine would have nothing, or another value."""
    monkeypatch.delenv("T", raising=False)
    with pytest.raises(BadValueError, match="value of its own"):
        secret("id=T", Surroundings(Path("/p"), {"T": "own"}))


@pytest.mark.parametrize(
    "word",
    [
        "",
        "id=a",
        "src=key",
        "id=a,src=missing",
        "id=a,env=MISSING_VARIABLE",
        "id=a,src=key,env=T",
        "id=a,src=key,id=b",
        "id=a,mode=1,src=key",
        "key",
    ],
)
def test_secrets_that_make_no_sense(tmp_path: Path, word: str) -> None:
    with pytest.raises(UsageError):
        build_secret(word)


@given(st.text(max_size=40))
def test_any_word_is_a_secret_or_a_mistake(word: str) -> None:
    try:
        made = build_secret(word)
    except UsageError:
        return
    assert made.startswith("id=")


def test_what_a_run_says_is_masked(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("first line\nsecond line\n")
    build = BuildImage(tmp_path, secrets=(f"id=k,src={tmp_path}/key",))
    mask = Mask()
    mask.learn(build)
    mask.learn(STEP)
    said: list[Event] = []
    emit = mask.emitting(said.append)
    reporter = StepReporter(emit, 1, mask.stream)
    reporter.output(b"x s3cr3t value y second line\n")
    assert reporter.last_words == "x *** y ***"
    emit(BuildProgress(1, 1, 2, f"RUN echo {VALUE}", BuildState.STARTED))
    emit(Notice(Level.INFO, "x", VALUE))
    emit(StepStarted(1, 2, "x", VALUE))
    assert VALUE not in repr(said)
    assert "second line" not in repr(said)
    error = StepFailedError(f"failed: {VALUE}", engine_words=f"{VALUE} was wrong")
    error.add_note(f"kept: {VALUE}")
    mask.error(error)
    assert (error.message, error.engine_words) == ("failed: ***", "*** was wrong")
    assert (str(error), error.__notes__) == ("failed: ***", ["kept: ***"])
    wrong = BundlesError("bad", problems=(f"{VALUE}: bad",))
    mask.error(wrong)
    assert wrong.problems == ("***: bad",)


def masked_pieces(values: list[str], pieces: list[bytes], *, lines: bool) -> tuple[bytes, str]:
    """What a reader sees of pieces of output, and the last words."""
    said: list[Event] = []
    mask = Mask(values)
    reporter = StepReporter(mask.emitting(said.append), 1, mask.stream)
    for piece in pieces:
        if lines:
            reporter.output(piece)
        else:
            reporter.screen(piece)
    if lines:
        reporter.flush()
    else:
        reporter.screen(b"")
    shown = [e.data for e in said if isinstance(e, OutputLine | ScreenOutput)]
    return b"".join(shown), reporter.last_words


def in_pieces(text: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cuts), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(places) if a < b]


SECRETS = st.lists(
    st.one_of(
        st.text("ab", max_size=7), st.sampled_from(["tok-alpha", "tok-alpha-beta", "s\udcff😀x"])
    ),
    max_size=4,
)


@pytest.mark.parametrize("lines", [True, False])
@given(data=st.data(), values=SECRETS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_secret_is_shown_and_nothing_else_is_lost(
    data: st.DataObject, values: list[str], lines: bool
) -> None:
    """Any secrets, any text that they are in, any cuts of it."""
    word = st.sampled_from([*values, "tok-", "a", "b", "-beta", "\n", " "])
    text = os.fsencode("".join(data.draw(st.lists(word, max_size=12))))
    pieces = in_pieces(text, data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "LONGEST_LINE", data.draw(st.integers(1, 8)))
        shown, last_words = masked_pieces(values, pieces, lines=lines)
    hidden = [os.fsencode(value) for value in values if len(value) >= 4]
    assert not [value for value in hidden if value in shown]
    assert not [value for value in values if len(value) >= 4 and value in last_words]
    # The same text without a byte of a secret's.
    secret = {
        n for value in hidden for at in places(text, value) for n in range(at, at + len(value))
    }
    left = bytes(byte for n, byte in enumerate(text) if n not in secret)
    assert shown.replace(b"***", b"") == left
    assert shown == masked_pieces(values, [text], lines=lines)[0]


def places(text: bytes, value: bytes) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(value, at)]


def test_a_prompt_without_a_newline_is_shown_after_a_moment() -> None:
    mask = Mask(["tok-alpha", "tok-alpha-beta"])
    screen = mask.stream()
    assert screen(b"tok-", show_all=False) == b""
    assert screen(b"", show_all=True) == b"tok-"
    # What goes on after the pause is part of the secret.
    assert screen(b"alpha", show_all=False) == b""
    assert screen(b" x", show_all=False) == b"*** x"
    assert screen(b"tok-alpha", show_all=False) == b""
    assert screen(b"-beta\n", show_all=False) == b"***\n"


@pytest.mark.parametrize("at", [-20, -5, -1, 0, 3])
def test_a_secret_across_the_cut_of_a_long_line_is_masked(at: int) -> None:
    text = b"x" * (events.LONGEST_LINE + at) + VALUE.encode() + b"y\n"
    pieces = in_pieces(text, list(range(0, len(text), 1000)))
    shown, last_words = masked_pieces([VALUE], pieces, lines=True)
    assert shown == text.replace(VALUE.encode(), b"***")
    assert VALUE[5:] not in last_words


def test_a_secret_that_is_no_text_is_masked(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe\x80key")
    mask = Mask()
    mask.learn(BuildImage(tmp_path, secrets=(f"id=k,src={tmp_path}/key",)))
    assert mask.stream()(b"<\xff\xfe\x80key>", show_all=True) == b"<***>"
    assert mask.text(b"<\xff\xfe\x80key>".decode(errors="replace")) == "<***>"


def test_what_is_too_short_to_hide_spoils_nothing() -> None:
    assert Mask(["a", ""]).text("a banana") == "a banana"


def test_overrides_mark_what_they_give(tmp_path: Path) -> None:
    plan = Plan(tmp_path, (BuildImage(tmp_path), RunContainer("dev", privileged=True)))
    build, run = apply(
        plan,
        Overrides(secrets=("id=a,src=/k",), secret_environment=(("T", VALUE),), unprivileged=True),
    ).steps
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    assert build.secrets == ("id=a,src=/k",)
    assert (run.environment, run.secret_environment) == ((("T", VALUE),), ("T",))
    assert not run.privileged


def test_without_privileges_there_is_a_tmpfs_and_no_dind() -> None:
    step = without_privileges(RunContainer("dev", ("hack/make.sh",), privileged=True))
    (mount,) = step.mounts
    assert isinstance(mount, TmpfsMount)
    assert "exec" in mount.options
    assert without_privileges(step) == step
    image = Image("1", entrypoint=("hack/dind",), command=("bash",))
    assert without_dind(step, image).entrypoint == ()
    assert without_dind(step, image).command == ("hack/make.sh",)
    assert without_dind(RunContainer("dev"), image).command == ("bash",)
    assert without_dind(step, Image("1", entrypoint=("hack/entry",))) == step
