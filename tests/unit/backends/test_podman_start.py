"""What podman's words about a failed start mean."""

from __future__ import annotations

import pytest

from rbuild_podman.container import not_started
from rootless_build.backend.api import Exit

CRUN = "crun: {}: {}"
ABSENT = "OCI runtime attempted to invoke a command that was not found"
REFUSED = "Operation not permitted: OCI permission denied"
RUNC = "runc: runc create failed: unable to start container process: {}"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        # podman 4.3.1 with runc 1.1.5
        (RUNC.format('exec: "nosuch": executable file not found in $PATH'), 127),
        (RUNC.format('exec: "./x": stat ./x: no such file or directory'), 127),
        (RUNC.format('exec: "/etc/passwd": permission denied'), 126),
        (RUNC.format('exec: "/etc": is a directory'), 126),
        (RUNC.format("error setting rlimit type 7: operation not permitted"), 125),
        (RUNC.format('chdir to cwd ("/x") set in config.json failed: no such file'), 125),
        # podman 5.4.2 and 5.8.6 with crun 1.21 and 1.28
        (CRUN.format("executable file `nosuch` not found in $PATH: No such file", ABSENT), 127),
        (CRUN.format("the path `/etc/passwd` exists but it is not executable", REFUSED), 126),
        (CRUN.format("the path `/etc` is not a regular file", REFUSED), 126),
        # podman 4.9.3 with crun 1.14.1
        (CRUN.format("open executable: Permission denied", REFUSED), 126),
        ("crun: cgroups in hybrid mode not supported", 125),
    ],
)
def test_why_a_command_did_not_start(words: str, status: int) -> None:
    assert not_started(words) == Exit(status, words)
