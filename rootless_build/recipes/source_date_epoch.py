"""SOURCE_DATE_EPOCH of the environment reaches image builds as the build argument of that name.

buildx does so since 0.10, for `docker build` and bake alike. The facts here were seen with buildx
0.30.1 and docker 29.1.3: an empty value counts as none, an argument that the build has already
stays, be it empty, and BuildKit fails where the value is no whole number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from rootless_build.model.plan import Pairs

NAME: Final = "SOURCE_DATE_EPOCH"
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_SIZE: Final = 2**63
"""Seconds are a signed number of 64 bits."""


class BadEpochError(ValueError):
    """The value is one with which no build of BuildKit begins; the text says so."""


def handed_on(arguments: Pairs, environment: Mapping[str, str]) -> Pairs:
    """The build arguments of a build that is started in this environment.

    Raises BadEpochError.
    """
    given = dict(arguments)
    value = given.get(NAME, environment.get(NAME, ""))
    if not value:
        return arguments
    if not _WHOLE.fullmatch(value) or not -_SIZE <= int(value) < _SIZE:
        raise BadEpochError(f"{NAME} is {value!r}, and not a whole number of seconds")
    return arguments if NAME in given else (*arguments, (NAME, value))
