"""The figure of `contrib/bench`: seconds from an edit to its bundle, who is how fast."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.contenders import NAMES, OURS, Contender
from tests.bench.projects import ERAS, SAID, SCENARIOS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tests.bench.compare import Results

_OURS: Final = ("#0b6e4f", "#57a773")
_OTHERS: Final = "#b8bec7"


def plot(results: Results, by_era: Mapping[str, list[Contender]], files: int, file: Path) -> None:
    """A row of bars for each way of building, a column for each edit. Needs the extra `bench`."""
    import matplotlib as mpl  # noqa: PLC0415 - for this alone

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    measured = [
        scenario
        for scenario in SCENARIOS
        if any(results.median(era, scenario, files, found[0].name) for era, found in by_era.items())
    ]
    size = (2.6 * len(measured) + 1.6, 0.6 + sum(0.32 * len(f) + 0.7 for f in by_era.values()))
    heights = [len(found) for found in by_era.values()]
    figure, grid = plt.subplots(
        len(by_era), len(measured), figsize=size, squeeze=False, height_ratios=heights
    )
    for row, (era, found) in zip(grid, by_era.items(), strict=True):
        names = [name for name in NAMES if any(one.name == name for one in found)]
        for axes, scenario in zip(row, measured, strict=True):
            times = [results.median(era, scenario, files, name) for name in names]
            _bars(axes, names, times)
            axes.set_title(SAID[scenario], fontsize=9)
            if axes is not row[0]:
                axes.set_yticklabels([])
        row[0].set_ylabel(f"{era}: {ERAS[era]}", fontsize=7, wrap=True)
    title = f"Seconds until the results are there, {files:,} files: shorter is better"
    figure.suptitle(title, fontsize=11)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def _bars(axes: Axes, names: list[str], times: list[float | None]) -> None:
    places = range(len(names))
    colors = [_OURS[OURS.index(name)] if name in OURS else _OTHERS for name in names]
    longest = max((seconds for seconds in times if seconds), default=1)
    axes.barh(places, [seconds or 0 for seconds in times], color=colors)
    for place, seconds in zip(places, times, strict=True):
        text = "not measured" if seconds is None else f" {seconds:.2f}"
        axes.text(seconds or 0, place, text, va="center", fontsize=7)
    axes.set_xlim(0, 1.3 * longest)
    axes.set_yticks(places, names, fontsize=8)
    axes.set_xticks([])
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
