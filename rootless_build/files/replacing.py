"""Files of rbuild's own, written so that whoever reads one finds the old content or the new."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_content(file: Path, content: bytes) -> None:
    """Give a file new content, readable by this user alone. Raises OSError; the old stays then."""
    descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with open(descriptor, "wb") as written:  # a descriptor has no path
            written.write(content)
        os.replace(unfinished, file)  # a name, not a path
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
