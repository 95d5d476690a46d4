"""COPY: what is copied, where it comes to lie, and what becomes of what is there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rootless_build.images.layers import globbing
from rootless_build.images.layers.nodes import FIXED_TIME
from rootless_build.images.layers.request import (
    Changed,
    Copying,
    Directory,
    Downloaded,
    Failed,
    ImageFiles,
    Inline,
    Looking,
    Made,
    Operation,
    Refused,
    WorkingDirectory,
)
from rootless_build.images.layers.sources import Tree
from tests.unit.images.layers.made_trees import answered, copying, layers, paths, read, tree

TIME = 1_600_000_000_123_456_789


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Files, directories, links and a pipe, with times of their own."""
    root = tmp_path / "context"
    for name in ("f", "d/f", "d/sub/g", "e/h.o", "e/h.c", "e/deep/i.o"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / "link").symlink_to("d")
    (root / "d" / "up").symlink_to("../f")
    os.mkfifo(root / "d" / "pipe")
    (root / "d" / "sub").chmod(0o750)
    (root / "f").chmod(0o4755)
    for path in root.rglob("*"):
        os.utime(path, ns=(TIME, TIME), follow_symlinks=False)
    return root


def test_a_tree_is_copied_with_modes_times_links_and_pipes(context: Path, tmp_path: Path) -> None:
    made = tree(tmp_path / "out", [copying(context, "d", "/x/")])
    assert paths(made) == ["x/", "x/f", "x/pipe", "x/sub/", "x/sub/g", "x/up"]
    assert made["x/sub"].mode == 0o750
    assert made["x/up"].link == "../f"
    assert made["x/pipe"].kind == "fifo"
    assert made["x/f"].content == b"d/f"
    assert {entry.mtime for entry in made.values()} == {TIME}
    assert {(entry.uid, entry.gid) for entry in made.values()} == {(0, 0)}


def test_a_file_keeps_its_setuid_bit(context: Path, tmp_path: Path) -> None:
    assert tree(tmp_path / "out", [copying(context, "f", "/")])["f"].mode == 0o4755


def test_new_parents_have_a_fixed_time_and_the_owner(context: Path, tmp_path: Path) -> None:
    made = tree(tmp_path / "out", [copying(context, "f", "/a/b/", chown="7:8", chmod="640")])
    assert paths(made) == ["a/", "a/b/", "a/b/f"]
    assert {(entry.mode, entry.uid, entry.gid) for entry in made.values()} == {(0o640, 7, 8)}
    assert made["a"].mtime == FIXED_TIME
    with_epoch = tree(tmp_path / "again", [copying(context, "f", "/a/b/")], epoch=5)
    assert with_epoch["a"].mtime == 5_000_000_000
    assert with_epoch["a/b/f"].mtime == TIME


def test_the_same_files_are_the_same_layer(context: Path, tmp_path: Path) -> None:
    one = layers(tmp_path / "one", [copying(context, ".", "/x")])
    os.utime(context)
    assert layers(tmp_path / "two", [copying(context, ".", "/x")]) == one


def test_existing_directories_on_the_way_are_as_they_were(context: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "usr/share").mkdir(parents=True)
    (base / "usr/other").touch()
    (base / "usr").chmod(0o711)
    os.utime(base / "usr", ns=(TIME, TIME))
    layers(tmp_path / "out", [copying(context, "f", "/usr/share/")], (base,))
    made = read(tmp_path / "out" / "0.tar")
    assert paths(made) == ["usr/", "usr/share/", "usr/share/f"]
    assert (made["usr"].mode, made["usr"].mtime, made["usr"].uid) == (0o711, TIME, os.getuid())


