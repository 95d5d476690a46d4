"""Where a build was refused, from what is said of it."""

from __future__ import annotations

import re
from typing import Final

from rootless_build.model.errors import RbuildError

_LINE: Final = re.compile(r"^\S*?:(\d+)")


def line_of(error: RbuildError) -> int:
    """The line of the containerfile, 0 where none is named."""
    found = _LINE.match(str(error))
    return int(found[1]) if found else 0
