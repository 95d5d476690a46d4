"""Bundles held against their provenance: what was added, removed, changed or renamed since.

A statement is about all that is below its directory, but for what is below another one. Where it
says nothing of modes, an older rbuild wrote it: it is believed as far as it goes.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from rootless_build.bundles import envelope, statement
from rootless_build.bundles.provenance import naming, nearest
from rootless_build.bundles.statement import NAME, OWN_NAMES, SIGNED, Claim, NoStatementError
from rootless_build.files.tree import (
    Entry,
    joined,
    link_text,
    name_of,
    parent_of,
    special,
    too_much,
)
from rootless_build.model.text import shown

Source = Callable[[Path, str], bytes]
"""What gives the statement of a bundle. Raises NoStatementError, PermissionError."""
_MOST_BYTES: Final = 64 * 1024 * 1024
_SHOWN: Final = 5
"""Names of files without provenance that are told, of each bundle."""


class Attested(Struct):
    """What provenance says of the files of a tree.

    `files` are those that are as it says, with their digests, and `links` likewise, with their
    texts; what it does not know the origin of is not among them.
    """

    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    warnings: list[str] = []
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    """Statements that were believed, by their directories."""
    older: bool = False
    """A statement says nothing of modes, links and what was added."""
    signed: bool = False
    """Only what is signed was believed."""
    size: int = 0
    """Bytes of statements."""
    digests: dict[str, str] = {}
    """Of files that were read, each of them once."""


def unsigned(root: Path, where: str) -> bytes:
    """The statement as it lies in the bundle."""
    return statement.read(root, joined(where, NAME))


def check_statements(
    root: Path,
    entries: Iterable[Entry],
    is_checksum_file: Callable[[str], bool],
    source: Source | None = None,
) -> Attested:
    """Hold what was walked in `root` against all statements in it.

    `source` gives signed ones: then everything has to be named by one of them.
    """
    found = Attested(signed=source is not None)
    source = source or unsigned
    tree = {entry.path: entry for entry in entries}
    complete: dict[str, bool] = {}
    named: set[str] = set()
    for entry in _files_called(NAME, tree):
        where = parent_of(entry.path)
        complete[where] = True
        try:
            content = source(root, where)
            claimed = statement.claims(statement.parse(content))
        except NoStatementError as error:
            found.problems[entry.path].append(str(error))
            # Nothing is known of what is in it, and that is told already.
            complete[where] = False
            continue
        found.contents[where] = content
        found.size += len(content)
        if found.size > _MOST_BYTES:
            raise too_much(root, f"there are more than {_MOST_BYTES} bytes of provenance")
        complete[where] = statement.is_complete(claimed)
        if not complete[where]:
            _tell_older(entry.path, found)
        for claim in claimed:
            if claim.leads_out:
                text = f"names {shown(claim.path)}, outside its directory"
                found.problems[entry.path].append(text)
                continue
            path = posixpath.normpath(posixpath.join(where, claim.path))
            named.add(path)
            _hold(root, claim, path, tree.get(path), entry.path, found)
    _signatures(root, tree, complete, found)
    others = (
        entry
        for entry in tree.values()
        if not stat.S_ISDIR(entry.status.st_mode)
        and entry.path not in named
        and not _is_own(entry)
        and not (_is_text(entry) and is_checksum_file(entry.path))
    )
    _tell_unnamed(root, others, complete, found)
    return found


def _files_called(name: str, tree: Mapping[str, Entry]) -> Iterator[Entry]:
    for entry in tree.values():
        if name_of(entry.path) == name and stat.S_ISREG(entry.status.st_mode):
            yield entry


def _is_text(entry: Entry) -> bool:
    """A file that nobody can run: checksums that a person makes later are such."""
    mode = entry.status.st_mode
    return stat.S_ISREG(mode) and not mode & 0o7111


def _is_own(entry: Entry) -> bool:
    return name_of(entry.path) in OWN_NAMES and stat.S_ISREG(entry.status.st_mode)


def _hold(
    root: Path, claim: Claim, path: str, entry: Entry | None, said: str, found: Attested
) -> None:
    """Hold one claim of the statement `said` against what is at its path."""
    if entry is None:
        found.problems[said].append(f"names {shown(claim.path)}, which is missing")
        return
    problem = _kind(root, claim, entry) or _mode(claim, entry.status.st_mode)
    if not problem and claim.target is None and not _is_content(root, claim, entry, found):
        problem = f"is not what {NAME} says"
    if problem:
        found.problems[path].append(problem)
    elif claim.role == statement.UNKNOWN:
        found.warnings.append(f"{shown(path)} was there before it had provenance")
    elif claim.target is None:
        found.files[path] = claim.digest
    else:
        found.links[path] = claim.target


def _kind(root: Path, claim: Claim, entry: Entry) -> str:
    """What is wrong with the kind of an entry, or with where a link leads; empty for nothing."""
    mode = entry.status.st_mode
    if claim.target is None:
        return "" if stat.S_ISREG(mode) else f"is {_called(mode)}, and no file as {NAME} says"
    if not stat.S_ISLNK(mode):
        return f"is {_called(mode)}, and no link as {NAME} says"
    text = link_text(root / entry.path)
    if hashlib.sha256(os.fsencode(claim.target)).hexdigest() != claim.digest:
        return f"is a link of which {NAME} contradicts itself"
    if text != claim.target:
        return f"is a link to {shown(text)}, and not to {shown(claim.target)} as {NAME} says"
    return ""


def _called(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "a file"
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a link" if stat.S_ISLNK(mode) else special(mode)


def _mode(claim: Claim, mode: int) -> str:
    if claim.mode is None or claim.target is not None or mode == claim.mode:
        return ""
    here, there = (f"{stat.S_IMODE(each):04o}" for each in (mode, claim.mode))
    return f"has mode {here}, and not {there} as {NAME} says"


def _is_content(root: Path, claim: Claim, entry: Entry, found: Attested) -> bool:
    if claim.size not in {None, entry.status.st_size}:
        return False
    return _digest(root, entry.path, found) == claim.digest


def _digest(root: Path, path: str, found: Attested) -> str:
    if path not in found.digests:
        try:
            found.digests[path] = statement.digest(root, path)
        except PermissionError:
            raise
        except OSError as error:
            found.digests[path] = error.strerror or str(error)
    return found.digests[path]


def _tell_older(path: str, found: Attested) -> None:
    found.older = True
    text = "is of an older rbuild: it says nothing of modes, of links and of files that were added"
    if found.signed:
        found.problems[path].append(text)
    else:
        found.warnings.append(f"{shown(path)} {text}")


def _signatures(
    root: Path, tree: Mapping[str, Entry], complete: Mapping[str, bool], found: Attested
) -> None:
    """Tell signatures that belong to no statement, and statements that were not signed as they are.

    Whether a signature is right is told where there is a key.
    """
    if found.signed and not complete:
        found.problems["."].append("nothing in it has provenance that could be signed")
    for where, content in found.contents.items():
        path = joined(where, NAME)
        if found.signed and _unsigned(root, where) != content:
            found.problems[path].append("is not what was signed")
    for entry in _files_called(SIGNED, tree):
        where = parent_of(entry.path)
        if where not in complete:
            found.problems[entry.path].append(f"there is no {NAME} beside it")
        elif not found.signed and _signed(root, entry.path) != _unsigned(root, where):
            found.problems[entry.path].append(f"is not of the {NAME} beside it")


def _unsigned(root: Path, where: str) -> bytes | None:
    try:
        return unsigned(root, where)
    except NoStatementError:
        return None


def _signed(root: Path, path: str) -> bytes:
    try:
        return envelope.read(root, path).payload
    except NoStatementError:
        return b""


def _tell_unnamed(
    root: Path, others: Iterable[Entry], complete: Mapping[str, bool], found: Attested
) -> None:
    """Tell what no statement names, in a tree that has any."""
    without: dict[str, list[Entry]] = defaultdict(list)
    bundle = naming(root)
    for entry in others if complete else ():
        own = bundle(entry.path)
        where = nearest(entry.path, complete)
        if where is None:
            without[own].append(entry)
        elif complete[where] and not _is_special(entry):
            found.problems[entry.path].append(f"is not in {NAME}: it was added since")
    for where, left in without.items():
        told = [shown(entry.path) for entry in left[:_SHOWN]]
        if len(left) > _SHOWN:
            told.append(f"{len(left) - _SHOWN} more")
        text = f"has no provenance ({', '.join(told)}), and other bundles have"
        strict = found.signed or (not found.older and any(_may_run(entry) for entry in left))
        if strict:
            found.problems[where or "."].append(text)
        else:
            found.warnings.append(f"{shown(where or '.')} {text}")


def _is_special(entry: Entry) -> bool:
    """What is neither file nor link gets a warning of the verification's own."""
    return not (stat.S_ISREG(entry.status.st_mode) or stat.S_ISLNK(entry.status.st_mode))


def _may_run(entry: Entry) -> bool:
    """Whether an entry is a program, or may lead to one."""
    mode = entry.status.st_mode
    return stat.S_ISLNK(mode) or (stat.S_ISREG(mode) and bool(mode & 0o111))
