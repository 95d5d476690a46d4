"""Two runs at once, and runs that were killed: each in a process of its own."""

from __future__ import annotations

import contextlib
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.model.errors import CheckoutBusyError
from rootless_build.runner import journal

_RUN = """
    import sys
    from pathlib import Path
    from rootless_build.runner import journal as runs
    from rootless_build.process.signals import signals_interrupt
    data, project, alone = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "alone"
    def say(text):
        print(text, flush=True)
    with (
        signals_interrupt(),
        runs.begin(data, project, "rbuild binary", alone=alone, wait=True, say=say) as run,
    ):
        run.note(backend="podman", bundles=project / "bundles")
        print("has it", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data" / "rbuild"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@contextlib.contextmanager
def another(data: Path, project: Path, how: str = "alone") -> Iterator[subprocess.Popen[str]]:
    """Another run; the first line that it says has been written when the context begins."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_RUN), data, project, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def begin(data: Path, project: Path, *, alone: bool = True) -> journal.Run:
    with journal.begin(data, project, "rbuild", alone=alone, wait=False, say=pytest.fail) as run:
        return run


def test_a_second_run_waits_and_names_the_first(data: Path, project: Path) -> None:
    with another(data, project) as first:
        assert said(first) == "has it"
        with another(data, project) as second:
            waiting = (
                f"waiting for another rbuild in this checkout: pid {first.pid} (rbuild binary)"
            )
            assert said(second) == waiting
            first.communicate("")
            assert said(second) == "has it"


def test_a_second_run_fails_at_once_where_it_is_not_to_wait(data: Path, project: Path) -> None:
    with another(data, project) as first:
        assert said(first) == "has it"
        with pytest.raises(
            CheckoutBusyError, match=rf"pid {first.pid} \(rbuild binary\)"
        ) as caught:
            begin(data, project)
    assert caught.value.exit_code == 3


_NESTED = """
    import contextlib, os, subprocess, sys
    from pathlib import Path
    from rootless_build.model.errors import CheckoutBusyError
    from rootless_build.runner import journal
    data, project, how, *more = sys.argv[1:]
    try:
        with journal.begin(
            Path(data), Path(project), "rbuild deb", alone=how == "alone", wait=True, say=print
        ) as run:
            if how == "lets":
                run.let_others_in()
            if more:
                words = ["-c", sys.orig_argv[2], data, project, *more]
                # A shell between them, as make has one.
                subprocess.run(["sh", "-c", '"$@"; :', "sh", sys.executable, *words])
            print("has it")
    except CheckoutBusyError as error:
        print(error.message, error.hint)
"""


@pytest.mark.parametrize(("how", "waits"), [("alone", True), ("shared", True), ("lets", False)])
def test_a_run_that_another_started_does_not_wait_for_it(
    data: Path, project: Path, how: str, waits: bool
) -> None:
    done = subprocess.run(
        [sys.executable, "-uc", textwrap.dedent(_NESTED), data, project, how, "alone"],
        stdout=subprocess.PIPE,
        timeout=60,
        text=True,
        check=False,
    )
    inner, outer = done.stdout.splitlines()
    assert outer == "has it"
    assert inner.startswith("this rbuild was started by another") is waits
    assert ("rbuild deb" in inner) is waits


def test_a_link_leads_to_the_same_checkout(data: Path, project: Path) -> None:
    link = project.with_name("link")
    link.symlink_to(project)
    with another(data, link) as first:
        assert said(first) == "has it"
        with pytest.raises(CheckoutBusyError):
            begin(data, project)


def test_different_checkouts_do_not_wait_for_each_other(data: Path, project: Path) -> None:
    other = project.with_name("other")
    other.mkdir()
    with another(data, project) as first:
        assert said(first) == "has it"
        begin(data, other)


def test_shells_share_a_checkout_and_a_build_has_it_alone(data: Path, project: Path) -> None:
    with another(data, project, "shared") as first:
        assert said(first) == "has it"
        begin(data, project, alone=False)
        with pytest.raises(CheckoutBusyError):
            begin(data, project)


