"""Staging and publishing: what a build leaves behind, and what it leaves alone."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rootless_build.bundles import failed_store, leftovers, merging, swapping
from rootless_build.bundles import staging as staging_module
from rootless_build.bundles.leftovers import restore
from rootless_build.bundles.provenance import Attestation
from rootless_build.bundles.staging import Published, Staging, mount_point, stage
from rootless_build.bundles.statement import NAME
from rootless_build.files.copying import copy_data
from rootless_build.files.tree import link_text, remove
from rootless_build.model.errors import BundlesError, HostError, StepFailedError, UsageError
from rootless_build.model.text import shown
from tests.unit.bundles.trees import Tree, write

REPOSITORY = Path(__file__).parents[3]
ROOT = os.geteuid() == 0
AS_ROOT = ("unshare", "--mount", *(() if ROOT else ("--user", "--map-root-user", "--map-auto")))
needs_namespaces = pytest.mark.skipif(
    subprocess.run([*AS_ROOT, "true"], check=False, capture_output=True).returncode != 0,
    reason="unshare(1) may not make namespaces here, or there are no subordinate ids",
)
ODD_NAMES = [b"docker-1.12.6", b"sub", b"new\nline", b"\xff\xfe", "ünï côde".encode(), b"-x"]

Snapshot = dict[str, tuple[int, bytes | str]]


def fill(directory: Path) -> None:
    """A file in every bundle: one with links alone is not published."""
    for bundle in directory.iterdir():
        if bundle.is_dir() and not bundle.is_symlink():
            (bundle / "file").touch()


def snapshot(directory: Path) -> Snapshot:
    found: Snapshot = {}
    for path in directory.rglob("*"):
        mode = path.lstat().st_mode
        content: bytes | str = b""
        if stat.S_ISLNK(mode):
            content = link_text(path)
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        found[str(path.relative_to(directory))] = (mode, content)
    return found


def checksum(path: Path, algorithm: str = "sha256") -> None:
    digest = hashlib.new(algorithm, path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.{algorithm}").write_text(f"{digest}  {path.name}\n")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """Bundles of an earlier build, in a project directory of their own."""
    directory = tmp_path / "project" / "bundles"
    (directory / "1.12.6" / "binary-daemon").mkdir(parents=True)
    binary = directory / "1.12.6" / "binary-daemon" / "dockerd-1.12.6"
    binary.write_bytes(b"old dockerd")
    binary.chmod(0o755)
    checksum(binary)
    binary.with_name("dockerd").symlink_to("dockerd-1.12.6")
    (directory / "latest").symlink_to("1.12.6")
    return directory


leaves = st.one_of(
    st.tuples(st.binary(max_size=40), st.sampled_from([0o644, 0o755, 0o600, 0o444])),
    st.sampled_from(["1.12.6", ".", "./sub", "sub//x", "nowhere", "sub"]),
)
trees: st.SearchStrategy[Tree] = st.dictionaries(
    st.sampled_from([os.fsdecode(name) for name in ODD_NAMES]),
    st.recursive(
        leaves,
        lambda below: st.dictionaries(
            st.sampled_from([os.fsdecode(name) for name in ODD_NAMES]), below, max_size=3
        ),
        max_leaves=6,
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None, database=None)
@given(before=trees, written=trees, damaged=st.booleans())
def test_bundles_are_what_the_container_wrote_or_what_they_were(
    before: Tree, written: Tree, damaged: bool
) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place, "bundles")
        write(before, directory)
        old = snapshot(directory)
        published: Published | None = None
        with contextlib.suppress(BundlesError), stage(directory) as staging:
            assert snapshot(staging.path) == old
            for name in written:
                path = staging.path / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            write(written, staging.path)
            fill(staging.path)
            if damaged:
                (staging.path / "gone.md5").write_text("0" * 32 + "  gone\n")
            new = snapshot(staging.path)
            assert snapshot(directory) == old
            published = staging.publish()
        assert names(Path(place)) == ["bundles"]
        if damaged:
            assert published is None
            assert snapshot(directory) == old
        else:
            assert published is not None
            assert snapshot(directory) == new
            assert set(published.files) == {
                path
                for path, node in new.items()
                if not stat.S_ISDIR(node[0]) and old.get(path) != node
            }


@settings(max_examples=80, deadline=None, database=None)
@given(old=trees, new=trees)
def test_bundles_that_others_work_with_become_what_the_container_wrote(
    old: Tree, new: Tree
) -> None:
    with tempfile.TemporaryDirectory() as place:
        bundles = Path(place) / "bundles"
        write({**old, "others": (b"of another run", 0o644)}, bundles)
        mounted = bundles.stat().st_ino
        with stage(bundles) as staging:
            for path in staging.path.iterdir():
                if path.name != "others":
                    remove(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            write(new, staging.path)
            fill(staging.path)
            (bundles / "others").write_text("written meanwhile")
            (bundles / "more").write_text("made meanwhile")
            wanted = snapshot(staging.path)
            staging.publish_beside()
        found = snapshot(bundles)
        assert found.pop("more")[1] == b"made meanwhile"
        assert found.pop("others")[1] == b"written meanwhile"
        del wanted["others"]
        assert found == wanted
        # Whoever has it mounted sees all that.
        assert bundles.stat().st_ino == mounted


def test_what_is_published_beside_a_shell_goes_through_none_of_its_links(
    bundles: Path, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    with stage(bundles) as staging:
        (staging.path / "sub").mkdir()
        (staging.path / "sub/authorized_keys").write_text("mine")
        (bundles / "sub").symlink_to(tmp_path / "home")
        with pytest.raises(BundlesError):
            staging.publish_beside()
        (bundles / "sub").unlink()
        staging.publish_beside()
    assert list((tmp_path / "home").iterdir()) == []
    assert (bundles / "sub/authorized_keys").read_text() == "mine"
    with stage(bundles) as staging:
        (staging.path / "sub/more").write_text("mine")
        shutil.rmtree(bundles / "sub")
        (bundles / "sub").symlink_to(tmp_path / "home")
        with pytest.raises(BundlesError):
            staging.publish_beside()
    assert list((tmp_path / "home").iterdir()) == []


def test_what_others_made_in_a_directory_is_not_replaced_by_a_file(bundles: Path) -> None:
    """Whether the container makes a file of the directory, or a link, or others of its file."""
    (bundles / "x").mkdir()
    (bundles / "x/old").write_text("old")
    (bundles / "f").write_text("old")
    for link in (False, True):
        with stage(bundles) as staging:
            shutil.rmtree(staging.path / "x")
            (staging.path / "x").symlink_to("f") if link else (staging.path / "x").write_text(
                "mine"
            )
            (staging.path / "a-first").write_text("mine")
            (bundles / "x/sub").mkdir(exist_ok=True)
            (bundles / "x/sub/new").write_text("theirs")
            before = snapshot(bundles)
            with pytest.raises(BundlesError) as caught:
                staging.publish_beside()
        assert snapshot(bundles) == before
        assert any("x/sub/new" in problem for problem in caught.value.problems)
    with stage(bundles) as staging:
        (staging.path / "f").unlink()
        (staging.path / "x/more").write_text("mine")
        shutil.rmtree(bundles / "x")
        (bundles / "x").write_text("theirs")
        with pytest.raises(BundlesError) as caught:
            staging.publish_beside()
    assert (bundles / "x").read_text() == "theirs"
    assert (bundles / "f").exists()
    assert any("x/more" in problem for problem in caught.value.problems)
    with stage(bundles) as staging:
        (staging.path / "new/below").mkdir(parents=True)
        (bundles / "new").write_text("theirs")
        with pytest.raises(BundlesError) as caught:
            staging.publish_beside()
    assert (bundles / "new").read_text() == "theirs"
    assert any(problem.startswith("new: ") for problem in caught.value.problems)


def test_a_directory_that_others_left_alone_becomes_the_containers_file(bundles: Path) -> None:
    """One with a statement in it, too, and one that can't be written."""
    for name in ("x", "y"):
        (bundles / name / "below").mkdir(parents=True)
        (bundles / name / "below/old").write_text("old")
    (bundles / "y/below").chmod(0o555)
    (bundles / "z").mkdir()
    (bundles / "z" / NAME).write_text("{}")
    with stage(bundles) as staging:
        (staging.path / "y/below").chmod(0o755)
        for name in ("x", "y", "z"):
            shutil.rmtree(staging.path / name)
            (staging.path / name).write_text("mine")
        staging.publish_beside()
    assert [(bundles / name).read_text() for name in ("x", "y", "z")] == ["mine"] * 3


