"""What is kept of runs, as who builds reads it again: with a real engine, from outside a run."""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path
from typing import cast

import pytest

from tests.e2e.driver import DEADLINE, Rbuild, events
from tests.e2e.waiting import at_work, with_waiting_targets

pytestmark = pytest.mark.in_ci("podman")

_MAKEFILE = """\
all:
\tdocker build -t words .
\tdocker run -v $(CURDIR)/bundles:/out words sh -c 'echo seen; echo heard >&2; {command}'
"""


def _written(rbuild: Rbuild, command: str) -> None:
    (rbuild.project / "Makefile").write_text(_MAKEFILE.format(command=command))
    (rbuild.project / "Dockerfile").write_text("FROM debian:bookworm\nRUN echo built\n")


def _runs(rbuild: Rbuild) -> list[dict[str, object]]:
    listed = rbuild("history", "--format", "json")
    assert listed.returncode == 0, listed.stderr
    return cast("list[dict[str, object]]", json.loads(listed.stdout))


def test_runs_are_read_again_and_compared(rbuild: Rbuild) -> None:
    _written(rbuild, "date > /out/f")
    first = rbuild("--explain")
    assert first.returncode == 0, first.stderr
    _written(rbuild, "exit 7")
    second = rbuild("API_TOKEN=of-nobody", "all")
    assert second.returncode == 1
    assert "  the log: rbuild log 2 (" in second.stderr

    again = rbuild("log", "1")
    assert again.stdout == first.stdout == "seen\n"
    for line in first.stderr.splitlines():
        assert line in again.stderr.splitlines()
    failed = rbuild("log", "--failed")
    assert failed.stdout == "seen\n"
    assert "heard" in failed.stderr
    assert "failed with status 7" in failed.stderr
    assert "built" not in failed.stderr
    none = rbuild("log", "--step", "3")
    assert none.returncode == 2
    assert "run 2 has no step 3" in none.stderr

    one, other = _runs(rbuild)
    assert (one["run"], one["state"], one["status"]) == (1, "done", 0)
    assert (other["run"], other["state"], other["status"]) == (2, "failed (1)", 1)
    assert "failed with status 7" in str(other["error"])
    assert other["command"] == "rbuild 'API_TOKEN=***' all"
    compared = rbuild("history", "diff", "1", "2")
    assert "+ failed with status" not in compared.stdout
    assert "exit 7" in compared.stdout
    assert "date > /out/f" in compared.stdout


def test_a_log_as_the_json_log_has_its_own_times(rbuild: Rbuild) -> None:
    _written(rbuild, "true")
    told = events(rbuild("--log-format", "json").stdout)
    again = events(rbuild("--log-format", "json", "log").stdout)
    kinds = [each["event"] for each in again]
    assert kinds[-1] == "build-finished"
    assert [each for each in told if each["event"] == "output"] != []
    for each, other in zip(
        (each for each in told if each["event"] == "output"),
        (each for each in again if each["event"] == "output"),
        strict=True,
    ):
        assert {**each, "timestamp": ""} == {**other, "timestamp": ""}


def test_a_log_is_followed_while_the_run_goes_on(rbuild: Rbuild, tmp_path: Path) -> None:
    waiting = with_waiting_targets(rbuild, tmp_path)
    with at_work(waiting, "wait") as running:
        so_far = waiting("log").stderr.splitlines()
        assert so_far[-1] == "this run goes on; --follow shows the rest as it comes"
        (run,) = _runs(waiting)
        assert run["state"] == "goes on"
        with waiting.started("log", "--follow") as reader:
            assert reader.stdout is not None
            assert any(line.rstrip() == b"waiting" for line in reader.stdout)
            with waiting.started("log", "--follow") as other:
                assert other.stdout is not None
                assert any(line.rstrip() == b"waiting" for line in other.stdout)
                other.send_signal(signal.SIGINT)
                _, said = other.communicate(timeout=DEADLINE)
                assert other.returncode == 130
                assert b"interrupted" not in said  # as if the run were
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=DEADLINE)
            _, said = reader.communicate(timeout=DEADLINE)
            assert reader.returncode == 0, said
            assert b"interrupted" in said
    (run,) = _runs(waiting)
    assert run["state"] == "interrupted"


def test_a_killed_run_is_on_record(rbuild: Rbuild, tmp_path: Path) -> None:
    waiting = with_waiting_targets(rbuild, tmp_path)
    with at_work(waiting, "wait") as running:
        running.kill()
        running.communicate(timeout=DEADLINE)
    (run,) = _runs(waiting)
    assert run["state"] == "killed"
    again = waiting("log")
    assert "waiting" in again.stdout.splitlines()
    assert "this run was killed" in again.stderr
    # Its container goes on, and the storage is other tests' too.
    assert waiting("clean").returncode == 0


def test_what_is_kept_has_no_secrets_and_is_nobody_elses(rbuild: Rbuild) -> None:
    makefile = _MAKEFILE.replace("docker run", "docker run -e API_TOKEN=open-sesame -e GIVEN")
    (rbuild.project / "Makefile").write_text(makefile.format(command="echo $$GIVEN"))
    (rbuild.project / "Dockerfile").write_text("FROM debian:bookworm\n")
    given = dataclasses.replace(rbuild, environment={**rbuild.environment, "GIVEN": "mellon-4711"})
    # buildah would have the value on a command line.
    hides = rbuild.backend != "buildah"
    named = ("--secret-env", "GIVEN") if hides else ()
    done = given(*named, "DB_PASSWORD=tiger-99", "all")
    assert done.returncode == 0, done.stderr
    live = rbuild("exec", "--", "env", "API_TOKEN=balrog-12", "true")
    assert live.returncode == 0, live.stderr
    assert rbuild("--live", "DB_PASSWORD=smaug-13", "none").returncode == 1
    place = Path(rbuild.environment["XDG_STATE_HOME"]) / "rbuild/history"
    kept = [path for path in place.rglob("*") if path.is_file()]
    assert len(kept) >= 2
    named_so = (b"open-sesame", b"tiger-99", b"balrog-12", b"smaug-13")
    for path in kept:
        assert not path.stat().st_mode & 0o077
        for secret in (*named_so, *([b"mellon-4711"] if hides else [])):
            assert secret not in path.read_bytes(), path
    assert not any(path.stat().st_mode & 0o077 for path in place.iterdir())


def test_a_bundle_whose_name_is_no_text_is_built_and_on_record(rbuild: Rbuild) -> None:
    _written(rbuild, r'printf x >"/out/$$(printf caf\\351)"')
    built = rbuild()
    assert built.returncode == 0, built.stderr
    assert "not kept" not in built.stderr
    assert r"caf\xe9" in rbuild("log").stderr
    assert rbuild("log", "--log-format", "json").returncode == 0
    (run,) = _runs(rbuild)
    assert run["state"] == "done"
