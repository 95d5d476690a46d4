"""Provenance of bundles: an in-toto statement in each bundle, written and asked.

A bundle is what one part of the project's build script makes: `bundles/VERSION/NAME` where
`bundles/latest` leads to VERSION (Docker up to 17.09), else `bundles/NAME`. Its statement is in it
(`rootless_build.bundles.statement`): its scripts remove the two together, and names of subjects
are relative to it, so that a bundle can be moved. Its subjects are what was written in the run.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import posixpath
import stat
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from msgspec import Struct

from rootless_build.bundles import envelope, statement
from rootless_build.bundles.statement import NAME, OWN_NAMES, SIGNED, STATEMENT, Object
from rootless_build.files.copying import copy_file
from rootless_build.files.tree import (
    Entry,
    Snapshot,
    joined,
    link_text,
    name_of,
    parent_of,
    real,
    remove,
    walk,
    writable,
)
from rootless_build.model.plan import Json
from rootless_build.model.text import shown

_LATEST: Final = "latest"

Written = Mapping[str, tuple[int, int]]
"""Path: inode and time of last change, which no program can set."""
Naming = Callable[[str], str]
_Dependency = dict[str, dict[str, str | bool]]
_FILES_LEFT: Final = frozenset({statement.EARLIER, statement.UNKNOWN, ""})
"""Roles of files of earlier runs that are in the bundle."""


class Attestation(Struct, frozen=True):
    """What is said of bundles. `time` is that of the statements' files, seconds since 1970."""

    predicate_type: str
    predicate: Object
    time: int | None


class MadeOf(Struct, frozen=True):
    """What bundles were made of: `role` is `source`, `base image`, `image` or `substitute`,
    `digest` is `ALGORITHM:HEX`, `note` where it comes from, or that its files were changed.
    """

    role: str
    name: str
    digest: str
    note: str


class Made(Struct, frozen=True):
    """How a bundle was made: the sha256 of the plan, and of what."""

    plan_digest: str
    inputs: tuple[MadeOf, ...]


class Run(Struct, frozen=True):
    """A run whose bundles are attested.

    `root` is what it made, `current` the bundles as they are. `given` was in `root` when the run
    began, `attested` are the directories that had statements. `meanwhile` are paths that somebody
    else made or changed in `current` since, and that stay there, and `lost` those that are gone.
    """

    root: Path
    current: Path
    given: Snapshot
    attested: Collection[str] = ()
    meanwhile: Collection[str] = ()
    lost: Collection[str] = ()


def state(root: Path) -> Written:
    """To tell later which files were written since."""
    return {
        entry.path: (entry.status.st_ino, entry.status.st_ctime_ns)
        for entry in walk(root)
        if stat.S_ISREG(entry.status.st_mode)
    }


def attest(run: Run, attestation: Attestation | None) -> tuple[str, ...]:
    """Write the statements of all bundles in which something changed; None removes them.

    Where a statement would say what that in `run.current` says, but for times and the like, it is
    kept as it is, and a signature of it with it. Returns warnings.
    """
    warnings = []
    for bundle, found in _touched(run).items():
        place = run.root / bundle
        if not _is_place(run, bundle, place):
            continue
        with writable(place):
            for name in OWN_NAMES:
                remove(place / name)
        made = _made(run, bundle, found, attestation) if attestation else None
        if made is not None and not statement.fits(made):
            warnings.append(f"{shown(bundle)} has too many files to have provenance")
            made = None
        if made is not None:
            _write(place / NAME, made, attestation.time if attestation else None)
        warnings += _signature(run, bundle, made)
    return tuple(warnings)


def _is_place(run: Run, bundle: str, place: Path) -> bool:
    """Whether there is a directory for a statement, or has to be: others' files stay in it."""
    if not os.path.lexists(place) and any(path.startswith(f"{bundle}/") for path in run.meanwhile):
        place.mkdir(parents=True)
    return place.is_dir()


def subjects(root: Path) -> Iterator[tuple[str, str]]:
    """Every file that a statement names as written by its build, and its bundle."""
    for where, said in _statements(root):
        try:
            claimed = statement.claims(said)
        except statement.NoStatementError:
            continue
        for claim in claimed:
            if claim.target is None and not claim.role:
                yield posixpath.normpath(posixpath.join(where, claim.path)), where


def digests(root: Path) -> Iterator[tuple[str, str]]:
    """The sha256 of every file that a statement names, whichever build wrote it."""
    for where, said in _statements(root):
        with contextlib.suppress(statement.NoStatementError):
            for claimed in statement.claims(said):
                if claimed.target is None and claimed.digest and not claimed.leads_out:
                    yield posixpath.normpath(posixpath.join(where, claimed.path)), claimed.digest


