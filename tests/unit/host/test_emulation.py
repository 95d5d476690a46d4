"""Programs of which platforms a host can run."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.host.emulation import can_run

ARM64 = """\
enabled
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: {flags}
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
"""
"""As Debian 12's qemu-user-static registers it."""
BY_NAME = "enabled\ninterpreter /usr/bin/wine\nflags: \nextension .exe\n"


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the kernel of an amd64 host shows."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (tmp_path / "register").touch(mode=0o200)
    (tmp_path / "status").write_text("enabled\n")
    (tmp_path / "wine").write_text(BY_NAME)
    return tmp_path


def test_a_host_runs_its_own_programs(registered: Path) -> None:
    assert can_run("linux/amd64", registered)
    assert can_run("linux/amd64/v3", registered)
    assert can_run("linux/386", registered)
    for other in ("linux/arm64", "windows/amd64", "linux/wasm", "linux/s390x"):
        assert not can_run(other, registered)
    assert not can_run("linux/arm64", registered / "not-mounted")


@pytest.mark.parametrize(
    ("entry", "runs"),
    [
        (ARM64.format(flags="POCF"), True),
        # A container has no such interpreter among its files.
        (ARM64.format(flags="OC"), False),
        (ARM64.format(flags="F").replace("enabled", "disabled"), False),
        (ARM64.format(flags="F").replace("b700", "f300"), False),
        (ARM64.format(flags="F").replace("magic ", "magic x"), False),
    ],
)
def test_what_is_emulated(registered: Path, entry: str, runs: bool) -> None:
    (registered / "qemu-aarch64").write_text(entry)
    assert can_run("linux/arm64", registered) is runs
    assert not can_run("linux/ppc64le", registered)
