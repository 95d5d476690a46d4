"""What is named secret is shown nowhere, and what a killed run has seen of it stays nowhere.

Each way out of rbuild is tried: lines for people, JSON, hints, problems, names of what was
published, provenance, plans; of a command, of a recipe, of a shell that traces (`set -x`, bash).
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from rootless_build.cli import app
from rootless_build.cli.views.closing import MaskedView
from rootless_build.model.errors import (
    BundlesError,
    HostError,
    ImageBuildError,
    RbuildError,
    StepFailedError,
    UsageError,
)
from rootless_build.model.events import (
    Answer,
    BackendChosen,
    BuildProgress,
    BuildState,
    BundlesPublished,
    Event,
    Level,
    Notice,
    StepStarted,
)
from rootless_build.model.plan import BuildImage, HostCommand, Origin, Plan, RunContainer
from rootless_build.process import identities
from rootless_build.recipes.make import leftovers
from rootless_build.runner.masking import Mask
from rootless_build.runner.provenance import portable
from tests.unit.recipes.make.make_project import MakeProject

VALUE: Final = "hunter2'\"\\ $x\tü"
"""What every language has to quote in another way."""
PLAIN: Final = "correct-horse-battery"
DEAD: Final = "1.1"


# --- every way out --------------------------------------------------------------------------------

EVENTS: Final[tuple[Event, ...]] = (
    BackendChosen("podman", f"1{PLAIN}", f"because {PLAIN}"),
    StepStarted(1, 2, "run-container", f"run sh -c {PLAIN}"),
    BuildProgress(1, 1, 2, f"RUN {PLAIN}", BuildState.STARTED, stage=f"stage-{PLAIN}"),
    Notice(Level.WARNING, "code", f"left: {PLAIN}"),
    BundlesPublished(Path(f"/p/{PLAIN}/bundles"), (f"bin/{PLAIN}", "b"), 1),
    Answer("bundle", {"path": f"a/{PLAIN}", "deep": [{"x": (PLAIN, Path(f"/{PLAIN}"))}]}),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_no_event_tells_a_secret(event: Event) -> None:
    told = Mask((PLAIN,)).event(event)
    assert PLAIN not in repr(told)
    assert "***" in repr(told)
    assert type(told) is type(event)
    assert Mask(("another",)).event(event) == event


def errors() -> Iterator[RbuildError]:
    yield RbuildError(f"m {PLAIN}", hint=f"h {PLAIN}", engine_words=f"w {PLAIN}")
    yield UsageError(f"m {PLAIN}")
    yield HostError(f"m {PLAIN}", finding="no-space", hint=PLAIN)
    yield BundlesError(f"m {PLAIN}", problems=(f"a/{PLAIN}: no match", "b"))
    yield StepFailedError(f"m {PLAIN}", status=1, last_words=f"l {PLAIN}")
    yield ImageBuildError(f"m {PLAIN}", last_words=f"l {PLAIN}", hint=f"again: {PLAIN}")


@pytest.mark.parametrize("error", tuple(errors()), ids=lambda error: type(error).__name__)
def test_no_error_does(error: RbuildError) -> None:
    shown: list[RbuildError] = []

    class Shown:
        def __call__(self, event: Event) -> None:
            """Nothing."""

        def stopping(self) -> None:
            """Nothing."""

        def close(self) -> None:
            """Nothing."""

        def error(self, error: RbuildError) -> None:
            shown.append(error)

    error.where = f"step {PLAIN}"
    error.add_note(f"note {PLAIN}")
    MaskedView(Shown(), lambda: Mask((PLAIN,))).error(error)
    (told,) = shown
    assert PLAIN not in repr(vars(told)) + str(told)
    assert told.exit_code == error.exit_code


QUOTED: Final = {
    "as it is": VALUE,
    "by shlex": shlex.quote(VALUE),
    "in a line": shlex.join(["sh", "-c", f"echo {VALUE}"]),
    "as JSON": json.dumps({"a": VALUE}),
    "as JSON with letters": json.dumps({"a": VALUE}, ensure_ascii=False),
    "by Python": f"{VALUE!r} is not known",
    "by a trace": "+ echo 'hunter2'\\''\"\\ $x\tü'",
}


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED)
def test_a_secret_in_quotes_is_one(text: str) -> None:
    masked = Mask((VALUE,)).text(text)
    assert "hunter2" not in masked
    assert "***" in masked


def test_bash_traces_no_secret() -> None:
    value = "it's; hunter2"
    done = subprocess.run(
        ["bash", "-xc", "echo \"$1\" 'x y'", "bash", value], capture_output=True, check=True
    )
    assert b"hunter2" in done.stderr
    assert "hunter2" not in Mask((value,)).text(done.stderr.decode() + done.stdout.decode())


def test_a_trace_in_pieces_is_masked() -> None:
    masked = Mask((VALUE,)).stream()
    text = f"+ echo {shlex.quote(VALUE)}\n".encode()
    out = b"".join(masked(bytes([byte]), show_all=False) for byte in text)
    out += masked(b"", show_all=True)
    assert b"hunter2" not in out


# --- recipes and plans ----------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("RBUILD_BACKEND", "docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setenv("TOKEN", PLAIN)
    (place / "Dockerfile").write_text("FROM x\n")
    return place


LINES: Final = {
    "an argument of the container": "docker run -e TOKEN i curl -H 'X: $(TOKEN)'",
    "a plain variable beside it": "docker run -e TOKEN -e OTHER=$(TOKEN) i true",
    "a label": "docker run --label l=$(TOKEN) i true",
    "a mount": "docker run -v $$PWD/$(TOKEN):/x i true",
    "a build argument": "docker build --build-arg A=$(TOKEN) . && docker run -e TOKEN i true",
    "a line of the host's": "docker run i true\n\techo $(TOKEN)",
    "a flag that is none": "docker run --nosuch=$(TOKEN) i true",
    "a compound line": "docker run i true | tee $(TOKEN)",
    "an image": "docker run 'i $(TOKEN)' true",
    "what make says": "$(info $(TOKEN))\n\tdocker run i true",
    "what make ends with": "docker run i true\n\t$(error $(TOKEN))",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("form", ["text", "json", "log"])
def test_neither_a_plan_nor_a_recipes_error_has_it(
    project: Path, capfd: pytest.CaptureFixture[str], line: str, form: str
) -> None:
    MakeProject(project).write(f"all:\n\t{line}\n".replace(" && ", "\n\t"))
    first = ["--log-format", "json"] if form == "log" else []
    last = ["--format", "json"] if form == "json" else []
    status = app.run(["rbuild", *first, "--secret-env", "TOKEN", "plan", *last])
    out, err = capfd.readouterr()
    assert status in {0, 2}
    assert PLAIN not in out + err
    assert "***" in out + err
    # And without being named secret it is shown.
    app.run(["rbuild", *first, "plan", *last])
    assert PLAIN in "".join(capfd.readouterr())


def test_a_file_of_a_secret_is_as_secret(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "key").write_text(f"{PLAIN}\n")
    MakeProject(project).write("all:\n\tdocker build --build-arg A=$$(cat key) --nosuch .\n")
    app.run(["rbuild", "--secret", "id=k,src=key", "plan"])
    assert PLAIN not in "".join(capfd.readouterr())


def test_provenance_has_it_nowhere(project: Path) -> None:
    run = RunContainer(
        f"i{PLAIN}",
        ("curl", f"-H{PLAIN}"),
        environment=(("TOKEN", PLAIN), ("B", f"x{PLAIN}")),
        secret_environment=("TOKEN",),
        labels=((f"l{PLAIN}", PLAIN),),
        origin=Origin("Makefile", 1),
    )
    build = BuildImage(project, build_args=(("A", PLAIN),), tags=(f"t{PLAIN}",))
    plan = Plan(project, (build, run, HostCommand(f"echo {PLAIN}", project)), targets=(PLAIN,))
    text = json.dumps(portable(plan))
    assert PLAIN not in text
    assert "***" in text


# --- what is left of a run that was killed --------------------------------------------------------

WAITING: Final = """\
export TOKEN
all:
	+@touch ready; while [ -e ready ]; do sleep 0.05; done
