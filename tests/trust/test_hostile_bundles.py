"""Bundles made to keep rbuild busy, or to have it read something else: listing, verification,
installation and comparison end with an answer, within 2 s of CPU and 200 MB.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rootless_build.bundles.statement import NAME, SIGNED, STATEMENT
from rootless_build.files import tree
from rootless_build.model.errors import BundlesError
from tests.trust.built import build, program
from tests.trust.deep_trees import deep

CPU = 2
MEMORY = 200 * 1024
"""KiB, as ru_maxrss has it."""
HUGE = 20 * 1024**3
COMMANDS = ("bundles list", "bundles verify", "install --dry-run --unverified")
EACH = """
import json, os, resource, sys
from pathlib import Path

from rootless_build.bundles import comparison
from rootless_build.cli import app, commands
from rootless_build.cli.views import tables

limit = int(sys.argv[1])
for line in sys.stdin:
    place, words = json.loads(line)
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        name, *rest = words.split()
        if name == "compare":
            comparison.compare(Path(rest[0]), {}, Path(place, "bundles"))
            os._exit(0)
        os._exit(app.run(["rbuild", "-C", place, *words.split()]))
    _, status, used = os.wait4(child, 0)
    print(f"\\nended {os.waitstatus_to_exitcode(status)} {used.ru_maxrss}", flush=True)
