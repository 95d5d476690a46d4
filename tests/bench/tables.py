"""What `contrib/bench` measured, as Markdown: for docs, README and whoever runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.bench.projects import ERAS, SAID, SCENARIOS
from tests.bench.record import Given, Record

HEART: Final = ("cold", "nothing", "source", "branch")
"""The scenarios of the table in README."""
_FIVE: Final = ("podman", "podman 5", "buildah", "docker classic", "BuildKit")
"""The others of that table."""
EQUAL: Final = 0.95
"""From this ratio on the two count as equal: two medians of the same thing differ as much."""


QUIET: Final = 0.1
"""Of the processors' time others may take so much."""


def ratio(record: Record, era: str, scenario: str, files: int, name: str) -> float | None:
    """How many times rbuild's median another's is; None where one of the two was not measured."""
    ours = record.median(era, scenario, files, record.ours(era))
    theirs = record.median(era, scenario, files, name)
    return None if ours is None or theirs is None else theirs / ours


def times(factor: float) -> str:
    """A ratio for a reader: `0.72x`, `4.1x`, `16x`."""
    return f"{factor:.2f}x" if factor < 1 else f"{factor:.1f}x" if factor < 10 else f"{factor:.0f}x"


def is_faster(factor: float) -> bool:
    """Whether rbuild is slower than one with this ratio."""
    return factor < EQUAL


def _busy(record: Record) -> str:
    if record.others < QUIET:
        return ""
    return f" **Others took {record.others:.0%} of the processors: these are no facts.**"


def _cell(record: Record, era: str, scenario: str, files: int, name: str) -> str:
    seconds = record.median(era, scenario, files, name)
    if seconds is None:
        return "failed" if record.failed(era, files, name) else ""
    factor = ratio(record, era, scenario, files, name)
    if name == record.ours(era) or factor is None:
        return f"{seconds:.2f}"
    text = f"{seconds:.2f} ({times(factor)})"
    return f"**{text}**" if is_faster(factor) else text


def _rows(
    record: Record, era: str, names: tuple[str, ...], scenarios: tuple[str, ...], files: int
) -> Iterator[list[str]]:
    for scenario in scenarios:
        if record.median(era, scenario, files, record.ours(era)) is None:
            continue
        cells = [_cell(record, era, scenario, files, name) for name in names]
        yield [SAID[scenario], f"{files:,}", *cells]


def _markdown(heads: list[str], rows: list[list[str]], numbers_from: int) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * numbers_from + "---:|" * (len(heads) - numbers_from)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def era_table(record: Record, era: str, sizes: tuple[int, ...] = ()) -> str:
    """All scenarios of an era with all numbers of files, or those of `sizes`."""
    found = record.of_era(era)
    names = tuple(each.name for each in found)
    rows = [
        row
        for files in sizes or record.sizes(era)
        for row in _rows(record, era, names, SCENARIOS, files)
    ]
    heads = ["", "files", *(each.label for each in found)]
    return "\n".join(_markdown(heads, rows, 1))


def _rounds(record: Record) -> str:
    rounds = sorted({len(each.seconds) for each in record.measured})
    if rounds == [1]:
        return "each once"
    return f"medians of {'' if len(rounds) == 1 else f'{rounds[0]} to '}{rounds[-1]} rounds"


def measured_on(record: Record) -> str:
    """The machine and the day, in a sentence."""
    return (
        f"{record.date}, commit {record.commit}, {record.machine}, Python {record.python}; "
        f"files of {record.kilobytes} KB, {record.steps} RUN steps before them; "
        f"{_rounds(record)}.{_busy(record)}"
    )


def given(record: Record) -> str:
    """Who took part, and what each was given."""
    rows = [
        [
            each.label,
            each.era,
            each.runs_as,
            f"{each.driver} on {each.file_system}",
            f"`{each.script.replace('|', chr(92) + '|')}`",
        ]
        for each in record.contenders
    ]
    heads = ["who", "era", "runs as", "keeps images by", "what was typed"]
    return "\n".join(_markdown(heads, rows, len(heads)))


