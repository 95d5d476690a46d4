"""Where images are kept: the driver, the file system, room and ownership."""

from __future__ import annotations

from typing import Final

from rootless_build.host import settings
from rootless_build.host.facts import Facts, Place, Role
from rootless_build.host.finding import (
    Cure,
    Finding,
    NewFile,
    Severity,
    as_root,
    by_fix,
    by_rbuild,
    by_user,
)
from rootless_build.host.probes.users import blocking
from rootless_build.host.versions import Span, versions
from rootless_build.model.text import shell_quoted

MIB: Final = 1024 * 1024
TOO_LITTLE: Final = 64 * MIB
"""Free bytes below which not even a small base image can be unpacked."""
LOW: Final = 2048 * MIB
"""Free bytes below which an ordinary dev image does not fit."""
_ASKS_FOR_VFS: Final = Span("podman", fixed=(4, 9))
"""Without a usable fuse-overlayfs: seen with podman 4.3.1, and not with 4.9.3, 5.4.2 and 5.8.6."""
_FEW_FILES: Final = 20_000
_TOO_FEW_FILES: Final = 1_000
NETWORK_FILESYSTEMS: Final = settings.NETWORK_FILESYSTEMS


def storage_driver(facts: Facts) -> Finding | None:
    """vfs copies every layer whole: slow, and many times the room."""
    rows = settings.storage_settings(
        facts, has_fuse_overlayfs="fuse-overlayfs" in facts.programs and facts.fuse
    )
    driver = next(row for row in rows if row.key == "driver")
    if not facts.rootless or driver.value != "vfs":
        return None
    if facts.storage_drivers:
        return Finding(
            "vfs-storage",
            Severity.WARNING,
            "podman's storage was made with the vfs driver, which copies whole layers",
            "builds are several times slower and need many times the room",
            by_user("podman system reset", "this removes all images and containers of this user"),
        )
    return Finding(
        "vfs-storage",
        Severity.WARNING,
        f"overlay can't be used: {driver.reason}",
        "with vfs builds are several times slower and need many times the room",
        as_root("apt-get install fuse-overlayfs && chmod 0666 /dev/fuse")
        if facts.kernel < settings.NATIVE_OVERLAY
        else Cure(
            "keep the images on a local disk: graphroot in ~/.config/containers/storage.conf"
        ),
    )


def several_drivers(facts: Facts) -> Finding | None:
    """Each driver has images of its own; those of the other look lost."""
    if len(facts.storage_drivers) < 2:
        return None
    return Finding(
        "several-storage-drivers",
        Severity.NOTE,
        f"the storage was used with {' and '.join(facts.storage_drivers)}",
        "images made with the one are not seen with the other, and take room",
        by_rbuild("overlay is used"),
    )


def network_storage(facts: Facts) -> Finding | None:
    """A file server knows nothing of subordinate ids, and refuses to change owners to them."""
    if facts.storage_filesystem not in NETWORK_FILESYSTEMS:
        return None
    made = facts.own_scratch is not None
    moved = settings.local_storage(facts) if made else f"a directory of yours in {facts.scratch}"
    return Finding(
        "network-storage",
        Severity.NOTE,
        f"{facts.storage} is on {facts.storage_filesystem}",
        "images can't be unpacked there: the server refuses owners it does not know",
        by_rbuild(f"images are kept in {moved}, unless storage.conf says otherwise"),
    )


def foreign_storage(facts: Facts) -> Finding | None:
    """Left behind by an engine that root ran with this user's HOME (sudo -E, su)."""
    place = facts.place(Role.STORAGE)
    if place is None or place.foreign is None:
        return None
    return Finding(
        "foreign-storage",
        blocking(facts),
        f"{place.foreign} belongs to another user",
        "podman and buildah can't open their storage",
        as_root(f'chown -R "{facts.account.name}:" {shell_quoted(facts.storage)}')
        if place.foreign == facts.storage
        else as_root(f"chown {facts.account.name}: {shell_quoted(place.foreign)}"),
    )


def storage_not_writable(facts: Facts) -> Finding | None:
    """A read-only home, as in some sandboxes."""
    place = facts.place(Role.STORAGE)
    if place is None or place.writable or place.foreign is not None:
        return None
    return Finding(
        "storage-not-writable",
        blocking(facts),
        f"{place.path} can't be written, and the images are kept below it",
        "no image can be stored",
        by_user("export XDG_DATA_HOME=/var/tmp/$USER", "any directory of yours with room"),
    )


def no_space(facts: Facts) -> Finding | None:
    """Disks that are full already."""
    return _room(facts, "no-space", TOO_LITTLE, _TOO_FEW_FILES)


def low_space(facts: Facts) -> Finding | None:
    """Disks that one more dev image would fill."""
    if no_space(facts) is not None:
        return None
    return _room(facts, "low-space", LOW, _FEW_FILES)


def other_driver(facts: Facts) -> Finding | None:
    """podman's database keeps the driver that the storage was made with, and podman says so."""
    has_fuse_overlayfs = "fuse-overlayfs" in facts.programs and facts.fuse
    rows = settings.storage_settings(facts, has_fuse_overlayfs=has_fuse_overlayfs)
    driver = next(row.value for row in rows if row.key == "driver")
    configured = any(file.path.name == "storage.conf" for file in facts.configuration.files)
    if not facts.rootless or driver != "overlay" or has_fuse_overlayfs or configured:
        return None
    if not _ASKS_FOR_VFS.covers(versions(facts)):
        return None
    path = facts.config_directory / "containers" / "storage.conf"
    return Finding(
        "other-storage-driver",
        Severity.NOTE,
        "this podman asks for the driver vfs where nobody names one; rbuild's storage is overlay",
        "plain podman works, with overlay too, and says at every call that its driver was "
        "overwritten from its database",
        by_fix(NewFile(path, '[storage]\ndriver = "overlay"\n'), "name the driver"),
    )


def _room(facts: Facts, finding: str, least: int, fewest: int) -> Finding | None:
    tight = [
        place
        for place in facts.places
        if place.writable
        and (place.free < _least(place, least) or (place.inodes or fewest) < fewest)
    ]
    if not tight:
        return None
    seen = "; ".join(f"{place.role}: {_room_left(place)} in {place.path}" for place in tight)
    blocked = finding == "no-space"
    return Finding(
        finding,
        Severity.BLOCKS if blocked else Severity.WARNING,
        f"little room is left: {seen}",
        "builds end with 'no space left on device'",
        by_user("rbuild clean --images --everywhere", "or move the storage: graphroot, TMPDIR"),
    )


def _least(place: Place, least: int) -> int:
    """Only the storage holds whole images."""
    return least if place.role is Role.STORAGE else min(least, TOO_LITTLE)


def _room_left(place: Place) -> str:
    if place.inodes is not None and place.inodes < _FEW_FILES:
        return f"{place.inodes} files"
    return f"{place.free // MIB} MiB"
