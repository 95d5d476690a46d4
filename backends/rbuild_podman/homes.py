"""Whether /etc/passwd of podman's container has its user: see rbuild_containers.homes."""

from __future__ import annotations

import io
import tarfile

from rbuild_podman.connection import Connection

_LARGEST = 16 * 1024 * 1024
"""Bytes of an archive of /etc/passwd that are worth reading."""


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