def test_a_run_that_publishes_knows_whether_it_is_alone(data: Path, project: Path) -> None:
    def shared() -> contextlib.AbstractContextManager[journal.Run]:
        return journal.begin(data, project, "rbuild run", alone=False, wait=False, say=pytest.fail)

    with shared() as run, run.publishing() as alone:
        assert alone
        # Nobody begins meanwhile.
        with pytest.raises(CheckoutBusyError), shared():
            pass
    # Nor does a failure keep others out longer.
    with shared() as run:
        with pytest.raises(OSError, match="full"), run.publishing():
            raise OSError("full")
        with shared():
            pass
    with another(data, project, "shared") as shell:
        assert said(shell) == "has it"
        with shared() as run:
            with run.publishing() as alone:
                assert not alone
            with shared():
                pass
    with (
        journal.begin(data, project, "rbuild", alone=True, wait=False, say=pytest.fail) as run,
        run.publishing() as alone,
    ):
        assert alone


def test_the_lock_of_a_killed_run_is_free_and_its_record_tells_where_it_worked(
    data: Path, project: Path
) -> None:
    with another(data, project) as first:
        assert said(first) == "has it"
        first.send_signal(signal.SIGKILL)
        first.wait()
    run = begin(data, project)
    assert [(r.backend, r.bundles, r.title) for r in run.dead] == [
        ("podman", project / "bundles", "rbuild binary")
    ]
    run.forget(run.dead[0])
    assert begin(data, project).dead == ()


def test_the_record_of_a_run_goes_with_it(data: Path, project: Path) -> None:
    with another(data, project) as first:
        assert said(first) == "has it"
        records = list(data.glob("runs/*/*/record.json"))
        assert len(records) == 1
        assert {stat.S_IMODE(path.stat().st_mode) for path in records} == {0o600}
        private = (*records[0].parents[:3],)
        assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o700}
        first.communicate("")
    assert list(data.glob("runs/*/*/record.json")) == []


def test_an_interrupted_wait_ends(data: Path, project: Path) -> None:
    with another(data, project) as first:
        assert said(first) == "has it"
        with another(data, project) as second:
            assert said(second).startswith("waiting")
            second.send_signal(signal.SIGINT)
            assert second.wait(60) != 0


def test_a_run_whose_record_is_damaged_is_dead_all_the_same(data: Path, project: Path) -> None:
    begin(data, project)
    place = journal.directory(data, project) / "1.1"
    place.mkdir()
    (place / "record.json").write_text('{"host": [')
    run = begin(data, project)
    assert [record.identity for record in run.dead] == ["1.1"]
    run.forget(run.dead[0])
    assert not place.exists()


def test_where_no_record_can_be_kept_a_run_goes_on_and_says_so(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    words: list[str] = []
    with journal.begin(
        tmp_path / "file", project, "rbuild", alone=True, wait=True, say=words.append
    ) as run:
        run.note(backend="podman")
    assert "not kept apart" in words[0]


def test_a_lock_that_is_removed_while_it_is_waited_for_is_taken_anew(tmp_path: Path) -> None:
    """`rbuild clean --everywhere` removes checkouts' directories: two runs are apart then too."""
    data, project = tmp_path / "data", tmp_path / "project"
    project.mkdir()
    waits = threading.Event()

    def wait_for_it() -> None:
        with journal.begin(
            data, project, "second", alone=True, wait=True, say=lambda _: waits.set()
        ):
            taken.append(journal.directory(data, project) / "lock")
            busy.append(_is_busy(data, project))

    taken: list[Path] = []
    busy: list[bool] = []
    with journal.begin(data, project, "first", alone=True, wait=True, say=print):
        second = threading.Thread(target=wait_for_it)
        second.start()
        assert waits.wait(60)
        shutil.rmtree(journal.directory(data, project))
    second.join(60)
    assert taken[0].exists()
    assert busy == [True]


def _is_busy(data: Path, project: Path) -> bool:
    with journal.idle(data, journal.key(project)) as who:
        return bool(who)
