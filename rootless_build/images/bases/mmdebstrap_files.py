"""mmdebstrap's temporary files: in a directory of this run's own, of which nothing stays.

Interrupted early, mmdebstrap 1.3.5 leaves GnuPG's directory; killed, the whole root file system,
whose files are subordinate uids'.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rootless_build.files.tree import remove
from rootless_build.model.errors import HostError, reason
from rootless_build.model.text import shell_quoted, shown
from rootless_build.process import identities, programs

TOOL: Final = "mmdebstrap"


@contextmanager
def temporary_files() -> Iterator[programs.Environment]:
    """The environment in which mmdebstrap keeps them there.

    Raises HostError when something can't be removed; where there is an error already, that has a
    note of it.
    """
    place = Path(tempfile.mkdtemp(prefix=identities.private_prefix()))
    # Its root is a subordinate uid, which has to get through.
    place.chmod(0o711)
    try:
        yield {"TMPDIR": str(place)}
    except BaseException as error:
        try:
            _remove(place)
        except OSError as second:
            error.add_note(f"{shown(place)} can't be removed: {reason(second)}")
        raise
    try:
        _remove(place)
    except OSError as error:
        raise HostError(
            f"{shown(place)} can't be removed: {reason(error)}",
            finding="staging-not-removed",
            hint=f"remove it with: sudo rm -rf {shell_quoted(place)}",
        ) from error


def _remove(place: Path) -> None:
    try:
        remove(place)
    except PermissionError:
        left = [str(path) for path in place.iterdir()]
        # As root of the namespace in which it works.
        words = [TOOL, "--unshare-helper", "rm", "-rf", "--one-file-system", *left]
        with contextlib.suppress(HostError):
            programs.capture(words)
        remove(place)
