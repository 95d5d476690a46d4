"""`--chown`, and the owner of a WORKDIR: numbers, or names of the image's own passwd and group."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from rootless_build.images.layers.destination import resolved
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.problems import ChangedError, RefusedError

_NUMBER: Final = re.compile(r"([-+]?)0*([0-9]{1,20})")
_DIGITS: Final = re.compile(r"[-+]?[0-9]+")
_LARGEST: Final = 2**31 - 1
_LARGEST_ID: Final = 2**32 - 2
"""The next one is nobody's, to the kernel."""
_LARGEST_FILE: Final = 4 * 1024 * 1024
"""Bytes of passwd or group; those of a host with 50,000 users have that many."""


class Owner(Struct, frozen=True):
    """To whom files are given."""

    uid: int
    gid: int


def looked_up(tree: ImageTree, text: str) -> Owner | None:
    """The owner that `USER[:GROUP]` names; None where it says nothing.

    As with BuildKit, a user's number is the group's too, an unknown user is root, and an unknown
    group that of the user. Raises RefusedError, OSError.
    """
    if not text:
        return None
    user, colon, group = text.partition(":")
    number = _number(user)
    owner = Owner(number, number) if number is not None else _named_user(tree, user)
    if not colon:
        return owner
    number = _number(group)
    gid = number if number is not None else _named_group(tree, group)
    return owner if gid is None else Owner(owner.uid, gid)


def is_root_alone(tree: ImageTree) -> bool:
    """Whether root is in no group but that of number 0, as passwd and group say; False where they
    are not there, or not to be read.
    """
    try:
        passwd, group = (_fields(tree, f"/etc/{name}") for name in ("passwd", "group"))
    except (RefusedError, ChangedError, OSError):
        return False
    roots = [fields for fields in passwd if len(fields) > 3 and fields[2].strip("0") == ""]
    if not roots or any(fields[3] != "0" for fields in roots):
        return False
    names = [fields[0] for fields in roots]
    members = [fields[3] for fields in group if len(fields) > 3]
    # Some engines take a name that is but in another one for the name (podman 4.3.1 to 5.8.6).
    return not any(name in each for name in names for each in members)


def _number(name: str) -> int | None:
    if name in {"", "root"}:
        return 0
    number = _value(name)
    if number is None or not -_LARGEST - 1 <= number <= _LARGEST:
        return None
    # To the kernel -1 is nobody: what root has made stays root's.
    return 0 if number == -1 else number % 2**32


def _value(text: str) -> int | None:
    """What digits say; None for other text, and for more of them than any number of 64 bits has."""
    found = _NUMBER.fullmatch(text)
    return int(found[1] + found[2]) if found else None


def _named_user(tree: ImageTree, name: str) -> Owner:
    for fields in _lines(tree, "/etc/passwd", name):
        return Owner(_id(fields, 2, "/etc/passwd"), _id(fields, 3, "/etc/passwd"))
    return Owner(0, 0)


def _named_group(tree: ImageTree, name: str) -> int | None:
    for fields in _lines(tree, "/etc/group", name):
        return _id(fields, 2, "/etc/group")
    return None


def _lines(tree: ImageTree, path: str, name: str) -> list[list[str]]:
    """The lines of that name."""
    if tree.is_empty:
        raise RefusedError(f"there is no file system yet in which {name} could be looked up")
    return [fields for fields in _fields(tree, path) if fields[0] == name]


def _fields(tree: ImageTree, path: str) -> list[list[str]]:
    """The lines of passwd or group. Raises RefusedError, ChangedError, OSError."""
    text = (tree.read(resolved(tree, path), _LARGEST_FILE) or b"").decode(errors="surrogateescape")
    return [line.strip().split(":") for line in text.split("\n")]


def _id(fields: list[str], at: int, file: str) -> int:
    """A number of a line of a file; what is none counts as 0.

    Raises RefusedError for one that nobody can have: with BuildKit it is a number of 32 bits of it.
    """
    text = fields[at] if at < len(fields) else ""
    if not _DIGITS.fullmatch(text):
        return 0
    number = _value(text)
    if number is None or not 0 <= number <= _LARGEST_ID:
        raise RefusedError(f"{fields[0]} has the id {text[:40]} in {file}, which nobody can have")
    return number
