"""The documents as a web site, made by mkdocs: strict, with a theme of its own, from no network.

The pages stand in the site as they do in the repository, README as its first page: so each link
that works there works here, and one that does not is an error.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BESIDE: Final = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "THREATS.md", "LICENSE")
"""What is in the site besides docs/."""


def build(directory: Path, checkout: Path = ROOT) -> int:
    """Build it into the directory; mkdocs' exit status, which is not 0 for a broken link."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        pages = root / "pages"
        shutil.copytree(checkout / "docs", pages / "docs")
        (pages / "docs" / "mkdocs.yml").rename(root / "mkdocs.yml")
        for name in BESIDE:
            shutil.copy(checkout / name, pages / name)
        words = ("build", "--strict", "--site-dir", str(directory.absolute()))
        argv = [sys.executable, "-m", "mkdocs", *words]
        done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(done.stderr)
        return done.returncode
