"""Hosts made for real: an account that exists for one test, in a mount namespace of its own.

/usr and /etc are covered by overlays there, so that a host is spoiled with ordinary commands
(`rm /usr/bin/podman`) of which the machine itself sees nothing, and nothing is left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from rootless_build.process import proc

Completed = subprocess.CompletedProcess[str]

DEADLINE: Final = 120.0
"""Seconds after which a program hangs."""
_PREFIX: Final = "rbuild-host-"
_NUMBERS: Final = count(1)
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COVERED: Final = """\
set -e
mount -t tmpfs -o mode=0755 tmpfs "$1"
for name in usr etc; do
    mkdir "$1/$name" "$1/$name.work"
    mount -t overlay -o "lowerdir=/$name,upperdir=$1/$name,workdir=$1/$name.work" overlay "/$name"
done
echo covered
exec sleep infinity
"""


@dataclass(frozen=True)
class Machine:
    """The machine as the account sees it. `keeper` is the process that holds its mounts."""

    account: str
    uid: int
    home: Path
    keeper: int

    @property
    def runtime(self) -> Path:
        """What a login would have set XDG_RUNTIME_DIR to."""
        return Path(f"/run/user/{self.uid}")

    def as_root(self, script: str) -> None:
        """Run a shell script as root on it, with HOST_ACCOUNT and HOST_HOME set."""
        names = {"HOST_ACCOUNT": self.account, "HOST_HOME": str(self.home), "PATH": _PATH}
        subprocess.run(
            [*self._enter(), "sh", "-euc", script],
            check=True,
            env=names,
            timeout=DEADLINE,
            stdin=subprocess.DEVNULL,
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        before: Sequence[str] = (),
        wrapper: Sequence[str] = (),
        environment: Mapping[str, str | None] | None = None,
        directory: Path | None = None,
        as_account: bool = True,
    ) -> Completed:
        """Run a program as after a login. `before` goes in front of it as root, `wrapper` as the
        account.
        """
        login = {
            "HOME": str(self.home) if as_account else "/root",
            "USER": self.account,
            "LOGNAME": self.account,
            "PATH": _PATH,
            "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.runtime),
            **(environment or {}),
        }
        become = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        return subprocess.run(
            [
                *self._enter(),
                *before,
                *((*become, "--inh-caps=-all") if as_account else ()),
                *("env", "--chdir", str(directory or self.home)),
                *wrapper,
                *argv,
            ],
            env={name: value for name, value in login.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DEADLINE,
            check=False,
        )

    def _enter(self) -> tuple[str, ...]:
        return ("nsenter", f"--mount=/proc/{self.keeper}/ns/mnt", "--")


@contextlib.contextmanager
def machine(uid: int | None = None) -> Iterator[Machine]:
    """A new account with a fresh home on this machine; both go when the context ends.

    `uid` is also its gid. One above UID_MAX of login.defs(5) has no subordinate ids of its own.
    """
    with _account(uid) as (name, own, home), tempfile.TemporaryDirectory(prefix=_PREFIX) as covers:
        apart = ["unshare", "--mount", "--propagation", "private"]
        with subprocess.Popen(
            [*apart, "sh", "-c", _COVERED, "sh", covers],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as keeper:
            try:
                said = keeper.stdout.readline() if keeper.stdout else ""
                assert said == "covered\n", "root can't mount an overlay here"
                yield Machine(name, own, home, keeper.pid)
            finally:
                _end_processes(own)
                keeper.kill()


@contextlib.contextmanager
def _account(uid: int | None) -> Iterator[tuple[str, int, Path]]:
    name = f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}"
    numbers = []
    if uid is not None:
        numbers = ["--uid", str(uid), "--gid", str(uid)]
        _users("groupadd", "--gid", str(uid), name)
    _users("useradd", "--create-home", "--shell", "/bin/sh", *numbers, name)
    try:
        entry = pwd.getpwnam(name)
        runtime = Path(f"/run/user/{entry.pw_uid}")
        runtime.mkdir(mode=0o700, parents=True)
        os.chown(runtime, entry.pw_uid, entry.pw_gid)
        yield name, entry.pw_uid, Path(entry.pw_dir)
    finally:
        _remove(name)


def _remove(name: str) -> None:
    entry = pwd.getpwnam(name)
    _end_processes(entry.pw_uid)
    places = [Path(entry.pw_dir), Path(f"/run/user/{entry.pw_uid}")]
    for shared in (Path("/var/tmp"), Path(tempfile.gettempdir())):
        places += [one for one in shared.iterdir() if _owner(one) == entry.pw_uid]
    for place in places:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    # Last, for the next account may get the same uid.
    _users("userdel", name)


def _owner(path: Path) -> int | None:
    """None for what has gone meanwhile: others use these directories too."""
    try:
        return path.lstat().st_uid
    except FileNotFoundError:
        return None


def accounts() -> list[str]:
    """The names of the accounts that this process made."""
    own = f"{_PREFIX}{os.getpid()}-"
    return [entry.pw_name for entry in pwd.getpwall() if entry.pw_name.startswith(own)]


def remove_stale() -> None:
    """Accounts of test runs that were killed."""
    with _alone("stale"):
        for entry in pwd.getpwall():
            if entry.pw_name.startswith(_PREFIX):
                pid = entry.pw_name.removeprefix(_PREFIX).partition("-")[0]
                if pid.isdigit() and not Path("/proc", pid).exists():
                    _remove(entry.pw_name)


def _users(*argv: str) -> None:
    """One at a time: useradd gives up where another one has the lock."""
    with _alone("accounts"):
        subprocess.run(argv, check=True, capture_output=True, timeout=DEADLINE)


@contextlib.contextmanager
def _alone(what: str) -> Iterator[None]:
    """Nobody else does the same meanwhile: tests run in several processes."""
    with Path(f"/run/lock/rbuild-hosts-{what}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end_processes(uid: int) -> None:
    """podman leaves one behind that holds its user namespace, and others that clean up."""
    while pids := _processes(uid):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                _end(pid)


def _processes(uid: int) -> list[int]:
    """Those that have not ended; one that has may stay until its parent asks."""
    found = []
    for process in proc.processes():
        with contextlib.suppress(OSError):
            if proc.owner(process) == uid and not proc.stat(process).has_ended:
                found.append(process)
    return found


def _end(pid: int) -> None:
    ended = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(ended, signal.SIGKILL)
        select.select([ended], [], [], DEADLINE)
    finally:
        os.close(ended)