def test_what_is_made_in_the_last_moment_stays(tmp_path: Path) -> None:
    for name in ("mine", "theirs/x"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "mine/x").write_text("mine")
    (tmp_path / "theirs/x/new").write_text("theirs")
    with pytest.raises(OSError, match=os.strerror(errno.ENOTEMPTY)):
        merging.put_in_place(tmp_path / "mine", tmp_path / "theirs", "x")
    assert (tmp_path / "theirs/x/new").read_text() == "theirs"


def test_a_container_sees_no_statements_and_those_of_what_it_left_alone_stay(
    bundles: Path,
) -> None:
    for name in ("kept", "read-only", "emptied", "gone", "written"):
        (bundles / name).mkdir()
        (bundles / name / "tool").write_text(name)
        (bundles / name / NAME).write_text("{}")
        os.utime(bundles / name / NAME, (1, 1))
    (bundles / "read-only").chmod(0o555)
    for beside in (False, True):
        with stage(bundles) as staging:
            assert not list(staging.path.rglob(NAME))
            assert staging.is_untouched
            for name in ("gone", "emptied"):
                shutil.rmtree(staging.path / name, ignore_errors=True)
            (staging.path / "emptied").mkdir()
            (staging.path / "written/tool").write_text(f"{beside}")
            said = Attestation("p", {}, None)
            staging.publish_beside(said) if beside else staging.publish(said)
        found = {path.parent.name: path for path in bundles.rglob(NAME)}
        assert found.keys() == {"kept", "read-only", "written"}
        assert found["kept"].stat().st_mtime == found["read-only"].stat().st_mtime == 1
        assert found["written"].read_text() != "{}"
        assert not (bundles / "gone").exists()
    (bundles / "read-only").chmod(0o755)


def add(root: Path) -> None:
    (root / "new").touch()


def rewrite(root: Path) -> None:
    """The same, as far as can be read; another file has the name."""
    file = root / "1.12.6/binary-daemon/dockerd-1.12.6"
    status, content = file.stat(), file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    file.chmod(stat.S_IMODE(status.st_mode))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        add,
        rewrite,
        lambda root: (root / "latest").unlink(),
        lambda root: (root / "1.12.6").chmod(0o700),
        lambda root: (root / "empty").mkdir(),
    ],
    ids=["added", "written", "removed", "mode", "directory"],
)
def test_whoever_has_written_to_the_bundles_or_to_the_copy_is_known(
    bundles: Path, change: Callable[[Path], object]
) -> None:
    with stage(bundles) as staging:
        assert (staging.is_current, staging.is_untouched) == (True, True)
        assert staging.written() == frozenset()
        change(staging.path)
        assert (staging.is_current, staging.is_untouched) == (True, False)
    with stage(bundles) as staging:
        change(bundles)
        assert (staging.is_current, staging.is_untouched) == (False, True)


