"""Named volumes that a container's root gave to the user who is the caller.

`docker run -v cache:/cache IMAGE chown -R $(id -u) /cache` runs as root, whose ids are not changed
(`rbuild_containers.id_maps`): what it gives away is that subordinate uid's. In a container of the
caller's that uid is nobody, and the caller is who was meant.
"""

from __future__ import annotations

import os
from pathlib import Path

from rootless_build.backend import UserNamespace, programs


def take_over(volume: Path, uid: int, namespace: UserNamespace) -> None:
    """Make what belongs to `uid`, as other containers see it, the caller's.

    Only where the volume's own directory is not the caller's: else nothing was given away.
    """
    if volume.exists() and volume.lstat().st_uid != os.getuid():
        # What can't be changed stays as it is; the container says what it may not do.
        programs.capture(
            [*namespace.command, "chown", "-hR", f"--from={uid}", "0:0", "--", str(volume)],
            environment=dict(namespace.environment),
        )
