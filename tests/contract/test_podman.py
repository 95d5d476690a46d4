"""What podman alone does with a container."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rootless_build.model.plan import RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Driver, sh

SILENT_ONCE = """#!/bin/sh
case $1 in
--version) ;;
*)
    if [ ! -e {marker} ]; then
        : >{marker}
        # podman goes on to listen once this is read.
        head -c 1 <&$_OCI_STARTPIPE >/dev/null
        exit 0
    fi
    ;;
esac
exec {conmon} "$@"
"""


@pytest.mark.parametrize(
    "backend_name",
    [pytest.param("podman", marks=pytest.mark.xdist_group("podman:contract"))],
    indirect=True,
)
@pytest.mark.parametrize(
    ("command", "status", "words"),
    [(("no-such-command",), 127, "no-such-command"), (sh("exit 7"), 7, "")],
)
def test_a_start_that_fails_without_a_reason_is_made_again(
    driver: Driver, tmp_path: Path, command: tuple[str, ...], status: int, words: str
) -> None:
    """The conmon of Ubuntu 24.04 (2.1.10) ends so now and then where it has a terminal to make:
    podman says "no logs from conmon".
    """
    conmon, marker, file = (tmp_path / name for name in ("conmon", "marker", "containers.conf"))
    conmon.write_text(SILENT_ONCE.format(marker=marker, conmon=shutil.which("conmon")))
    conmon.chmod(0o755)
    file.write_text(f"[engine]\nconmon_path = {json.dumps([str(conmon)])}\n")
    own = {"CONTAINERS_CONF": str(file), "RBUILD_TEST_SHOWS_WORDS": "1"}
    done = driver.finish(RunContainer(BASE, command), environment=own)
    assert marker.exists()
    assert done.returncode == status, done.stderr
    assert words in done.stdout.decode().rpartition("engine: ")[2]
