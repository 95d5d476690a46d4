"""How a command ends when it can't go on: errors of the system and of Python, told as rbuild's."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Final

from rootless_build.model.errors import HostError, RecipeError
from rootless_build.model.text import shown

_LOOP: Final = "Symlink loop"


@contextlib.contextmanager
def as_rbuild_errors() -> Iterator[None]:
    """Raise as rbuild's errors what Python raises of a file that is too deep, too large or a loop.

    Raises RecipeError, HostError.
    """
    try:
        yield
    except RuntimeError as error:
        if str(error).startswith(_LOOP):
            # Path.resolve, before Python 3.13.
            raise HostError(str(error), finding="os-error") from error
        if not isinstance(error, RecursionError):
            raise
        message = "a file has more things in one another than rbuild reads"
        raise RecipeError(message) from error
    except MemoryError as error:
        raise HostError("there is not enough memory for this", finding="os-error") from error


def disk_error(error: OSError) -> HostError:
    """The error for what the operating system refused, in words for a person."""
    where = f" ({shown(error.filename)})" if isinstance(error.filename, str) else ""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return HostError(
        f"{error.strerror or error}{where}",
        finding="no-space" if full else "os-error",
        hint="make room on that file system; rbuild clean frees what builds left" if full else "",
    )


def discard_output() -> None:
    """Drop what is still buffered for standard output: it has no reader any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
