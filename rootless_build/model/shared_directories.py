"""Directories that all users of a host share, and every container has: as names.

Nothing is made in them but private directories whose names nobody can foresee (mkdtemp(3)).
"""

from __future__ import annotations

from typing import Final

TEMPORARY: Final = "/tmp"
LASTING: Final = "/var/tmp"
"""Kept over a restart, and on a disk."""
IN_MEMORY: Final = "/dev/shm"
