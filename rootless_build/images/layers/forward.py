"""What is read of an archive from its start to its end, and no more of a header than it may have.

tarfile takes as much memory as a header says that it is long: long names, pax records, the maps of
files with holes.
"""

from __future__ import annotations

import io
import tarfile
from typing import IO, Final, Self

from rootless_build.files.archives import BadArchiveError

_LARGEST: Final = 1024 * 1024
"""Bytes of one header, as with Go's reader of archives."""
_MOST: Final = 4 * _LARGEST
"""Bytes of all the headers of one entry."""
_MOST_GLOBAL: Final = 100
"""Records that hold for all entries; git writes one."""
_BLOCK: Final = 1024 * 1024
_ENDS: Final = frozenset({"empty header", "end of file header"})
"""What tarfile says of the end of an archive, with and without its mark."""


class Archive(tarfile.TarFile):
    """An archive that is read once, from its start to its end; entries are forgotten on the way."""

    members: list[tarfile.TarInfo]

    def __init__(self, plain: IO[bytes]) -> None:
        super().__init__(fileobj=_Forward(plain), tarinfo=_Entry)

    def next(self) -> tarfile.TarInfo | None:
        """The next entry; None at the end. Raises what tarfile does, and BadArchiveError."""
        entry = super().next()
        self.members.clear()
        return entry


class _Forward:
    """A file as tarfile takes one. `left` is what a header may still have; None outside of one."""

    def __init__(self, plain: IO[bytes]) -> None:
        self._plain = plain
        self._at = 0
        self.left: int | None = None

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        if self.left is not None:
            if not 0 <= size <= min(_LARGEST, self.left):
                raise BadArchiveError(f"a header is larger than {_LARGEST} bytes")
            self.left -= size
        data = self._plain.read(size)
        self._at += len(data)
        return data

    def seek(self, place: int) -> None:
        """Forward, and to the end at most."""
        if place < self._at:
            raise BadArchiveError("an entry begins before the end of another")
        while self._at < place:
            skipped = len(self._plain.read(min(place - self._at, _BLOCK)))
            if not skipped:
                break
            self._at += skipped

    def write(self, data: bytes) -> int:
        raise io.UnsupportedOperation(f"{len(data)} bytes for an archive that is read")

    def close(self) -> None:
        """It is for who has opened it."""


class _Entry(tarfile.TarInfo):
    """An entry; a broken header is an error, where tarfile would take it for the end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            entry = cls._limited(tarfile_)
        except tarfile.HeaderError as error:
            if str(error) in _ENDS:
                raise
            raise BadArchiveError(str(error)) from error
        if len(tarfile_.pax_headers) > _MOST_GLOBAL:
            raise BadArchiveError("it has too many records that hold for all entries")
        return entry

    @classmethod
    def _limited(cls, tarfile_: tarfile.TarFile) -> Self:
        file = tarfile_.fileobj
        if not isinstance(file, _Forward) or file.left is not None:
            # A header after a long one, which is of the same entry.
            return super().fromtarfile(tarfile_)
        file.left = _MOST
        try:
            return super().fromtarfile(tarfile_)
        finally:
            file.left = None
