"""Verification of bundles: every checksum file is recomputed, every statement of provenance held
against what is there (`rootless_build.bundles.attested`).

A checksum file is `NAME.md5`, `.sha1`, `.sha256` or `.sha512` with lines as md5sum and its like
write them (`HEX  NAME`, `HEX *NAME`, a leading backslash where the name is escaped), the BSD form
(`SHA256 (NAME) = HEX`), or a lone `HEX` for the file it is named after. Docker's own build writes
one line, name without directory, for every executable it makes, up to 20.10 (hack/make.sh,
hash_files); it hashes neither links nor, from 22.06 on, anything.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct, field

from rootless_build.bundles import provenance
from rootless_build.bundles.attested import Attested, Source, check_statements
from rootless_build.bundles.statement import OWN_NAMES
from rootless_build.files.tree import (
    CHUNK,
    MOST,
    Entry,
    contents,
    inside,
    leads_out,
    link_text,
    name_of,
    open_inside,
    parent_of,
    readable,
    real,
    special,
    too_much,
    walk,
)
from rootless_build.model.text import shown

ALGORITHMS: Final = {f".{name}": name for name in ("md5", "sha1", "sha256", "sha512")}
"""Suffix of a checksum file: name in hashlib."""

AGAIN: Final = (
    "build them again: rbuild; what the host's commands or a shell wrote has no provenance"
)
"""What can be done about bundles that are not what was built."""
_LARGEST: Final = 1024 * 1024
_LINE: Final = re.compile(rb"(?P<escaped>\\?)(?P<hex>[0-9a-fA-F]+)(?: [ *](?P<name>.+))?")
_BSD_LINE: Final = re.compile(
    rb"(?P<algorithm>[A-Z0-9]+) ?\((?P<name>.+)\) ?= ?(?P<hex>[0-9a-fA-F]+)"
)
_ESCAPES: Final = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}

Identity = tuple[int, int]
"""Device and inode: a file, whatever its names."""


class Problem(Struct, frozen=True):
    """What is wrong with one file. `path` is relative to the bundles directory."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.text}"


class Report(Struct, frozen=True):
    """`checked` checksum files agreed with their files; `warnings` are sentences.

    `attested` bundles have provenance that could be read.
    """

    problems: tuple[Problem, ...]
    checked: int
    warnings: tuple[str, ...]
    attested: int = 0


class Claim(Struct, frozen=True):
    """A line of a checksum file: this file has this digest."""

    checksum_file: str
    path: str
    algorithm: str
    digest: str


class Findings(Struct):
    """A report in the making, and which files it is about."""

    checksum_files: set[str] = set()
    bad_checksum_files: set[str] = set()
    claimed: dict[Identity, bool] = {}
    """Files with checksums: whether all of them agree."""
    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    warnings: list[str] = []
    provenance: Attested = field(default_factory=Attested)

    def report(self) -> Report:
        """What `verify` returns: one problem for each path."""
        return Report(
            tuple(Problem(path, "; ".join(texts)) for path, texts in sorted(self.problems.items())),
            len(self.checksum_files) - len(self.bad_checksum_files),
            tuple(self.warnings),
            len(self.provenance.contents),
        )

    def bad_line(self, checksum_file: str, text: str) -> None:
        """Note that a checksum file itself is wrong."""
        self.problems[checksum_file].append(text)
        self.bad_checksum_files.add(checksum_file)


def verify(directory: Path, source: Source | None = None) -> Report:
    """`verify_checksums`, and every bundle is held against its statement of provenance too.

    `source`: as it was signed (`rootless_build.bundles.signing.source`).
    """
    return examine_bundles(real(directory), source=source).report()


def examine_bundles(
    root: Path, entries: tuple[Entry, ...] | None = None, source: Source | None = None
) -> Findings:
    """Hold files against their checksums, and against what provenance says of them."""
    with readable(root):
        entries = contents(root) if entries is None else entries
        findings = _examine(root, entries)
        found = check_statements(root, entries, is_checksum_file, source)
    for path, texts in found.problems.items():
        findings.problems[path] += texts
    findings.warnings += found.warnings
    findings.provenance = found
    return findings


def verify_checksums(directory: Path) -> Report:
    """Recompute every checksum file below `directory`. Nothing outside of it is read.

    Problems: a file that doesn't match, a checksum file without its file, a line that can't be
    understood, a name outside the directory. Warnings: links that lead out of the tree, and
    executables without a checksum where others in the same directory have one (Docker's cross
    builds for Windows have one such). Raises HostError when something can't be read.
    """
    root = real(directory)
    with readable(root):
        return _examine(root, tuple(walk(root))).report()


def hollow(root: Path, changed: Collection[str], asked: Collection[str]) -> tuple[Problem, ...]:
    """Bundles that a build made with nothing in them.

    `changed` are paths of files and links, `asked` the words that a build was asked with: its
    targets, its container's command. A bundle of such a name with links or directories in it, and
    no file, is one; an empty directory is not: scripts make one for whatever they do, checks and
    tests included. So is a bundle that changed and in which all that there is are links that lead
    to nothing in the tree. Other directories of links may be meant so.
    """
    root = real(root)
    links: dict[str, list[str]] = defaultdict(list)
    whole = {""}
    named = provenance.naming(root)
    for entry in walk(root):
        bundle = named(entry.path)
        if stat.S_ISLNK(entry.status.st_mode):
            links[bundle].append(entry.path)
        elif stat.S_ISDIR(entry.status.st_mode):
            links[bundle] += ()
        elif name_of(entry.path) not in OWN_NAMES:
            whole.add(bundle)
    touched = {named(path) for path in changed}
    problems = []
    for bundle, found in links.items():
        if bundle in whole:
            continue
        astray = bundle in touched and found and not any(_leads_to(root, link) for link in found)
        if astray or Path(bundle).name in asked:
            text = "has nothing but links in it" if found else "has nothing but directories in it"
            problems.append(Problem(bundle, text))
    return tuple(problems)


