"""Executables that a dev image has from elsewhere than the project's own build would.

An image says so itself: its label `rootless-build.substitutes` names a directory in it, and a file
`substitutes` there has a line for each: the name of the file as it comes into the bundles, a space,
and a package URL (github.com/package-url/purl-spec), as in
`docker-runc pkg:deb/debian/runc@1.1.5%2Bds1-1`. Empty lines are left out.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from rootless_build.backend.api import Container, Image
from rootless_build.files.plain import text_of

LABEL: Final = "rootless-build.substitutes"
_FILE: Final = "substitutes"
_LARGEST: Final = 1024 * 1024
"""Bytes of the file that are worth reading."""
_PACKAGE: Final = re.compile(
    r"pkg:(?P<type>[^/]+)/(?:(?P<owner>.+)/)?(?P<name>[^/@]+)(?:@(?P<version>[^?#]+))?(?:[?#].*)?"
)


class Substitute(Struct, frozen=True):
    """`name` is a file's, without directories; `package` a package URL."""

    name: str
    package: str

    @property
    def origin(self) -> str:
        """Where the program is from, for a person: `Debian's runc 1.1.5`."""
        found = _PACKAGE.fullmatch(self.package)
        if found is None:
            return self.package
        owner = found["owner"] or found["type"]
        whose = f"{owner.capitalize() if owner.isalpha() else owner}'s"
        return " ".join(unquote(part) for part in (whose, found["name"], found["version"]) if part)


def read(image: Image, container: Container, place: Path) -> tuple[Substitute, ...]:
    """What the image of an ended container says; `place` is a directory for a moment's files.

    Empty for an image without the label. Raises RbuildError when the container can't be read.
    """
    directory = dict(image.labels).get(LABEL)
    if not directory:
        return ()
    with tempfile.TemporaryDirectory(dir=place, prefix=".rbuild-substitutes-") as copied:
        file = Path(copied, _FILE)
        if not container.copy_out(directory, Path(copied)):
            return ()
        lines = text_of(file, _LARGEST).splitlines()
    words = (line.split(maxsplit=1) for line in lines)
    return tuple(Substitute(word[0], word[1].strip()) for word in words if len(word) == 2)


def among(found: Iterable[Substitute], paths: Iterable[str]) -> tuple[Substitute, ...]:
    """The substitutes that one of the paths is named after."""
    names = {PurePosixPath(path).name for path in paths}
    return tuple(each for each in found if each.name in names)


def sentence(found: Sequence[Substitute]) -> str:
    """What is told at the end of a run."""
    by_origin: dict[str, list[str]] = {}
    for each in found:
        by_origin.setdefault(each.origin, []).append(each.name)
    parts = (f"{', '.join(sorted(names))}: {shown}" for shown, names in by_origin.items())
    return f"not the project's own: {'; '.join(parts)}"