def images(root: Path) -> dict[str, str]:
    """The id of each image that the bundles were made in, by the reference that the plan has.

    Of two builds in different images neither is meant: such a reference is left out.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for _, said in _statements(root):
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            predicate = cast("dict[str, dict[str, list[_Dependency]]]", said["predicate"])
            for item in predicate["buildDefinition"]["resolvedDependencies"]:
                if item.get("annotations", {}).get("role") == "image":
                    found[str(item["name"])].add(str(item["digest"]["sha256"]))
    return {name: ids.pop() for name, ids in found.items() if len(ids) == 1}


def made_of(root: Path, files: Collection[str]) -> Iterator[Made]:
    """What the statements say that any of these files were made of."""
    for where, said in _statements(root):
        claimed = {posixpath.normpath(posixpath.join(where, claim.path)) for claim in _claims(said)}
        if not claimed.isdisjoint(files):
            with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
                yield _made_of(cast("dict[str, dict[str, Object]]", said["predicate"]))


def _made_of(predicate: dict[str, dict[str, Object]]) -> Made:
    definition = predicate["buildDefinition"]
    digest = cast("dict[str, dict[str, str]]", definition["internalParameters"])["planDigest"]
    items = cast("list[_Dependency]", definition["resolvedDependencies"])
    found = tuple(_input(item) for item in items)
    return Made(
        str(digest["sha256"]), tuple(each for each in found if each.role not in _FILES_LEFT)
    )


def _input(item: _Dependency) -> MadeOf:
    notes = item.get("annotations", {})
    digest = next((f"{kind}:{value}" for kind, value in item.get("digest", {}).items()), "")
    name, note = str(item.get("name", "")), str(item.get("uri", ""))
    if name == "source" and "role" not in notes:
        changed = "files were changed" if notes.get("clean") is False else ""
        return MadeOf("source", note or name, digest, changed)
    return MadeOf(str(notes.get("role", "")), name, digest, note)


def naming(root: Path) -> Naming:
    """What tells the bundle that a file belongs to, as a path in the tree."""
    latest = root / _LATEST
    versions = {os.path.normpath(link_text(latest))} if latest.is_symlink() else set()

    def bundle(path: str) -> str:
        *parents, _ = path.split("/")
        depth = 2 if parents and parents[0] in versions else 1
        return "/".join(parents[:depth])

    return bundle


def owner(bundle: Naming, path: str, statements: Collection[str]) -> str:
    """The bundle whose statement, one of these, a path belongs to, or would belong to."""
    found = nearest(path, statements)
    return bundle(path) if found is None else found


def nearest(path: str, statements: Collection[str]) -> str | None:
    """The directory of the statement that is about a path, if there is one.

    It may be above the bundle: what was one while `latest` led elsewhere stays one.
    """
    parent = path.rpartition("/")[0]
    if not parent:
        return "" if "" in statements else None
    while parent and parent not in statements:
        parent = parent.rpartition("/")[0]
    return parent or None


def _statements(root: Path) -> Iterator[tuple[str, Object]]:
    for entry in tuple(walk(root)):
        if name_of(entry.path) == NAME and (said := _read(root, entry.path)) is not None:
            yield parent_of(entry.path), said


class _Found(Struct, frozen=True):
    """The files and links of a bundle: those that the run wrote, those that it left alone."""

    written: list[Entry]
    left: list[Entry]


def _touched(run: Run) -> dict[str, _Found]:
    """What is in each bundle in which something was written or removed."""
    found: dict[str, _Found] = defaultdict(lambda: _Found([], []))
    touched = set()
    bundle = naming(run.root)
    now = [entry for entry in walk(run.root) if _is_part(entry.path, entry.status.st_mode)]
    for entry in now:
        where = owner(bundle, entry.path, run.attested)
        status = entry.status
        before = run.given.get(entry.path)
        if before == (status.st_mode, status.st_ino, status.st_ctime_ns):
            if entry.path not in run.lost:
                found[where].left.append(entry)
        else:
            found[where].written.append(entry)
            touched.add(where)
    there = {entry.path for entry in now}
    for path, (mode, *_) in run.given.items():
        if path not in there and _is_part(path, mode):
            touched.add(owner(bundle, path, run.attested))
    return {where: found[where] for where in sorted(touched)}


def _is_part(path: str, mode: int) -> bool:
    """Whether a statement names it, as a file or link that was built."""
    return (stat.S_ISREG(mode) or stat.S_ISLNK(mode)) and name_of(path) not in OWN_NAMES


def _made(run: Run, bundle: str, found: _Found, said: Attestation) -> bytes | None:
    """The statement of a bundle; None where nothing was built."""
    old = _read(run.current, joined(bundle, NAME))
    new = _statement(run, bundle, found, said, old) if found.written else _without(run, bundle, old)
    if new is None:
        return None
    if old is not None and _lasting(old) == _lasting(new):
        new = old
    return (json.dumps(new, indent=1, sort_keys=True) + "\n").encode()


def _statement(
    run: Run, bundle: str, found: _Found, said: Attestation, old: Object | None
) -> Object:
    predicate = copy.deepcopy(said.predicate)
    if left := [*_left(run, bundle, found, old)]:
        definition = predicate.setdefault("buildDefinition", {})
        if isinstance(definition, dict):
            dependencies = definition.setdefault("resolvedDependencies", [])
            if isinstance(dependencies, list):
                dependencies += left
    written = sorted(found.written, key=lambda entry: entry.path)
    return {
        "_type": STATEMENT,
        "subject": [statement.descriptor(run.root, entry, bundle) for entry in written],
        "predicateType": said.predicate_type,
        "predicate": predicate,
    }


def _left(run: Run, bundle: str, found: _Found, old: Object | None) -> Iterator[Json]:
    """What the run left in the bundle.

    An earlier statement that names all there was is believed, not the files: what was changed or
    added behind its back is told by the next verification. What had no such statement is taken as
    it is.
    """
    said = _said(old)
    known = old is not None and statement.is_complete(_claims(old))
    written = {os.path.relpath(entry.path, bundle or ".") for entry in found.written}
    names = {os.path.relpath(entry.path, bundle or "."): entry for entry in found.left}
    for name in sorted(names.keys() | (said.keys() - written)):
        if known and name in said:
            path = posixpath.normpath(posixpath.join(bundle, name))
            if name in names or path in run.meanwhile:
                yield statement.carried(said[name])
        elif not known and name in names:
            role = statement.EARLIER if name in said else statement.UNKNOWN
            yield statement.descriptor(run.root, names[name], bundle, role)


def _without(run: Run, bundle: str, old: Object | None) -> Object | None:
    """The statement of what an earlier run wrote, and this one did not remove."""
    if old is None:
        return None
    gone = {
        os.path.relpath(path, bundle or ".")
        for path in run.given
        if path in run.lost or (path not in run.meanwhile and not os.path.lexists(run.root / path))
    }

    def stays(said: Json) -> bool:
        return not isinstance(said, dict) or said.get("name") not in gone

    new = copy.deepcopy(old)
    listed = new.get("subject")
    new["subject"] = [said for said in listed if stays(said)] if isinstance(listed, list) else []
    definition = new.get("predicate")
    definition = definition.get("buildDefinition") if isinstance(definition, dict) else None
    if isinstance(definition, dict):
        before = [*statement.earlier(new)]
        found = definition.get("resolvedDependencies")
        if isinstance(found, list):
            definition["resolvedDependencies"] = [
                said for said in found if said not in before or stays(said)
            ]
    return new if new["subject"] or any(statement.earlier(new)) else None


def _said(old: Object | None) -> dict[str, Json]:
    """What a statement says of each file, by its name in the bundle."""
    if old is None or not _claims(old):
        return {}
    listed = [*cast("list[Json]", old["subject"]), *statement.earlier(old)]
    return {claim.path: said for claim, said in zip(_claims(old), listed, strict=True)}


def _claims(old: Object) -> tuple[statement.Claim, ...]:
    try:
        return statement.claims(old)
    except statement.NoStatementError:
        return ()


def _signature(run: Run, bundle: str, made: bytes | None) -> list[str]:
    """A signature stays beside the statement that it is of, and beside no other."""
    path = joined(bundle, SIGNED)
    if not os.path.lexists(run.current / path):
        return []
    try:
        old = envelope.read(real(run.current), path)
    except statement.NoStatementError:
        old = None
    if made is not None and old is not None and old.payload == made:
        with writable(run.root / bundle):
            copy_file(real(run.current), path, run.root / path)
            (run.root / path).chmod(0o644)
        return []
    return [f"{shown(bundle) or 'the top of the bundles'} was built anew: its signature is gone"]


def _write(file: Path, content: bytes, time: int | None) -> None:
    with writable(file.parent):
        file.write_bytes(content)
        if time is not None:
            os.utime(file, (time, time))


def _read(root: Path, path: str) -> Object | None:
    try:
        return statement.parse(statement.read(real(root), path))
    except statement.NoStatementError:
        return None


def _lasting(said: Object) -> Object:
    """A statement without what differs between two runs that did the same."""
    lasting = copy.deepcopy(said)
    predicate = lasting.get("predicate")
    details = predicate.get("runDetails") if isinstance(predicate, dict) else None
    if isinstance(details, dict):
        details.pop("metadata", None)
    return lasting
