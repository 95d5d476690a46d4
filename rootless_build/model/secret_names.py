"""Variables whose names say that their values are secrets."""

from __future__ import annotations

import re
from typing import Final

_SECRET: Final = re.compile(r"TOKEN|SECRET|PASS(WORD|PHRASE|WD)|CREDENTIAL|PRIVATE|_KEY\b|APIKEY")


def is_secret(name: str) -> bool:
    """Whether a variable's name says so: `GITHUB_TOKEN`, `db_password`."""
    return _SECRET.search(name.upper()) is not None
