"""README's table "what builds where": `python -m tests.unit.eras` prints it.

Each file of tests/data/eras has the constructs of Docker's containerfile from that release on,
and is put through the normaliser for each engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from rootless_build.errors import RbuildError
from rootless_build.normalising import explained
from rootless_build.plan import BuildImage

ERAS: Final = Path(__file__).parents[1] / "data" / "eras"
ENGINES: Final = (
    "podman 3.4",
    "podman 4.3",
    "podman 4.9",
    "podman 5.4",
    "podman 5.8",
    "docker-classic 20.10",
    "docker 23.0",
)
"""As distributions ship them: Ubuntu 22.04, Debian 12, Ubuntu 24.04, Debian 13, the newest."""
_SHOWN: Final = {"docker-classic 20.10": "docker 20.10, classic", "docker 23.0": "BuildKit"}


def releases() -> list[tuple[str, Path]]:
    """Which releases a file stands for, and the file; the oldest first."""
    files = sorted(ERAS.glob("*.Dockerfile"), key=lambda file: _numbers(_first(file)))
    named = [f"{_first(file)} to before {_first(after)}" for file, after in pairwise(files)] + [
        f"{_first(files[-1])} on"
    ]
    return list(zip(named, files, strict=True))


def _first(file: Path) -> str:
    return file.name.removesuffix(".Dockerfile")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def cell(file: Path, engine: str) -> str:
    """What becomes of the file for that engine."""
    step = BuildImage(context=file.parent, containerfile=file)
    try:
        rewrites = explained(step, engine)
    except RbuildError as error:
        return f"no: {error.message}"
    refused = sorted({rewrite.rule for rewrite in rewrites if rewrite.refused})
    if refused:
        return f"no: {', '.join(refused)}"
    inexact = sorted({rewrite.rule for rewrite in rewrites if rewrite.differs})
    if inexact:
        return f"--allow-inexact: {', '.join(inexact)}"
    rules = len({rewrite.rule for rewrite in rewrites})
    return f"rewritten, {rules} {'rule' if rules == 1 else 'rules'}" if rules else "as it is"


def table() -> Iterator[str]:
    """The table in Markdown, a line at a time."""
    heads = ["Docker", *(_SHOWN.get(engine, engine) for engine in ENGINES)]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for release, file in releases():
        yield f"| {' | '.join([release, *(cell(file, engine) for engine in ENGINES)])} |"


if __name__ == "__main__":
    print("\n".join(table()))