def test_links_of_the_image_are_followed_inside_it(context: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "usr/bin").mkdir(parents=True)
    (base / "bin").symlink_to("/usr/bin")
    (base / "out").symlink_to("../../../../usr")
    (base / "nowhere").symlink_to("not/there")
    made = [copying(context, "f", place) for place in ("/bin/x", "/out/y", "/nowhere")]
    found = tree(tmp_path / "out", made, (base,))
    assert paths(found) == ["not/", "not/there", "usr/", "usr/bin/", "usr/bin/x", "usr/y"]


def test_below_a_copied_directory_a_link_is_replaced_by_a_file(
    context: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "f").symlink_to("real")
    assert tree(tmp_path / "out", [copying(context, "d", "/")], (base,))["f"].content == b"d/f"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("d", "/f"), "f is not a directory"),
        (("f", "/f/x"), "f is not a directory"),
        (("f", "/f/"), "f is not a directory"),
        (("nothing", "/"), "nothing is not there"),
        (("d/nothing/x*", "/"), "is not there"),
        (("e", "/d"), None),
        (("[a", "/"), "pattern"),
    ],
)
def test_what_buildkit_refuses_is_refused(
    context: Path, tmp_path: Path, words: tuple[str, ...], why: str | None
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "f").touch()
    made = answered(tmp_path / "out", [copying(context, *words)], (base,))
    if why is None:
        assert isinstance(made, Made)
        return
    assert isinstance(made, Refused)
    assert made.operation == 0
    assert why in made.message


def test_a_directory_over_a_link_and_a_file_over_a_directory_are_refused(
    context: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "sub").symlink_to("elsewhere")
    first = answered(tmp_path / "one", [copying(context, "d", "/")], (base,))
    (base / "sub").unlink()
    (base / "pipe").mkdir()
    second = answered(
        tmp_path / "two", [copying(context, "f", "/g"), copying(context, "d", "/")], (base,)
    )
    assert isinstance(first, Refused)
    assert isinstance(second, Refused)
    assert (first.operation, second.operation) == (0, 1)


def test_two_sources_without_a_slash_leave_the_last(context: Path, tmp_path: Path) -> None:
    assert tree(tmp_path / "out", [copying(context, "f", "d/f", "/x")])["x"].content == b"d/f"


def test_ignored_files_are_not_there(context: Path, tmp_path: Path) -> None:
    source = Directory(context, ".", ("*", "!e/*.c", "!d/sub"))
    made = tree(tmp_path / "out", [Copying((source,), "/x/")])
    assert paths(made) == ["x/", "x/d/", "x/d/sub/", "x/d/sub/g", "x/e/", "x/e/h.c"]
    hidden = Directory(context, "f", ("f",))
    assert isinstance(answered(tmp_path / "two", [Copying((hidden,), "/")]), Refused)


def test_excluded_files_are_left_out_below_a_source(context: Path, tmp_path: Path) -> None:
    made = tree(tmp_path / "out", [copying(context, "e", "/x", exclude=("**/*.o",))])
    assert paths(made) == ["x/", "x/deep/", "x/h.c"]
    alone = tree(tmp_path / "two", [copying(context, "e/h.o", "/x/", exclude=("*.o",))])
    assert "x/h.o" in alone


def test_parents_are_kept_from_the_pivot_on(context: Path, tmp_path: Path) -> None:
    made = tree(
        tmp_path / "out", [copying(context, "d/sub/g", "e/./deep/*.o", "/x/", parents=True)]
    )
    assert paths(made) == ["x/", "x/d/", "x/d/sub/", "x/d/sub/g", "x/deep/", "x/deep/i.o"]
    assert made["x/d/sub"].mode == 0o750
    missing = answered(tmp_path / "two", [copying(context, "d/no", "/x/", parents=True)])
    assert isinstance(missing, Refused)


def test_a_linked_layer_does_not_look_at_the_image(context: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "real").mkdir(parents=True)
    (base / "dir").symlink_to("real")
    operations = [copying(context, "f", "/dir/x", link=True), copying(context, "d/f", "/dir/y")]
    made = tree(tmp_path / "out", operations, (base,))
    assert paths(made) == ["dir/", "dir/x", "dir/y"]


