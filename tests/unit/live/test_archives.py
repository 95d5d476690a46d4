"""Archives that go from an engine to a caller of docker."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path

from rootless_build.live import archives


def saved(place: Path) -> Path:
    """An archive as podman writes it."""
    file = place / "saved.tar"
    manifest = [{"Config": "c.json", "RepoTags": ["localhost/a:1", "docker.io/library/b:2"]}]
    with tarfile.open(file, "w") as archive:
        for name, data in (
            ("layer.tar", b"l" * 30000),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def test_names_are_without_localhost(tmp_path: Path) -> None:
    out = io.BytesIO()
    words = ("cat", str(saved(tmp_path)))
    assert archives.engines(words, {"PATH": "/bin"}, out, change=archives.SAVED) == (0, "")
    out.seek(0)
    with tarfile.open(fileobj=out) as made:
        assert made.getnames() == ["layer.tar", "manifest.json"]
        layer, manifest = map(made.extractfile, made.getmembers())
        assert layer is not None
        assert manifest is not None
        assert layer.read() == b"l" * 30000
        assert json.load(manifest)[0]["RepoTags"] == ["a:1", "b:2"]


def test_an_engine_that_fails_is_heard() -> None:
    out = io.BytesIO()
    words = (sys.executable, "-c", "import sys; sys.exit('no such image')")
    assert archives.engines(words, {}, out) == (1, "no such image\n")
    assert not out.getvalue()


def test_an_archive_that_breaks_off_is_a_failure(tmp_path: Path) -> None:
    words = ("sh", "-c", f"head -c 20000 {saved(tmp_path)}; echo broken >&2; exit 1")
    status, said = archives.engines(words, {"PATH": "/bin"}, io.BytesIO())
    assert (status, said) == (1, "broken\n")
