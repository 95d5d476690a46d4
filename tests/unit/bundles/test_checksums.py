"""Checksum files for the binaries of a build that have none, as the programs of coreutils do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rootless_build.bundles.checksums import write_checksums

ELF = b"\x7fELF" + b"\0" * 60


def test_binaries_get_the_checksums_that_they_have_not(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/program").write_bytes(ELF)
    (tmp_path / "b/program.md5").write_text("the build's own")
    (tmp_path / "b/script").write_text("#!/bin/sh\n")
    (tmp_path / "b/script").chmod(0o755)
    (tmp_path / "b/library.sh").write_text("#!/bin/sh\n")
    (tmp_path / "b/library.sh").chmod(0o644)
    (tmp_path / "b/text").write_text("x")
    (tmp_path / "b/link").symlink_to("program")
    made = write_checksums(tmp_path)
    assert sorted(made) == ["b/program.sha256", "b/script.md5", "b/script.sha256"]
    assert (tmp_path / "b/program.md5").read_text() == "the build's own"
    assert write_checksums(tmp_path) == ()


@pytest.mark.parametrize("name", ["plain", "with space", "back\\slash", "new\nline", "return\r"])
def test_they_are_what_the_programs_write_and_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ELF)
    assert sorted(write_checksums(tmp_path)) == [f"{name}.md5", f"{name}.sha256"]
    for algorithm in ("md5", "sha256"):
        file = tmp_path / f"{name}.{algorithm}"
        program = f"{algorithm}sum"
        said = subprocess.run(
            [program, "--", name], cwd=tmp_path, check=True, capture_output=True
        ).stdout
        assert file.read_bytes() == said
        subprocess.run([program, "--check", "--", file.name], cwd=tmp_path, check=True)
