"""What an engine is asked, as lines of a containerfile, and what an exact answer prints.

Each question is a build's RUNs on an image with a shell. What they print begins with the mark, and
is held against what BuildKit's would be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import PASSING_CACHE
from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.features import Feature

MARK: Final = "rbuild-asked"
MOUNTED: Final = "mounted"
"""The directory of the build context, and the build context, that are mounted."""
OWNED: Final = f"{PASSING_CACHE}owned"
"""The id of what has another owner; a new one each time: a cache that is there keeps its own."""
KEPT: Final = {"kept": "before\n", "gone": "before\n"}
"""The files in each, by name."""


class Question(Struct, frozen=True):
    """`lines` are what is built; `is_exact` says so of the words that are printed after the mark,
    the question's own name left out. `remote`: it can be asked of an engine on another host.
    `writes`: it writes to what is mounted, which has to stay as it was.
    """

    lines: tuple[str, ...]
    is_exact: Callable[[Collection[str]], bool]
    remote: bool = True
    writes: bool = False


def _says(name: str, what: str) -> str:
    return f'echo "{MARK} {name} {what}"'


def _writes() -> Question:
    own, named = (
        f"--mount=type=bind,source={MOUNTED},target={{}},rw",
        f"--mount=type=bind,from={MOUNTED},target={{}},rw",
    )
    name = Feature.MOUNT_DISCARDS_WRITES.name
    write = "; ".join(f"echo w > {d}/new; echo w > {d}/kept; rm {d}/gone" for d in ("/a", "/b"))
    look = f'for f in /a/* /b/* /c/* /d/*; do read -r x < "$f"; {_says(name, "$f $x")}; done'
    lines = (
        f"RUN {own.format('/a')} {named.format('/b')} set -e; {write}",
        f"RUN {own.format('/c')} {named.format('/d')} x=; {look}; true",
    )
    expected = {f"{d}/{file} {text.strip()}" for d in ("/c", "/d") for file, text in KEPT.items()}
    # Where nothing is mounted any more, nothing is.
    return Question(
        lines, lambda words: words == expected | {"/a/*", "/b/*"}, remote=False, writes=True
    )


def _owner(*kinds: str) -> Question:
    name = (Feature.MOUNT_AGENT_OWNER if "ssh" in kinds else Feature.MOUNT_OWNER).name
    flags, looks, expected = "", "", set()
    for number, kind in enumerate(kinds):
        mode = f"7{number}0"
        flags += f"--mount=type={kind},target=/{kind},id={OWNED},uid=7,gid=8,mode=0{mode} "
        looks += _says(name, f"{kind} $(stat -c '%a %u:%g' /{kind})") + "; "
        expected.add(f"{kind} {mode} 7:8")
    return Question((f"RUN {flags}{looks}",), lambda words: words == expected)


def _limit() -> Question:
    limits = _says(Feature.MOUNT_TMPFS_SIZE.name, "$options")
    look = f"while read -r device place type options; do [ $place != /limited ] || {limits}; done"
    run = f"RUN --mount=type=tmpfs,target=/limited,tmpfs-size=65536 {look} < /proc/mounts"
    return Question((run,), lambda words: any("size=64k" in word.split(",") for word in words))


QUESTIONS: Final = {
    Feature.MOUNT_DISCARDS_WRITES: _writes(),
    Feature.MOUNT_OWNER: _owner("cache", "secret"),
    Feature.MOUNT_AGENT_OWNER: _owner("ssh"),
    Feature.MOUNT_TMPFS_SIZE: _limit(),
}
"""The question of each feature that an engine can be left to do."""


def are_unharmed(places: Iterable[Path]) -> bool:
    """Whether the directories that were mounted are as they were."""
    return all(
        {file.name: file.read_text() for file in place.iterdir()} == KEPT for place in places
    )


def used(instructions: Iterable[Instruction]) -> tuple[Feature, ...]:
    """What of that these have."""
    runs = [i.inner or i for i in instructions if (i.inner or i).keyword == "RUN"]
    found = {feature for run in runs for feature in _used_by(run)}
    return tuple(feature for feature in QUESTIONS if feature in found)


def _used_by(run: Instruction) -> Iterable[Feature]:
    for flag in run.flags:
        if flag.name == "mount":
            yield from _used_by_mount(mounts.parse(flag.value or ""))


def _used_by_mount(mount: mounts.Mount) -> Iterable[Feature]:
    if mount.type == "bind" and mount.writable:
        yield Feature.MOUNT_DISCARDS_WRITES
    if mount.type == "tmpfs" and mount.size is not None:
        yield Feature.MOUNT_TMPFS_SIZE
    if mount.is_owned:
        yield Feature.MOUNT_AGENT_OWNER if mount.type == "ssh" else Feature.MOUNT_OWNER
