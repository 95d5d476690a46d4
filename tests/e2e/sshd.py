"""A node on this machine: an sshd of a test's own, whose user has other directories there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = "/usr/sbin/sshd"
PATIENCE = 20.0
"""Seconds that an sshd has to listen."""


@dataclass
class Sshd:
    """A node that listens: `url` is how it is reached, `environment` what a client has for it.

    `home` is the user's there, with all that the engine keeps. `client` has the client's own files
    of ssh.
    """

    url: str
    home: Path
    client: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]

    def forget_host_key(self) -> None:
        """From now on the client does not know whose key the node has."""
        (self.client / "known_hosts").write_text("")

    def xdg(self) -> dict[str, str]:
        """The environment of the user there."""
        return xdg(self.home)


def xdg(home: Path) -> dict[str, str]:
    names = ("CONFIG", "DATA", "CACHE", "STATE")
    return {
        **{f"XDG_{name}_HOME": str(home / name.lower()) for name in names},
        "XDG_RUNTIME_DIR": str(home / "run"),
    }


@contextmanager
def listening(place: Path, path: str = os.environ["PATH"]) -> Iterator[Sshd]:
    """An sshd on a port of the loopback; it has no access to what the client's user has set.

    `path` is PATH there. `place` is on a disk, and its path is short: sockets are in it.
    """
    server, client, home = place / "sshd", place / "ssh", place / "home"
    for directory in (server, client, home, home / "run"):
        directory.mkdir(mode=0o700)
    for key in (server / "host", client / "key"):
        make = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        subprocess.run(make, check=True)
    shutil.copy(client / "key.pub", server / "authorized_keys")
    port = _free_port()
    environment = {**xdg(home), "HOME": str(home), "PATH": path}
    given = " ".join(f'"{name}={value}"' for name, value in environment.items())
    lines = (
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {server}/host",
        f"AuthorizedKeysFile {server}/authorized_keys",
        f"PidFile {server}/pid",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        f"SetEnv {given}",
    )
    (server / "config").write_text("".join(f"{line}\n" for line in lines))
    public = (server / "host.pub").read_text()
    (client / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    (client / "config").write_text(
        f"IdentityFile {client}/key\nIdentitiesOnly yes\nUserKnownHostsFile {client}/known_hosts\n"
        "GlobalKnownHostsFile none\n"
    )
    # ssh reads the configuration of the account's own home, whatever HOME says.
    programs = client / "bin"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {client}/config "$@"\n')
    ssh.chmod(0o755)
    with (server / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(server / "config")], stderr=log)
    try:
        _await(port, process, server / "log")
        yield Sshd(
            f"ssh://127.0.0.1:{port}",
            home,
            client,
            {"PATH": f"{programs}:{os.environ['PATH']}"},
            process,
        )
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.02)
        else:
            return


@contextmanager
def short_place() -> Iterator[Path]:
    """A directory on a disk, with a short path."""
    place = Path(tempfile.mkdtemp(prefix="rbn-", dir="/var/tmp"))
    try:
        yield place
    finally:
        namespace = ("podman", "unshare")
        subprocess.run(
            [*namespace, "rm", "-rf", "--", str(place)], check=False, capture_output=True
        )
        shutil.rmtree(place, ignore_errors=True)
