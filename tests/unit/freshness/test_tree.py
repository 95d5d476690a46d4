"""The digest of a tree, and what the index saves."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.freshness import tree
from rootless_build.freshness.filesystems import FileSystems
from rootless_build.freshness.ignore import Rules
from rootless_build.freshness.index import RACY, Index
from rootless_build.freshness.tree import Tree
from rootless_build.process import identities


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    (place / "a/b").mkdir(parents=True)
    (place / "a/b/file").write_text("content")
    (place / "a/link").symlink_to("b/file")
    (place / "top").write_text("top")
    return place


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index"


@pytest.fixture(autouse=True)
def _of_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory of tests may be on a tmpfs, where content is always read."""
    table = tmp_path / "mounts"
    table.write_text("1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n")
    monkeypatch.setattr(tree, "FileSystems", lambda: FileSystems(table))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is past the time in which a change could go unseen."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 2 * RACY)


def scan(root: Path, file: Path) -> Tree:
    return tree.scan(root, Index.load(file))


def test_a_second_look_reads_nothing(root: Path, file: Path, later: None) -> None:
    first, second = scan(root, file), scan(root, file)
    assert (first.read, second.read) == (3, 0)
    assert first.digest == second.digest
    assert second.changed == ()


def test_a_directory_that_is_gone_is_named_once(root: Path, file: Path) -> None:
    scan(root, file)
    shutil.rmtree(root / "a/b")
    assert scan(root, file).changed == ("a/b",)


def test_files_that_just_changed_are_read_again(
    root: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max(path.stat().st_mtime_ns for path in root.rglob("*"))
    monkeypatch.setattr(time, "time_ns", lambda: newest)
    assert (scan(root, file).read, scan(root, file).read) == (3, 3)


def test_only_what_changed_is_read_and_named(root: Path, file: Path, later: None) -> None:
    before = scan(root, file)
    (root / "a/b/file").write_text("CONTENT")
    after = scan(root, file)
    assert after.read == 1
    assert after.changed == ("a/b/file",)
    assert after.digest != before.digest


def test_what_changed_is_named_in_the_order_of_its_paths(
    root: Path, file: Path, later: None
) -> None:
    """The first few are shown, the same ones each time."""
    scan(root, file)
    names = ["a/b/x", "a/c/x", "b", "c/a/x", "c/x", "d/x"]
    for name in reversed(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    changed = scan(root, file).changed
    assert [name for name in changed if name.endswith("x")] == [
        *("a/b/x", "a/c/x", "c/x", "c/a/x", "d/x"),
    ]


def test_an_index_is_written_only_when_something_changed(
    root: Path, file: Path, later: None
) -> None:
    scan(root, file)
    written = file.stat().st_ino, file.stat().st_mtime_ns
    scan(root, file)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == written
    (root / "a/b/file").write_text("other")
    scan(root, file)
    assert sorted(Index.load(file).known) == [b"", b"a", b"a/b"]
    shutil.rmtree(root / "a/b")
    scan(root, file)
    assert sorted(Index.load(file).known) == [b"", b"a"]
    assert scan(root, file).read == 0


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (lambda root: (root / "top").chmod(0o700), ("top",)),
        (lambda root: (root / "a/b").chmod(0o700), ("a/b",)),
        (lambda root: (root / "top").unlink(), ("top",)),
        (lambda root: (root / "a/link").unlink(), ("a/link",)),
        (lambda root: (root / "a/new").write_text("x"), ("a/new",)),
        (lambda root: (root / "a/new").mkdir(), ("a/new",)),
        (lambda root: shutil.rmtree(root / "a"), ("a", "a/b")),
        (lambda root: (root / "top").rename(root / "pot"), ("pot", "top")),
        (lambda root: os.utime(root / "top", ns=(1, 1)), ()),
    ],
)
def test_what_changed_is_named(
    root: Path,
    file: Path,
    later: None,
    edit: Callable[[Path], object],
    named: tuple[str, ...],
) -> None:
    scan(root, file)
    edit(root)
    assert scan(root, file).changed == named
    assert scan(root, file).changed == ()


def test_a_damaged_index_is_no_index(root: Path, file: Path, later: None) -> None:
    before = scan(root, file)
    whole = file.read_bytes()
    for damaged in (whole[:-5], whole[5:], b"", whole + b"x"):
        file.write_bytes(damaged)
        again = scan(root, file)
        assert (again.digest, again.read) == (before.digest, 3)
        assert scan(root, file).read == 0, "a new one is written"


