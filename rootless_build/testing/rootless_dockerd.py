"""A rootless dockerd of one's own, for tests.

`python -m rootless_build.testing.rootless_dockerd COMMAND…` runs a command with DOCKER_HOST
pointing at it.

Needs docker.io, rootlesskit, slirp4netns and uidmap, subordinate uids, and /dev/net/tun open to
the user. Containers of it need `--network host` (rootlesskit's network) or `none`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build.process import programs

_READY: Final = 60.0
"""Seconds dockerd has to answer; 2 are usual."""
_CONTRIB: Final = "/usr/share/docker.io/contrib"
"""Where Debian keeps dockerd-rootless.sh; Docker's own packages have it on PATH."""


class DockerdError(Exception):
    """dockerd cannot be started here, or did not come up."""


@contextlib.contextmanager
def rootless_dockerd(directory: Path) -> Iterator[str]:
    """A dockerd of the current user, ready to answer; yields its DOCKER_HOST.

    Its storage and log (`dockerd.log`) are below `directory`, whose path has no spaces. Whatever
    it started has ended, and its storage is gone, when the context ends. Raises DockerdError.
    """
    _check()
    log = directory / "dockerd.log"
    storage = directory / "docker"
    # Sockets below this directory have the 107 bytes of unix(7).
    with tempfile.TemporaryDirectory(prefix="dockerd-") as runtime:
        host = f"unix://{runtime}/docker.sock"
        environment = {
            "XDG_RUNTIME_DIR": runtime,
            "PATH": f"{os.environ['PATH']}:{_CONTRIB}:/usr/sbin:/sbin",
            "DOCKERD_ROOTLESS_ROOTLESSKIT_NET": "slirp4netns",
            "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER": "builtin",
            # The end of the namespace's first process is the end of containerd and every shim.
            "DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS": f"--pidns --state-dir={runtime}/rootlesskit",
            "DOCKER_HOST": None,
            "DOCKER_CONTEXT": None,
        }
        command = [
            *_dockerd(environment["PATH"] or "", runtime),
            *("--host", host, "--data-root", str(storage)),
            *("--exec-root", f"{runtime}/exec", "--pidfile", f"{runtime}/docker.pid"),
            # Rootless iptables needs kernel modules that only an administrator can load.
            *("--bridge=none", "--iptables=false"),
        ]
        try:
            with programs.service(["env", *_assignments(environment), *command], log) as daemon:
                _await(daemon, host, log)
                try:
                    yield host
                finally:
                    _kill_containers(host)
        finally:
            _remove(storage)


def _dockerd(path: str, runtime: str) -> tuple[str, ...]:
    """What starts dockerd in a user namespace. Ubuntu's package (29.1.3) has no script for it."""
    if shutil.which("dockerd-rootless.sh", path=path):
        return ("dockerd-rootless.sh",)
    return (
        *("rootlesskit", "--net=slirp4netns", "--mtu=65520", "--disable-host-loopback"),
        *("--port-driver=builtin", "--copy-up=/etc", "--copy-up=/run", "--propagation=rslave"),
        *("--pidns", f"--state-dir={runtime}/rootlesskit"),
        # What of /run is a link to the host's is not dockerd's own.
        *("sh", "-c", 'rm -f /run/docker /run/containerd /run/xtables.lock; exec dockerd "$@"'),
        "dockerd",
    )


def _assignments(environment: dict[str, str | None]) -> Iterator[str]:
    # For env(1): it looks the program up on the PATH it sets, rbuild on its own.
    for name, value in environment.items():
        if value is None:
            yield from ("-u", name)
    for name, value in environment.items():
        if value is not None:
            yield f"{name}={value}"


def _check() -> None:
    if os.getuid() == 0:
        message = "a rootless dockerd is not for root: run this as an ordinary user"
        raise DockerdError(message)
    path = f"{os.environ['PATH']}:{_CONTRIB}:/usr/sbin:/sbin"
    programs = ("dockerd", "rootlesskit", "slirp4netns", "newuidmap")
    missing = [program for program in programs if shutil.which(program, path=path) is None]
    if missing:
        message = (
            f"not installed: {', '.join(missing)} "
            "(apt-get install docker.io rootlesskit slirp4netns uidmap)"
        )
        raise DockerdError(message)
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        message = "/dev/net/tun is closed to this user (as root: chmod 0666 /dev/net/tun)"
        raise DockerdError(message)


def _await(daemon: programs.Running, host: str, log: Path) -> None:
    deadline = time.monotonic() + _READY
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            answer = programs.capture(["docker", "--host", host, "version"], timeout=5)
            if answer.status == 0:
                return
        ended = daemon.poll()
        if ended is not None or time.monotonic() > deadline:
            how = f"ended with status {ended}" if ended is not None else "did not answer in time"
            said = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            message = f"dockerd {how}; its log ({log}) ends with:\n{said}"
            raise DockerdError(message)
        time.sleep(0.1)


def _kill_containers(host: str) -> None:
    """dockerd gives each one that is left 10 s to stop, longer than it is given itself."""
    docker = ("docker", "--host", host)
    running = programs.capture([*docker, "ps", "--quiet"]).text.split()
    if running:
        programs.capture([*docker, "kill", *running])


def _remove(storage: Path) -> None:
    """Remove a daemon's storage, whose files are subordinate uids': in a user namespace alone."""
    if storage.exists():
        removed = programs.capture(["rootlesskit", "rm", "-rf", str(storage)])
        if removed.status != 0:
            message = f"{storage} could not be removed: {removed.words}"
            raise DockerdError(message)


def main() -> int:
    """Run the command of the command line; its status."""
    with tempfile.TemporaryDirectory() as directory, rootless_dockerd(Path(directory)) as host:
        os.environ["DOCKER_HOST"] = host
        command = sys.argv[1:] or [os.environ.get("SHELL", "/bin/sh")]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
