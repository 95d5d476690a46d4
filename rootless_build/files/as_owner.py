"""A file that a recipe names, read by root with the rights of the recipe's owner.

`owner_rights.rights_of` takes them for the whole process, and so before anything else goes on. Here
a thread alone takes them: while a recipe is read, others look at engines and images with root's.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from rootless_build.files.owner_rights import Owner, owner

T = TypeVar("T")

_CALLS: Final = {"x86_64": (116, 119, 117), "i686": (206, 210, 208), "armv7l": (206, 210, 208)}
_GENERIC: Final = (159, 149, 147)
"""Numbers of setgroups, setresgid and setresuid (asm/unistd.h)."""


def read_as_owner(directory: Path, read: Callable[[], T]) -> T:
    """What `read` returns with the rights of whoever but root can decide what is in `directory`
    (see `owner_rights.owner`); with one's own where there is nobody, or this is not root.

    Also where these rights can't be taken: root of a container may have no power to do so, nor any
    over files.
    """
    one = owner(directory)
    if one is None:
        return read()
    with ThreadPoolExecutor(1, initializer=_take, initargs=(one,)) as thread:
        return thread.submit(read).result()


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
    calls don't.
    """
    groups = (ctypes.c_uint32 * len(one.groups))(*one.groups)
    same = ctypes.c_uint32(-1)
    group, user = ctypes.c_uint32(one.groups[0]), ctypes.c_uint32(one.user)
    calls = ((len(groups), groups), (same, group, same), (same, user, same))
    library = ctypes.CDLL(None)
    numbers = _CALLS.get(platform.machine(), _GENERIC)
    for number, arguments in zip(numbers, calls, strict=True):
        if library.syscall(ctypes.c_long(number), *arguments):
            return