def test_each_operation_sees_those_before_it(context: Path, tmp_path: Path) -> None:
    (context / "passwd").write_text("joe:x:5:6::/:\n")
    operations: list[Operation] = [
        copying(context, "passwd", "/etc/"),
        WorkingDirectory("/w/x", "joe"),
        WorkingDirectory("/w/x"),
        copying(context, "f", "/w/x/", chown="joe"),
    ]
    found = layers(tmp_path / "out", operations)
    assert [layer.empty for layer in found] == [False, False, True, False]
    made = [read(tmp_path / "out" / f"{number}.tar") for number in range(4)]
    assert paths(made[1]) == ["w/", "w/x/"]
    assert paths(made[3]) == ["w/", "w/x/", "w/x/f"]
    assert {(e.uid, e.gid) for e in (*made[1].values(), *made[3].values())} == {(5, 6)}


def test_hard_links_stay_hard_links_within_a_source(context: Path, tmp_path: Path) -> None:
    (context / "d" / "same").hardlink_to(context / "d" / "f")
    (context / "e" / "same").hardlink_to(context / "d" / "f")
    made = tree(tmp_path / "out", [copying(context, "d", "e", "/x/")])
    assert made["x/f"].first == "x/f"
    # The second source is copied by itself.
    assert made["x/same"].first == "x/same"
    (context / "e" / "same").unlink()
    made = tree(tmp_path / "two", [copying(context, "d", "/x/")])
    assert made["x/same"].first == made["x/f"].first == "x/f"


def test_names_are_bytes_of_any_length(tmp_path: Path) -> None:
    context = tmp_path / "context"
    long = context / ("a" * 120) / ("b" * 200)
    long.parent.mkdir(parents=True)
    long.write_text("1")
    (context / "\udce9\n").symlink_to("t" * 150)
    made = tree(tmp_path / "out", [copying(context, ".", "/")])
    assert set(made) == {"a" * 120, f"{'a' * 120}/{'b' * 200}", "\udce9\n"}
    assert made["\udce9\n"].link == "t" * 150


def test_a_heredoc_is_a_file(tmp_path: Path) -> None:
    operation = Copying((Inline("a", b"1\n"), Inline("b", b"")), "/d/", chmod="700")
    made = tree(tmp_path / "out", [operation])
    assert paths(made) == ["d/", "d/a", "d/b"]
    assert (made["d/a"].content, made["d/a"].mode, made["d/a"].mtime) == (b"1\n", 0o700, FIXED_TIME)


def test_files_of_an_image_keep_their_owners(context: Path, tmp_path: Path) -> None:
    source = ImageFiles((context,), "/f")
    made = tree(tmp_path / "out", [Copying((source,), "/x")])["x"]
    assert (made.uid, made.gid) == (os.getuid(), os.getgid())
    nothing = answered(tmp_path / "two", [Copying((ImageFiles((), "/f"),), "/x")])
    assert isinstance(nothing, Refused)


def test_capabilities_are_kept_and_other_attributes_are_not(context: Path, tmp_path: Path) -> None:
    try:
        os.setxattr(context / "d" / "f", "user.a", b"1")
    except OSError:
        pytest.skip("this file system has none")
    assert tree(tmp_path / "one", [copying(context, "d", "/x")])["x/f"].xattrs == ()
    if os.geteuid() == 0:
        capability = bytes.fromhex("0100000200040000000000000000000000000000")
        os.setxattr(context / "d" / "f", "security.capability", capability)
        made = tree(tmp_path / "two", [copying(context, "d", "/x", chown="5")])
        assert made["x/f"].xattrs == (("security.capability", capability),)