def _leads_to(root: Path, link: str) -> bool:
    """Whether there is something in the tree where the link leads."""
    return inside(root, root / link) and (root / link).exists()


def examine(root: Path, entries: tuple[Entry, ...]) -> Findings:
    """`verify_checksums`, in the making, of what is in `root`, a real path."""
    with readable(root):
        return _examine(root, entries)


def _examine(root: Path, entries: tuple[Entry, ...]) -> Findings:
    findings = Findings()
    claims: list[Claim] = []
    for entry in entries:
        claims += _claims(root, entry, findings)
        if len(claims) > MOST:
            raise too_much(root, f"there are more than {MOST} checksums")
    _compare(root, claims, findings)
    _warn(root, entries, {claim.path for claim in claims}, findings)
    return findings


def is_checksum_file(path: str) -> bool:
    """Whether the name is that of a checksum file."""
    return _suffix(path) in ALGORITHMS


def _suffix(path: str) -> str:
    stem, dot, suffix = name_of(path).rpartition(".")
    return f"{dot}{suffix}" if stem and suffix else ""


def _claims(root: Path, entry: Entry, findings: Findings) -> list[Claim]:
    path = entry.path
    if not is_checksum_file(path) or stat.S_ISDIR(entry.status.st_mode):
        return []
    if stat.S_ISLNK(entry.status.st_mode) and leads_out(path, link_text(root / path)):
        return []  # never followed; it gets a warning as any such link does
    findings.checksum_files.add(path)
    try:
        with open_inside(root, path) as file:
            large = os.fstat(file.fileno()).st_size > _LARGEST
            content = b"" if large else file.read(_LARGEST)
    except PermissionError:
        raise
    except OSError as error:
        findings.bad_line(path, _reason(error))
        return []
    if large:
        findings.bad_line(path, "is too large for a checksum file")
        return []
    algorithm = ALGORITHMS[_suffix(path)]
    claims = []
    lines = [line.rstrip(b"\r") for line in content.split(b"\n")]
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        parsed = _parse(line, algorithm, Path(path).stem)
        if parsed is None:
            quoted = shown(os.fsdecode(line[:80]))
            findings.bad_line(path, f"line {number} is not a checksum: {quoted}")
            continue
        name, digest = parsed
        if name.startswith("/") or ".." in name.split("/"):
            findings.bad_line(path, f"names {shown(name)}, outside its directory")
            continue
        target = os.path.normpath(Path(path).parent / name)
        claims.append(Claim(path, target, algorithm, digest))
    if not any(lines):
        findings.bad_line(path, "is empty")
    return claims


def _parse(line: bytes, algorithm: str, default_name: str) -> tuple[str, str] | None:
    """Name and digest, None when the line is no checksum of this algorithm."""
    if found := _BSD_LINE.fullmatch(line):
        if found["algorithm"].decode().lower() != algorithm:
            return None
        name = found["name"]
    elif found := _LINE.fullmatch(line):
        name = found["name"] or os.fsencode(default_name)
        if found["escaped"]:
            name = re.sub(rb"\\[\\nr]", lambda escape: _ESCAPES[escape[0]], name)
    else:
        return None
    if len(found["hex"]) != hashlib.new(algorithm, usedforsecurity=False).digest_size * 2:
        return None
    return os.fsdecode(name), found["hex"].decode().lower()


def _compare(root: Path, claims: Iterable[Claim], findings: Findings) -> None:
    by_file: dict[Identity, list[Claim]] = defaultdict(list)
    for claim in claims:
        try:
            with open_inside(root, claim.path) as file:
                by_file[_identity(file)].append(claim)
        except PermissionError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            findings.bad_line(
                claim.checksum_file, f"names {shown(claim.path)}, which {_reason(error)}"
            )
    for identity, of_file in by_file.items():
        with open_inside(root, of_file[0].path) as file:
            digests = _digests(file, {claim.algorithm for claim in of_file})
        wrong = [claim for claim in of_file if digests[claim.algorithm] != claim.digest]
        findings.claimed[identity] = not wrong
        for claim in wrong:
            findings.bad_checksum_files.add(claim.checksum_file)
            name = Path(claim.checksum_file).name
            findings.problems[claim.path].append(f"does not match {shown(name)}")


def _identity(file: BinaryIO) -> Identity:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino


def _digests(file: BinaryIO, algorithms: Iterable[str]) -> dict[str, str]:
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    while chunk := file.read(CHUNK):
        for one in hashes.values():
            one.update(chunk)
    return {name: one.hexdigest() for name, one in hashes.items()}


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno != errno.ENOENT:
        return error.strerror or str(error)
    return "is missing"


def _warn(root: Path, entries: Iterable[Entry], claimed: set[str], findings: Findings) -> None:
    hashed_directories = {parent_of(path) for path in claimed}
    for entry in entries:
        path, mode = entry.path, entry.status.st_mode
        if stat.S_ISLNK(mode):
            text = link_text(root / path)
            if leads_out(path, text):
                findings.warnings.append(
                    f"{shown(path)} is a link out of the bundles, to {shown(text)}"
                )
        elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            findings.warnings.append(f"{shown(path)} is {special(mode)}")
        elif (
            stat.S_ISREG(mode)
            and mode & 0o111
            and path not in claimed
            and not is_checksum_file(path)
            and parent_of(path) in hashed_directories
        ):
            findings.warnings.append(f"{shown(path)} has no checksum; others beside it have one")
