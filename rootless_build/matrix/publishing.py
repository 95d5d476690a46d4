"""What a cell made, verified and then put into its directory as a whole: or not there at all.

BUNDLES/.CELL.rbuild.PID.START.RANDOM/new   what came, for as long as it is verified
BUNDLES/CELL                                the bundles of the cell
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from rootless_build.bundles import statement
from rootless_build.bundles.changes import flush, fsync
from rootless_build.bundles.leftovers import private_prefix, remove_leftovers
from rootless_build.bundles.statement import OWN_NAMES
from rootless_build.bundles.swapping import swap
from rootless_build.bundles.verification import verify
from rootless_build.files.copying import copy_tree
from rootless_build.files.tree import link_text, remove, walk
from rootless_build.matrix import archives
from rootless_build.matrix.archives import BadBundlesError
from rootless_build.matrix.work import Result
from rootless_build.model.errors import RbuildError
from rootless_build.model.text import shown
from rootless_build.process.locks import hold


def publish(result: Result, directory: Path) -> None:
    """Put the bundles of a result into the directory of its cell, in place of those before.

    Raises BadBundlesError for bundles that are not those that were made, and OSError; what was
    there stays then.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(directory)
    place = Path(tempfile.mkdtemp(prefix=private_prefix(directory), dir=directory.parent))
    try:
        with hold(place):
            new = place / "new"
            new.mkdir(0o755)
            if result.bundles:
                copy_tree(Path(result.bundles), new, [])
            else:
                archives.unpack(result.archive, new)
            check(result, new)
            flush(new)
            if directory.is_symlink() or directory.exists():
                swap(new, directory)
            else:
                new.rename(directory)
            fsync(directory.parent)
    finally:
        remove(place)


def check(result: Result, directory: Path) -> None:
    """Hold what came against what the run that made it says of it, and its checksums and provenance
    against the files. Raises BadBundlesError.
    """
    made = {each.path: each for each in result.made}
    seen = set()
    for entry in walk(directory):
        mode, path = entry.status.st_mode, entry.path
        if stat.S_ISDIR(mode) or os.path.basename(path) in OWN_NAMES:  # noqa: PTH119
            continue
        each = made.get(path)
        if each is None:
            raise BadBundlesError(f"{shown(path)} was not made by the run")
        seen.add(path)
        if stat.S_ISLNK(mode):
            is_right = each.sha256 is None and link_text(directory / path) == each.link
        else:
            is_right = statement.digest(directory, path) == each.sha256
        if not is_right:
            raise BadBundlesError(f"{shown(path)} is not what the run made")
    if lacking := sorted(made.keys() - seen):
        raise BadBundlesError(f"{shown(lacking[0])} is missing")
    try:
        problems = verify(directory).problems
    except RbuildError as error:
        raise BadBundlesError(error.message) from error
    if problems:
        raise BadBundlesError(str(problems[0]))
