"""Files of rbuild's own, written so that whoever reads one finds the old content or the new."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Final

from rootless_build.process import identities

_UNFINISHED: Final = re.compile(r"\.(?P<file>.+)\.rbuild-(?P<writer>\d+\.\d+)-\w+", re.DOTALL)


def replace_content(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Give a file new content, with this mode. Raises OSError; the old stays then.

    What writers that were killed left of the file goes.
    """
    descriptor, unfinished = unfinished_beside(file)
    try:
        with open(descriptor, "wb") as written:  # a descriptor has no path
            written.write(content)
            os.fchmod(descriptor, mode)
        os.replace(unfinished, file)  # a name, not a path
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def unfinished_beside(file: Path) -> tuple[int, str]:
    """An empty file beside one that will have its name: a descriptor, and a path. Raises OSError.

    What writers that were killed left of the file goes.
    """
    _remove_unfinished(file)
    # Threads of one process may write the same file: the rest of the name is of each.
    prefix = f".{file.name}.{identities.private_prefix()}"
    return tempfile.mkstemp(dir=file.parent, prefix=prefix)


def _remove_unfinished(file: Path) -> None:
    for name in os.listdir(file.parent):
        found = _UNFINISHED.fullmatch(name)
        if found and found["file"] == file.name and not identities.lives(found["writer"]):
            (file.parent / name).unlink(missing_ok=True)
