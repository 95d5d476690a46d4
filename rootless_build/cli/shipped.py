"""Files that come with rbuild and are no part of the program: containerfiles, examples."""

from __future__ import annotations

from pathlib import Path

import rootless_build


def directory(name: str) -> Path:
    """Where `images`, `examples` or `ci` are: in the package, or in the checkout it is run from."""
    package = Path(rootless_build.__file__).parent
    installed = package / "shipped" / name
    return installed if installed.is_dir() else package.parent / "contrib" / name
