"""Provenance of bundles: an in-toto statement in each bundle, written and checked.

A bundle is what one part of the project's build script makes: `bundles/VERSION/NAME` where
`bundles/latest` leads to VERSION (Docker up to 17.09), else `bundles/NAME`. Its statement is
`provenance.intoto.json` in it: its scripts remove the two together, and names of subjects are
relative to it, so that a bundle can be moved. It is about the files that were written in the run,
by path and sha256 (in-toto Statement v1, in-toto.io/Statement/v1).
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import stat
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from rootless_build.bundles.tree import CHUNK, Entry, link_text, open_inside, walk, writable
from rootless_build.data import dataclass
from rootless_build.escaping import shown
from rootless_build.plan import Json

NAME: Final = "provenance.intoto.json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
_LATEST: Final = "latest"
_LARGEST: Final = 16 * 1024 * 1024

Written = Mapping[str, tuple[int, int]]
"""Path: inode and time of last change, which no program can set."""
Object = dict[str, Json]
_Dependency = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Attestation:
    """What is said of bundles. `time` is that of the statements' files, seconds since 1970."""

    predicate_type: str
    predicate: Object
    time: int | None


def state(root: Path) -> Written:
    """To tell later which files were written since."""
    return {
        entry.path: (entry.status.st_ino, entry.status.st_ctime_ns)
        for entry in walk(root)
        if stat.S_ISREG(entry.status.st_mode)
    }


def attest(root: Path, current: Path, before: Written, attestation: Attestation | None) -> None:
    """Write the statements of all bundles in which files were written; None removes them.

    Where the statement would say what that in `current` says, but for times and the like, it is
    kept as it is.
    """
    written = {path for path, seen in state(root).items() if before.get(path) != seen}
    for bundle, paths in _by_bundle(root, written).items():
        file = root / bundle / NAME
        with writable(file.parent):
            file.unlink(missing_ok=True)
        if attestation is None:
            continue
        content = _statement(root, bundle, paths, attestation)
        old = _read(current, os.path.join(bundle, NAME))  # noqa: PTH118 - a path in the tree
        if old is not None and _lasting(old) == _lasting(content):
            content = old
        with writable(file.parent):
            file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        if attestation.time is not None:
            os.utime(file, (attestation.time, attestation.time))


def check(root: Path) -> Iterator[tuple[str, str]]:
    """Path and problem of each subject that is not what its statement says."""
    for entry in tuple(walk(root)):
        if Path(entry.path).name == NAME and stat.S_ISREG(entry.status.st_mode):
            yield from _check(root, entry)


def subjects(root: Path) -> Iterator[tuple[str, str]]:
    """Every path that a statement names, and its bundle."""
    for where, statement in _statements(root):
        listed = statement.get("subject")
        for subject in listed if isinstance(listed, list) else ():
            named = _subject(subject)
            if named is not None:
                yield os.path.normpath(os.path.join(where, named[0])), where  # noqa: PTH118


def images(root: Path) -> dict[str, str]:
    """The id of each image that the bundles were made in, by the reference that the plan has.

    Of two builds in different images neither is meant: such a reference is left out.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for _, statement in _statements(root):
        try:
            predicate = cast("dict[str, dict[str, list[_Dependency]]]", statement["predicate"])
            for item in predicate["buildDefinition"]["resolvedDependencies"]:
                if item.get("annotations", {}).get("role") == "image":
                    found[str(item["name"])].add(str(item["digest"]["sha256"]))
        except (AttributeError, KeyError, TypeError):
            continue
    return {name: ids.pop() for name, ids in found.items() if len(ids) == 1}


def bundle(root: Path, path: str) -> str:
    """The bundle that a file belongs to, as a path in the tree."""
    *parents, _ = path.split("/")
    depth = 2 if parents and parents[0] in _versions(root) else 1
    return "/".join(parents[:depth])


def _statements(root: Path) -> Iterator[tuple[str, Object]]:
    for entry in tuple(walk(root)):
        if Path(entry.path).name == NAME and (statement := _read(root, entry.path)) is not None:
            yield os.path.dirname(entry.path), statement  # noqa: PTH120


def _check(root: Path, entry: Entry) -> Iterator[tuple[str, str]]:
    statement = _read(root, entry.path)
    subjects = statement.get("subject") if statement else None
    if statement is None or statement.get("_type") != STATEMENT or not isinstance(subjects, list):
        yield entry.path, "is no in-toto statement"
        return
    directory = os.path.dirname(entry.path)  # noqa: PTH120 - a path in the tree
    for subject in subjects:
        named = _subject(subject)
        if named is None:
            yield entry.path, "has a subject without a name or a sha256 digest"
            continue
        name, digest = named
        if name.startswith("/") or ".." in name.split("/") or "\0" in name:
            yield entry.path, f"names {shown(name)}, outside its directory"
            continue
        path = os.path.join(directory, name)  # noqa: PTH118 - as above
        try:
            actual = _digest(root, path)
        except PermissionError:
            raise
        except OSError:
            yield entry.path, f"names {shown(name)}, which is missing"
            continue
        if actual != digest:
            yield path, f"is not what {NAME} says"


def _subject(subject: Json) -> tuple[str, str] | None:
    if not isinstance(subject, dict):
        return None
    name, digests = subject.get("name"), subject.get("digest")
    digest = digests.get("sha256") if isinstance(digests, dict) else None
    return (name, digest) if isinstance(name, str) and isinstance(digest, str) else None


def _by_bundle(root: Path, paths: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        if Path(path).name != NAME:
            found[bundle(root, path)].append(path)
    return found


def _versions(root: Path) -> set[str]:
    latest = root / _LATEST
    return {os.path.normpath(link_text(latest))} if latest.is_symlink() else set()


def _statement(root: Path, bundle: str, paths: list[str], said: Attestation) -> Object:
    subjects: list[Json] = [
        {
            "name": os.path.relpath(path, bundle or "."),
            "digest": {"sha256": _digest(root, path)},
        }
        for path in paths
    ]
    return {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": said.predicate_type,
        "predicate": said.predicate,
    }


def _digest(root: Path, path: str) -> str:
    with open_inside(root, path) as file:
        found = hashlib.sha256()
        while chunk := file.read(CHUNK):
            found.update(chunk)
        return found.hexdigest()


def _read(root: Path, path: str) -> Object | None:
    try:
        with open_inside(root.resolve(), path) as file:
            found = json.loads(file.read(_LARGEST))
    except PermissionError:
        raise
    except (OSError, ValueError, RecursionError):
        return None
    return cast("Object", found) if isinstance(found, dict) else None


def _lasting(statement: Object) -> Object:
    """A statement without what differs between two runs that did the same."""
    lasting = copy.deepcopy(statement)
    predicate = lasting.get("predicate")
    details = predicate.get("runDetails") if isinstance(predicate, dict) else None
    if isinstance(details, dict):
        details.pop("metadata", None)
    return lasting
