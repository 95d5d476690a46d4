"""Answers the system calls that a filter tells of, and notes what was denied.

It runs in the sandbox, as its first process, with no more rights than those it watches. Memory of a
process may change while it is read: so what must not be done is denied whatever is read there, and
what is let go on the kernel itself keeps from doing harm.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import stat
import struct
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from rootless_build.model.shared_directories import IN_MEMORY
from rootless_build.process.sandbox import aftermath, kernel
from rootless_build.process.sandbox import filter as calls
from rootless_build.process.sandbox.mounts import Box

_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_GO_ON: Final = 1
_HERE: Final = -100
_ADDRESS: Final = 128
_LONGEST: Final = 4096
_MOST: Final = 6
_SHOWN: Final = 200
"""Denials of a kind, and characters of each, that are kept: all of them fit into a pipe."""
_PATIENCE: Final = 0.5
_LOOKS_UP_NAMES: Final = ("/run/nscd/", "/var/run/nscd/", "/run/systemd/userdb/")
"""Without these the C library reads the files itself."""
_OWN: Final = ("/proc/", "/dev/", "/sys/")
_SHARED: Final = f"{IN_MEMORY}/"
_FOLLOWED: Final = frozenset({"open", "change"})
"""What is done to where a link at the end of a path leads."""
_NO_FOLLOW: Final = 0x100
_IN_ADDRESS: Final = {int(socket.AF_INET): (4, 4), int(socket.AF_INET6): (8, 16)}
"""Where in an address of a family the host is."""
_INDEX: Final = ("index", "index.lock")
"""git writes it anew where it can, and goes on where it can't."""