def test_the_files_that_were_written_are_known(bundles: Path) -> None:
    with stage(bundles) as staging:
        add(staging.path)
        rewrite(staging.path)
        (staging.path / "link").symlink_to("new")
        assert staging.written() == {"new", "1.12.6/binary-daemon/dockerd-1.12.6"}


def test_nothing_is_published_of_a_container_that_wrote_nothing(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    with stage(bundles) as staging:
        assert staging.is_untouched
        assert staging.publish().files == ()
    assert not bundles.exists()


def test_what_a_failed_container_wrote_is_kept_and_no_more(bundles: Path, tmp_path: Path) -> None:
    place = tmp_path / "state/failed/project"
    for text in ("first", "second"):
        with stage(bundles) as staging:
            shutil.rmtree(staging.path / "1.12.6")
            (staging.path / "logs").mkdir()
            (staging.path / "logs/docker.log").write_text(text)
            (staging.path / "logs/last").symlink_to("/etc/passwd")
            assert failed_store.keep(staging, place).paths == ("logs/docker.log", "logs/last")
        assert sorted(path.name for path in place.rglob("*")) == ["docker.log", "last", "logs"]
        assert (place / "logs/docker.log").read_text() == text
        assert link_text(place / "logs/last") == "/etc/passwd"
    with stage(bundles) as staging:
        assert failed_store.keep(staging, place).paths == ()
    # What was kept last stays.
    assert (place / "logs/docker.log").read_text() == "second"
    assert (bundles / "latest").exists()


@pytest.mark.parametrize("elsewhere", [False, True], ids=["beside", "on another file system"])
def test_a_failed_container_can_lock_nothing_of_what_it_wrote(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool
) -> None:
    """As an ordinary user: root may read everything."""
    place = tmp_path / "failed"
    if elsewhere:
        rename = os.rename

        def other_device(source: Path, target: Path, **at: int) -> None:
            if Path(source).is_relative_to(bundles.parent):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            rename(source, target, **at)

        monkeypatch.setattr(os, "rename", other_device)
    with stage(bundles) as staging:
        for name, mode in (("a", 0o555), ("b", 0), ("c", 0o755)):
            below = staging.path / name / "below"
            below.mkdir(parents=True)
            (below / "log").write_text(name)
            (below / "log").chmod(0)
            below.chmod(mode)
            below.parent.chmod(mode)
        (staging.path / "link").symlink_to("/etc/passwd")
        staging.path.chmod(0o555)
        kept = failed_store.keep(staging, place)
    assert sorted(kept.paths) == ["a/below/log", "b/below/log", "c/below/log", "link"]
    assert not kept.left_out
    logs = [place / path for path in sorted(kept.paths) if path != "link"]
    assert [log.read_text() for log in logs] == ["a", "b", "c"]
    assert link_text(place / "link") == "/etc/passwd"


def test_what_lies_too_deep_keeps_nothing_else_from_being_kept(
    bundles: Path, tmp_path: Path
) -> None:
    with stage(bundles) as staging:
        (staging.path / "log").write_text("why")
        (staging.path / "deep").mkdir()
        directory = os.open(staging.path / "deep", os.O_RDONLY)
        for _ in range(50):
            os.mkdir("d" * 200, dir_fd=directory)
            below = os.open("d" * 200, os.O_RDONLY, dir_fd=directory)
            os.close(directory)
            directory = below
        os.close(directory)
        kept = failed_store.keep(staging, tmp_path / "failed")
    assert kept.paths == ("log",)
    (error,) = kept.left_out.values()
    assert error.errno == errno.ENAMETOOLONG
    assert names(tmp_path) == ["failed", "project"]


@pytest.mark.parametrize(
    ("mode", "kept"),
    [(0o4755, 0o755), (0o2755, 0o755), (0o1777, 0o777), (0o640, 0o640), (0, 0o600)],
)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["beside", "on another file system"])
def test_what_is_kept_of_a_failed_container_runs_as_nobody_else(
    bundles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    mode: int,
    kept: int,
    elsewhere: bool,
) -> None:
    place = tmp_path / "state/failed/project"
    with stage(bundles) as staging:
        (staging.path / "tool").write_text("x")
        (staging.path / "tool").chmod(mode)
        if elsewhere:
            monkeypatch.setattr(Path, "rename", moved_by_name(place.parent))
        assert failed_store.keep(staging, place).paths == ("tool",)
        monkeypatch.undo()
    assert stat.S_IMODE((place / "tool").stat().st_mode) == kept
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def moved_by_name(below: Path) -> Callable[[Path, Path], Path]:
    """What can rename a file below a directory alone, as where another file system begins."""
    rename = Path.rename

    def renamed(source: Path, target: Path) -> Path:
        if not source.is_relative_to(below):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(source, target)

    return renamed


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_what_cannot_be_kept_is_named_and_the_rest_is_kept(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The disk is full in the middle of the second file: no part of it is left."""
    place = tmp_path / "failed"
    copy = copy_data

    def fill(source: int, target: int) -> None:
        copy(source, target)
        if os.fstat(target).st_size > 1:
            raise OSError(number, os.strerror(number))

    with stage(bundles) as staging:
        for name in ("a", "b", "c"):
            (staging.path / name).write_text("xx" if name == "b" else "x")
        monkeypatch.setattr(failed_store, "copy_data", fill)
        monkeypatch.setattr(Path, "rename", moved_by_name(tmp_path / f".{place.name}"))
        rename = Path.rename

        def named(source: Path, target: Path) -> Path:
            if source.name.startswith(f".{place.name}."):
                return source.replace(target)
            return rename(source, target)

        monkeypatch.setattr(Path, "rename", named)
        kept = failed_store.keep(staging, place)
        monkeypatch.undo()
    assert kept.paths == ("a", "c")
    assert {path: error.errno for path, error in kept.left_out.items()} == {"b": number}
    assert names(place) == ["a", "c"]
    assert names(tmp_path) == ["failed", "project"]


def test_where_nothing_can_be_kept_the_last_stays(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "failed"
    place.mkdir()
    (place / "log").write_text("of the last")

    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with stage(bundles) as staging:
        (staging.path / "new").write_text("x")
        monkeypatch.setattr(Path, "rename", refuse)
        kept = failed_store.keep(staging, place)
        monkeypatch.undo()
    assert (kept.paths, [*kept.left_out]) == ((), ["new"])
    assert (place / "log").read_text() == "of the last"
    assert names(tmp_path) == ["failed", "project"]


def test_staging_starts_as_a_faithful_copy(bundles: Path) -> None:
    folder = bundles / "1.12.6"
    os.link(folder / "binary-daemon" / "dockerd-1.12.6", folder / "second-name")
    with (folder / "sparse").open("wb") as sparse:
        sparse.seek(50_000_000)
        sparse.write(b"end")
        sparse.truncate(60_000_000)
    os.utime(folder, ns=(1, 1_000_000_007))
    os.utime(folder / "binary-daemon" / "dockerd", ns=(1, 5), follow_symlinks=False)
    with stage(bundles) as staging:
        assert snapshot(staging.path) == snapshot(bundles)
        copy = staging.path / "1.12.6"
        assert (copy / "second-name").samefile(copy / "binary-daemon" / "dockerd-1.12.6")
        assert not (copy / "second-name").samefile(folder / "second-name")
        assert (copy / "sparse").stat().st_blocks * 512 < 1_000_000
        assert copy.stat().st_mtime_ns == 1_000_000_007
        assert (copy / "binary-daemon" / "dockerd").lstat().st_mtime_ns == 5


def test_nobody_else_sees_the_staging_directory_and_the_container_sees_the_usual_mode(
    bundles: Path,
) -> None:
    bundles.chmod(0o2775)
    with stage(bundles) as staging:
        private = staging.path.parent
        assert private.parent == bundles.parent
        assert private.name.startswith(".bundles.rbuild.")
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert stat.S_IMODE(staging.path.stat().st_mode) == 0o2775
        staging.path.chmod(0o500)
        staging.publish()
    assert stat.S_IMODE(bundles.stat().st_mode) == 0o2775


def test_new_bundles_get_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with stage(tmp_path / "out" / "bundles") as staging:
            (staging.path / "x").write_text("x")
            assert staging.publish().files == ("x",)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out" / "bundles").stat().st_mode) == 0o750


@pytest.mark.parametrize("beside", [False, True], ids=["instead", "beside"])
def test_bundles_are_made_in_directories_that_are_not_there_yet(
    tmp_path: Path, *, beside: bool
) -> None:
    bundles = tmp_path / "out/of/tree/bundles"
    with stage(bundles) as staging:
        (staging.path / "x").write_text("x")
        staging.publish_beside() if beside else staging.publish()
    assert names(bundles) == ["x"]
    assert names(bundles.parent) == ["bundles"]


def test_a_linked_bundles_directory_is_replaced_where_it_really_is(
    bundles: Path, tmp_path: Path
) -> None:
    link = tmp_path / "elsewhere"
    link.symlink_to(bundles)
    with stage(link) as staging:
        assert staging.path.parent.parent == bundles.parent
        (staging.path / "new").write_text("new")
        staging.publish()
    assert link.is_symlink()
    assert (bundles / "new").read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_build_that_ends_badly_changes_nothing(bundles: Path, error: type[BaseException]) -> None:
    old = snapshot(bundles)

    def build() -> None:
        with stage(bundles) as staging:
            (staging.path / "half").write_text("half")
            locked = staging.path / "locked"
            locked.mkdir()
            (locked / "file").write_text("x")
            locked.chmod(0o000)
            raise error

    with pytest.raises(error):
        build()
    assert snapshot(bundles) == old
    assert names(bundles.parent) == ["bundles"]


def test_read_only_directories_are_published_and_replaced_again(bundles: Path) -> None:
    for content in ("first", "second"):
        with stage(bundles) as staging:
            cache = staging.path / "cache"
            if cache.exists():
                cache.chmod(0o755)
            cache.mkdir(exist_ok=True)
            (cache / "module").write_text(content)
            cache.chmod(0o555)
            staging.publish()
        assert (bundles / "cache" / "module").read_text() == content
        assert stat.S_IMODE((bundles / "cache").stat().st_mode) == 0o555
    assert names(bundles.parent) == ["bundles"]


def test_damaged_bundles_are_not_published_and_each_bad_file_is_named_once(bundles: Path) -> None:
    old = snapshot(bundles)

    def build() -> None:
        with stage(bundles) as staging:
            binary = staging.path / "1.12.6" / "binary-daemon" / "dockerd-1.12.6"
            checksum(binary, "md5")
            binary.write_bytes(b"half a dockerd")
            staging.publish()

    with pytest.raises(BundlesError) as caught:
        build()
    assert caught.value.exit_code == 4
    assert caught.value.problems == (
        (
            "1.12.6/binary-daemon/dockerd-1.12.6: does not match dockerd-1.12.6.md5;"
            " does not match dockerd-1.12.6.sha256"
        ),
    )
    assert snapshot(bundles) == old
    assert names(bundles.parent) == ["bundles"]


def test_directories_are_no_files_that_changed(bundles: Path) -> None:
    with stage(bundles) as staging:
        (staging.path / "new/below").mkdir(parents=True)
        (staging.path / "new/file").touch()
        (staging.path / "new/link").symlink_to("file")
        (staging.path / "1.12.6").chmod(0o700)
        assert staging.publish().files == ("new/file", "new/link")


@pytest.mark.parametrize(("count", "said"), [(1, "(1 problem)"), (2, "(2 problems)")])
def test_how_many_files_are_damaged_is_said(bundles: Path, count: int, said: str) -> None:
    with stage(bundles) as staging:
        for number in range(count):
            (staging.path / f"{number}.md5").write_text("nonsense")
        with pytest.raises(BundlesError) as caught:
            staging.publish()
    assert said in caught.value.message


def test_a_staging_directory_that_cannot_be_removed_is_told_and_how_it_can(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundles are published; a build that failed says its own error first."""

    def refuse(tree: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tree / "new/cache"))

    def work(words: str) -> str:
        with stage(bundles) as staging:
            monkeypatch.setattr(staging_module, "remove", refuse)
            (staging.path / "x").write_text(words)
            if words == "failed":
                raise RuntimeError(words)
            staging.publish()
        return words

    with pytest.raises(HostError, match="can't be removed: Permission denied") as caught:
        work("new")
    monkeypatch.undo()
    (private,) = set(bundles.parent.iterdir()) - {bundles}
    assert caught.value.finding == "staging-not-removed"
    assert caught.value.hint == f"remove it with: sudo rm -rf {private}"
    assert (bundles / "x").read_text() == "new"
    with pytest.raises(RuntimeError, match="failed") as failed:
        work("failed")
    assert "can't be removed: Permission denied" in failed.value.__notes__[0]
    assert (bundles / "x").read_text() == "new"


