"""Tar archives that somebody else made, and that may be broken in any way."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rootless_build.model.errors import reason


class BadArchiveError(ValueError):
    """An archive can't be read to its end; the text says why."""


@contextmanager
def reading() -> Iterator[None]:
    """Whatever the standard library raises for an archive, or a compressed file, that is broken
    becomes a BadArchiveError. What the operating system refuses stays an OSError.
    """
    try:
        yield
    except OSError as error:
        # The library's own, of gzip and bzip2, have no number.
        if error.errno is None:
            raise BadArchiveError(str(error)) from error
        raise
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, KeyError, ValueError) as error:
        # tarfile says on further lines what each kind of archive had to say.
        words = reason(error).partition("\n")[0].rstrip(":")
        raise BadArchiveError(words or type(error).__name__) from error


def is_tar(path: Path) -> bool:
    """Whether a file begins as a tar archive does, compressed or not."""
    try:
        with reading():
            return tarfile.is_tarfile(path)
    except BadArchiveError:
        return False
