"""Secrets are named on the command line, and shown nowhere."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbuild_buildah import flags
from rbuild_docker.run_arguments import run_arguments as docker_arguments
from rbuild_podman.run_arguments import run_arguments as podman_arguments
from rootless_build.backend import EngineSettings, Image
from rootless_build.cli.secrets import build_secret, secret_pairs
from rootless_build.errors import StepFailedError, UnsupportedError, UsageError
from rootless_build.events import (
    BuildProgress,
    BuildState,
    Event,
    Level,
    Notice,
    OutputLine,
    ScreenOutput,
    StepStarted,
)
from rootless_build.masking import Mask, mask_for
from rootless_build.overrides import Overrides, apply
from rootless_build.plan import BuildImage, Plan, RunContainer, TmpfsMount, digest, to_json
from rootless_build.provenance import portable
from rootless_build.unprivileged import without_dind, without_privileges

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
    mask = mask_for(Plan(tmp_path, (build, STEP)))
    said: list[Event] = []
    emit = mask.emitting(said.append)
    emit(OutputLine(1, "stdout", b"x s3cr3t value y second line\n"))
    emit(BuildProgress(1, 1, 2, f"RUN echo {VALUE}", BuildState.STARTED))
    emit(Notice(Level.INFO, "x", VALUE))
    emit(StepStarted(1, 2, "x", VALUE))
    assert VALUE not in repr(said)
    assert "second line" not in repr(said)
    error = StepFailedError(f"failed: {VALUE}", engine_words=f"{VALUE} was wrong")
    mask.error(error)
    assert (error.message, error.engine_words) == ("failed: ***", "*** was wrong")


@given(st.lists(st.sampled_from([VALUE, "a", VALUE[:3], "x", "\n"])), st.data())
def test_what_a_terminal_shows_is_masked_however_it_was_cut(
    words: list[str], data: st.DataObject
) -> None:
    text = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    said: list[Event] = []
    emit = Mask([VALUE]).emitting(said.append)
    for start, end in itertools.pairwise((0, *cuts, len(text))):
        if start < end:
            emit(ScreenOutput(1, text[start:end].encode()))
    shown = b"".join(event.data for event in said if isinstance(event, ScreenOutput))
    assert text.replace(VALUE, "***").encode().startswith(shown)
    emit(ScreenOutput(1, b""))
    shown = b"".join(event.data for event in said if isinstance(event, ScreenOutput))
    assert shown == text.replace(VALUE, "***").encode()


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
