"""Names for containers that the step gives none: they are found again after a crash."""

from __future__ import annotations

import re
import secrets
from typing import Final

PATTERN: Final = re.compile(r"rbuild-[0-9a-f]{16}")


def make() -> str:
    """A name that no other container has."""
    return f"rbuild-{secrets.token_hex(8)}"
