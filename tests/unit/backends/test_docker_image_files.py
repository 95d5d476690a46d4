"""The layers that `docker save` writes, put one on top of the other."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from rbuild_docker.client import Client
from rbuild_docker.image_files import copy_image
from rootless_build.backend.api import Image
from rootless_build.model.errors import StepFailedError

Member = tuple[str, str | bytes | None]
"""A path and what it holds: bytes a file, text a link's target, None a directory."""


def layer(members: list[Member]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.mtime = 0o755, 1577934245
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size, entry.mode = len(content), 0o640
            archive.addfile(entry, io.BytesIO(content if isinstance(content, bytes) else b""))
    return file.getvalue()


class SavedClient(Client):
    """A docker whose images have these layers."""

    def __init__(self, layers: list[bytes]) -> None:
        self._layers = layers

    def answer(self, what: str, *arguments: str, status: int | None = None) -> str:
        # docker 29 refuses 64 digits alone.
        assert arguments[-1].startswith("sha256:")
        names = [f"{number}/layer.tar" for number in range(len(self._layers))]
        manifest = json.dumps([{"Layers": names}]).encode()
        with tarfile.open(arguments[arguments.index("--output") + 1], "w") as archive:
            for name, content in [
                *zip(names, self._layers, strict=True),
                ("manifest.json", manifest),
            ]:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return ""


def copied(tmp_path: Path, *layers: list[Member]) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    copy_image(SavedClient([layer(members) for members in layers]), Image("1" * 64), out)
    return out


def test_later_layers_replace_and_remove(tmp_path: Path) -> None:
    out = copied(
        tmp_path,
        [("d", None), ("d/a", b"1"), ("d/b", b"1"), ("e", None), ("e/x", b"1"), ("f", b"1")],
        [("d/.wh.a", b""), ("d/b", b"2"), ("e/.wh..wh..opq", b""), ("e/y", b"2")],
        [("f", None), ("f/inside", b"3"), ("link", "d/b"), (".wh.missing", b"")],
    )
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*")) == [
        "d",
        "d/b",
        "e",
        "e/y",
        "f",
        "f/inside",
        "link",
    ]
    assert (out / "d/b").read_bytes() == b"2"
    assert (out / "d/b").stat().st_mode & 0o777 == 0o640
    assert {int((out / name).stat().st_mtime) for name in ("d", "d/b", "f")} == {1577934245}


@pytest.mark.parametrize(
    "members",
    [[("../out", b"x")], [("d", "/etc"), ("d/passwd", b"x")], [("d", "../.."), ("d/x", b"x")]],
)
def test_a_layer_that_leads_out_of_the_image_is_refused(
    tmp_path: Path, members: list[Member]
) -> None:
    with pytest.raises(StepFailedError, match="leads out of the image"):
        copied(tmp_path, members)


def test_an_archive_without_a_manifest_is_refused(tmp_path: Path) -> None:
    class Empty(SavedClient):
        def answer(self, what: str, *arguments: str, status: int | None = None) -> str:
            tarfile.open(arguments[arguments.index("--output") + 1], "w").close()
            return ""

    (tmp_path / "out").mkdir()
    with pytest.raises(StepFailedError, match="can't be read"):
        copy_image(Empty([]), Image("1" * 64), tmp_path / "out")
