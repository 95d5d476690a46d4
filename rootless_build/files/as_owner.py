"""A file that a recipe names, read by root with the rights of the recipe's owner.

`owner_rights.rights_of` takes them for the whole process, and so before anything else goes on. Here
a thread alone takes them: while a recipe is read, others look at engines and images with root's.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from rootless_build.files.owner_rights import Owner, owner

T = TypeVar("T")

_CALLS: Final = {"x86_64": (116, 119, 117), "i686": (206, 210, 208), "armv7l": (206, 210, 208)}
_GENERIC: Final = (159, 149, 147)
"""Numbers of setgroups, setresgid and setresuid (asm/unistd.h)."""
_NARROW: Final = {"x86_64": "i686", "aarch64": "armv7l", "armv8l": "armv7l"}
_POWERLESS: Final = frozenset({errno.EPERM, errno.EINVAL})
"""What root of a container gets: no power over ids, or none over these (user_namespaces(7))."""


def read_as_owner(directory: Path, read: Callable[[], T]) -> T:
    """What `read` returns with the rights of whoever but root can decide what is in `directory`
    (see `owner_rights.owner`); with one's own where there is nobody, or this is not root.

    Also where these rights can't be taken: root of a container may have no power to do so, nor any
    over files.
    """
    one = owner(directory)
    if one is None:
        return read()

    def with_rights() -> T:
        _take(one)
        return read()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(with_rights).result()


def may_read(directory: Path, file: Path) -> bool:
    """Whether that user may read a file; one that is not there may yet be made."""

    def opened() -> bool:
        try:
            os.close(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
        except PermissionError:
            return False
        except OSError:
            pass
        return True

    return read_as_owner(directory, opened)


def _take(one: Owner) -> None:
    """Give this thread the rights: the C library's functions would give them to all, the kernel's
    calls don't. Raises OSError where a call fails for another reason than a lack of power.
    """
    groups = (ctypes.c_uint32 * len(one.groups))(*one.groups)
    same = ctypes.c_uint32(-1)
    group, user = ctypes.c_uint32(one.groups[0]), ctypes.c_uint32(one.user)
    calls = ((len(groups), groups), (same, group, same), (same, user, same))
    library = ctypes.CDLL(None, use_errno=True)
    for number, arguments in zip(_CALLS.get(_abi(), _GENERIC), calls, strict=True):
        if library.syscall(ctypes.c_long(number), *arguments):
            failed = ctypes.get_errno()
            if failed in _POWERLESS:
                return
            raise OSError(failed, os.strerror(failed))


def _abi() -> str:
    """The machine that this process is a program of: the kernel may be of its 64-bit sister."""
    machine = platform.machine()
    return machine if sys.maxsize > 2**32 else _NARROW.get(machine, machine)