def test_an_index_that_can_not_be_written_is_done_without(root: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a directory")
    assert scan(root, tmp_path / "cache" / "index").read == 3


def test_the_digest_is_that_of_any_place(root: Path, tmp_path: Path) -> None:
    other = root.rename(tmp_path / "elsewhere")
    moved = tree.scan(other)
    (tmp_path / "root").symlink_to(other)
    assert tree.scan((tmp_path / "root").resolve()).digest == moved.digest


def change_nothing_that_counts(root: Path) -> None:
    os.utime(root / "top", ns=(1, 1))
    copy = root / "copy"
    copy.write_text("top")
    copy.chmod((root / "top").stat().st_mode)
    copy.replace(root / "top")


def test_times_and_inodes_do_not_count(root: Path, file: Path, later: None) -> None:
    before = scan(root, file)
    change_nothing_that_counts(root)
    assert scan(root, file).digest == before.digest


def hard_link(root: Path) -> None:
    (root / "other").write_text("top")
    (root / "other").chmod((root / "top").stat().st_mode)


@pytest.mark.parametrize("name", ["mode", "link", "empty", "gone", "kind", "new\nline", "ä"])
def test_what_counts(name: str, root: Path, file: Path, later: None) -> None:
    before = scan(root, file)
    match name:
        case "mode":
            (root / "top").chmod(0o700)
        case "link":
            (root / "a/link").unlink()
            (root / "a/link").symlink_to("b/./file")
        case "empty":
            (root / "empty").mkdir()
        case "gone":
            (root / "top").unlink()
        case "kind":
            (root / "top").unlink()
            (root / "top").mkdir()
        case _:
            (root / name).write_text("")
    after = scan(root, file)
    assert after.digest != before.digest
    assert after.digest == tree.scan(root).digest


def test_two_names_of_one_file_are_not_two_files(root: Path) -> None:
    hard_link(root)
    apart = tree.scan(root)
    (root / "other").unlink()
    (root / "other").hardlink_to(root / "top")
    assert tree.scan(root).digest != apart.digest


def test_which_names_are_of_one_file_counts(root: Path) -> None:
    for name in ("second", "third", "a/fourth"):
        hard_link(root)
        (root / "other").rename(root / name)
    digests = set()
    for name in ("second", "third", "a/fourth"):
        (root / name).unlink()
        (root / name).hardlink_to(root / "top")
        digests.add(tree.scan(root).digest)
        (root / name).unlink()
        hard_link(root)
        (root / "other").rename(root / name)
    assert len(digests) == 3


def test_names_outside_of_the_tree_do_not_count(root: Path, tmp_path: Path) -> None:
    before = tree.scan(root).digest
    (tmp_path / "elsewhere").hardlink_to(root / "top")
    assert tree.scan(root).digest == before


def test_a_missing_directory_is_an_empty_one(tmp_path: Path) -> None:
    missing = tree.scan(tmp_path / "missing")
    (tmp_path / "missing").mkdir()
    assert tree.scan(tmp_path / "missing").digest == missing.digest


def test_what_is_skipped_does_not_count(root: Path) -> None:
    before = tree.scan(root, skip=frozenset({root / "bundles"}))
    for name in ("bundles", f".bundles.rbuild.{identities.of_this()}.x"):
        (root / name).mkdir()
        (root / name / "x").write_text("x")
    after = tree.scan(root, skip=frozenset({root / "bundles"}))
    assert after.digest == before.digest


def test_a_file_that_can_not_be_read_is_an_error(root: Path) -> None:
    if os.geteuid() == 0:
        (root / "top").unlink()
        os.mkfifo(root / "fifo")
        assert tree.scan(root).digest
        return
    (root / "top").chmod(0)
    with pytest.raises(PermissionError):
        tree.scan(root)


def test_a_root_that_is_a_file_counts_by_its_content(tmp_path: Path) -> None:
    digests = set()
    for content in ("one", "other", "one"):
        (tmp_path / "file").write_text(content)
        digests.add(tree.scan(tmp_path / "file").digest)
    assert len(digests) == 2


@pytest.mark.parametrize("size", [1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_a_file_counts_to_its_last_byte(tmp_path: Path, size: int) -> None:
    digests = []
    for last in (b"x", b"y", b"x"):
        (tmp_path / "file").write_bytes(b"." * (size - 1) + last)
        digests.append(tree.scan(tmp_path).digest)
    assert digests[0] == digests[2] != digests[1]


def test_a_tree_that_is_somebodys_disk_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, most in (("_MOST_FILES", 5), ("_MOST_BYTES", len("content" + "top"))):
        monkeypatch.setattr(tree, limit, most)
        assert tree.scan(root).digest
        monkeypatch.setattr(tree, limit, most - 1)
        with pytest.raises(OSError, match="holds too much to be looked at"):
            tree.scan(root)
        monkeypatch.undo()


def test_a_file_system_without_attributes_is_one_without(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree.scan(root).digest
    for number in (errno.ENOTSUP, errno.EACCES):
        monkeypatch.setattr(os, "listxattr", failing(number))
        assert tree.scan(root).digest == before
    monkeypatch.setattr(os, "listxattr", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        tree.scan(root)


def failing(number: int) -> Callable[..., list[str]]:
    def fail(*_: object) -> list[str]:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("docs/keep", True),
        ("docs/deep/keep/x", True),
        ("docs/other", False),
        ("docs/deep/other", False),
        ("logs/x", False),
        ("other", True),
    ],
)
def test_of_what_is_left_out_only_exceptions_count(root: Path, name: str, counts: bool) -> None:
    rules = Rules("docs\nlogs\n!docs/keep\n!docs/deep/keep\n")
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    digests = set()
    for content in ("one", "other"):
        path.write_text(content)
        digests.add(tree.scan(root, rules=rules).digest)
    assert (len(digests) == 2) is counts


def test_a_directory_that_is_left_out_counts_where_something_in_it_does_not(root: Path) -> None:
    """docker sends it, with its mode, on the way to what is in it."""
    (root / "other/empty").mkdir(parents=True)
    rules = Rules("*\n!a/b/file\n!**/kept\n")

    def digest() -> str:
        return tree.scan(root, rules=rules).digest

    before = digest()
    (root / "other").chmod(0o700)
    (root / "other/new").mkdir()
    assert digest() == before
    for directory in ("a", "a/b"):
        (root / directory).chmod(0o700)
        assert digest() != before
        before = digest()
    (root / "other/kept").write_text("")
    before = digest()
    (root / "other").chmod(0o755)
    assert digest() != before
