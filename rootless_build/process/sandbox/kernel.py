"""Calls of Linux that Python 3.11 has no names for."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

CLONE_NEW: Final = 0x10000000 | 0x00020000 | 0x20000000 | 0x08000000 | 0x40000000
"""Namespaces for users, mounts, processes, IPC and network."""
_CLONE_USER_AND_MOUNTS: Final = 0x10000000 | 0x00020000
READ_ONLY: Final = 0x1
NO_SUID: Final = 0x2
NO_DEVICES: Final = 0x4
NO_PROGRAMS: Final = 0x8
_RECURSIVE: Final = 0x8000
_EMPTY_PATH: Final = 0x1000
_HERE: Final = -100
_PRIVATE: Final = 1 << 18
_CLONE_TREE: Final = 1 | os.O_CLOEXEC
_MOVE_FROM_EMPTY_PATH: Final = 4
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_CLOSE_RANGE: Final = 436
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOSED_ON_EXEC: Final = 1
_SET_FLAG, _SET_STRING, _CREATE = 0, 1, 6
_LAST: Final = 0x7FFFFFFF
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITIES: Final = 0x20080522
_FILTER_MODE, _NEW_LISTENER = 1, 8
_WRITE_FILE, _REFER = 1 << 1, 1 << 13

_libc = ctypes.CDLL(None, use_errno=True)


class Machine(Struct, frozen=True):
    """What differs between machines: the numbers of calls."""

    architecture: int
    seccomp: int
    capset: int


_GENERIC: Final = {"aarch64": 0xC00000B7, "riscv64": 0xC00000F3, "loongarch64": 0xC0000102}


def machine() -> Machine:
    """The machine this runs on. Raises OSError where its numbers are not known."""
    name = platform.machine()
    if name == "x86_64":
        return Machine(0xC000003E, 317, 126)
    if name not in _GENERIC:
        raise OSError(errno.ENOSYS, f"it is not known how to, on {name}")
    return Machine(_GENERIC[name], 277, 91)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def _call(what: str, number: int, *arguments: int | bytes | None) -> int:
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return _check(int(_libc.syscall(ctypes.c_long(number), *words)), what)


def unshare(flags: int) -> None:
    """Give this process namespaces of its own."""
    _check(_libc.unshare(flags), "unshare")


def enter_namespaces(process: int) -> None:
    """Enter the user and the mount namespace of a process, by its descriptor: both or none."""
    _check(_libc.setns(process, _CLONE_USER_AND_MOUNTS), "setns")


def close_all_but(kept: set[int]) -> None:
    """Close every other descriptor of this process."""
    first = 0
    for one in (*sorted(number for number in kept if number >= 0), _LAST):
        if one > first:
            _call("close_range", _CLOSE_RANGE, first, one - 1, 0)
        first = one + 1


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount a file system."""
    given = (os.fsencode(word) for word in (source, target, kind))
    done = _libc.mount(*given, ctypes.c_ulong(flags), os.fsencode(options) or None)
    _check(done, f"mount {kind} on {target}")


def set_attributes(tree: int | str, attributes: int) -> None:
    """Give a mount, and those below it, attributes more; nothing of them spreads to others.

    `tree` is a descriptor, or the place where it is mounted.
    """
    numbers = (attributes, 0, _PRIVATE, 0)
    given = b"".join(number.to_bytes(8, "little") for number in numbers)
    where, name = (tree, b"") if isinstance(tree, int) else (_HERE, os.fsencode(tree))
    flags = _RECURSIVE | (0 if name else _EMPTY_PATH)
    _call("mount_setattr", _MOUNT_SETATTR, where, name, flags, given, len(given))


def tree(path: str, *, recursive: bool = True) -> int:
    """A descriptor of the mount at a path, as one that is mounted nowhere yet."""
    flags = _CLONE_TREE | (_RECURSIVE if recursive else 0)
    return _call(f"open_tree {path}", _OPEN_TREE, _HERE, os.fsencode(path), flags)


def attach(descriptor: int, path: str) -> None:
    """Mount what `tree` gave."""
    given = (descriptor, b"", _HERE, os.fsencode(path), _MOVE_FROM_EMPTY_PATH)
    _call(f"move_mount {path}", _MOVE_MOUNT, *given)


