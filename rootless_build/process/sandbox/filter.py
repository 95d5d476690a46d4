"""The filter of system calls: which ones `watch` is notified of, and which are refused.

The program is of classic BPF, as seccomp(2) takes it. It is not what keeps a process in: but for
sockets that is done by namespaces and mounts. A socket with a path can be reached on a file system
that is mounted read-only, in any namespace: so every connect(2) is answered from outside, and
sockets that send without it are not made.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from rootless_build.process.sandbox.kernel import Machine

_LOAD, _AND, _RETURN, _JUMP_EQUAL, _JUMP_LEAST = 0x20, 0x54, 0x06, 0x15, 0x35
_ALLOW, _TELL, _REFUSE = 0x7FFF0000, 0x7FC00000, 0x00050000
_X86_64: Final = 0xC000003E
_NUMBER, _ARCHITECTURE = 0, 4
_X32: Final = 0x40000000
_WRITES: Final = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
_UNIX, _NETLINK, _FAMILIES = 1, 16, (2, 10)
_NAMES_NOTHING_OF_NETWORKS: Final = (9, 15)
"""Protocols of netlink: audit and uevents. Others name addresses, routes and sockets."""
_STREAM, _PACKETS = 1, 5
_TO_TERMINAL: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: words put into the user's terminal."""
_INTERFACES: Final = (0x8912, 0x8915)
"""SIOCGIFCONF and SIOCGIFADDR: addresses, asked for without netlink."""


class NotifiedCall(Struct, frozen=True):
    """A call that is told. `paths` are the numbers of its arguments (directory, path); a directory
    of None is the process's own, and without a path it is the directory itself, or a file.
    """

    kind: str
    paths: tuple[tuple[int | None, int | None], ...] = ()
    flags: int | None = None
    """The number of the argument that says how a file is opened."""
    at: int | None = None
    """The number of the argument that says whether a link at the end of the path is followed."""


_AT: Final = ((0, 1),)
_NAMED: Final = ((None, 0),)
_OPENED: Final = ((0, None),)
_GENERIC: Final = {
    "socket": (198, 41),
    "socketpair": (199, 53),
    "connect": (203, 42),
    "sendto": (206, 44),
    "sendmsg": (211, 46),
    "sendmmsg": (269, 307),
    "ioctl": (29, 16),
    "getgroups": (158, 115),
    "execve": (221, 59),
    "execveat": (281, 322),
    "openat": (56, 257),
    "openat2": (437, 437),
    "mkdirat": (34, 258),
    "mknodat": (33, 259),
    "unlinkat": (35, 263),
    "renameat": (38, 264),
    "renameat2": (276, 316),
    "linkat": (37, 265),
    "symlinkat": (36, 266),
    "fchmodat": (53, 268),
    "fchmodat2": (452, 452),
    "fchownat": (54, 260),
    "utimensat": (88, 280),
    "truncate": (45, 76),
    "fchmod": (52, 91),
    "fchown": (55, 93),
    "setxattr": (5, 188),
    "lsetxattr": (6, 189),
    "fsetxattr": (7, 190),
    "removexattr": (14, 197),
    "lremovexattr": (15, 198),
    "fremovexattr": (16, 199),
}
"""Numbers: those of most machines, and of x86-64."""
_OF_X86: Final = {
    "open": 2,
    "creat": 85,
    "mkdir": 83,
    "rmdir": 84,
    "unlink": 87,
    "rename": 82,
    "link": 86,
    "symlink": 88,
    "mknod": 133,
    "chmod": 90,
    "chown": 92,
    "lchown": 94,
    "utime": 132,
    "utimes": 235,
}
_TOLD: Final = {
    "connect": NotifiedCall("connect"),
    "sendto": NotifiedCall("send"),
    "sendmsg": NotifiedCall("message"),
    "sendmmsg": NotifiedCall("message"),
    "socket": NotifiedCall("socket"),
    "ioctl": NotifiedCall("interfaces"),
    "getgroups": NotifiedCall("groups"),
    "execve": NotifiedCall("program", _NAMED),
    "execveat": NotifiedCall("program", _AT),
    "openat": NotifiedCall("open", _AT, 2),
    "openat2": NotifiedCall("open", _AT),
    "open": NotifiedCall("open", _NAMED, 1),
    "creat": NotifiedCall("open", _NAMED),
    "truncate": NotifiedCall("change", _NAMED),
    "fchmodat": NotifiedCall("change", _AT),
    "fchmodat2": NotifiedCall("change", _AT, at=3),
    "fchownat": NotifiedCall("change", _AT, at=4),
    "utimensat": NotifiedCall("change", _AT, at=3),
    "fchmod": NotifiedCall("change", _OPENED),
    "fchown": NotifiedCall("change", _OPENED),
    "setxattr": NotifiedCall("change", _NAMED),
    "lsetxattr": NotifiedCall("change link", _NAMED),
    "fsetxattr": NotifiedCall("change", _OPENED),
    "removexattr": NotifiedCall("change", _NAMED),
    "lremovexattr": NotifiedCall("change link", _NAMED),
    "fremovexattr": NotifiedCall("change", _OPENED),
    "chmod": NotifiedCall("change", _NAMED),
    "chown": NotifiedCall("change", _NAMED),
    "lchown": NotifiedCall("change link", _NAMED),
    "utime": NotifiedCall("change", _NAMED),
    "utimes": NotifiedCall("change", _NAMED),
    "mkdirat": NotifiedCall("make", _AT),
    "mknodat": NotifiedCall("make", _AT),
    "mkdir": NotifiedCall("make", _NAMED),
    "mknod": NotifiedCall("make", _NAMED),
    "symlinkat": NotifiedCall("make", ((1, 2),)),
    "symlink": NotifiedCall("make", ((None, 1),)),
    "linkat": NotifiedCall("make", ((2, 3),)),
    "link": NotifiedCall("make", ((None, 1),)),
    "unlinkat": NotifiedCall("remove", _AT),
    "unlink": NotifiedCall("remove", _NAMED),
    "rmdir": NotifiedCall("remove", _NAMED),
    "renameat": NotifiedCall("rename", ((0, 1), (2, 3))),
    "renameat2": NotifiedCall("rename", ((0, 1), (2, 3))),
    "rename": NotifiedCall("rename", ((None, 0), (None, 1))),
}
_GONE: Final = {"io_uring_setup": (425, 425), "add_key": (217, 248), "request_key": (218, 249)} | {
    "keyctl": (219, 250)
}
"""What goes round the filter, and the keys of the session outside."""
_FOREIGN: Final = {
    _X86_64: (0x40000003, (102, 286, 287, 288, 359, 360, 362, 425)),
    0xC00000B7: (0x40000028, (102, 281, 283, 288, 309, 310, 311, 425)),
}
"""32-bit programs of the same machine: another architecture, and what it has no more."""

