"""What a program did in the sandbox without being stopped, found after it has ended."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from typing import Final

from rootless_build.process.sandbox import mounts
from rootless_build.process.sandbox.mounts import Box, Layers

_MOST: Final = 1000
"""Names that are looked at."""
_TRIED: Final = {"OutRequests", "OutNoRoutes", "Ip6OutRequests", "Ip6OutNoRoutes"}
_INDEX: Final = ".git/index"
"""git writes it anew when it is only asked: files that were just written may have changed."""
_COMPILED: Final = re.compile(r"(?:^|/)__pycache__(?:/[^/]+\.pyc(?:\.\d+)?)?\Z")


def network() -> Iterator[tuple[str, str]]:
    """Whether packets were to be sent, by the counters of the network namespace."""
    rows: list[list[str]] = []
    for name in ("snmp", "snmp6"):
        try:
            with open(f"/proc/net/{name}") as file:
                rows += [line.split() for line in file]
        except FileNotFoundError:
            continue  # without IPv6
    heads = [row for row in rows if row[0] == "Ip:"]
    pairs = [*zip(*heads, strict=True), *(row for row in rows if len(row) == 2)]
    if any(name in _TRIED and number != "0" for name, number in pairs):
        yield "network", ""


def files(box: Box, layers: Layers) -> Iterator[tuple[str, str]]:
    """What was written, and goes with the sandbox."""
    for path in sorted({*mounts.in_private(box)} - layers.begun):
        yield "left", path
    if layers.upper < 0:
        return
    waiting = [""]
    seen = 0
    while waiting and seen < _MOST:
        inner = waiting.pop()
        for name in sorted(os.listdir(f"/proc/self/fd/{layers.upper}/{inner}")):
            seen += 1
            path = f"{inner}/{name}" if inner else name
            kind = os.stat(path, dir_fd=layers.upper, follow_symlinks=False).st_mode
            if stat.S_ISDIR(kind):
                waiting.append(path)
            if is_cache(path) or path == _INDEX:
                continue
            if not (stat.S_ISDIR(kind) and _was_directory(path, layers)):
                yield "left", f"{box.checkout}/{path}"


def is_cache(path: str) -> bool:
    """Whether a path is what Python keeps of modules that it has read: written where it can be,
    and no matter to what is done.
    """
    return _COMPILED.search(path) is not None


def _was_directory(path: str, layers: Layers) -> bool:
    try:
        found = os.stat(path, dir_fd=layers.lower, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode)
