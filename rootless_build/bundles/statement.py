"""A statement of provenance as it lies in a bundle, and what it claims of each file.

It is an in-toto Statement v1 in `provenance.intoto.json`. A subject is a file or a link that the
build wrote, a ResourceDescriptor of in-toto: name relative to the bundle, sha256 (of a link, of
its text, which is the `content`) and `annotations.mode`, type and permission bits in octal as git
has them. What was in the bundle before, and the build left there, is no subject but a resolved
dependency of a role of its own. Statements that older rbuilds wrote have neither modes nor links.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from msgspec import Struct

from rootless_build.files.tree import CHUNK, Entry, link_text, open_inside
from rootless_build.model.plan import Json

NAME: Final = "provenance.intoto.json"
SIGNED: Final = "provenance.intoto.jsonl"
"""The statement signed: an in-toto bundle of one DSSE envelope (`bundles.signing`)."""
OWN_NAMES: Final = frozenset({NAME, SIGNED})
"""What rbuild puts into a bundle: never a part of what was built."""
STATEMENT: Final = "https://in-toto.io/Statement/v1"
EARLIER: Final = "of an earlier build"
"""Role of what an earlier build's provenance says of a file that is still there."""
UNKNOWN: Final = "of unknown origin"
"""Role of what was in the bundle, and had no provenance."""
LARGEST: Final = 16 * 1024 * 1024
_MOST_VALUES: Final = 600_000

Object = dict[str, Json]


class Claim(Struct, frozen=True):
    """What a statement says of a file or a link.

    `path` is relative to the bundle. `mode` and `size` are None where the statement says none,
    `target` is a link's text, `role` empty for a subject.
    """

    path: str
    digest: str
    mode: int | None = None
    size: int | None = None
    target: str | None = None
    role: str = ""

    @property
    def leads_out(self) -> bool:
        """Whether the name leads out of the bundle."""
        return self.path.startswith("/") or ".." in self.path.split("/") or "\0" in self.path


class NoStatementError(ValueError):
    """What was read is no statement. Its text is what is wrong, as in `PATH: is …`."""


def descriptor(root: Path, entry: Entry, bundle: str, role: str = "") -> Json:
    """The ResourceDescriptor of a file or link in a bundle. Raises OSError."""
    path, mode = entry.path, entry.status.st_mode
    annotations: dict[str, Json] = {"mode": f"{mode:o}"}
    if role:
        annotations["role"] = role
    said: Object = {"name": os.path.relpath(path, bundle or "."), "annotations": annotations}
    if stat.S_ISLNK(mode):
        text = os.fsencode(link_text(root / path))
        said["digest"] = {"sha256": hashlib.sha256(text).hexdigest()}
        said["content"] = base64.b64encode(text).decode()
    else:
        annotations["size"] = entry.status.st_size
        said["digest"] = {"sha256": digest(root, path)}
    return said


def carried(said: Json) -> Json:
    """The descriptor of a file that an earlier build wrote, for the statement of a later one."""
    copy = dict(cast("Object", said))
    notes = copy.get("annotations")
    notes = dict(notes) if isinstance(notes, dict) else {}
    notes.setdefault("role", EARLIER)
    return copy | {"annotations": notes}


def digest(root: Path, path: str) -> str:
    """sha256, in hex, of a file in a tree. Raises OSError."""
    with open_inside(root, path) as file:
        found = hashlib.sha256()
        while chunk := file.read(CHUNK):
            found.update(chunk)
        return found.hexdigest()


def read(root: Path, path: str, most: int = LARGEST) -> bytes:
    """A file of a bundle that rbuild wrote there. Raises NoStatementError, PermissionError."""
    try:
        with open_inside(root, path) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise NoStatementError("is too large for a statement")
            return file.read(most)
    except PermissionError:
        raise
    except FileNotFoundError as error:
        raise NoStatementError("is missing") from error
    except OSError as error:
        raise NoStatementError(error.strerror or str(error)) from error


def fits(content: bytes) -> bool:
    """Whether a statement can be read again in 200 MB of memory: any value follows one of these."""
    values = sum(content.count(mark) for mark in (b",", b"[", b"{"))
    return len(content) <= LARGEST and values <= _MOST_VALUES


def parse(content: bytes) -> Object:
    """The statement, which may be of any shape inside. Raises NoStatementError."""
    if not fits(content):
        raise NoStatementError("is too large for a statement")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NoStatementError("is no in-toto statement") from error
    if not isinstance(found, dict):
        raise NoStatementError("is no in-toto statement")
    return cast("Object", found)


def claims(statement: Object) -> tuple[Claim, ...]:
    """What the statement says of files, subjects first. Raises NoStatementError."""
    subjects = statement.get("subject")
    if statement.get("_type") != STATEMENT or not isinstance(subjects, list):
        raise NoStatementError("is no in-toto statement")
    # All subjects may have been removed since, and what was there before be left.
    found = tuple(_claim(said) for said in (*subjects, *earlier(statement)))
    if not found:
        raise NoStatementError("is no in-toto statement")
    return found


def earlier(statement: Object) -> Iterator[Json]:
    """The descriptors of what was in the bundle before."""
    inside: Json = statement
    for name in ("predicate", "buildDefinition", "resolvedDependencies"):
        inside = inside.get(name) if isinstance(inside, dict) else None
    for said in inside if isinstance(inside, list) else ():
        if isinstance(said, dict):
            notes = said.get("annotations")
            if isinstance(notes, dict) and notes.get("role") in (EARLIER, UNKNOWN):
                yield said


def is_complete(claimed: tuple[Claim, ...]) -> bool:
    """Whether all that is in the bundle is named: older statements name what was written alone."""
    return all(claim.mode is not None for claim in claimed)


def _claim(said: Json) -> Claim:
    if isinstance(said, dict):
        name, digests, notes = said.get("name"), said.get("digest"), said.get("annotations")
        found = digests.get("sha256") if isinstance(digests, dict) else None
        notes = notes if isinstance(notes, dict) else {}
        if isinstance(name, str) and isinstance(found, str):
            mode = _mode(notes.get("mode"))
            link = mode is not None and stat.S_ISLNK(mode)
            target = _text(said.get("content")) if link else None
            role, size = notes.get("role"), notes.get("size")
            return Claim(
                name,
                found,
                mode,
                size if type(size) is int else None,
                target,
                role if isinstance(role, str) else "",
            )
    raise NoStatementError("has a subject without a name or a sha256 digest")


def _mode(said: Json) -> int | None:
    """A mode in octal. Raises NoStatementError for what is none of a file or link."""
    if said is None:
        return None
    if isinstance(said, str) and re.fullmatch("1[02][0-7]{4}", said):
        return int(said, 8)
    raise NoStatementError("has a subject whose mode is none")


def _text(content: Json) -> str:
    try:
        return os.fsdecode(base64.b64decode(cast("str", content), validate=True))
    except (TypeError, ValueError) as error:
        raise NoStatementError("has a link without its text") from error
