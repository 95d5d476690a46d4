"""What a container that failed has written: the last one's is kept, outside of the project.

Logs and reports are wanted exactly then, and the bundles are as they were.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from rootless_build.bundles import provenance
from rootless_build.bundles.copying import copy_data
from rootless_build.bundles.staging import Staging
from rootless_build.bundles.tree import open_inside, remove


def keep(staging: Staging, place: Path) -> tuple[str, ...]:
    """Move the files that a failed container wrote to the directory `place`; returns their paths.

    They take the place of what is there. Without any, nothing changes. Raises OSError.
    """
    written = tuple(
        path
        for path, seen in provenance.state(staging.path).items()
        if staging.before.get(path) != seen
    )
    if not written:
        return ()
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        for path in written:
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            _move(staging.path, path, new / path)
        remove(place)
        new.rename(place)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return written


def _move(root: Path, path: str, target: Path) -> None:
    # Nobody runs it as somebody else.
    mode = (root / path).lstat().st_mode & 0o777 | 0o600
    try:
        (root / path).rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system.
        with open_inside(root, path) as source:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                copy_data(source.fileno(), descriptor)
            finally:
                os.close(descriptor)
    target.chmod(mode)
