"""Tar archives that go from the engine to a caller, as docker writes them: `save`, `cp C:/x -`."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Final

from rootless_build.docker_cli.shapes.json import a_list, a_map, texts
from rootless_build.docker_cli.shapes.names import familiar
from rootless_build.live.streams import Output
from rootless_build.model.plan import Json

_ENDED: Final = 128 + 13
Changes = Mapping[str, Callable[[bytes], bytes]]
"""What becomes of what is in some members, by their names."""


def engines(
    argv: Sequence[str],
    environment: Mapping[str, str],
    out: IO[bytes] | Output,
    *,
    names: Callable[[str], str] = lambda name: name,
    change: Changes | None = None,
) -> tuple[int, str]:
    """Write what an engine's command writes: its status, and what it said.

    `names` gives a member its name, `change` some members, by their names, what is in them. 141 is
    the status where nobody reads.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=said)
        assert process.stdout is not None  # it is a pipe
        fault = ""
        try:
            with process.stdout as given:
                _copy(given, out, names, change or {})
        except BrokenPipeError:
            process.terminate()
            return _ENDED, ""
        except tarfile.TarError as error:
            fault = str(error)
        except BaseException:
            process.terminate()
            raise
        finally:
            process.wait()
        said.seek(0)
        words = said.read().decode(errors="replace")
        return process.returncode or int(bool(fault)), words or fault


def _copy(
    given: IO[bytes],
    out: IO[bytes] | Output,
    names: Callable[[str], str],
    change: Changes,
) -> None:
    begins = given.read(tarfile.BLOCKSIZE)
    if len(begins) < tarfile.BLOCKSIZE:
        return
    with (
        tarfile.open(fileobj=_Rest(begins, given), mode="r|") as source,
        tarfile.open(fileobj=out, mode="w|") as target,
    ):
        for member in source:
            member.name = names(member.name)
            content = source.extractfile(member) if member.isreg() else None
            if content is not None and member.name in change:
                data = change[member.name](content.read())
                member.size = len(data)
                member.pax_headers = {}
                target.addfile(member, io.BytesIO(data))
            else:
                target.addfile(member, content)
    # What follows the end of an archive is padding; who writes it is not to meet a closed pipe.
    while given.read(tarfile.RECORDSIZE):
        pass


class _Rest(io.RawIOBase):
    """A stream of which the beginning was read already."""

    def __init__(self, begins: bytes, rest: IO[bytes]) -> None:
        super().__init__()
        self._begins = begins
        self._rest = rest

    def readable(self) -> bool:
        """It is read alone."""
        return True

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end."""
        if not self._begins:
            return self._rest.read(size)
        data = self._begins[:size] if size >= 0 else self._begins
        self._begins = self._begins[len(data) :]
        return data + (self._rest.read(size - len(data)) if size > len(data) else b"")


def _tagged(said: Json) -> Iterator[Json]:
    for image in map(a_map, a_list(said)):
        yield {**image, "RepoTags": [familiar(name) for name in texts(image.get("RepoTags"))]}


def _manifest(data: bytes) -> bytes:
    return json.dumps([*_tagged(json.loads(data))], separators=(",", ":")).encode()


def _repositories(data: bytes) -> bytes:
    said = a_map(json.loads(data))
    return json.dumps({familiar(name): tags for name, tags in said.items()}).encode()


SAVED: Final[Changes] = {
    "manifest.json": _manifest,
    "repositories": _repositories,
}
"""What of an archive of images names them: podman's names begin with localhost/."""
