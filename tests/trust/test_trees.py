"""Trees that a container or an image wrote: nothing is written or removed outside of them, and no
depth, length or mode keeps rbuild from handling them.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.bundles.checksums import write_checksums
from rootless_build.bundles.merging import merge_tree
from rootless_build.bundles.staging import stage
from rootless_build.files import copying
from rootless_build.files.tree import Entry, open_inside, remove, walk
from rootless_build.model.errors import StepFailedError
from rootless_build.model.plan import BuildOutput
from rootless_build.runner import exports
from tests.trust.deep_trees import deep

SCRIPT = b"#!/bin/sh\necho built\n"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """pytest can't remove a deep tree itself."""
    directory = tmp_path / "place"
    directory.mkdir()
    yield directory
    subprocess.run(["chmod", "-R", "u+rwx", str(directory)], check=False)
    subprocess.run(["rm", "-rf", str(directory)], check=True)


def script(directory: Path, name: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / name
    file.write_bytes(SCRIPT)
    file.chmod(0o755)
    return file


# --- checksums ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tool", "tool\nrm -rf ~", "-tool", "tool $(id)"])
@pytest.mark.parametrize("target", ["../profile", "{outside}", "profile"])
def test_a_checksum_is_not_written_through_a_link(place: Path, name: str, target: str) -> None:
    """The next login would run what a file's name says."""
    bundles = place / "bundles/binary"
    script(bundles, name)
    outside = place / "outside"
    link = bundles / f"{name}.md5"
    link.symlink_to(target.format(outside=outside))
    made = write_checksums(place / "bundles")
    assert made == (f"binary/{name}.sha256",)
    assert link.is_symlink()
    assert not outside.exists()
    assert sorted(p.name for p in place.iterdir()) == ["bundles"]


def test_a_directory_in_the_place_of_a_checksum_stays(place: Path) -> None:
    script(place, "tool")
    (place / "tool.md5").mkdir()
    assert write_checksums(place) == ("tool.sha256",)


@pytest.mark.parametrize("name", ["tool", "a b", "back\\slash", "line\nbreak", "re\rturn", "é"])
def test_checksum_lines_are_those_of_md5sum(place: Path, name: str) -> None:
    script(place, name)
    assert write_checksums(place) == (f"{name}.md5", f"{name}.sha256")
    for program in ("md5sum", "sha256sum"):
        said = subprocess.run([program, "--", name], cwd=place, check=True, capture_output=True)
        assert (place / f"{name}.{program[:-3]}").read_bytes() == said.stdout
        check = [program, "--check", "--status", f"{name}.{program[:-3]}"]
        assert subprocess.run(check, cwd=place, check=False).returncode == 0


# --- removal ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["d", "d" * 255])
def test_a_deep_tree_is_removed(place: Path, name: str) -> None:
    deep(place / "tree", name)
    remove(place / "tree")
    assert not (place / "tree").exists()


def test_what_links_in_a_tree_lead_to_stays(place: Path) -> None:
    kept = place / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    tree = place / "tree/below"
    tree.mkdir(parents=True)
    (tree / "link").symlink_to(kept)
    (tree.parent / "link").symlink_to("../kept")
    os.link(kept / "file", tree / "hard")
    remove(tree.parent)
    assert (kept / "file").read_text() == "mine"
    (place / "top").symlink_to(kept)
    remove(place / "top")
    assert (kept / "file").read_text() == "mine"
    assert not (place / "top").is_symlink()


@pytest.mark.parametrize("mode", [0o000, 0o111, 0o444, 0o555, 0o600])
def test_directories_without_permissions_are_removed(place: Path, mode: int) -> None:
    below = place / "tree/a/b"
    below.mkdir(parents=True)
    (below / "file").write_text("")
    for directory in (below, below.parent, place / "tree"):
        directory.chmod(mode)
    remove(place / "tree")
    assert not (place / "tree").exists()


def test_special_files_are_removed(place: Path) -> None:
    tree = place / "tree"
    tree.mkdir()
    os.mkfifo(tree / "fifo")
    remove(tree)
    remove(tree)
    assert not tree.exists()


# --- outputs ------------------------------------------------------------------------------------


def test_a_deep_output_is_merged_and_archived(place: Path) -> None:
    deep(place / "image", depth=1_200)
    deep(place / "out", depth=600)
    (place / "private").mkdir()
    merge_tree(place / "image", place / "out", place / "private")
    found = subprocess.run(
        ["find", "out", "-name", "file"], cwd=place, check=True, capture_output=True
    )
    assert len(found.stdout.splitlines()) == 2
    exports.write(place / "image", BuildOutput("tar", (("dest", str(place / "out.tar")),)))
    with tarfile.open(place / "out.tar") as archive:
        assert archive.getnames()[-1] == "d/" * 1_200 + "file"


@pytest.mark.parametrize("kind", ["absolute", "relative", "above"])
def test_an_output_does_not_go_through_a_link_out_of_the_bundles(place: Path, kind: str) -> None:
    private = place / "private"
    private.mkdir()
    (private / "file").write_text("mine")
    bundles = place / "bundles"
    bundles.mkdir()
    link, target = bundles / "sub", bundles / "sub"
    if kind == "above":
        link, target = bundles / "above", bundles / "above/sub"
    link.symlink_to(private if kind == "absolute" else "../private")
    image = place / "image"
    image.mkdir()
    (image / "file").write_text("theirs")
    with stage(bundles) as staging, pytest.raises(StepFailedError, match="leads out") as caught:
        staging.merge(image, staging.path / target.relative_to(bundles))
    assert str(target) in caught.value.message
    assert (private / "file").read_text() == "mine"
    assert [p.name for p in private.iterdir()] == ["file"]


def test_an_output_goes_through_a_link_in_the_bundles(place: Path) -> None:
    bundles = place / "bundles"
    (bundles / "v1").mkdir(parents=True)
    (bundles / "latest").symlink_to("v1")
    image = place / "image"
    script(image, "tool")
    with stage(bundles) as staging:
        staging.merge(image, staging.path / "latest/sub")
        assert (staging.path / "v1/sub/tool").read_bytes() == SCRIPT


def test_bundles_of_any_depth_are_staged_and_published(place: Path) -> None:
    bundles = place / "bundles"
    deep(bundles, depth=1_200)
    for content in (b"1", b"2"):
        with stage(bundles) as staging:
            (staging.path / "tool").write_bytes(content)
            staging.publish()
    assert hashlib.md5((bundles / "tool").read_bytes()).hexdigest() == hashlib.md5(b"2").hexdigest()


# --- while somebody changes them ----------------------------------------------------------------


def swapped(directory: Path, target: Path) -> None:
    """Somebody puts a link in the place of a directory."""
    directory.rename(directory.with_name("away"))
    directory.symlink_to(target)


def test_a_walk_does_not_leave_a_tree_that_changes(place: Path) -> None:
    private = place / "private"
    script(private, "key")
    script(place / "tree/a", "file")
    script(place / "tree/b/c", "file")
    seen = []
    errors: dict[str, OSError] = {}
    for entry in walk(place / "tree", failed=errors.__setitem__):
        seen.append(entry.path)
        if entry.path == "b":
            swapped(place / "tree/a", private)
        if entry.path == "b/c":
            swapped(place / "tree/b/c", private)
    assert not [path for path in seen if path.endswith("key")]
    assert [*errors] == ["a", "b/c"]


@pytest.mark.parametrize("what", ["directory", "above", "file"])
def test_a_copy_does_not_take_what_is_put_there_meanwhile(
    place: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Between the walk and the opening of each file: a container of another run still works."""
    private = place / "private"
    script(private, "tool").write_text("secret")
    script(private / "deeper", "tool").write_text("secret")
    tree = place / "tree"
    script(tree / "sub/deeper", "tool")

    def changing(root: Path) -> Iterator[Entry]:
        for entry in tuple(walk(root)):
            if entry.path == "sub/deeper/tool":
                if what == "file":
                    (tree / "sub/deeper/tool").unlink()
                    (tree / "sub/deeper/tool").symlink_to(private / "tool")
                elif what == "directory":
                    swapped(tree / "sub/deeper", private)
                else:
                    swapped(tree / "sub", private)
            yield entry

    monkeypatch.setattr(copying, "walk", changing)
    (place / "copy").mkdir()
    with pytest.raises(OSError, match=r"levels of symbolic links|Not a directory"):
        copying.copy_tree(tree, place / "copy", [])
    found = [path for path in (place / "copy").rglob("*") if path.is_file()]
    assert [path.read_text() for path in found if path.read_text() == "secret"] == []


def test_descriptors_are_closed(place: Path) -> None:
    deep(place / "tree", depth=200)
    for number in range(300):
        script(place / f"tree/{number}", "file")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in zip(range(100), walk(place / "tree"), strict=False):
        pass
    list(walk(place / "tree"))
    with pytest.raises(FileNotFoundError):
        list(walk(place / "nowhere"))
    for name in ("299/file", "nowhere", "299/nowhere", "../x", "d/d/d"):
        with contextlib.suppress(OSError), open_inside(place / "tree", name):
            pass
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