def test_publishing_counts_checksums_and_names_what_changed(bundles: Path) -> None:
    with stage(bundles) as staging:
        folder = staging.path / "1.12.6" / "binary-daemon"
        (folder / "dockerd-1.12.6").write_bytes(b"new dockerd")  # as long as the old one
        checksum(folder / "dockerd-1.12.6")
        published = staging.publish()
    prefix = "1.12.6/binary-daemon/dockerd-1.12.6"
    assert set(published.files) == {prefix, f"{prefix}.sha256"}
    assert published.checked == 1
    assert published.warnings == ()


def test_links_out_of_the_tree_are_kept_with_a_warning_and_not_followed(
    bundles: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("key")
    with stage(bundles) as staging:
        (staging.path / "absolute").symlink_to(secret)
        (staging.path / "climbing").symlink_to("../../secret")
        (staging.path / "itself").symlink_to(".")
        warnings = staging.publish().warnings
    assert sorted(warning.split()[0] for warning in warnings) == ["absolute", "climbing"]
    assert link_text(bundles / "absolute") == str(secret)
    with stage(bundles) as staging:
        assert (staging.path / "absolute").is_symlink()
    assert (secret / "key").read_text() == "key"


def test_pipes_and_sockets_of_an_earlier_build_are_left_out(bundles: Path) -> None:
    os.mkfifo(bundles / "pipe\n")
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(bundles):
        listening.bind("docker.sock")
    with stage(bundles) as staging:
        assert not (staging.path / "docker.sock").exists()
        warnings = staging.publish().warnings
    assert warnings == (
        "docker.sock was left out: a socket",
        "pipe\\n was left out: a named pipe",
    )


def test_what_was_copied_out_of_a_container_replaces_entries_of_the_same_name(
    bundles: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write({"1.12.6": {"new": (b"new", 0o755)}, "latest": "./1.12.6", "more": {}}, out)
    (bundles / "17.05").mkdir()
    with stage(bundles) as staging:
        staging.take(out)
        staging.publish()
    assert names(bundles) == ["1.12.6", "17.05", "latest", "more"]
    assert names(bundles / "1.12.6") == ["new"]
    assert link_text(bundles / "latest") == "./1.12.6"
    assert (out / "1.12.6" / "new").exists()


@pytest.mark.parametrize("target", ["", "1.12.6", "new", "new/linux/amd64", "latest", "latest/new"])
def test_an_output_is_merged_into_a_directory_of_the_bundles_that_may_be_new(
    bundles: Path, tmp_path: Path, target: str
) -> None:
    write({"tool": (b"new", 0o755), "1.12.6": {"more": (b"new", 0o644)}}, tmp_path / "out")
    before = snapshot(bundles)
    with stage(bundles) as staging:
        staging.merge(tmp_path / "out", staging.path / target)
        staging.publish()
    assert (bundles / target / "tool").read_text() == "new"
    assert (bundles / target / "1.12.6/more").read_text() == "new"
    now = snapshot(bundles)
    assert {path: now.get(path) for path in before} == before


@pytest.mark.parametrize("target", ["out", "out/below", "up/project", "chain/x"])
def test_an_output_is_not_merged_through_a_link_out_of_the_bundles(
    bundles: Path, tmp_path: Path, target: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    write({"tool": (b"new", 0o755)}, tmp_path / "made")
    with stage(bundles) as staging:
        for name, text in (("out", str(outside)), ("up", "../.."), ("chain", "out")):
            (staging.path / name).symlink_to(text)
        with pytest.raises(StepFailedError, match="a link leads out of the bundles") as caught:
            staging.merge(tmp_path / "made", staging.path / target)
    assert str(bundles / target) in caught.value.message
    assert [*outside.iterdir()] == []
    assert names(bundles.parent) == ["bundles"]


# --- without RENAME_EXCHANGE --------------------------------------------------------------------


def test_publishing_works_where_directories_cannot_be_exchanged(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(new: Path, current: Path) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(swapping, "_exchange", refuse)
    with stage(bundles) as staging:
        (staging.path / "new").write_text("new")
        staging.publish()
    assert "new" in names(bundles)
    assert names(bundles.parent) == ["bundles"]


def test_a_swap_that_fails_half_way_is_taken_back(bundles: Path, tmp_path: Path) -> None:
    old = snapshot(bundles)
    beside = bundles.parent / "beside"
    beside.mkdir()
    with pytest.raises(FileNotFoundError):
        swapping.swap_by_renames(beside / "not-there", bundles)
    assert snapshot(bundles) == old
    assert names(beside) == []


# --- other processes ----------------------------------------------------------------------------


def python(script: str, *arguments: Path, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a script with `stage` and its errors at hand; it can wait with `input()`."""
    head = """
        import os, signal, subprocess, sys
        from pathlib import Path
        from rootless_build.bundles.installation import install
        from rootless_build.bundles.staging import stage
        from rootless_build.model.errors import RbuildError
        bundles = Path(sys.argv[1])
    """
    source = textwrap.dedent(head) + textwrap.dedent(script)
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", source, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def output(script: str, *arguments: Path, prefix: tuple[str, ...] = ()) -> str:
    process = python(script, *arguments, prefix=prefix)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_what_a_killed_run_left_is_removed_by_the_next(bundles: Path) -> None:
    killed = python(
        """
        with stage(bundles) as staging:
            (staging.path / "locked").mkdir(mode=0)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        bundles,
    )
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(bundles.parent)) == 2
    (bundles.parent / ".bundles.rbuild.keep").mkdir()
    with stage(bundles) as staging:
        mine = staging.path.parent.name
        assert names(bundles.parent) == sorted([mine, ".bundles.rbuild.keep", "bundles"])


def killed_between_two_renames(bundles: Path) -> None:
    python(
        """
        with stage(bundles) as staging:
            bundles.rename(staging.path.with_name("previous"))
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        bundles,
    ).communicate(timeout=60)


def test_a_run_killed_between_two_renames_loses_nothing(bundles: Path) -> None:
    old = snapshot(bundles)
    killed_between_two_renames(bundles)
    assert not bundles.exists()
    with stage(bundles) as staging:
        assert snapshot(staging.path) == old
    assert snapshot(bundles) == old
    assert names(bundles.parent) == ["bundles"]


@pytest.mark.parametrize("made", [False, True], ids=["missing", "made anew"])
def test_bundles_of_a_run_killed_between_two_renames_are_restored(
    bundles: Path, made: bool
) -> None:
    """`made`: the recipe of the next run has `mkdir bundles` where there are none."""
    old = snapshot(bundles)
    killed_between_two_renames(bundles)
    if made:
        bundles.mkdir()
    assert restore(bundles)
    assert snapshot(bundles) == old
    assert not restore(bundles)


def test_nothing_is_restored_over_bundles_that_are_there(bundles: Path) -> None:
    beside = bundles.parent / ".bundles.rbuild.1.1.x"
    (beside / "previous").mkdir(parents=True)
    (beside / "previous/old").write_text("")
    old = snapshot(bundles)
    assert not restore(bundles)
    assert snapshot(bundles) == old


@contextlib.contextmanager
def another_run(bundles: Path, *prefix: str) -> Iterator[Path]:
    """A second rbuild in the middle of its build, and its staging directory."""
    process = python(
        """
        with stage(bundles) as staging:
            print(staging.path, flush=True)
            input()
        """,
        bundles,
        prefix=prefix,
    )
    assert process.stdout is not None
    path = process.stdout.readline().rstrip("\n")
    try:
        assert path, process.communicate(timeout=60)
        yield Path(path)
    finally:
        _, err = process.communicate("\n", timeout=60)
    assert process.returncode == 0, err


def test_the_staging_directory_of_a_living_run_is_left_alone(bundles: Path) -> None:
    with another_run(bundles) as other:
        with stage(bundles) as staging:
            assert staging.path != other
            assert other.is_dir()
        assert other.is_dir()
    assert names(bundles.parent) == ["bundles"]


def test_a_living_run_is_left_alone_where_locks_do_not_work(bundles: Path) -> None:
    with stage(bundles) as staging:
        private = staging.path.parent
        unlocked = private.with_name(private.name + "x")
        unlocked.mkdir()
        with stage(bundles):
            assert unlocked.is_dir()


@needs_namespaces
def test_a_run_in_another_process_namespace_counts_as_living(bundles: Path) -> None:
    flags = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
    with another_run(bundles, *flags) as other, stage(bundles):
        assert other.is_dir()


@pytest.mark.parametrize("there", [False, True], ids=["missing", "there"])
@pytest.mark.parametrize("written", [False, True], ids=["left empty", "written to"])
def test_a_place_to_mount_over_goes_again_if_it_was_made_for_that_and_is_empty(
    tmp_path: Path, *, there: bool, written: bool
) -> None:
    bundles = tmp_path / "sub/bundles"
    if there:
        bundles.mkdir(parents=True)
    with mount_point(bundles):
        assert bundles.is_dir()
        if written:
            (bundles / "x").touch()
    assert bundles.exists() is (there or written)


def test_a_link_to_nothing_is_no_missing_place_to_mount_over(tmp_path: Path) -> None:
    (tmp_path / "bundles").symlink_to("nowhere")
    with mount_point(tmp_path / "bundles"):
        pass
    assert link_text(tmp_path / "bundles") == "nowhere"


def test_what_cannot_be_removed_of_a_killed_run_is_told_and_keeps_no_build_from_its_end(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose files are in it is told as well."""
    left = [bundles.parent / f".bundles.rbuild.1.1.{name}" for name in "abc"]
    for private in left:
        private.mkdir(mode=0o700)

    def of_another_user(tree: Path) -> None:
        if tree != left[1]:
            named = tree / "new/cache" if tree == left[0] else tree
            raise PermissionError(errno.EACCES, "Permission denied", str(named))
        remove(tree)

    monkeypatch.setattr(leftovers, "remove", of_another_user)
    with stage(bundles) as staging:
        (staging.path / "new").write_text("new")
        warnings = staging.publish().warnings
    before = "left from an earlier run: "
    assert warnings == (
        f"{before}{left[0]} can't be removed: Permission denied ({left[0]}/new/cache)",
        f"{before}{left[2]} can't be removed: Permission denied",
    )
    assert (bundles / "new").exists()
    assert [private.exists() for private in left] == [True, False, True]


@pytest.mark.parametrize("which", [0, 1])
def test_bundles_of_one_of_several_killed_runs_are_restored(bundles: Path, which: int) -> None:
    old = snapshot(bundles)
    left = [bundles.parent / f".bundles.rbuild.1.1.{name}" for name in "ab"]
    for private in left:
        private.mkdir(mode=0o700)
    bundles.rename(left[which] / "previous")
    assert restore(bundles)
    assert snapshot(bundles) == old


@pytest.mark.parametrize("how", ["link", "open", "link in it", "file in it"])
def test_what_others_made_in_the_name_of_a_killed_run_is_not_taken_for_bundles(
    bundles: Path, tmp_path: Path, how: str
) -> None:
    evil = tmp_path / "evil/previous"
    evil.mkdir(parents=True)
    (evil / "dockerd").write_text("evil")
    shutil.rmtree(bundles)
    place = bundles.parent / ".bundles.rbuild.1.1.x"
    if how == "link":
        place.symlink_to(tmp_path / "evil")
    elif how == "open":
        shutil.copytree(tmp_path / "evil", place)
        place.chmod(0o777)
    else:
        place.mkdir(mode=0o700)
        previous = place / "previous"
        previous.symlink_to(evil) if how == "link in it" else previous.touch()
    assert not restore(bundles)
    assert not os.path.lexists(bundles)


# --- hosts that can't ---------------------------------------------------------------------------


def test_a_file_in_the_place_of_the_bundles_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "bundles").write_text("")
    with pytest.raises(UsageError, match="is not a directory"), stage(tmp_path / "bundles"):
        pass


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
@pytest.mark.parametrize("closed", ["project", "project/bundles", "project/bundles/1.12.6"])
def test_what_cannot_be_written_or_read_is_found_before_anything_runs(
    bundles: Path, tmp_path: Path, closed: str
) -> None:
    old = snapshot(bundles)
    (tmp_path / closed).chmod(0o000 if closed.endswith("6") else 0o555)
    try:
        with pytest.raises(HostError) as caught, stage(bundles):
            pytest.fail("the container would have been started")
    finally:
        (tmp_path / closed).chmod(0o755)
    unreadable = closed.endswith("6")
    assert caught.value.finding == (
        "bundles-not-readable" if unreadable else "bundles-not-writable"
    )
    assert caught.value.hint
    assert snapshot(bundles) == old
    assert names(bundles.parent) == ["bundles"]


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
@pytest.mark.parametrize("mode", [0o500, 0o600, 0o300])
def test_a_directory_of_ones_own_that_is_closed_is_refused_with_the_cure(
    bundles: Path, mode: int
) -> None:
    bundles.chmod(mode)
    try:
        with pytest.raises(HostError) as caught, stage(bundles):
            pytest.fail("the container would have been started")
    finally:
        bundles.chmod(0o700)
    assert caught.value.finding in {"bundles-not-writable", "bundles-not-readable"}
    if caught.value.finding == "bundles-not-writable":
        assert caught.value.hint == f"chmod u+rwx {bundles}"


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_in_a_directory_of_somebody_else_another_one_is_to_be_named() -> None:
    with pytest.raises(HostError) as caught, stage(Path("/usr/bundles")):
        pytest.fail("the container would have been started")
    assert caught.value.hint == "name a directory of your own with --bundles-dir"


@pytest.mark.parametrize(
    ("number", "finding"), [(errno.EDQUOT, "no-space"), (errno.ENOSPC, "no-space")]
)
def test_a_quota_is_as_a_full_disk(
    bundles: Path, monkeypatch: pytest.MonkeyPatch, number: int, finding: str
) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    (bundles / "large").write_bytes(bytes(3_000_000))
    monkeypatch.setattr(staging_module, "copy_tree", fill)
    with pytest.raises(HostError) as caught, stage(bundles):
        pytest.fail("the container would have been started")
    assert caught.value.finding == finding
    assert re.search(r"needs 3\.\d MB, and [\d.]+ MB are free", caught.value.message)
    assert names(bundles.parent) == ["bundles"]


def test_an_error_of_the_disk_is_no_full_one(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(staging_module, "copy_tree", fail)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), stage(bundles):
        pytest.fail("the container would have been started")
    assert names(bundles.parent) == ["bundles"]


def as_root(script: str) -> list[str]:
    """What a script says that runs as root (of a namespace) with a 3 MB disk at /mnt."""
    setup = """
        import shlex  # found before the script becomes somebody who can't read this repository
        disk = Path("/mnt")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], check=True)
        bundles = disk / "bundles"
        (bundles / "1.12.6").mkdir(parents=True)
    """
    attempt = """
        try:
            with stage(bundles):
                print("started")
        except RbuildError as error:
            print(error.finding, error.message, error.hint, sep="\\n")
        print(sorted(os.listdir(disk)), sorted(os.listdir(bundles)))
    """
    text = "".join(textwrap.dedent(part) for part in (setup, script, attempt))
    return output(text, Path(), prefix=AS_ROOT).splitlines()


@needs_namespaces
@pytest.mark.parametrize(
    ("owned", "owner"), [("", 0), ("1.12.6", 0), ("1.12.6/file", 0), ("1.12.6", 7)]
)
def test_bundles_of_root_or_another_user_are_refused_with_the_cure(owned: str, owner: int) -> None:
    said = as_root(
        f"""
        file = bundles / "1.12.6/file"
        file.touch()
        for path in (disk, bundles, file.parent, file):
            os.chown(path, 5, 5)
        os.chown(bundles / {owned!r}, {owner}, {owner})
        os.setuid(5)
        """
    )
    path = Path("/mnt/bundles", owned)
    if owner == 0:
        assert said[:2] == [
            "bundles-owned-by-root",
            f"{path} belongs to root, from an earlier build as root",
        ]
    else:
        assert said[:2] == ["bundles-not-writable", f"{path} belongs to user 7, not to you"]
    assert said[2] == "sudo chown -R $(id -u):$(id -g) /mnt/bundles"
    assert said[3] == "['bundles'] ['1.12.6']"


@needs_namespaces
def test_a_mount_point_is_refused_since_it_cannot_be_replaced() -> None:
    said = as_root('subprocess.run(["mount", "--bind", bundles, bundles], check=True)\n')
    assert said[0] == "bundles-mount-point"
    assert said[3] == "['bundles'] ['1.12.6']"


@needs_namespaces
def test_a_full_disk_is_reported_with_what_is_needed_and_nothing_is_left() -> None:
    said = as_root('(bundles / "dockerd").write_bytes(os.urandom(2_000_000))\n')
    assert said[0] == "no-space"
    assert "needs 2.0 MB, and 1.1 MB are free" in said[1]
    assert said[3] == "['bundles'] ['1.12.6', 'dockerd']"


@needs_namespaces
@pytest.mark.skipif(ROOT, reason="root may remove everything")
def test_what_a_container_left_of_another_user_is_named_beside_the_builds_own_error(
    bundles: Path,
) -> None:
    old = snapshot(bundles)
    stays: list[Path] = []

    def build() -> None:
        with stage(bundles) as staging:
            stays.append(staging.path.parent)
            cache = staging.path / "cache"
            cache.mkdir()
            (cache / "file").write_text("x")
            subprocess.run([*AS_ROOT, "chown", "7:7", cache], check=True)
            raise RuntimeError("the build failed")

    with pytest.raises(RuntimeError, match="the build failed") as caught:
        build()
    (private,) = stays
    try:
        (note,) = caught.value.__notes__
        assert note.startswith(f"{private} can't be removed: ")
        assert snapshot(bundles) == old
    finally:
        subprocess.run([*AS_ROOT, "rm", "-rf", private], check=True)


def publishing(fault: str) -> list[str]:
    """What becomes of bundles on a 3 MB disk when `fault` strikes as they are published."""
    script = f"""
        (bundles / "dockerd").write_bytes(b"old")
        def publish(staging):
            (staging.path / "dockerd").write_bytes(b"new")
            {fault}
        try:
            with stage(bundles) as staging:
                publish(staging)
                staging.publish()
        except RbuildError as error:
            print(error.finding, error.message, error.hint, sep="\\n")
        print((bundles / "dockerd").read_text())
    """
    return as_root(script)


@needs_namespaces
def test_a_disk_that_is_full_when_bundles_are_published_leaves_the_old_ones() -> None:
    said = publishing("os.fsync = lambda _: (_ for _ in ()).throw(OSError(28, os.strerror(28)))")
    assert said[0] == "no-space"
    assert said[3] == "old"


@needs_namespaces
def test_bundles_that_became_read_only_meanwhile_stay() -> None:
    said = publishing(
        'subprocess.run(["mount", "--bind", bundles, bundles], check=True);'
        ' subprocess.run(["mount", "-o", "remount,ro,bind", bundles], check=True)'
    )
    assert said[0] == "bundles-not-writable"
    assert said[3] == "old"


@needs_namespaces
def test_devices_in_bundles_are_named_and_left_out_by_the_next_build() -> None:
    said = as_root(
        """
        (bundles / "null").touch()  # root of a namespace may make no device, but mount one
        subprocess.run(["mount", "--bind", "/dev/null", bundles / "null"], check=True)
        with stage(bundles) as staging:
            print(sorted(os.listdir(staging.path)), staging.warnings)
        """
    )
    assert said[0] == "['1.12.6'] ['null was left out: a device']"


def test_what_a_hard_link_shares_with_a_file_outside_is_not_written(
    bundles: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    os.link(outside, bundles / "linked")
    with stage(bundles) as staging:
        (staging.path / "linked").write_text("the container's")
        staging.publish()
    assert outside.read_text() == "mine"
    assert (bundles / "linked").read_text() == "the container's"


def test_a_link_in_the_place_of_a_directory_is_not_followed_by_the_copy_out(
    bundles: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    out = tmp_path / "out"
    (out / "linked").mkdir(parents=True)
    (out / "linked" / "file").write_text("x")
    with stage(bundles) as staging:
        (staging.path / "linked").symlink_to(outside)
        staging.take(out)
        staging.publish()
    assert names(outside) == []
    assert (bundles / "linked" / "file").read_text() == "x"


def test_odd_names_are_published_and_shown_on_one_line(bundles: Path) -> None:
    with stage(bundles) as staging:
        for name in ODD_NAMES:
            (staging.path / os.fsdecode(b"odd " + name)).write_bytes(name)
        published = staging.publish()
    for name in ODD_NAMES:
        assert (bundles / os.fsdecode(b"odd " + name)).read_bytes() == name
    assert all(shown(name).isprintable() for name in published.files)


def test_sockets_and_pipes_of_this_build_are_named(bundles: Path) -> None:
    with stage(bundles) as staging:
        os.mkfifo(staging.path / "pipe")
        assert staging.publish().warnings == ("pipe is a named pipe",)


def test_odd_names_are_shown_on_one_line() -> None:
    assert shown(os.fsdecode(b"a\nb\xff\x1b[0m\xc3\xa9")) == "a\\nb\\xff\\x1b[0mé"


def test_staging_names_the_real_directory(bundles: Path) -> None:
    with stage(bundles) as staging:
        assert isinstance(staging, Staging)
        assert staging.directory == bundles.resolve()
