"""The figure of what `contrib/bench` measured: bars for each edit, who is how fast, as SVG.

It says by itself what it shows, and has its own ground: it is read on a light page and a dark one.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from tests.bench.projects import ERAS, SAID, SCENARIOS
from tests.bench.record import Given, Record
from tests.bench.tables import is_faster, ratio, times

_WIDTH: Final = 980
_EDGE: Final = 24
_HEAD: Final = 104
"""Pixels that the title and the legend take."""
_ROW: Final = 21
_PANEL_HEAD: Final = 34
_LABEL: Final = 208
_VALUE: Final = 92
_LEGEND: Final = (
    ("ours", "rbuild"),
    ("slower", "as fast as rbuild with podman, or slower"),
    ("faster", "faster than that"),
)
_STYLE: Final = """\
text { font: 13px system-ui, -apple-system, "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-size: 19px; font-weight: bold }
.head { font-size: 14px; font-weight: bold }
.quiet { fill: #59636e }
.own { font-weight: bold }
.ground { fill: #ffffff; stroke: #d1d9e0 }
.ours { fill: #0969da }
.slower { fill: #afb8c1 }
.faster { fill: #d4691a }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.quiet { fill: #9198a1 }
.ground { fill: #0d1117; stroke: #3d444d }
.ours { fill: #4493f8 }
.slower { fill: #656c76 }
.faster { fill: #f0883e }
}
"""


def picture(record: Record, era: str, files: int) -> str:
    """The figure of one era with one number of files."""
    found = record.of_era(era)
    ours = record.ours(era)
    measured = [
        scenario for scenario in SCENARIOS if record.median(era, scenario, files, ours) is not None
    ]
    panel = _PANEL_HEAD + _ROW * len(found) + 14
    height = _HEAD + panel * -(-len(measured) // 2) + _EDGE
    title = f"Seconds until the results of a project of {files:,} files are there"
    body = [
        f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
        *_head(title, era),
    ]
    across = (_WIDTH - 3 * _EDGE) // 2
    for number, scenario in enumerate(measured):
        x = _EDGE + (number % 2) * (across + _EDGE)
        y = _HEAD + (number // 2) * panel
        body += _panel(record, found, (era, scenario, files), (x, y, across))
    lines = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-label="{escape(title)}: shorter is better">\n'
        f"<style>\n{_STYLE}</style>\n"
        f"{lines}\n</svg>\n"
    )


def _head(title: str, era: str) -> Iterator[str]:
    yield _text(_EDGE, 38, title, "title")
    said = f"Shorter is better; in brackets: how many times rbuild's. Era {era}: {ERAS[era]}"
    yield _text(_EDGE, 61, said, "quiet")
    x = _EDGE
    for name, words in _LEGEND:
        yield f'<rect class="{name}" x="{x}" y="75" width="14" height="14" rx="2"/>'
        yield _text(x + 20, 87, words)
        x += 44 + 7 * len(words)


def _panel(
    record: Record,
    found: tuple[Given, ...],
    which: tuple[str, str, int],
    where: tuple[int, int, int],
) -> Iterator[str]:
    era, scenario, files = which
    x, y, across = where
    medians = [record.median(*which, each.name) for each in found]
    longest = max(seconds for seconds in medians if seconds is not None)
    most = across - _LABEL - _VALUE - 8
    yield _text(x, y + 22, SAID[scenario], "head")
    for number, (each, seconds) in enumerate(zip(found, medians, strict=True)):
        top = y + _PANEL_HEAD + number * _ROW
        is_ours = each.name.startswith("rbuild")
        yield _text(x + _LABEL - 8, top + 13, each.label, "own" if is_ours else "", "end")
        if seconds is None:
            words = "failed" if record.failed(era, files, each.name) else "not measured"
            yield _text(x + _LABEL, top + 13, words, "quiet")
            continue
        factor = ratio(record, era, scenario, files, each.name)
        kind = "ours" if is_ours else "faster" if factor and is_faster(factor) else "slower"
        width = max(most * seconds / longest, 1.5)
        yield (
            f'<rect class="{kind}" x="{x + _LABEL}" y="{top}" width="{width:.1f}" '
            f'height="{_ROW - 5}" rx="2"/>'
        )
        told = f"{seconds:.2f} s"
        if factor and each.name != record.ours(era):
            told += f"  ({times(factor)})"
        yield _text(round(x + _LABEL + width + 6), top + 13, told, "own" if is_ours else "")


def _text(x: int, y: int, words: str, kind: str = "", anchor: str = "") -> str:
    kinds = f' class="{kind}"' if kind else ""
    anchors = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x}" y="{y}"{kinds}{anchors}>{escape(words)}</text>'