class Watch:
    """`listener` tells of calls. `groups` are the caller's."""

    def __init__(
        self, listener: int, machine: kernel.Machine, groups: Sequence[int], box: Box
    ) -> None:
        self._listener = listener
        self._told = calls.notified_calls(machine)
        self._groups = groups
        self._written = tuple(f"{place}/" for place in box.writable)
        self._sealed = tuple(f"{place}/" for place in box.shown)
        self._user = os.geteuid()
        self.denied: dict[tuple[str, str], None] = {}

    def until_end(self, child: int) -> int:
        """The status of the child, as waitpid has it. All others are waited for meanwhile."""
        ended = os.pidfd_open(child)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        while True:
            ready = {number for number, _ in poll.poll(_PATIENCE * 1000)}
            if self._listener in ready:
                self._answer()
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    break
                if pid == child:
                    return status
                if pid == 0:
                    break

    def deny(self, kind: str, what: str) -> None:
        """Note it."""
        if len([one for one, _ in self.denied if one == kind]) < _MOST:
            self.denied[kind, what[:_SHOWN]] = None

    def _answer(self) -> None:
        asked = bytearray(80)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, asked, True)
        except OSError:
            return  # the process has gone
        number, process = struct.unpack_from("=QI", asked)
        call = struct.unpack_from("=i", asked, 16)[0]
        arguments = struct.unpack_from("=6Q", asked, 32)
        try:
            answer = self._judge(process, self._told[call], arguments)
        except OSError:
            answer = self._unreadable(self._told[call])
        try:
            fcntl.ioctl(self._listener, _SEND, struct.pack("=Qqii", number, *answer))
        except OSError:
            return  # the process was ended meanwhile

    def _unreadable(self, call: calls.NotifiedCall) -> tuple[int, int, int]:
        if call.kind == "connect":
            self.deny("socket", "")
            return 0, -errno.ECONNREFUSED, 0
        return 0, 0, _GO_ON

    def _judge(
        self, process: int, call: calls.NotifiedCall, arguments: Sequence[int]
    ) -> tuple[int, int, int]:
        """The value, the error, and whether the kernel is to go on, in which case neither is."""
        if call.kind == "connect":
            return 0, -self._connects(process, arguments), 0
        netlink = call.kind == "socket" and arguments[0] == socket.AF_NETLINK
        if netlink or call.kind == "interfaces":
            self.deny("addresses", "")
            return 0, 0, _GO_ON
        if call.kind == "socket":
            unix = arguments[0] == socket.AF_UNIX
            self.deny("socket", "/dev/log" if unix else f"of family {arguments[0]}")
            return 0, -errno.EAFNOSUPPORT, 0
        if call.kind == "groups":
            return self._say_groups(process, arguments)
        if call.kind == "send":
            self._sends(_memory(process, arguments[4], min(arguments[5] & 0xFFFFFFFF, _ADDRESS)))
        if call.kind == "message":
            name, size = struct.unpack("=QI", _memory(process, arguments[1], 12))
            self._sends(_memory(process, name, min(size, _ADDRESS)) if name else b"")
        refused = self._changes(process, call, arguments)
        return (0, -errno.EROFS, 0) if refused else (0, 0, _GO_ON)

    # --- sockets --------------------------------------------------------------------------------

    def _connects(self, process: int, arguments: Sequence[int]) -> int:
        """The error of it. It is never done."""
        size = arguments[2] & 0xFFFFFFFF
        address = _memory(process, arguments[1], min(size, _ADDRESS))
        if _family(address) == socket.AF_UNIX:
            return self._connects_to_path(process, address[2:])
        # Netlink, and the end of a connection: nothing has to be done for them.
        return errno.ENETUNREACH if self._sends(address) else 0

    def _sends(self, address: bytes) -> bool:
        """Whether an address is in the network, where nothing comes."""
        family = _family(address)
        begin, size = _IN_ADDRESS.get(family, (0, 0))
        host = address[begin : begin + size]
        if not size or len(host) < size:
            return False
        port = struct.unpack_from("!H", address, 2)[0]
        self.deny("network", f"{socket.inet_ntop(family, host)} port {port}")
        return True

    def _connects_to_path(self, process: int, name: bytes) -> int:
        if name[:1] in {b"", b"\0"}:
            self.deny("socket", os.fsdecode(b"@" + name[1:].partition(b"\0")[0]))
            return errno.ECONNREFUSED
        path = _below(process, None, os.fsdecode(name.partition(b"\0")[0]))
        if path.startswith(_LOOKS_UP_NAMES):
            return errno.ENOENT
        try:
            found = os.stat(path)
        except OSError as error:
            return error.errno or errno.ENOENT
        if stat.S_ISSOCK(found.st_mode):
            self.deny("socket", path)
        return errno.ECONNREFUSED

    def _say_groups(self, process: int, arguments: Sequence[int]) -> tuple[int, int, int]:
        size = struct.unpack("=i", struct.pack("=I", arguments[0] & 0xFFFFFFFF))[0]
        count = len(self._groups)
        if size == 0:
            return count, 0, 0
        if size < count:
            return 0, -errno.EINVAL, 0
        given = struct.pack(f"={count}I", *self._groups)
        kernel.write_memory(process, arguments[1], given)
        return count, 0, 0

    # --- files ----------------------------------------------------------------------------------

    def _changes(self, process: int, call: calls.NotifiedCall, arguments: Sequence[int]) -> bool:
        """Note what it would change. True where that has to be refused here."""
        named = [self._path(process, arguments, *path) for path in call.paths]
        stays = call.at is not None and arguments[call.at] & _NO_FOLLOW
        followed = call.kind in _FOLLOWED and not stays
        meant = [_real(path, process, last=followed) for path in named]
        if call.kind == "rename" and not os.path.lexists(meant[0]):
            return False
        found = [self._look_at(call.kind, path) for path in meant]  # each is noted
        return any(found)

    def _path(
        self, process: int, arguments: Sequence[int], directory: int | None, path: int | None
    ) -> str:
        name = ""
        if path is not None and arguments[path]:
            name = os.fsdecode(_memory(process, arguments[path], _LONGEST).partition(b"\0")[0])
        given = None if directory is None else arguments[directory] & 0xFFFFFFFF
        here = given is None or given == _HERE & 0xFFFFFFFF
        return _below(process, None if here else given, name)

    def _look_at(self, kind: str, path: str) -> bool:
        """Note a change of a file that would be made where nothing is read-only, and a program that
        would have other rights. True where the kernel would let it go on all the same: what is
        written into a FIFO changes no file system.
        """
        own = path.startswith(_OWN) and not path.startswith(_SHARED)
        if own or self._is_free(path):
            return False
        if kind == "program":
            found = os.stat(path)
            other = found.st_mode & stat.S_ISUID and found.st_uid != self._user
            if other and os.access(path, os.X_OK):
                self.deny("program", path)
            return False
        fifo = kind == "open" and _is_fifo(path) and os.access(path, os.W_OK)
        harmless = aftermath.is_cache(path) or PurePosixPath(path).name in _INDEX
        if fifo or (self._is_denied(kind, path) and not harmless):
            self.deny("write", path)
        return fifo

    def _is_free(self, path: str) -> bool:
        """Whether all can be written there: of the places that it is in, the innermost counts."""
        written = max((len(place) for place in self._written if path.startswith(place)), default=0)
        sealed = max((len(place) for place in self._sealed if path.startswith(place)), default=0)
        return written > sealed

    def _is_denied(self, kind: str, path: str) -> bool:
        parent = str(PurePosixPath(path).parent)
        there = os.path.lexists(path)
        if kind == "open" and there:
            return kernel.access(path, os.W_OK) == errno.EROFS
        if kind in {"change", "change link"}:
            own = there and os.lstat(path).st_uid == self._user
            return own and bool(os.statvfs(parent).f_flag & os.ST_RDONLY)
        changes = kind == "rename" or (there if kind == "remove" else not there)
        return changes and kernel.access(parent, os.W_OK) == errno.EROFS


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def _family(address: bytes) -> int:
    return int(struct.unpack_from("=H", address)[0]) if len(address) > 1 else 0


def _memory(process: int, address: int, size: int) -> bytes:
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(size)


def _below(process: int, directory: int | None, name: str) -> str:
    """The path that a process means by a name."""
    if name.startswith("/"):
        return name
    place = "cwd" if directory is None else f"fd/{directory}"
    found = os.readlink(f"/proc/{process}/{place}")
    return f"{found}/{name}" if name else found


def _real(path: str, process: int, *, last: bool) -> str:
    """Where a path of a process leads, through all links; `last`: also through one at its end."""
    for own, its in (("/proc/self/", f"/proc/{process}/"), ("/dev/fd/", f"/proc/{process}/fd/")):
        if path.startswith(own):
            path = its + path.removeprefix(own)
    if last:
        if found := _resolve(path):
            # A pipe or a socket has no path.
            return found if found.startswith("/") else path
        if os.path.islink(path):
            return os.path.realpath(path)
    parent, name = os.path.split(path.rstrip("/"))
    above = _resolve(parent or "/") or os.path.normpath(parent)
    return os.path.join(above, name)


def _resolve(path: str) -> str:
    """Where a path leads, in one step however deep that is; empty where nothing is."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.readlink(f"/proc/self/fd/{place}")
    finally:
        os.close(place)
