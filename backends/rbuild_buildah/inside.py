"""Works in a container's root file system, as root of the user's own namespace.

A script, not a module: `buildah unshare` runs it, the standard library is all it has. It reads
`{"copies": [{"path", "to", "owned", "owner"}], "mounts": [[target, source]],
"directories": [path], "root": [uid, gid], "user": [uid, mounts]}` from standard input and
RBUILD_ROOT, the mounted root file system, from the environment; it writes `{"copied": [whether
there was such a directory], "known": whether /etc/passwd has the user}`. `owned`: the copies keep
their owners. `owner`, if not null: whose `to` is where there is nothing to copy. `root`, if not
null: whose new `directories` are, and the caller is not that.
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
        return os.path.realpath(os.path.join("/", path))  # a path of the container
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
    return source + resolved(source, str(path)) if os.path.isdir(source) else source


def copy(source: str, destination: str, *, owned: bool) -> None:
    """Copy what is in a directory: modes, times, hard and symbolic links, extended attributes."""
    mode = os.stat(destination).st_mode & 0o7777
    options = ["--archive"] if owned else ["--archive", "--no-preserve=ownership"]
    subprocess.run(["cp", *options, "--reflink=auto", "--", f"{source}/.", destination], check=True)
    if not owned:
        os.chmod(destination, mode)


def make_directories(root: str, paths: list[str], uid: int, gid: int) -> None:
    """Make directories as the container would see and follow them; what is new is uid's."""
    host = os.open("/", os.O_PATH | os.O_DIRECTORY)
    os.chroot(root)
    try:
        os.chdir("/")
        if uid != os.getuid():
            # Its owner can't be changed for long: each mount makes it the caller's, who gets what
            # everybody else may do.
            mode = os.stat("/").st_mode
            os.chmod("/", mode & 0o7077 | (mode & 0o007) << 6)
        for path in map(PurePosixPath, paths):
            for place in (*reversed(path.parents), path):
                try:
                    os.mkdir(place, 0o755)
                except FileExistsError:
                    continue
                except OSError:
                    break  # the engine says why it can't
                os.chown(place, uid, gid)
    finally:
        os.fchdir(host)
        os.chroot(".")
        os.close(host)


def has_entry(root: str, uid: int, mounts: list[tuple[str, str]]) -> bool:
    """Whether the container's /etc/passwd has the uid; one that can't be read may have it."""
    file = on_host(root, "/etc/passwd", mounts)
    if not os.path.lexists(file):
        return False
    if not os.path.isfile(file):
        return True
    try:
        with open(file, "rb") as lines:
            fields = (line.split(b":") for line in lines)
            return any(len(field) > 2 and field[2] == b"%d" % uid for field in fields)
    except OSError:
        return True


def main() -> None:
    """Do what standard input says."""
    request = json.load(sys.stdin)
    root = os.environ["RBUILD_ROOT"]
    if request["root"]:
        make_directories(root, request["directories"], *request["root"])
    copied = []
    for wanted in request["copies"]:
        source = on_host(root, wanted["path"], request["mounts"])
        copied.append(os.path.isdir(source))
        if copied[-1]:
            copy(source, wanted["to"], owned=wanted["owned"])
        elif wanted["owner"]:
            os.chown(wanted["to"], *wanted["owner"])
    known = not request["user"] or has_entry(root, *request["user"])
    json.dump({"copied": copied, "known": known}, sys.stdout)


if __name__ == "__main__":
    main()
