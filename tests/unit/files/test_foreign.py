"""Walking a tree for what is somebody else's. Giving it back, with real owners: tests/contract."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.backend.ownership import all_ours
from rootless_build.files import foreign
from rootless_build.files.foreign import Request, Seen


def walked(top: Path, *, storages: bool = False) -> tuple[list[str], list[str]]:
    """What is visited, and what could not be looked at, both relative to `top`."""
    visited, failed = [], []

    def visit(seen: Seen, _: bool) -> bool | None:
        visited.append(os.path.relpath(seen.path, top))
        return True if stat.S_ISDIR(seen.status.st_mode) else None

    foreign.walk(str(top), visit, lambda path, _: failed.append(path), storages=storages)
    return visited, failed


def test_directories_come_before_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/file").touch()
    (tmp_path / "link").symlink_to("/")
    assert walked(tmp_path) == ([".", "a", "a/b"], [])
    assert walked(tmp_path / "a/file") == (["."], [])
    assert walked(tmp_path / "nothing") == ([], [])
    assert all_ours(tmp_path)


def test_another_file_system_is_not_entered() -> None:
    visited, _ = walked(Path("/dev"))
    device = Path("/dev").stat().st_dev
    below = [path for path in visited if path.startswith(("shm/", "pts/"))]
    assert Path("/dev/shm").stat().st_dev != device
    assert "shm" in visited
    assert below == []


@pytest.mark.parametrize(
    "names", [["storage.lock"], ["engine-id"], ["containers", "image", "network", "volumes"]]
)
def test_what_an_engine_keeps_is_not_entered(tmp_path: Path, names: list[str]) -> None:
    for name in ("inside", *names):
        (tmp_path / "storage" / name).mkdir(parents=True)
    assert walked(tmp_path)[0] == [".", "storage"]
    assert "storage/inside" in walked(tmp_path, storages=True)[0]


@pytest.mark.skipif(os.getuid() == 0, reason="root may look at everything")
def test_what_can_not_be_looked_at_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0)
    assert walked(tmp_path) == ([".", "a"], [str(tmp_path / "a")])
    assert not all_ours(tmp_path)
    (tmp_path / "a").chmod(0o700)


def test_a_tree_as_deep_as_one_likes(tmp_path: Path) -> None:
    """In a process of its own: there are more levels than it may have descriptors."""
    script = (
        "import os, resource, sys\n"
        "from pathlib import Path\n"
        "os.chdir(sys.argv[1])\n"
        "for _ in range(1500):\n"
        "    os.mkdir('d')\n"
        "    os.chdir('d')\n"
        "os.chdir('/')\n"
        "from rootless_build.backend.ownership import all_ours\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))\n"
        "print(all_ours(Path(sys.argv[1])))\n"
    )
    argv = [sys.executable, "-c", script, str(tmp_path)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    # It can't be told, and is left to who may have more descriptors.
    assert said == "False\n"
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 2000:
        request = Request([(str(tmp_path), _inode(tmp_path))], [], storages=True)
        assert _taken(request) == {"given": 0, "left": []}
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_a_path_that_leads_somewhere_else_by_now_is_left_alone(tmp_path: Path) -> None:
    real, other = tmp_path / "real", tmp_path / "other"
    real.mkdir()
    other.mkdir()
    inode = _inode(real)
    assert foreign.is_inode(str(real), inode)
    real.rename(tmp_path / "moved")
    real.symlink_to(other)
    assert not foreign.is_inode(str(real), inode)
    assert foreign.take(Request([(str(real), inode)], [], storages=True)).given == 0


def _inode(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _taken(request: Request) -> object:
    done = subprocess.run(
        [sys.executable, "-I", "-S", foreign.__file__],
        input=json.dumps(request._asdict()),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_request_is_the_same_after_json_and_anything_else_is_refused() -> None:
    request = Request([("/a/\udcff", (1, 2))], [(3, 4)], storages=False)
    assert foreign.request(json.loads(json.dumps(request._asdict()))) == request
    for text in ("{}", '{"places": [1], "before": [], "storages": 0}', '{"places": {}}'):
        with pytest.raises((KeyError, TypeError, ValueError)):
            foreign.request(json.loads(text))
