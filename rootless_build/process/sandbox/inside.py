"""Makes the sandbox, in the child process that is to become the program.

It becomes three. The first waits, in the process namespace of outside. The second is the first
process of the new one: it makes the mounts, and watches. The third returns, and becomes the
program. When the second ends, the kernel ends whatever is left in there.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from typing import Final, NoReturn

from msgspec import Struct

from rootless_build.process.sandbox import aftermath, kernel, mounts
from rootless_build.process.sandbox import filter as calls
from rootless_build.process.sandbox.mounts import Box, Layers
from rootless_build.process.sandbox.watch import Watch

_ROOTS_OWN: Final = frozenset({0, 1, 2, 3})
"""CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH and FOWNER: root reads, and changes in the overlay, what
belongs to others."""
_FAILED: Final = 125


class _Caller(Struct, frozen=True):
    machine: kernel.Machine
    groups: Sequence[int]


def enter(box: Box, report: int) -> None:
    """Returns in a process that is in the sandbox. What is written to the descriptor `report` in
    the end is a line of JSON: `status`, and `denied`. One before it says that nothing was run:
    `failed` for want of a sandbox, or `refused`, where the program can't start in this one; `ended`
    that the program may have run.
    """
    try:
        machine = kernel.machine()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        caller = _Caller(machine, os.getgroups())
        _isolate()
        first = os.fork()
    except BaseException as error:
        _fail(report, error)
    if first:
        _wait(first)
    try:
        child = _start(box, caller, report)
    except BaseException as error:
        _fail(report, error)
    if child == 0:
        _become(box, report)


def _become(box: Box, report: int) -> None:
    try:
        os.setsid()
        os.chdir(box.directory)
        kernel.write_only_below((*box.writable, *mounts.nodes()))
    except BaseException as error:
        _refuse(report, "refused", error)


def _start(box: Box, caller: _Caller, report: int) -> int:
    """Zero in the process that becomes the program. The one that watches ends here."""
    kernel.die_with_parent(signal.SIGKILL)
    layers = mounts.mount(box)
    kernel.drop_capabilities(caller.machine, _ROOTS_OWN if os.geteuid() == 0 else frozenset())
    listener = kernel.watch_calls(caller.machine, calls.program(caller.machine))
    # Before there is anybody; a program that is started can be looked into again.
    kernel.hide_from_others()
    child = os.fork()
    if child == 0:
        os.close(listener)
        return 0
    try:
        _watch(box, caller, report, layers, listener, child)
    except BaseException as error:
        _refuse(report, "ended", error)


def _watch(
    box: Box, caller: _Caller, report: int, layers: Layers, listener: int, child: int
) -> NoReturn:
    kernel.close_all_but({report, listener, layers.upper, layers.lower})
    watch = Watch(listener, caller.machine, caller.groups, box)
    status = os.waitstatus_to_exitcode(watch.until_end(child))
    for kind, what in (*aftermath.network(), *aftermath.files(box, layers)):
        watch.deny(kind, what)
    _tell(report, {"status": status, "denied": [*watch.denied]})
    os._exit(0)


def _isolate() -> None:
    """Namespaces of its own for this process: it and what it starts have the ids that they had."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _isolate_root()
    else:
        kernel.unshare(kernel.CLONE_NEW)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    kernel.die_with_parent(signal.SIGKILL)


def _isolate_root() -> None:
    """All ids stay what they are: somebody outside has to write that."""
    reader, writer = os.pipe()
    this = os.getpid()
    helper = os.fork()
    if helper == 0:
        os.close(writer)
        status = 1
        try:
            if os.read(reader, 1):
                for ids in ("uid_map", "gid_map"):
                    _write(f"/proc/{this}/{ids}", _all(ids))
                status = 0
        finally:
            os._exit(status)
    os.close(reader)
    kernel.unshare(kernel.CLONE_NEW)
    os.write(writer, b".")
    os.close(writer)
    if os.waitpid(helper, 0)[1] != 0:
        raise OSError(0, "the ids of users can't be mapped")


def _all(ids: str) -> str:
    with open(f"/proc/self/{ids}") as file:
        rows = [line.split() for line in file]
    return "".join(f"{inside} {inside} {count}\n" for inside, _, count in rows)


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def _wait(first: int) -> NoReturn:
    try:
        kernel.close_all_but(set())
        os.waitpid(first, 0)
    finally:
        os._exit(0)


def _tell(report: int, what: dict[str, object]) -> None:
    os.write(report, f"{json.dumps(what)}\n".encode())


def _fail(report: int, error: BaseException) -> NoReturn:
    _refuse(report, "failed", error)


def _refuse(report: int, how: str, error: BaseException) -> NoReturn:
    words = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else repr(error)
    _tell(report, {how: words.removeprefix("None: ")})
    os._exit(_FAILED)
