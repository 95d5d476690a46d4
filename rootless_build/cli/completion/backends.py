"""Names of backends, those of other distributions too."""

from __future__ import annotations

from collections.abc import Sequence

from rootless_build.backend import discovery


def names() -> Sequence[str]:
    """What `--backend` takes."""
    return (discovery.AUTO, *discovery.names())