def detached(kind: str, options: Sequence[tuple[str, bytes]]) -> int:
    """A descriptor of the root of a file system that is mounted nowhere, for reading only.

    An option without a value is a flag. The kernel takes 255 bytes of a value.
    """
    made = _call(f"fsopen {kind}", _FSOPEN, kind.encode(), _CLOSED_ON_EXEC)
    try:
        for key, value in options:
            what = _SET_STRING if value else _SET_FLAG
            words = (what, key.encode(), value or None, 0)
            _call(f"fsconfig {kind} {key}", _FSCONFIG, made, *words)
        _call(f"fsconfig {kind}", _FSCONFIG, made, _CREATE, None, None, 0)
        return _call(f"fsmount {kind}", _FSMOUNT, made, _CLOSED_ON_EXEC, READ_ONLY)
    finally:
        os.close(made)


def _control(*numbers: int) -> int:
    given = (*numbers, 0, 0, 0, 0)[:5]
    return int(_libc.prctl(*(ctypes.c_ulong(number) for number in given)))


def die_with_parent(number: int) -> None:
    """Have this process get a signal when its parent ends."""
    _check(_control(_PR_SET_PDEATHSIG, number), "prctl PR_SET_PDEATHSIG")


def hide_from_others() -> None:
    """Let nobody else look into this process."""
    _check(_control(_PR_SET_DUMPABLE, 0), "prctl PR_SET_DUMPABLE")


def drop_capabilities(of: Machine, kept: frozenset[int]) -> None:
    """All but those `kept`, also for every program that is started from now on, for good."""
    for number in range(64):
        if number not in kept and _control(_PR_CAPBSET_DROP, number) != 0:
            break  # the kernel knows no more
    _control(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    mask = sum(1 << number for number in kept)
    head = _CAPABILITIES.to_bytes(4, "little") + bytes(4)
    sets = mask.to_bytes(4, "little") * 2 + bytes(4) + bytes(12)
    _call("capset", of.capset, head, sets)
    _check(_control(_PR_SET_NO_NEW_PRIVS, 1), "prctl PR_SET_NO_NEW_PRIVS")


def watch_calls(of: Machine, program: bytes) -> int:
    """Put a filter of system calls on this process, for good; a descriptor that is told of them."""
    code = ctypes.create_string_buffer(program, len(program))
    size = (len(program) // 8).to_bytes(8, "little")
    given = size + ctypes.addressof(code).to_bytes(8, "little")
    return _call("seccomp", of.seccomp, _FILTER_MODE, _NEW_LISTENER, given)


def write_only_below(paths: tuple[str, ...]) -> None:
    """Files of all kinds, FIFOs too, can be opened for writing below these paths alone.

    It needs Landlock of Linux 5.19; elsewhere nothing is done.
    """
    try:
        if _call("landlock", _CREATE_RULESET, None, 0, 1) < 2:
            return
    except OSError:
        return
    rights = (_WRITE_FILE | _REFER).to_bytes(8, "little")
    rules = _call("landlock", _CREATE_RULESET, rights, len(rights), 0)
    for path in paths:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        # A file has no files that could be moved.
        allowed = _WRITE_FILE | (_REFER if os.path.isdir(path) else 0)
        rule = allowed.to_bytes(8, "little") + place.to_bytes(4, "little")
        _call("landlock", _ADD_RULE, rules, 1, rule, 0)
        os.close(place)
    _call("landlock", _RESTRICT_SELF, rules, 0)
    os.close(rules)


def access(path: str, mode: int) -> int:
    """0 where the file may be used so, or why not, as a number of errno."""
    if _libc.access(os.fsencode(path), mode) == 0:
        return 0
    return ctypes.get_errno()


def write_memory(process: int, address: int, data: bytes) -> None:
    """Write into the memory of another process."""
    code = ctypes.create_string_buffer(data, len(data))
    size = len(data).to_bytes(8, "little")
    here = ctypes.addressof(code).to_bytes(8, "little") + size
    there = address.to_bytes(8, "little") + size
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    _check(_libc.process_vm_writev(process, here, one, there, one, none), "process_vm_writev")
