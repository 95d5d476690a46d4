"""Build contexts and containerfiles that a caller gives on standard input (`docker build -`)."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal

from rootless_build.files import plain
from rootless_build.files.archives import is_tar
from rootless_build.files.private_directories import large_directory
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process import programs

# GNU tar finds out itself how a file is compressed, and unpacks nothing outside of the directory.
_UNPACK: Final = ("tar", "--extract", "--same-permissions", "--no-same-owner")


@contextmanager
def from_input(
    step: BuildImage, reads: Literal["context", "containerfile"]
) -> Iterator[BuildImage]:
    """The build with what standard input holds: a tar archive, which may be compressed, is its
    context, anything else its containerfile. Raises RecipeError.
    """
    stream = sys.stdin.buffer
    if reads == "containerfile":
        text = _text(stream.read(plain.LARGEST))
        yield replace(step, containerfile=None, containerfile_text=text)
        return
    with large_directory() as place:
        context, given = place / "context", place / "given"
        context.mkdir()
        _keep(stream, given)
        if not is_tar(given):
            text = _text(given.read_bytes()[: plain.LARGEST])
            yield replace(step, context=context, containerfile=None, containerfile_text=text)
            return
        _unpack(given, context)
        named = step.containerfile
        if named is not None:
            # It is in the archive, and was taken for a file beside it.
            if not named.is_relative_to(step.context):
                raise RecipeError(f"the Dockerfile ({named}) must be within the build context")
            named = context / named.relative_to(step.context)
        yield replace(step, context=context, containerfile=named)


def _keep(stream: BinaryIO, file: Path) -> None:
    with file.open("wb") as kept:
        shutil.copyfileobj(stream, kept)


def _unpack(archive: Path, context: Path) -> None:
    words = ("--delay-directory-restore", "--directory", str(context), "--file", str(archive))
    done = programs.capture([*_UNPACK, *words])
    archive.unlink()
    if done.status != 0:
        raise RecipeError("the build context can't be unpacked", engine_words=done.words)


def _text(data: bytes) -> str:
    if not data.strip():
        raise RecipeError("failed to solve: the Dockerfile cannot be empty")
    return data.decode(errors="surrogateescape")
