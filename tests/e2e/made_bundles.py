"""What a build left in the directory of bundles, and what every backend must agree on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.e2e.driver import Rbuild

BUILT = [
    "1.2.3/binary/project-runc",
    "1.2.3/binary/project-runc.md5",
    "1.2.3/binary/project-runc.sha256",
    "1.2.3/binary/projectd",
    "1.2.3/binary/projectd-1.2.3",
    "1.2.3/binary/projectd-1.2.3.md5",
    "1.2.3/binary/projectd-1.2.3.sha256",
    "1.2.3/binary/provenance.intoto.json",
    "latest",
    "provenance.intoto.json",
]


def listing(directory: Path) -> list[str]:
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )


def digests(directory: Path) -> dict[str, str]:
    """Content, mode and link text of all but provenance: what two backends must agree on."""
    return {
        name: str(path.readlink())
        if (path := directory / name).is_symlink()
        else f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for name in listing(directory)
        if not name.endswith("provenance.intoto.json")
    }


def same_as_others(rbuild: Rbuild, agreed: Path, name: str) -> None:
    """What this backend has made is, byte for byte, what every other has that was here before."""
    made = digests(rbuild.bundles)
    place = agreed / name
    place.mkdir(exist_ok=True)
    # Another process may be looking: it finds the whole file or none.
    partial = agreed / f"{name}.{rbuild.backend}"
    partial.write_text(json.dumps(made))
    partial.rename(place / rbuild.backend)
    for other in place.iterdir():
        assert made == json.loads(other.read_text()), other.name
