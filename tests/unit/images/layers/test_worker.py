"""The maker of layers as a process of its own."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rootless_build
from rootless_build.backend.api import UserNamespace
from rootless_build.images.layers.client import (
    LayerFailedError,
    LayerMaker,
    LayerRefusedError,
    LayersUnreadableError,
    SourceChangedError,
)
from rootless_build.images.layers.request import (
    Copying,
    ImageFiles,
    Inline,
    LayersRequest,
    NoOverlay,
    Operation,
    WorkingDirectory,
    request_line,
)
from rootless_build.model.errors import RbuildError
from rootless_build.process.sandbox import kernel
from tests.unit.images.layers.made_trees import answered, copying, paths, read

HERE = UserNamespace(())
OWN = UserNamespace(("unshare", "--user", "--map-root-user", "--mount"))
"""As root of a namespace: what `podman unshare` is, but for the subordinate ids."""


def can_unshare() -> bool:
    return (
        shutil.which("unshare") is not None
        and subprocess.run([*OWN.command, "true"], check=False, stderr=-3).returncode == 0
    )


needs_namespace = pytest.mark.skipif(not can_unshare(), reason="no user namespaces here")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    root.mkdir()
    (root / "f").write_text("1")
    return root


def request(tmp_path: Path, *operations: Operation, base: tuple[Path, ...] = ()) -> LayersRequest:
    output = tmp_path / "out"
    output.mkdir(exist_ok=True)
    return LayersRequest(base, operations, output)


def test_one_process_answers_one_request_after_the_other(context: Path, tmp_path: Path) -> None:
    with LayerMaker(HERE) as maker:
        (first,) = maker.make(request(tmp_path, copying(context, "f", "/x")))
        (second,) = maker.make(request(tmp_path, copying(context, "f", "/x")))
    assert first == second
    assert paths(read(tmp_path / "out" / "0.tar")) == ["x"]


def test_a_refusal_says_which_operation_and_why(context: Path, tmp_path: Path) -> None:
    asked = request(tmp_path, copying(context, "f", "/x"), copying(context, "no", "/x"))
    with LayerMaker(HERE) as maker:
        with pytest.raises(LayerRefusedError, match="no is not there") as caught:
            maker.make(asked)
        assert caught.value.operation == 1
        # The process is there for the next request.
        assert maker.make(request(tmp_path, copying(context, "f", "/x")))


def test_what_the_host_will_not_do_is_an_error(context: Path, tmp_path: Path) -> None:
    asked = LayersRequest((), (copying(context, "f", "/x"),), tmp_path / "not-there")
    with LayerMaker(HERE) as maker, pytest.raises(RbuildError, match="No such file"):
        maker.make(asked)


def test_a_process_that_dies_is_an_error(context: Path, tmp_path: Path) -> None:
    killed = UserNamespace(("sh", "-c", "echo gone >&2; kill -KILL $$", "sh"))
    with LayerMaker(killed) as maker, pytest.raises(RbuildError, match="signal 9") as caught:
        maker.make(request(tmp_path, copying(context, "f", "/x")))
    assert caught.value.engine_words == "gone"
    assert not isinstance(caught.value, LayerRefusedError | SourceChangedError)


def test_modules_of_the_directory_it_is_started_in_are_not_taken(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    with LayerMaker(HERE) as maker:
        assert maker.make(request(tmp_path, copying(context, "f", "/x")))


@needs_namespace
def test_an_image_of_several_layers_is_seen_as_one(context: Path, tmp_path: Path) -> None:
    top, bottom = tmp_path / "top:,layer", tmp_path / "bottom"
    for layer in (top, bottom):
        (layer / "d").mkdir(parents=True)
        (layer / "d" / layer.name).write_text(layer.name)
    (bottom / "etc").mkdir()
    (bottom / "etc" / "passwd").write_text("joe:x:5:6::/:\n")
    source = ImageFiles((top, bottom), "d")
    asked = request(
        tmp_path, Copying((source,), "/x", chown="joe"), base=(top, bottom, tmp_path / "context")
    )
    with LayerMaker(OWN) as maker:
        maker.make(asked)
    made = read(tmp_path / "out" / "0.tar")
    assert paths(made) == ["x/", "x/bottom", "x/top:,layer"]
    assert {(entry.uid, entry.gid) for entry in made.values()} == {(5, 6)}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0.tar"]


@needs_namespace
def test_what_a_layer_has_taken_away_is_not_there(context: Path, tmp_path: Path) -> None:
    top, bottom = tmp_path / "top", tmp_path / "bottom"
    (bottom / "d").mkdir(parents=True)
    (bottom / "d" / "f").touch()
    (top / "d").mkdir(parents=True)
    if os.geteuid() == 0:
        os.setxattr(top / "d", "trusted.overlay.opaque", b"y")
        namespace = HERE
    else:
        os.setxattr(top / "d", "user.overlay.opaque", b"y")
        namespace = OWN
    asked = request(tmp_path, Copying((ImageFiles((top, bottom), "d"),), "/x"))
    with LayerMaker(namespace) as maker:
        maker.make(asked)
    made = read(tmp_path / "out" / "0.tar")
    assert paths(made) == ["x/"]
    assert made["x"].xattrs == ()


@needs_namespace
def test_what_one_layer_alone_says_is_gone_is_not_there_either(tmp_path: Path) -> None:
    """An overlay lists such a name of a directory that one layer has, and then does not find it."""
    top, bottom = tmp_path / "top", tmp_path / "bottom"
    bottom.mkdir()
    (top / "d").mkdir(parents=True)
    (top / "d" / "f").touch()
    os.mknod(top / "d" / "gone", stat.S_IFCHR | 0o600, os.makedev(0, 0))
    asked = request(tmp_path, Copying((ImageFiles((top, bottom), "d"),), "/x"))
    with LayerMaker(OWN) as maker:
        maker.make(asked)
    assert paths(read(tmp_path / "out" / "0.tar")) == ["x/", "x/f"]


def test_what_can_not_be_read_as_one_is_another_error_than_a_failure(tmp_path: Path) -> None:
    stack = tuple(tmp_path / f"layer-{number}" for number in range(129))
    asked = request(tmp_path, Copying((ImageFiles(stack, "/"),), "/"))
    with LayerMaker(HERE) as maker, pytest.raises(LayersUnreadableError, match="128 layers"):
        maker.make(asked)


def test_so_is_a_mount_program_that_ends(tmp_path: Path) -> None:
    """Where /dev/fuse is closed it does not even begin."""
    asked = request(tmp_path, Copying((ImageFiles((tmp_path,), "/"),), "/"))
    words = "can't be read here with /bin/false: "
    with LayerMaker(OWN, "/bin/false") as maker, pytest.raises(LayersUnreadableError, match=words):
        maker.make(asked)


def test_so_is_a_kernel_that_makes_no_overlay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def detached(*_: object) -> int:
        raise OSError(errno.EPERM, "Operation not permitted", "fsopen overlay")

    monkeypatch.setattr(kernel, "detached", detached)
    source = Copying((ImageFiles((tmp_path, tmp_path), "/"),), "/")
    made = answered(tmp_path / "out", [source])
    assert isinstance(made, NoOverlay)
    assert "fsopen overlay: Operation not permitted" in made.message
    assert answered(tmp_path / "out", [WorkingDirectory("/x")], (tmp_path, tmp_path)) == made


def test_a_request_that_fails_is_not_the_last(context: Path, tmp_path: Path) -> None:
    digits = Copying((Inline("a", b""),), "/a", chown="9" * 5000)
    odd = copying(context, "\ud800", "/x")
    with LayerMaker(HERE) as maker:
        with pytest.raises(LayerRefusedError, match="looked up"):
            maker.make(request(tmp_path, digits))
        with pytest.raises(LayerFailedError, match="COPY to /x: UnicodeEncodeError") as caught:
            maker.make(request(tmp_path, WorkingDirectory("/w"), odd))
        assert caught.value.operation == 1
        assert maker.make(request(tmp_path, copying(context, "f", "/x")))


def test_the_process_has_the_package_that_starts_it(tmp_path: Path) -> None:
    """As from a checkout, with another version installed or none."""
    package = Path(rootless_build.__file__).parent
    copied = tmp_path / "checkout" / package.name
    shutil.copytree(package, copied, ignore=shutil.ignore_patterns("__pycache__"))
    told = copied / "images/layers/copying.py"
    told.write_text(told.read_text().replace("is not there", "is not in the copy"))
    (copied.parent / "json.py").write_text("raise SystemExit(7)")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import rootless_build; del sys.path[0]\n"
        "from pathlib import Path\n"
        "from rootless_build.backend.api import UserNamespace\n"
        "from rootless_build.images.layers.client import *\n"
        "from rootless_build.images.layers.request import *\n"
        "here = Path(sys.argv[1])\n"
        "asked = Copying((Directory(here, 'no'),), '/x')\n"
        "try:\n"
        "    with LayerMaker(UserNamespace(())) as maker:\n"
        "        maker.make(LayersRequest((), (asked,), here))\n"
        "except LayerRefusedError as error:\n"
        "    print(error)\n"
    )
    argv = [sys.executable, "-P", "-c", script, str(copied.parent)]
    run = subprocess.run(argv, cwd=copied.parent, capture_output=True, text=True, check=True)
    assert run.stdout == "no is not in the copy\n"


@needs_namespace
def test_a_hundred_layers_are_one_too(context: Path, tmp_path: Path) -> None:
    stack = tuple(tmp_path / f"layer-{number}" for number in range(127))
    for layer in stack:
        layer.mkdir()
        (layer / layer.name).touch()
    with LayerMaker(OWN) as maker:
        maker.make(request(tmp_path, Copying((ImageFiles(stack, "/"),), "/")))
    assert len(read(tmp_path / "out" / "0.tar")) == 127


def busy(tmp_path: Path, context: Path) -> LayersRequest:
    """A request that is not done before somebody reads all of the layer from a pipe."""
    (context / "f").write_bytes(bytes(4 * 1024 * 1024))
    asked = request(tmp_path, copying(context, "f", "/x"))
    os.mkfifo(tmp_path / "out" / "0.tar")
    return asked


def test_a_process_that_is_left_alone_ends_also_at_work(context: Path, tmp_path: Path) -> None:
    """As after a SIGKILL of rbuild: the kernel closes its end of the pipe."""
    line = request_line(busy(tmp_path, context))
    argv = [sys.executable, "-P", "-m", "rootless_build.images.layers.worker", "", "", ""]
    with subprocess.Popen(argv, stdin=-1, stdout=-1, bufsize=0) as worker:
        assert worker.stdin is not None
        worker.stdin.write(line)
        with (tmp_path / "out" / "0.tar").open("rb"):
            worker.stdin.close()
            assert worker.wait(60) == 1


def test_the_context_ends_a_process_that_is_at_work(context: Path, tmp_path: Path) -> None:
    asked = busy(tmp_path, context)
    with ThreadPoolExecutor(1) as thread, LayerMaker(HERE) as maker:
        made = thread.submit(maker.make, asked)
        with (tmp_path / "out" / "0.tar").open("rb"):
            maker.__exit__()
        with pytest.raises(RbuildError, match="ended with"):
            made.result()


def test_bytes_that_are_in_a_layer_below_are_found(tmp_path: Path) -> None:
    """As with metacopy=on, which storage.conf may have: a layer has the mode of a file alone."""
    if os.geteuid() != 0:
        pytest.skip("only root's storage can have that")
    below, above, work, place = (tmp_path / name for name in ("below", "above", "work", "place"))
    for directory in (below, above, work, place):
        directory.mkdir()
    (below / "f").write_text("1")
    options = f"lowerdir={below},upperdir={above},workdir={work},metacopy=on"
    script = f"mount -t overlay -o {options} overlay {place} && chmod 700 {place}/f"
    subprocess.run(["unshare", "--mount", "sh", "-c", script], check=True)
    asked = request(tmp_path, Copying((ImageFiles((above, below), "f"),), "/x"))
    with LayerMaker(HERE) as maker:
        maker.make(asked)
    (made,) = read(tmp_path / "out" / "0.tar").values()
    assert (made.mode, made.content) == (0o700, b"1")


@needs_namespace
def test_a_namespace_whose_process_has_ended_is_made_anew(context: Path, tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    namespace = UserNamespace(OWN.command, process=ended.pid)
    with LayerMaker(namespace) as maker:
        (layer,) = maker.make(request(tmp_path, copying(context, "f", "/x")))
    assert layer.entries == 1


@needs_namespace
def test_the_namespace_of_a_process_is_entered(context: Path, tmp_path: Path) -> None:
    """Without the command, which would fail; overlays can be made there."""
    below, above = tmp_path / "below", tmp_path / "above"
    below.mkdir()
    above.mkdir()
    (below / "f").write_text("1")
    asked = request(tmp_path, Copying((ImageFiles((above, below), "f"),), "/x"))
    with subprocess.Popen([*OWN.command, "cat"], stdin=-1, stdout=-1, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"there")
        assert process.stdout.read(5) == b"there"
        with LayerMaker(UserNamespace(("false",), process=process.pid)) as maker:
            maker.make(asked)
        process.stdin.close()
    assert paths(read(tmp_path / "out" / "0.tar")) == ["x"]