def _faster(record: Record, era: str, scenario: str, files: int) -> list[tuple[Given, float]]:
    """The others that are faster than rbuild, the fastest first."""
    found = [
        (each, factor)
        for each in record.of_era(era)
        if not each.name.startswith("rbuild")
        and (factor := ratio(record, era, scenario, files, each.name)) is not None
        and is_faster(factor)
    ]
    return sorted(found, key=lambda each: each[1])


def _told(record: Record, era: str, scenario: str, files: int) -> str:
    """`BuildKit 3.95 s (0.72x), …`, empty where nobody is faster."""
    parts = []
    for other, factor in _faster(record, era, scenario, files):
        seconds = record.median(era, scenario, files, other.name)
        parts.append(f"{other.label} {seconds:.2f} s ({times(factor)})")
    return ", ".join(parts)


def slower(record: Record) -> str:
    """Where rbuild is slower than another, every case of it; and who failed."""
    lines = []
    for era in record.eras():
        ours = record.ours(era)
        for files in record.sizes(era):
            for scenario in SCENARIOS:
                if told := _told(record, era, scenario, files):
                    seconds = record.median(era, scenario, files, ours)
                    lines.append(
                        f"- era {era}, {files:,} files, {SAID[scenario]}: "
                        f"rbuild {seconds:.2f} s; {told}"
                    )
    text = "Where rbuild is slower:\n\n" + "\n".join(lines)
    if not lines:
        text = "Nowhere in these tables is another faster than rbuild with podman."
    failed = [
        f"- {each.contender}, era {each.era}, {each.files:,} files, {SAID[each.scenario]}: "
        f"{' '.join(each.words.split())[-200:]}"
        for each in record.failures
    ]
    return text + ("\n\nWhat failed:\n\n" + "\n".join(failed) if failed else "")


def usual_size(sizes: tuple[int, ...]) -> int:
    """Docker's own has 13,000 files; else what is nearest to that."""
    return min(sizes, key=lambda files: abs(files - 13_000))


def doubts(record: Record) -> Iterator[str]:
    """Why nobody should take the figures for facts."""
    if record.others >= QUIET:
        yield f"others took {record.others:.0%} of the processors' time: these are no facts"
    for each in record.failures:
        yield f"{each.contender} failed: era {each.era}, {each.files:,} files, {each.scenario}"


def page(record: Record) -> str:
    """What docs/explanation/speed.md says of it."""
    how = (
        "In brackets stands how many times rbuild's time another's is, **bold** where rbuild is "
        f"slower; a difference of less than {1 - EQUAL:.0%} counts as none."
    )
    parts = [
        "![seconds for each edit: rbuild, podman, buildah, docker and BuildKit](bench.svg)",
        f"Measured {measured_on(record)} {how}",
    ]
    for era in record.eras():
        parts += [f"**Era {era}**: {ERAS[era]}.", era_table(record, era)]
    parts.append(slower(record))
    parts += [
        f"Memory of rbuild's own process with {each.files:,} files and nothing changed: "
        f"{each.megabytes:.0f} MB at most."
        for each in record.memory
    ]
    parts.append(given(record))
    return "\n\n".join(parts)


def heart(record: Record) -> str:
    """What README says of it: the first era, one number of files, and where rbuild is slower."""
    era = record.eras()[0]
    files = usual_size(record.sizes(era))
    found = [each for each in record.of_era(era) if each.name in {record.ours(era), *_FIVE}]
    names = tuple(each.name for each in found)
    rows = [[row[0], *row[2:]] for row in _rows(record, era, names, HEART, files)]
    table = "\n".join(_markdown(["", *(each.label for each in found)], rows, 1))
    cases = [
        f"{SAID[scenario]}: {told}"
        for scenario in SCENARIOS
        if (told := _told(record, era, scenario, files))
    ]
    said = "Slower than none of these."
    if cases:
        said = f"**Where rbuild is slower**: {'; '.join(cases)}."
    return (
        f"A project of {files:,} files, image and container, seconds until the results are there "
        f"(in brackets: over rbuild's; {record.machine}; {_rounds(record)}):"
        f"{_busy(record)}"
        f"\n\n{table}\n\n{said}"
    )
