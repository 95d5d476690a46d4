"""What changed is never taken for unchanged: what an ignore file means, and what tells of a change.

Which files each engine copies under some hundred strange ignore files is recorded in
`tests/data/ignore`: buildkit.json is of docker 29.1.3 with BuildKit 0.26.2 (Ubuntu 24.04),
buildah.json of buildah 1.28.2 (whose library podman 4.3.1 has), classic.json of the classic builder
of docker 20.10.24 (both Debian 12).
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rootless_build.freshness import fingerprints, tree
from rootless_build.freshness.filesystems import FileSystems
from rootless_build.freshness.ignore import Rules
from rootless_build.freshness.index import RACY, Index
from rootless_build.images.engine_alone import left_alone
from rootless_build.images.own_files import OwnFiles
from rootless_build.model.errors import RbuildError
from rootless_build.model.plan import BuildImage
from rootless_build.process import identities
from tests import ignore_tables as record
from tests.unit.images.segments.storage import Storage, build

NOW = time.time_ns
TABLES = Path(__file__).parents[1] / "data/ignore"


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is past the time in which any change is looked for in content."""
    monkeypatch.setattr(time, "time_ns", lambda: NOW() + 2 * RACY)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A context on a disk."""
    return filled(tmp_path / "context")


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """One on a tmpfs, where what is written through a mapping changes no time."""
    place = Path(tempfile.mkdtemp(dir="/dev/shm"))  # the one tmpfs of every Linux
    yield filled(place / "context")
    shutil.rmtree(place)


def filled(root: Path) -> Path:
    (root / "d/e").mkdir(parents=True)
    for name in ("conf", "objbin", "d/f", "d/e/g", "xfoo", "a b"):
        (root / name).write_text("before")
    (root / "twin").write_text("before")
    (root / "link").symlink_to("conf")
    (root / "Dockerfile").write_text("FROM base\nCOPY . /\n")
    return root


def of(context: Path) -> str:
    """What stands for a build of the context, with what earlier looks remember."""
    cache = context.parent / "cache"
    made = fingerprints.of_build(BuildImage(context), cache, OwnFiles())
    assert isinstance(made, fingerprints.Fingerprint)
    return made.digest


def left_out(text: str) -> set[str]:
    """What counts as not copied, of the tree of the tables."""
    rules, every = Rules(text), record.everything()
    counted: set[str] = set()
    pending = [path for path in every if "/" not in path]
    while pending:
        path = pending.pop()
        match = rules.match(path)
        if not match.left_out:
            counted |= {path, *map(str, Path(path).parents)}
        if match.look_below:
            pending += [below for below in every if below.rpartition("/")[0] == path]
    return every - counted


@pytest.mark.parametrize("engine", ["buildkit", "buildah", "classic"])
def test_what_an_engine_copies_counts(engine: str) -> None:
    table: dict[str, list[str] | str] = json.loads((TABLES / f"{engine}.json").read_text())
    answers = {text: found for text, found in table.items() if not isinstance(found, str)}
    assert len(answers) > 100
    wrong = {text: left_out(text) - set(found) for text, found in answers.items()}
    assert {text: paths for text, paths in wrong.items() if paths} == {}
    # And what all leave out is not counted, in most cases.
    exactly = [text for text, found in answers.items() if left_out(text) == set(found)]
    assert len(exactly) > 0.7 * len(answers)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (" /conf", "conf"),
        ("\t/conf", "conf"),
        (r"obj\bin", "objbin"),
        (r"\conf", "conf"),
        (r"\xfoo", "xfoo"),
        ("**foo", "xfoo"),
        (" /d", "d/f"),
        ("d\n! /d/f", "d/f"),
        ("**/d\n!dx", "d/e/g"),
        ("con[^x]", "conf"),
        ("conf|d", "conf"),
        ("co(nf)", "conf"),
        ("con{f}", "conf"),
        ("con+f", "conf"),
        ("\ufeff/conf", "conf"),
        ("\x1cconf", "conf"),
        ("conf\x1c", "conf"),
        ("x\x0bconf", "conf"),
        ("x\x85conf", "conf"),
        ("x\u2028conf", "conf"),
        ("x\rconf", "conf"),
        ("x\x0cconf", "conf"),
        ("#\x0bconf", "conf"),
        ("!\nconf", "conf"),
        ("[\nconf", "conf"),
        ("con[f", "conf"),
        ("conf\\", "conf"),
        ("[[:alpha:]]onf", "conf"),
        (r"con\w", "conf"),
        (r"\Qconf\E", "conf"),
        (r"\x63onf", "conf"),
        ("^conf", "conf"),
        ("conf\n!con?", "conf"),
        ("*\n!\\conf", "conf"),
        ("d/**/../../conf", "xfoo"),
        ("x" * 70_000 + "\nconf", "conf"),
    ],
)
def test_a_line_that_some_engine_reads_otherwise_leaves_out_nothing(
    context: Path, line: str, path: str
) -> None:
    (context / ".dockerignore").write_bytes(f"{line}\n".encode())
    before = of(context)
    (context / path).write_text("after")
    assert of(context) != before


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("conf", "conf"),
        ("/conf", "conf"),
        ("conf/", "conf"),
        ("./conf", "conf"),
        ("conf\r", "conf"),
        ("con?", "conf"),
        ("co[m-o]f", "conf"),
        ("**/g", "d/e/g"),
        ("d\n!d/f", "d/e/g"),
        ("*\n!d", "conf"),
        ("a b", "a b"),
        ("# c\n\nconf", "conf"),
    ],
)
def test_a_line_that_all_read_alike_leaves_out(context: Path, line: str, path: str) -> None:
    (context / ".dockerignore").write_text(f"{line}\n", newline="")
    before = of(context)
    (context / path).write_text("after")
    assert of(context) == before


# --- changes that are hard to see -----------------------------------------------------------------


def through_a_mapping(path: Path) -> None:
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:5] = b"after"


def with_its_times(path: Path, change: Callable[[], object]) -> None:
    status = path.lstat()
    change()
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(path, ns=times, follow_symlinks=False)


def replaced(path: Path) -> None:
    new = path.with_name("new")
    new.write_text("after!")
    new.rename(path)


def access_list() -> bytes:
    """One that gives a user 12345 everything (linux/posix_acl_xattr.h)."""
    none = 0xFFFFFFFF
    entries = ((1, 7, none), (2, 7, 12345), (4, 5, none), (16, 7, none), (32, 5, none))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)


def acl(path: Path, kind: str = "access") -> None:
    os.setxattr(path, f"system.posix_acl_{kind}", access_list())


def relinked(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def emptied(path: Path) -> None:
    path.unlink()
    path.mkdir()


def copied(path: Path) -> None:
    path.unlink()
    path.write_text("before")


def named_twice(path: Path, other: Path) -> None:
    other.unlink()
    os.link(path, other)


def aged(path: Path) -> None:
    path.write_text("after!")
    os.utime(path, (1, 1))


CHANGES: dict[str, Callable[[Path], object]] = {
    "content of the same size and time": lambda c: with_its_times(
        c / "conf", lambda: (c / "conf").write_text("after!")
    ),
    "another file of the same size and time": lambda c: with_its_times(
        c / "conf", lambda: replaced(c / "conf")
    ),
    "through a mapping": lambda c: through_a_mapping(c / "conf"),
    "through a mapping, deep": lambda c: through_a_mapping(c / "d/e/g"),
    "an older time": lambda c: aged(c / "conf"),
    "a link's target": lambda c: relinked(c / "link", "d///"),
    "a link's target of the same time": lambda c: with_its_times(
        c / "link", lambda: relinked(c / "link", "twin")
    ),
    "a link for a file": lambda c: relinked(c / "conf", "twin"),
    "a directory for a file": lambda c: emptied(c / "conf"),
    "an empty directory": lambda c: (c / "d/empty").mkdir(),
    "a mode": lambda c: (c / "conf").chmod(0o755),
    "a setuid bit": lambda c: (c / "conf").chmod(0o4644),
    "a mode of a directory": lambda c: (c / "d/e").chmod(0o700),
    "a sticky directory": lambda c: (c / "d/e").chmod(0o1755),
    "a mode of the root": lambda c: c.chmod(0o711),
    "an attribute": lambda c: os.setxattr(c / "conf", "user.x", b"1"),
    "an attribute of a directory": lambda c: os.setxattr(c / "d/e", "user.x", b"1"),
    "an attribute of the root": lambda c: os.setxattr(c, "user.x", b"1"),
    "an attribute's value": lambda c: os.setxattr(c / "d", "user.was", b"2"),
    "an attribute that is gone": lambda c: os.removexattr(c / "d", "user.was"),
    "an access list": lambda c: acl(c / "conf"),
    "an access list of a directory": lambda c: acl(c / "d"),
    "a default access list": lambda c: acl(c / "d", "default"),
    "another name of a file": lambda c: named_twice(c / "conf", c / "twin"),
    "no other name any more": lambda c: copied(c / "d/two"),
    "a pipe": lambda c: pipe(c / "conf"),
    "a name": lambda c: (c / "conf").rename(c / "Conf"),
    "a name with a line end": lambda c: (c / "conf\n").write_text("x"),
    "a name that is no text": lambda c: (c / "\udcff").write_text("x"),
    "an ignore file": lambda c: (c / ".dockerignore").write_text("twin\n"),
    "an ignore file of its own": lambda c: (c / "Dockerfile.dockerignore").write_text("conf\n"),
    "an ignore file of podman's": lambda c: (c / ".containerignore").write_text("conf\n"),
    "no ignore file": lambda c: (c / ".dockerignore").unlink(),
    "the containerfile": lambda c: (c / "Dockerfile").write_text("FROM base\nCOPY . /d\n"),
    "a directory called as staging": lambda c: (c / ".bundles.rbuild.1.2.x").mkdir(),
    "a directory called as a private one": lambda c: (c / "rbuild-12.3-x").mkdir(),
}


@pytest.mark.parametrize("where", ["disk", "memory"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_one(context: Path, in_memory: Path, change: str, where: str) -> None:
    root = context if where == "disk" else in_memory
    (root / ".dockerignore").write_text("ignored\n")
    os.link(root / "d/f", root / "d/two")
    try:
        os.setxattr(root / "d", "user.was", b"1")
    except OSError:
        assert where == "memory", "the file system of the tests has no extended attributes"
        if "attribute" in change:
            return
    before = of(root)
    assert of(root) == before
    CHANGES[change](root)
    assert of(root) != before


def test_a_mapping_that_is_held_is_seen_where_the_kernel_tells_later(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ext4 gives no new time to a page that it has not written out yet: 30 seconds.
    monkeypatch.setattr(time, "time_ns", lambda: NOW() + 30_000_000_000)
    with (context / "conf").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:5] = b"first"
        before = of(context)
        mapped[:5] = b"later"
        assert of(context) != before


FOREIGN = (
    *("squashfs", "erofs", "iso9660", "cramfs", "udf", "vfat", "exfat", "ntfs3", "tmpfs", "ramfs"),
    *("overlay", "fuse.sshfs", "fuse.fuse-overlayfs", "nfs4", "cifs", "9p", "virtiofs", "unheard"),
)


def mountinfo(directory: Path, kind: str, options: str = "rw") -> Path:
    file = directory / "mountinfo"
    place = str(directory).replace("\\", "\\134").replace(" ", "\\040")
    file.write_text(
        "22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/x rw\n"
        f"30 22 0:99 / {place} rw,relatime shared:5 master:1 - {kind} what {options}\n"
        "31 22 0:98 / /elsewhere rw - proc proc rw\n"
    )
    return file


@pytest.mark.parametrize(
    ("kind", "options", "reads"),
    [
        *((kind, "rw", True) for kind in FOREIGN),
        ("ext4", "ro,errors=remount-ro", True),
        ("ext4", "rw,errors=remount-ro", False),
        ("xfs", "rw", False),
        ("btrfs", "rw,ssd", False),
    ],
)
def test_where_times_tell_nothing_content_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: str, reads: bool
) -> None:
    place = tmp_path / "a mount"
    place.mkdir()
    root = filled(place / "context")
    file = mountinfo(place, kind, options)
    monkeypatch.setattr(tree, "FileSystems", lambda: FileSystems(file))
    index = tmp_path / "index"
    first = tree.scan(root, Index.load(index))
    again = tree.scan(root, Index.load(index))
    assert again.digest == first.digest
    assert again.read == (first.read if reads else 0)


def test_without_a_list_of_mounts_content_is_read(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "FileSystems", lambda: FileSystems(tmp_path / "none"))
    first = tree.scan(context, Index.load(tmp_path / "index"))
    assert tree.scan(context, Index.load(tmp_path / "index")).read == first.read > 0


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        (".bundles.rbuild.1.2.x", True),
        (".bundles.rbuild.x", True),
        (".bundles.rbuild.{me}", True),
        (".bundles.rbuild.{me}.x", False),
    ],
)
def test_only_this_runs_own_staging_is_passed_over(context: Path, name: str, counts: bool) -> None:
    skip = frozenset({context / "bundles"})
    before = tree.scan(context, skip=skip).digest
    (context / name.format(me=identities.of_this())).mkdir()
    assert (tree.scan(context, skip=skip).digest != before) is counts


@pytest.mark.parametrize(
    "mount",
    [
        "type=bind,source=d,target=/c",
        "source=d,target=/c",
        "source=a-from=b,target=/c",
        "source=d,target=/type=cache",
        "type=cache,type=bind,source=d,target=/c",
        "target=/c,from=",
        '"type=bind",source=d,target=/from=x',
        "type=$T,target=/c,source=d",
        "type=bind,source=d,target=/c\\,from=x",
        "source=d,target=/c,ro",
    ],
)
def test_what_a_run_may_mount_counts_although_it_is_ignored(context: Path, mount: str) -> None:
    (context / "Dockerfile").write_text(f"FROM base\nRUN --mount={mount} true\n")
    (context / ".dockerignore").write_text("d\n")
    before = of(context)
    (context / "d/f").write_text("after")
    assert of(context) != before


# --- hostile patterns -----------------------------------------------------------------------------

SLOW = (
    *("*a*a*a*a*a*ab", "*a" * 30 + "b", "**/a" * 30 + "b", "?*" * 40 + "b", "[a-b]*" * 30 + "c"),
    *("a**" * 30 + "b", "**a*" * 30 + "b", "[^b]*" * 20 + "b", "*" * 2000, "**/" * 1000 + "b"),
    *("a*/" * 40 + "b", "**/*a*/" * 20 + "b", "\\*" * 5000, "[" + "a" * 9000 + "]*", "!" * 9000),
)
REFUSED = ("[b-a]", "[", "[]", "[a-]", "!", "a|b*", "[[:x:]]", "a^*", "[a")
ASKED = """
import sys
from rootless_build.images.containerfile.patterns import PatternError, parse_ignore_file
from rootless_build.freshness.ignore import Rules
text = sys.stdin.read()
for path in ("a" * 100, "a/" * 60 + "a", ("a" * 250 + "/") * 15 + "a", "a" * 255):
    Rules(text).match(path)
    try:
        parse_ignore_file(text).match(path)
    except PatternError:
        pass
