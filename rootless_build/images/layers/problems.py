"""Why a layer is not made, within the process that makes it."""

from __future__ import annotations


class RefusedError(Exception):
    """BuildKit would refuse the operation too."""


class NoOverlayError(Exception):
    """The layers of an image can't be seen as one directory here; an engine has its own ways."""


class UncertainError(Exception):
    """Whether a layer can be made of what changed is not certain."""


class ChangedError(Exception):
    """The file of that path changed while it was read."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path