def test_what_can_not_be_read_is_said(context: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (context / "d" / "f").chmod(0)
    made = answered(tmp_path / "out", [copying(context, "d", "/x")])
    assert isinstance(made, Failed)
    assert "d/f" in made.message
    assert "Permission denied" in made.message


def test_a_socket_is_an_empty_file(context: Path, tmp_path: Path) -> None:
    os.mknod(context / "e" / "socket", stat.S_IFSOCK | 0o640)
    made = tree(tmp_path / "out", [copying(context, "e", "/x")])
    assert (made["x/socket"].kind, made["x/socket"].content) == ("file", b"")


def test_a_file_that_becomes_another_meanwhile_is_noticed(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path == context / "d" / "sub" / "g":
            path.write_text("something longer")
        return original(descriptor)

    monkeypatch.setattr(os, "fstat", fstat)
    made = answered(tmp_path / "out", [copying(context, "d", "/x")])
    assert made == Changed(0, "d/sub/g")


def test_what_is_named_with_its_parents_must_not_be_excluded(context: Path, tmp_path: Path) -> None:
    kept = copying(context, "e", "/x", parents=True, exclude=("**/*.o",))
    assert paths(tree(tmp_path / "one", [kept])) == ["x/", "x/e/", "x/e/deep/", "x/e/h.c"]
    gone = copying(context, "e/h.o", "/x", parents=True, exclude=("**/*.o",))
    assert isinstance(answered(tmp_path / "two", [gone]), Refused)
    nothing = copying(context, "e/*.no", "/x", parents=True)
    assert paths(tree(tmp_path / "three", [nothing])) == ["x/"]


def test_a_link_that_leads_nowhere_ends_a_search_of_the_whole_tree(
    context: Path, tmp_path: Path
) -> None:
    (context / "nowhere").symlink_to("no")
    (context / "d" / "nowhere").symlink_to("no")
    assert "x/nowhere" in tree(tmp_path / "one", [copying(context, ".", "/x")])
    assert "x/nowhere" in tree(tmp_path / "two", [copying(context, "d", "/x", exclude=("y",))])
    searched = copying(context, ".", "/x", exclude=("y",))
    assert isinstance(answered(tmp_path / "three", [searched]), Refused)
    without = copying(context, ".", "/x", exclude=("nowhere",))
    assert "x/d/nowhere" in tree(tmp_path / "four", [without])


def test_a_file_on_the_way_of_what_is_not_meant_ends_the_copying(
    context: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "e").touch()
    made = answered(tmp_path / "one", [copying(context, "f*", "/", parents=True)], (base,))
    assert isinstance(made, Refused)
    made = answered(tmp_path / "two", [copying(context, ".", "/", exclude=("e",))], (base,))
    assert isinstance(made, Refused)


@pytest.fixture
def with_whiteouts(tmp_path: Path) -> Path:
    """A layer that has nothing below it, and says of some names all the same that they are gone."""
    root = tmp_path / "image"
    (root / "d").mkdir(parents=True)
    (root / "d" / "f").write_text("1")
    for name in ("d/gone", "gone", "d/passwd"):
        os.mknod(root / name, stat.S_IFCHR | 0o600, os.makedev(0, 0))
    return root


def test_what_the_only_layer_of_an_image_says_is_gone_is_not_there(
    with_whiteouts: Path, tmp_path: Path
) -> None:
    def source(path: str) -> Copying:
        return Copying((ImageFiles((with_whiteouts,), path),), "/x/")

    assert paths(tree(tmp_path / "one", [source("d")])) == ["x/", "x/f"]
    assert paths(tree(tmp_path / "two", [source("d/*")])) == ["x/", "x/f"]
    refused = answered(tmp_path / "three", [source("d/gone")])
    assert isinstance(refused, Refused)
    assert "is not there" in refused.message


def test_what_is_gone_is_in_nobodys_way(
    with_whiteouts: Path, context: Path, tmp_path: Path
) -> None:
    operations: list[Operation] = [
        WorkingDirectory("/d/gone/e"),
        copying(context, "d", "/gone"),
        copying(context, "f", "/d/passwd/"),
    ]
    made = tree(tmp_path / "out", operations, (with_whiteouts,))
    assert {"d/gone/e", "gone/sub/g", "d/passwd/f"} <= set(made)


@pytest.mark.parametrize("into", ["nothing", "a link", "a socket", "a directory", "a pipe"])
def test_a_file_that_becomes_something_else_has_changed(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, into: str
) -> None:
    path = context / "d" / "sub" / "g"

    def become(name: str) -> None:
        if name != "g" or not path.exists() or not path.is_file():
            return
        path.unlink()
        if into == "a link":
            path.symlink_to("/etc/passwd")
        elif into == "a directory":
            path.mkdir()
        elif into != "nothing":
            os.mknod(path, 0o600 | (stat.S_IFSOCK if into == "a socket" else stat.S_IFIFO))

    original = os.open

    def opened(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        become(name)
        return original(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", opened)
    made = answered(tmp_path / "out", [copying(context, "d", "/x")])
    assert made == Changed(0, "d/sub/g")


def test_what_goes_between_a_listing_and_a_look_has_changed(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.readlink

    def readlink(path: str, *, dir_fd: int | None = None) -> str:
        (context / "d" / "up").unlink(missing_ok=True)
        return original(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "readlink", readlink)
    assert answered(tmp_path / "out", [copying(context, "d", "/x")]) == Changed(0, "d/up")


def test_a_directory_that_goes_before_it_is_listed_has_changed(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.open

    def opened(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if name == "sub" and (context / "d" / "sub").exists():
            (context / "d" / "sub").rename(context / "away")
        return original(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", opened)
    assert answered(tmp_path / "out", [copying(context, "d", "/x")]) == Changed(0, "d/sub")


@pytest.mark.parametrize("place", ["/{0}", "/{0}/x", "/x/{0}/", "/./{0}/.."])
def test_names_that_no_file_system_keeps_are_refused(
    context: Path, tmp_path: Path, place: str
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    long = "é" * 128
    for number, below in enumerate(((), (base,))):
        asked: list[Operation] = [
            copying(context, "f", "/y"),
            copying(context, "f", place.format(long)),
        ]
        made = answered(tmp_path / f"out{number}", asked, below)
        if place.endswith(".."):
            assert isinstance(made, Made)
            continue
        assert isinstance(made, Refused)
        assert made.operation == 1
        assert "255 bytes" in made.message
    longest = copying(context, "f", place.format(long[:127]))
    assert isinstance(answered(tmp_path / "longest", [longest], (base,)), Made)


@pytest.mark.parametrize("source", ["{0}", "{0}/f", "d/{0}", "d/{0}*", "{0}/*"])
def test_no_source_has_a_name_that_is_too_long(context: Path, tmp_path: Path, source: str) -> None:
    named = source.format("n" * 256)
    for sent in ((), (named, "d")):
        operation = Copying((Directory(context, named, sent=sent),), "/x/")
        made = answered(tmp_path / "out", [operation])
        # A wildcard may find nothing.
        assert isinstance(made, Made if source == "d/{0}*" else Refused), made


def test_a_heredoc_and_a_working_directory_have_names_that_can_be_kept(tmp_path: Path) -> None:
    for operation in (
        Copying((Inline("n" * 256, b""),), "/x/"),
        WorkingDirectory("/x/" + "n" * 256),
    ):
        made = answered(tmp_path / "out", [operation])
        assert isinstance(made, Refused)


@pytest.mark.parametrize(
    "operation",
    [
        WorkingDirectory("/a\0b"),
        WorkingDirectory("/a", "\0"),
        Copying((Inline("a\0b", b""),), "/x/"),
        Copying((Inline("a", b""),), "/x\0"),
        Copying((Inline("a", b""),), "/x", chown="5:\0"),
        Copying((Directory(Path("/"), "etc\0"),), "/x"),
        Copying((Downloaded(Path("/etc/passwd"), "\0", None),), "/x/", add=True),
    ],
)
def test_a_path_with_a_nul_is_refused(tmp_path: Path, operation: Operation) -> None:
    first = Copying((Inline("a", b""),), "/first")
    made = answered(tmp_path / "out", [first, operation])
    assert isinstance(made, Refused)
    assert made.operation == 1
    assert "NUL" in made.message


def test_what_nobody_thought_of_is_said_of_its_operation(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(*_: object) -> None:
        raise RecursionError("x" * 5000)

    monkeypatch.setattr("rootless_build.images.layers.maker.copy", copy)
    asked: list[Operation] = [WorkingDirectory("/w"), copying(context, "f", "/x")]
    made = answered(tmp_path / "out", asked)
    assert isinstance(made, Failed)
    assert made.operation == 1
    assert made.message.startswith("COPY to /x: RecursionError: xxx")
    assert len(made.message) < 500


def test_a_file_that_no_disk_has_room_for_is_not_begun(context: Path, tmp_path: Path) -> None:
    os.truncate(context / "d" / "f", 1024**4)
    made = answered(tmp_path / "out", [copying(context, "d", "/x", add=True)])
    assert isinstance(made, Failed)
    for word in ("ADD to /x", f"{tmp_path}/out", "x/f", "TMPDIR", str(1024**4)):
        assert word in made.message
    assert list((tmp_path / "out").iterdir()) == []


def test_a_large_file_of_many_names_needs_room_once(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context / "d" / "f").write_bytes(bytes(3000))
    for number in range(5):
        (context / "d" / f"same{number}").hardlink_to(context / "d" / "f")
    original = os.statvfs(tmp_path)
    few = os.statvfs_result((1, 1, *original[2:4], 4096, *original[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: few)
    assert isinstance(answered(tmp_path / "one", [copying(context, "d", "/x")]), Made)
    (context / "d" / "more").write_bytes(bytes(3000))
    assert isinstance(answered(tmp_path / "two", [copying(context, "d", "/x")]), Failed)


def test_what_a_wildcard_has_found_and_is_gone_has_changed(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def matches(source_tree: Tree, source: str) -> list[str]:
        found = globbing.matches(source_tree, source)
        (context / "e" / "h.o").unlink(missing_ok=True)
        return found

    monkeypatch.setattr("rootless_build.images.layers.maker.matches", matches)
    made = answered(tmp_path / "out", [copying(context, "e/*.o", "/x/")])
    assert made == Changed(0, "e/h.o")
    # As it is written it may be a mistake.
    assert isinstance(answered(tmp_path / "two", [copying(context, "e/h.o", "/")]), Refused)


@pytest.mark.parametrize("path", ["/d", "d/f", "/l/f", "/"])
def test_what_is_looked_for_is_there(tmp_path: Path, path: str) -> None:
    layer = _layer_with_a_link(tmp_path)
    made = answered(tmp_path / "out", [Looking(ImageFiles((layer,), path))])
    assert isinstance(made, Made)
    assert made.layers[0].empty


@pytest.mark.parametrize(
    ("layers", "path"), [(1, "/no"), (1, "/d/no"), (1, "/nowhere"), (0, "/x"), (1, "/d/f/x")]
)
def test_what_is_looked_for_is_not_there(tmp_path: Path, layers: int, path: str) -> None:
    layer = _layer_with_a_link(tmp_path)
    refused = answered(tmp_path / "out", [Looking(ImageFiles((layer,) * layers, path))])
    assert isinstance(refused, Refused)


def _layer_with_a_link(tmp_path: Path) -> Path:
    layer = tmp_path / "layer"
    (layer / "d").mkdir(parents=True)
    (layer / "d" / "f").touch()
    (layer / "l").symlink_to("/d")
    (layer / "nowhere").symlink_to("/no")
    return layer
