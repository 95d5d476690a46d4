"""Copies into and out of a container's root file system, as root of the user's own namespace.

A script, not a module: `buildah unshare` runs it, the standard library is all it has. It reads
`{"copies": [{"path", "to", "owned"}], "mounts": [[target, source]]}` from standard input and
RBUILD_ROOT, the mounted root file system, from the environment; it writes a list that says of each
copy whether there was such a directory. `owned`: the copies keep their owners.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import PurePosixPath


def resolved(root: str, path: str) -> str:
    """The path with its symbolic links followed as the container would follow them."""
    host = os.open("/", os.O_PATH | os.O_DIRECTORY)
    os.chroot(root)
    try:
        return os.path.realpath(os.path.join("/", path))  # noqa: PTH118 - a path of the container
    finally:
        os.fchdir(host)
        os.chroot(".")
        os.close(host)


def on_host(root: str, path: str, mounts: list[tuple[str, str]]) -> str:
    """Where the host sees a path of the container: on a mount, or in the root file system."""
    place = PurePosixPath(resolved(root, path))
    for target, source in sorted(mounts, key=lambda mount: len(mount[0]), reverse=True):
        below = PurePosixPath(resolved(root, target))
        if place.is_relative_to(below):
            return resolved_below(source, place.relative_to(below))
    return root + str(place)


def resolved_below(source: str, path: PurePosixPath) -> str:
    """A path on a mount. Links in it are followed inside the mount: none leads to the host."""
    return source + resolved(source, str(path)) if os.path.isdir(source) else source  # noqa: PTH112


def copy(source: str, destination: str, *, owned: bool) -> None:
    """Copy what is in a directory: modes, times, hard and symbolic links, extended attributes."""
    mode = os.stat(destination).st_mode & 0o7777  # noqa: PTH116
    options = ["--archive"] if owned else ["--archive", "--no-preserve=ownership"]
    subprocess.run(["cp", *options, "--reflink=auto", "--", f"{source}/.", destination], check=True)
    if not owned:
        os.chmod(destination, mode)  # noqa: PTH101


def main() -> None:
    """Do what standard input says."""
    request = json.load(sys.stdin)
    root = os.environ["RBUILD_ROOT"]
    answers = []
    for wanted in request["copies"]:
        source = on_host(root, wanted["path"], request["mounts"])
        answers.append(os.path.isdir(source))  # noqa: PTH112
        if answers[-1]:
            copy(source, wanted["to"], owned=wanted["owned"])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
