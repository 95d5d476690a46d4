"""Files of a container that come as a tar archive, and become the caller's."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rootless_build.model.errors import StepFailedError
from rootless_build.model.events import Stream
from rootless_build.process import programs

_UNPACK: Final = ("tar", "--extract", "--same-permissions", "--no-same-owner")


def unpack_output(
    argv: Sequence[str], destination: Path, environment: programs.Environment
) -> programs.Completed:
    """Run a program that writes a tar archive, and unpack that into an existing directory.

    Where the program fails nothing is unpacked; its words are those of what is returned. Raises
    StepFailedError for an archive that can't be unpacked.
    """
    # Unpacked while it comes, half of it would be there when the program fails.
    with tempfile.TemporaryFile(dir=destination) as archive:
        words = programs.Tail()

        def take(data: bytes, stream: Stream) -> None:
            if stream == "stdout":
                archive.write(data)
            else:
                words.add(data)

        status = programs.stream(argv, take, environment=environment)
        if status == 0:
            archive.seek(0)
            unpack = (*_UNPACK, "--delay-directory-restore", "--directory", str(destination))
            unpacked = programs.stream(unpack, lambda data, _: words.add(data), stdin=archive)
            if unpacked != 0:
                message = f"what was copied could not be unpacked in {destination}"
                raise StepFailedError(message, engine_words=words.text)
    return programs.Completed(status, b"", words.text.encode())
