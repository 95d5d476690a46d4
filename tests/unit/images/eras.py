"""The reference's table "what builds where": `python -m tests.unit.images.eras` prints it.

Each file of tests/data/eras has the constructs of Docker's containerfile from that release on, and
is put through the normaliser for each engine, as what `make` builds by default (`binary`) and as
the image of `make shell` (`dev`): what a user sees of either. `measured.tsv` has the rules that
moby's own files met, at the first tag of each kind of the 215 from v1.10.0 to docker-v29.7.2
(Nov. 2026; of those that there are still, and of what is refused only mounts).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

from rootless_build.images.rewrite.session import explain
from rootless_build.model.plan import BuildImage

ERAS: Final = Path(__file__).parents[2] / "data" / "eras"
ENGINES: Final = ("podman 4.3", "docker-classic 20.10", "docker 23.0")
"""One of each kind: what is rewritten does not depend on the version."""
TARGETS: Final = ("binary", "dev")
_SHOWN: Final = {
    "podman 4.3": "podman, buildah",
    "docker-classic 20.10": "docker, classic builder",
    "docker 23.0": "docker with BuildKit",
}
_REFUSED: Final = "!"
_NOT_MEASURED: Final = ("mount-locked", "mount-cache", "mount-words")
"""Rules that are later than the measurement, or have other words since."""

Rules = frozenset[str]


def files() -> list[Path]:
    """The oldest first."""
    return sorted(ERAS.glob("*.Dockerfile"), key=lambda file: _numbers(release(file)))


def release(file: Path) -> str:
    """The first release that the file stands for."""
    return file.name.removesuffix(".Dockerfile")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def rules(file: Path, target: str, engine: str) -> Rules:
    """What is rewritten, by the rule's name; one that refuses ends in `!`."""
    # A file of one image has no targets to choose from.
    known = any(line.endswith(f" AS {target}") for line in file.read_text().splitlines())
    named = target if known and "--mount" in file.read_text() else None
    step = BuildImage(context=file.parent, containerfile=file, target=named)
    met = explain(step, engine)
    assert not any(rewrite.differs and not rewrite.refused for rewrite in met)
    kept = (rewrite for rewrite in met if rewrite.rule not in _NOT_MEASURED)
    return frozenset(rewrite.rule + _REFUSED * bool(rewrite.refused) for rewrite in kept)


def measured() -> Iterator[tuple[str, str, str, Rules]]:
    """Release, target, engine, rules."""
    with (ERAS / "measured.tsv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            for engine in ENGINES:
                met = frozenset(row[engine].split()) - {"-"}
                yield row["release"], row["target"], engine, met


def _outcome(met: Rules) -> str:
    refused = sorted(rule.removesuffix(_REFUSED) for rule in met if rule.endswith(_REFUSED))
    if refused:
        return f"no: {', '.join(refused)}"
    return "rewritten" if met else "as it is"


def cell(file: Path, engine: str) -> str:
    """What becomes of the file for that engine."""
    binary, dev = (_outcome(rules(file, target, engine)) for target in TARGETS)
    return binary if binary == dev else f"{binary}; `shell`: {dev}"


def table() -> Iterator[str]:
    """The table in Markdown, a line at a time; releases of which the same is said are one line."""
    heads = ["Docker", *(_SHOWN.get(engine, engine) for engine in ENGINES)]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    rows = [(release(file), [cell(file, engine) for engine in ENGINES]) for file in files()]
    merged = [(next(same)[0], cells) for cells, same in groupby(rows, key=lambda row: row[1])]
    ends = [f" to before {after}" for _, (after, _) in pairwise(merged)] + [" on"]
    for (first, cells), end in zip(merged, ends, strict=True):
        yield f"| {' | '.join([first + end, *cells])} |"


if __name__ == "__main__":
    print("\n".join(table()))
