"""HOME of a user whom the image's /etc/passwd does not know.

It is / with docker, and with podman on runc. crun (1.21, Debian 13) sets none, and podman (5.4.2)
only where it may add an entry of its own to the container's /etc/passwd, which docker does not.
"""

from __future__ import annotations

import io
import tarfile

from rbuild_podman.connection import Connection
from rootless_build.backend import Image, RunContainer

VARIABLE = "HOME"
OF_NOBODY = "/"
_LARGEST = 16 * 1024 * 1024
"""Bytes of an archive of /etc/passwd that are worth reading."""


def unknown_user(step: RunContainer, image: Image) -> int | None:
    """The uid of a container's user who may have no entry, and would then have no home."""
    name = (step.user or image.user).partition(":")[0]
    if any(variable == VARIABLE for variable, _ in (*step.environment, *image.environment)):
        return None
    # A name that is in no entry is refused.
    return int(name) if name.isdecimal() and int(name) else None


def has_entry(connection: Connection, container: str, uid: int) -> bool:
    """Whether the /etc/passwd of a container has the uid; one that can't be read may have it."""
    answer = connection.client.api.get(
        f"/containers/{container}/archive", params={"path": "/etc/passwd"}, stream=True
    )
    if answer.status_code == 404:
        return False
    answer.raise_for_status()
    packed = answer.raw.read(_LARGEST)
    answer.close()
    try:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            entry = archive.next()
            text = archive.extractfile(entry) if entry is not None and entry.isreg() else None
            lines = text.read().splitlines() if text is not None else None
    except tarfile.TarError:
        return True
    if lines is None:
        return True
    fields = (line.split(b":") for line in lines)
    return any(len(field) > 2 and field[2] == b"%d" % uid for field in fields)