"""


def files_with(place: Path, value: bytes) -> list[Path]:
    files = (path for path in place.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if value in path.read_bytes()]


def until_ready(project: Path) -> subprocess.Popen[bytes]:
    """A plan that waits in the middle of make's own run."""
    argv = [sys.executable, "-m", "rootless_build", "plan", "--no-sandbox"]
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (project / "ready").exists():
        assert running.poll() is None
        time.sleep(0.01)
    return running


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "tmp"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_killed_plan_leaves_no_environment(
    project: Path, temporary: Path, capfd: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    MakeProject(project).write(WAITING)
    running = until_ready(project)
    # What is told to recipes is on disk while make runs.
    assert files_with(temporary, PLAIN.encode())
    running.send_signal(number)
    running.wait()
    (project / "ready").unlink(missing_ok=True)
    MakeProject(project).write("all:\n\techo done\n")
    if number is signal.SIGKILL:
        assert files_with(temporary, PLAIN.encode())
        assert app.run(["rbuild", "plan"]) == 0
        capfd.readouterr()
    assert files_with(temporary, PLAIN.encode()) == []


def left(place: Path, process: str, kind: str = "bin") -> Path:
    made = place / f"{identities.private_prefix(process)}abc"
    (made / kind).mkdir(parents=True)
    made.chmod(0o700)
    (made / kind / "environments").write_text(PLAIN)
    return made


@pytest.mark.parametrize("kind", ["bin", "cache"])
def test_only_what_the_dead_left_goes(tmp_path: Path, kind: str) -> None:
    dead = left(tmp_path, DEAD, kind)
    alive = left(tmp_path, identities.of_this(), kind)
    # `recovery` looks after what engines were given.
    engines = left(tmp_path, "1.2", "containers")
    open_to_all = left(tmp_path, "1.3", kind)
    open_to_all.chmod(0o755)
    (tmp_path / f"{identities.private_prefix('1.4')}abc").symlink_to(alive)
    (tmp_path / "rbuild-nobody").mkdir()
    leftovers.clear((tmp_path, tmp_path / "none", "/nowhere"))
    assert not dead.exists()
    assert alive.exists()
    assert engines.exists()
    assert open_to_all.exists()
    assert (tmp_path / "rbuild-nobody").exists()


def test_what_another_namespaces_run_holds_stays(tmp_path: Path) -> None:
    """Its process id says nothing here."""
    held = left(tmp_path, DEAD)
    script = f"import fcntl, os, sys; d = os.open({str(held)!r}, os.O_RDONLY); "
    script += "fcntl.flock(d, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        leftovers.clear((tmp_path,))
        assert held.exists()
        holder.communicate()
    leftovers.clear((tmp_path,))
    assert not held.exists()


def test_nobody_else_reads_what_make_is_asked(project: Path, temporary: Path) -> None:
    MakeProject(project).write(WAITING)
    running = until_ready(project)
    try:
        for path in temporary.iterdir():
            assert path.stat().st_mode & 0o077 == 0
            assert path.stat().st_uid == os.getuid()
    finally:
        (project / "ready").unlink()
        running.wait()
