"""`rbuild install` of bundles that others can write to: nothing but what was verified takes a name.

What only root can try is in tests/unit/bundles/test_install.py, which CI runs as root too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.bundles.installation import install
from rootless_build.cli import app
from rootless_build.model.errors import BundlesError
from tests.trust.built import build, docker, program


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    build(tmp_path / "bundles", docker())
    return tmp_path


def run(project: Path, *words: str) -> int:
    prefix = ("--prefix", str(project / "usr"))
    return app.run(["rbuild", "-C", str(project), "install", *prefix, *words])


def installed(project: Path) -> list[str]:
    place = project / "usr/bin"
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


def test_what_verifies_is_installed(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(project) == 0
    assert installed(project) == ["docker", "docker-proxy", "dockerd"]
    assert capfd.readouterr().err == ""


def test_bundles_without_provenance_are_installed_when_that_is_asked_for(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundles = project / "plain"
    build(bundles, lambda root: program(root / "binary/dockerd"), attested=False)
    words = ("--bundles-dir", str(bundles))
    assert run(project, *words) == 4
    assert installed(project) == []
    said = capfd.readouterr().err
    assert "binary/dockerd: has no provenance" in said
    assert "what the host's commands or a shell wrote has no provenance" in said
    assert "--unverified" in said
    assert run(project, *words, "--unverified") == 0
    assert installed(project) == ["dockerd"]
    assert "not verified: binary/dockerd: has no provenance" in capfd.readouterr().err


def test_damaged_bundles_are_installed_when_that_is_asked_for(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program(project / "bundles/1.12.6/binary-daemon/dockerd-1.12.6", "other")
    assert run(project) == 4
    assert installed(project) == []
    capfd.readouterr()
    assert run(project, "--unverified") == 0
    said = capfd.readouterr().err
    assert "not verified: 1.12.6/binary-daemon/dockerd-1.12.6: does not match" in said
    assert (project / "usr/bin/dockerd").read_text() == "other"


def test_links_out_of_the_bundles_are_never_followed(project: Path) -> None:
    (project / "bundles/1.12.6/binary-daemon/env").symlink_to("/usr/bin/env")
    assert run(project, "--unverified") == 4
    assert installed(project) == []


@pytest.mark.parametrize("how", ["write", "rename", "link"])
def test_what_is_changed_between_verification_and_copy_is_not_installed(
    project: Path, how: str
) -> None:
    bundles = project / "bundles"
    items = iter(install(bundles, project / "usr", dry_run=False))
    file = bundles / "1.12.6/binary-client/docker-1.12.6"
    if how == "write":
        file.write_text("evil")
    elif how == "rename":
        program(project / "evil").rename(file)
    else:
        file.unlink()
        file.symlink_to("../binary-daemon/dockerd-1.12.6")
    with pytest.raises(BundlesError, match="changed while it was installed"):
        list(items)
    assert installed(project) == []
    assert list((project / "usr/bin").iterdir()) == []


def test_setuid_programs_are_installed_without_it(project: Path) -> None:
    bundles = project / "bundles"
    build(bundles, lambda root: program(root / "1.12.6/binary-daemon/su", mode=0o4755))
    assert run(project) == 0
    assert (project / "usr/bin/su").stat().st_mode & 0o7777 == 0o755
