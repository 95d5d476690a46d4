"""What a run that was killed while it asked make or a shell, or looked at a plan, has left: the
environment is in it, secrets and all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from rootless_build.files.private_directories import discard
from rootless_build.process import identities
from rootless_build.process.locks import is_held, is_private

_OF_A_PROCESS: Final = re.compile(r"rbuild-(\d+\.\d+)-.*", re.DOTALL)
_HOLDS: Final = ("bin", "cache")
"""A directory in it: `recipes.make` and `cli.plan_preview` make them. What an engine was given is
for `runner.recovery`, which ends its programs first.
"""


def clear(places: Iterable[str | Path]) -> None:
    """Remove what dead processes of this user left in these places."""
    for path in _dead(places):
        if any((path / name).is_dir() for name in _HOLDS):
            discard(path)


def _dead(places: Iterable[str | Path]) -> Iterator[Path]:
    for place in places:
        try:
            names = [entry.name for entry in os.scandir(place)]
        except OSError:
            continue
        for name in names:
            made_by = _OF_A_PROCESS.fullmatch(name)
            if not made_by or identities.lives(made_by[1]):
                continue
            path = Path(place, name)
            if is_private(path) and not is_held(path):
                yield path