"""
Server = subprocess.Popen[str]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Starts each command in a child of its own, without Python's start."""
    with subprocess.Popen(
        [sys.executable, "-c", EACH, str(CPU)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def held(server: Server, project: Path, *commands: str) -> None:
    """Each of the commands ends, with an answer of its own, in a child with that much CPU."""
    assert server.stdin is not None
    assert server.stdout is not None
    for words in commands:
        server.stdin.write(json.dumps([str(project), words]) + "\n")
        server.stdin.flush()
        said: list[str] = []
        while not (line := server.stdout.readline()).startswith("ended "):
            assert line, said
            said.append(line)
        status, memory = (int(number) for number in line.split()[1:])
        assert status in {0, 2, 3, 4}, (words, status, said[-20:])
        assert memory < MEMORY, (words, memory)
        assert "Traceback" not in "".join(said), said[-20:]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    build(place / "bundles", lambda root: program(root / "binary/dockerd", checksum=True))
    return place


def sparse(file: Path, size: int = HUGE) -> None:
    file.unlink(missing_ok=True)
    with file.open("wb") as opened:
        opened.truncate(size)


def bundles_loop(project: Path) -> None:
    shutil.rmtree(project / "bundles")
    (project / "bundles").symlink_to("bundles")


def two_links_loop(project: Path) -> None:
    shutil.rmtree(project / "bundles")
    (project / "bundles").symlink_to("other")
    (project / "other").symlink_to("bundles")


def latest_loop(project: Path) -> None:
    (project / "bundles/latest").symlink_to("latest")


def links_that_double(project: Path) -> None:
    """Each leads through the one before twice."""
    place = project / "bundles/binary"
    (place / "l0").mkdir()
    for number in range(1, 41):
        (place / f"l{number}").symlink_to(f"l{number - 1}/../l{number - 1}")
    (place / "x.sha256").write_text(f"{'0' * 64}  l40/x\n")


def pipes(project: Path) -> None:
    for name in ("x", "x.md5", "y.sha256", f"sub/{NAME}", f"sub/{SIGNED}", ".git", "sub/latest"):
        file = project / "bundles" / name
        file.parent.mkdir(exist_ok=True)
        os.mkfifo(file)


def links_to_devices(project: Path) -> None:
    for device in ("zero", "random", "full", "tty", "stdin"):
        place = project / f"bundles/{device}"
        place.mkdir()
        for name in ("x", "x.md5", NAME, SIGNED, ".git", "latest"):
            (place / name).symlink_to(f"/dev/{device}")


def sockets(project: Path) -> None:
    for name in ("x", "x.md5", NAME):
        place = project / "bundles/s"
        place.mkdir(exist_ok=True)
        with socket.socket(socket.AF_UNIX) as server:
            descriptor = os.open(place, os.O_PATH)
            server.bind(f"/proc/self/fd/{descriptor}/{name}")
            os.close(descriptor)


def huge_checksums(project: Path) -> None:
    for name in ("dockerd.md5", "dockerd.sha256", "dockerd.sha512"):
        sparse(project / "bundles/binary" / name)


def huge_statement(project: Path) -> None:
    sparse(project / "bundles/binary" / NAME)


def huge_signature(project: Path) -> None:
    sparse(project / "bundles/binary" / SIGNED)


def huge_git(project: Path) -> None:
    sparse(project / "bundles/.git")
    sparse(project / "bundles/binary/.git")


def huge_sparse_program(project: Path) -> None:
    sparse(project / "bundles/binary/other")
    (project / "bundles/binary/other").chmod(0o755)


def many_values(text: bytes) -> Callable[[Path], None]:
    def act(project: Path) -> None:
        head = b'{"_type": "%s", "subject": [' % STATEMENT.encode()
        content = head + text * (15_000_000 // len(text)) + b"]}"
        (project / "bundles/binary" / NAME).write_bytes(content)

    return act


def many_claims_of_one_file(project: Path) -> None:
    """Which is read once."""
    file = project / "bundles/binary/dockerd"
    file.write_bytes(b"x" * 20_000_000)
    statement = file.with_name(NAME)
    said = json.loads(statement.read_bytes())
    one = json.dumps(said["subject"][0])
    said["subject"] = []
    text = json.dumps(said).replace('"subject": []', f'"subject": [{",".join([one] * 10_000)}]')
    statement.write_text(text)


def many_statements(project: Path) -> None:
    for number in range(10):
        place = project / f"bundles/b{number}"
        place.mkdir()
        (place / NAME).write_bytes(b'{"x": "' + b"x" * 8_000_000 + b'"}')


def many_lines_of_checksums(project: Path) -> None:
    line = b"%s  dockerd\n" % (b"0" * 32)
    for number in range(10):
        file = project / f"bundles/binary/c{number}.md5"
        file.write_bytes(line * (1024 * 1024 // len(line)))


def deep_tree(project: Path) -> None:
    deep(project / "bundles/deep")


def deep_tree_of_long_names(project: Path) -> None:
    deep(project / "bundles/deep", "d" * 255, 400)


def deep_json(project: Path) -> None:
    (project / "bundles/binary" / NAME).write_bytes(b'{"subject":' + b"[" * 500_000)
    (project / "bundles/binary" / SIGNED).write_bytes(b'{"a":' * 50 + b"[" * 150)


def long_integer(project: Path) -> None:
    text = f'{{"_type": "{STATEMENT}", "subject": [{"9" * 1_000_000}]}}'
    (project / "bundles/binary" / NAME).write_text(text)


def elf_of_many_segments(project: Path) -> None:
    """A file that says that it has 65,534 dynamic segments and as many sections."""
    count, size = 65_534, 56
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 64, 0, 64, size, count, 64, count, 0)
    segment = struct.pack("<IIQQQQQQ", 2, 4, 64, 0, 0, 1_000_000, 1_000_000, 8)
    file = project / "bundles/binary/tool"
    file.write_bytes(header + segment * count + b"\1" * 4_000_000)
    file.chmod(0o755)


def elf_of_many_tags(project: Path) -> None:
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 2, 4, 120, 0, 0, 32_000_000, 32_000_000, 8)
    file = project / "bundles/binary/tool"
    file.write_bytes(header + segment + b"\1" * 32_000_000)
    file.chmod(0o755)


HOSTILE = [
    bundles_loop,
    two_links_loop,
    latest_loop,
    links_that_double,
    pipes,
    links_to_devices,
    sockets,
    huge_checksums,
    huge_statement,
    huge_signature,
    huge_git,
    huge_sparse_program,
    many_values(b"[],"),
    many_values(b"{},"),
    many_values(b'{"a":1},'),
    many_values(b'"",'),
    many_values(b"0,"),
    many_claims_of_one_file,
    many_statements,
    many_lines_of_checksums,
    deep_tree,
    deep_tree_of_long_names,
    deep_json,
    long_integer,
    elf_of_many_segments,
    elf_of_many_tags,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda make: make.__name__)
def test_every_command_that_reads_bundles_ends(
    project: Path, tmp_path: Path, server: Server, hostile: Callable[[Path], None]
) -> None:
    hostile(project)
    try:
        held(server, project, *COMMANDS)
    finally:
        # pytest can't remove a deep tree itself.
        subprocess.run(["rm", "-rf", str(project)], check=True)


@pytest.mark.parametrize(
    "hostile",
    [huge_statement, huge_signature, pipes, links_to_devices, many_values(b"[],"), deep_tree],
    ids=lambda make: make.__name__,
)
def test_a_comparison_with_hostile_bundles_ends(
    project: Path, tmp_path: Path, server: Server, hostile: Callable[[Path], None]
) -> None:
    made = tmp_path / "made"
    build(made, lambda root: program(root / "binary/dockerd", checksum=True))
    hostile(project)
    try:
        held(server, project, f"compare {made}")
    finally:
        subprocess.run(["rm", "-rf", str(project)], check=True)


def test_how_many_files_are_looked_at_is_limited(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50,000 of them; fewer here."""
    monkeypatch.setattr(tree, "MOST", 3)
    with pytest.raises(BundlesError, match="not looked at") as caught:
        tree.contents(project / "bundles")
    assert caught.value.problems == ("there are more than 3 files",)


@pytest.mark.parametrize(
    "name", ["file", "sub/file", "link", "up/file", "here/file", "sub/../file"]
)
def test_what_is_inside_is_opened(tmp_path: Path, name: str) -> None:
    root = tmp_path / "bundles"
    (root / "sub/deeper").mkdir(parents=True)
    for file in (root / "file", root / "sub/file"):
        file.write_text("inside")
    (root / "link").symlink_to("sub/../file")
    (root / "up").symlink_to("sub/deeper/..")
    (root / "here").symlink_to(root)
    with tree.open_inside(root, name) as found:
        assert found.read() == b"inside"


@pytest.mark.parametrize(
    "name",
    ["..", "../secret", "out", "outdir/secret", "sub/../../secret", "climb", "loop", "/etc/passwd"],
)
def test_what_is_outside_is_not_opened(tmp_path: Path, name: str) -> None:
    root = tmp_path / "bundles"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "outdir").symlink_to("..")
    (root / "climb").symlink_to("sub/../../secret")
    (root / "loop").symlink_to("loop")
    with pytest.raises(
        OSError, match=r"leads out of the bundles|levels of symbolic links|No such file"
    ):
        tree.open_inside(root, name)