"""


@pytest.mark.parametrize("pattern", SLOW, ids=lambda pattern: pattern[:20])
def test_no_pattern_takes_long(pattern: str) -> None:
    """At most 4 seconds of CPU for four paths, the start of Python included."""
    text = f"{pattern}\n*\n!{pattern}\n{pattern}x\n"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, (4, 4)){ASKED}"
    done = subprocess.run([sys.executable, "-c", limited], input=text, text=True, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("where", "pattern"),
    [
        *(("ignore", p) for p in (*REFUSED, "a\\", "\\d", "\\xff", "\\")),
        *(("COPY --exclude={} d /x/", p) for p in REFUSED),
        *(("ADD --exclude={} d /x/", p) for p in REFUSED),
    ],
)
def test_a_pattern_that_nobody_takes_is_an_error_for_people(
    context: Path, where: str, pattern: str
) -> None:
    line = "COPY --exclude=zz d /x/"
    if where == "ignore":
        (context / ".dockerignore").write_text(f"{pattern}\n")
    else:
        line = where.format(pattern)
    storage = Storage()
    storage.has("base")
    with pytest.raises(RbuildError) as error:
        build(storage, BuildImage(context), f"FROM base\n{line}\n")
    assert "pattern" in str(error.value) or "means depends" in str(error.value)


def test_engines_get_the_lines_as_they_are(context: Path) -> None:
    """Where lines of rbuild's are added: no \\r or \\x0b ends one, and no byte is lost."""
    text = b"a\x0bb\r\n\xff\x85 /c\xe2\x80\xa8d\rx"
    (context / ".dockerignore").write_bytes(text)
    (context / "bundles").mkdir()
    (context / "bundles/provenance.intoto.json").write_text("{}")
    step = BuildImage(context, tags=("x",))
    with left_alone(step, OwnFiles((context / "bundles",))) as made:
        assert made.containerfile is not None
        given = made.containerfile.with_name("Dockerfile.dockerignore").read_bytes()
    assert given.startswith(text + b"\n")
    assert stat.S_ISDIR((context / "bundles").stat().st_mode)