_Instruction = tuple[int, int, int, int]


def notified_calls(of: Machine) -> Mapping[int, NotifiedCall]:
    """The system calls that `watch` is notified of, by their numbers."""
    numbers = _numbers(of)
    return {numbers[name]: call for name, call in _TOLD.items() if name in numbers}


def _numbers(of: Machine) -> dict[str, int]:
    x86 = of.architecture == _X86_64
    own = {name: pair[x86] for name, pair in (_GENERIC | _GONE).items()}
    return own | (_OF_X86 if x86 else {})


def program(of: Machine) -> bytes:
    """The filter."""
    numbers = _numbers(of)
    code: list[_Instruction] = [(_LOAD, 0, 0, _ARCHITECTURE)]
    foreign, gone = _FOREIGN.get(of.architecture, (0, ()))
    code += [(_JUMP_EQUAL, 0, len(gone) + 3, foreign), (_LOAD, 0, 0, _NUMBER)]
    # Jumps count the instructions that are left out.
    code += [(_JUMP_EQUAL, len(gone) - place, 0, number) for place, number in enumerate(gone)]
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    code += [(_JUMP_EQUAL, 1, 0, of.architecture), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    code += [(_LOAD, 0, 0, _NUMBER)]
    if of.architecture == _X86_64:
        code += [(_JUMP_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    for name in _GONE:
        code += _when(numbers[name], [(_RETURN, 0, 0, _REFUSE | errno.ENOSYS)])
    code += _when(numbers["ioctl"], _controls())
    code += _when(
        numbers["socketpair"], _but_for(1, 0xF, (_STREAM, _PACKETS), errno.EPROTONOSUPPORT)
    )
    for number, call in notified_calls(of).items():
        if call.kind == "send":
            code += _when(number, _with_address())
        elif call.kind == "socket":
            code += _when(number, _sockets())
        elif call.kind == "interfaces":
            continue
        elif call.flags is not None:
            code += _when(number, _but_for(call.flags, _WRITES, (0,), None))
        else:
            code += _when(number, [(_RETURN, 0, 0, _TELL)])
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _when(number: int, block: list[_Instruction]) -> list[_Instruction]:
    """The block, which returns, for the call, or the argument, of that number."""
    return [(_JUMP_EQUAL, 0, len(block), number), *block]


def _argument(number: int) -> _Instruction:
    return (_LOAD, 0, 0, 16 + 8 * number)


def _controls() -> list[_Instruction]:
    """ioctl(2)."""
    code = [_argument(1)]
    for value in _TO_TERMINAL:
        code += _when(value, [(_RETURN, 0, 0, _REFUSE | errno.EPERM)])
    for value in _INTERFACES:
        code += _when(value, [(_RETURN, 0, 0, _TELL)])
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _but_for(
    argument: int, mask: int, values: Iterable[int], error: int | None
) -> list[_Instruction]:
    """Refused with an error, or told, but for these values."""
    code = [_argument(argument), (_AND, 0, 0, mask)]
    for value in values:
        code += [(_JUMP_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*code, (_RETURN, 0, 0, _TELL if error is None else _REFUSE | error)]


def _with_address() -> list[_Instruction]:
    """sendto(2), where it is not just write(2)."""
    code = [_argument(4), (_JUMP_EQUAL, 0, 2, 0), (_LOAD, 0, 0, 16 + 8 * 4 + 4)]
    return [*code, (_JUMP_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _TELL), (_RETURN, 0, 0, _ALLOW)]


def _sockets() -> list[_Instruction]:
    code = [_argument(0)]
    for family in _FAMILIES:
        code += [(_JUMP_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
    code += _when(_NETLINK, _but_for(2, 0xFFFFFFFF, _NAMES_NOTHING_OF_NETWORKS, None))
    # One that has no connection sends to any path.
    code += _when(_UNIX, _but_for(1, 0xF, (_STREAM, _PACKETS), None))
    return [*code, (_RETURN, 0, 0, _TELL)]
