"""What docs make of what `contrib/bench` wrote, held by a record that it wrote (200 files, a busy
machine: how it looks, no figures to believe), and by one with seconds that are easy to read.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec
import pytest

from tests.bench import record, tables
from tests.bench.compare import estimate
from tests.bench.contenders import USUAL, Contender, ContenderError
from tests.bench.figure import picture
from tests.bench.measuring import Size, groups
from tests.bench.projects import SCENARIOS, Project, Shape
from tests.bench.record import Failure, Given, Measured, Record
from tests.docs import made, speed

RECORDED = Path(__file__).parents[1] / "data" / "bench"
OTHERS = ("podman", "podman 5", "buildah", "docker classic", "BuildKit")


def given(name: str) -> Given:
    return Given(
        name=name,
        era="A",
        label=f"{name} 1.2",
        script="a | b",
        runs_as="an ordinary user",
        driver="overlay",
        place="",
        file_system="tmpfs",
    )


def measured(scenario: str, **seconds: float) -> list[Measured]:
    """The names have blanks: `rbuild_podman=1`."""
    return [
        Measured(
            era="A",
            scenario=scenario,
            files=13_000,
            contender=name.replace("_", " "),
            seconds=(one, one * 2, one / 2),
        )
        for name, one in seconds.items()
    ]


RECORD = Record(
    date="2026-01-02",
    commit="0123abc",
    machine="2 x processor, Linux 6.0",
    python="3.11.2",
    kilobytes=8,
    steps=4,
    contenders=tuple(given(name) for name in ("rbuild podman", "podman", "BuildKit")),
    measured=(
        *measured("cold", rbuild_podman=5.0, podman=5.1, BuildKit=3.9),
        *measured("nothing", rbuild_podman=0.1, podman=2.5),
        *measured("source", rbuild_podman=1.0, podman=0.97),
    ),
    failures=(
        Failure(
            era="A", scenario="nothing", files=13_000, contender="BuildKit", words="status 1\noh"
        ),
    ),
)


def cells(table: str, scenario: str) -> list[str]:
    row = next(line for line in table.splitlines() if line.startswith(f"| {scenario} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_medians_stand_with_their_ratio_and_those_that_are_faster_are_bold() -> None:
    table = tables.era_table(RECORD, "A")
    assert cells(table, "cold, nothing kept") == [
        "cold, nothing kept",
        "13,000",
        "5.00",
        "5.10 (1.0x)",
        "**3.90 (0.78x)**",
    ]
    assert cells(table, "nothing changed")[2:] == ["0.10", "2.50 (25x)", "failed"]
    # A difference that two runs of the same have is none.
    assert cells(table, "one file changed")[3] == "0.97 (0.97x)"


def test_where_rbuild_is_slower_is_said_plainly_and_who_failed() -> None:
    said = tables.slower(RECORD)
    slower = "- era A, 13,000 files, cold, nothing kept: rbuild 5.00 s; BuildKit 1.2 3.90 s (0.78x)"
    assert slower in said.splitlines()
    assert said.count("\n- era") == 1
    assert "- BuildKit, era A, 13,000 files, nothing changed: status 1 oh" in said
    assert (
        "**Where rbuild is slower**: cold, nothing kept: BuildKit 1.2 3.90 s (0.78x)."
        in tables.heart(RECORD)
    )


def test_where_nobody_is_faster_nothing_else_is_said() -> None:
    some = tuple(each for each in RECORD.measured if each.contender != "BuildKit")
    alone = msgspec.structs.replace(RECORD, measured=some, failures=())
    assert tables.slower(alone).startswith("Nowhere in these tables is another faster")
    assert "Slower than none of these." in tables.heart(alone)


def test_figures_of_a_busy_machine_are_called_so() -> None:
    busy = msgspec.structs.replace(RECORD, others=0.4)
    for text in (tables.page(busy), tables.heart(busy), *tables.doubts(busy)):
        assert re.search(r"[Oo]thers took 40%", text) or "failed" in text
    assert "no facts" not in tables.page(RECORD)


def test_the_page_says_what_each_was_given() -> None:
    row = next(line for line in tables.given(RECORD).splitlines() if line.startswith("| podman"))
    assert row == "| podman 1.2 | A | an ordinary user | overlay on tmpfs | `a \\| b` |"


def test_the_tables_of_a_recorded_run_are_those_on_record() -> None:
    """`RECORDED/tried.md` is what docs and README would say."""
    tried = record.read(RECORDED / "tried.json")
    assert tables.page(tried) + "\n\n" + tables.heart(tried) + "\n" == (
        RECORDED / "tried.md"
    ).read_text(encoding="utf-8")
    assert {each.name for each in tried.of_era("A")} >= set(OTHERS)


def test_the_figure_has_a_bar_and_its_seconds_for_each_that_was_measured() -> None:
    tried = record.read(RECORDED / "tried.json")
    era = tried.eras()[0]
    files = tables.usual_size(tried.sizes(era))
    svg = picture(tried, era, files)
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", svg)
    wanted = [each for each in tried.measured if (each.era, each.files) == (era, files)]
    told = [text for text in texts if re.match(r"\d+\.\d\d s", text)]
    assert len(told) == len(wanted) > 6 * len(SCENARIOS) - 1
    assert f"Seconds until the results of a project of {files:,} files are there" in texts
    # Nothing leaves the ground.
    ground, *bars = re.findall(r'<rect class="\w+" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    assert max(float(x) + float(width) for x, width in bars) < float(ground[1])


def test_docs_take_a_record_without_places_of_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, docs = tmp_path / "came", tmp_path / "docs"
    came.mkdir()
    docs.mkdir()
    (came / "bench.json").write_bytes((RECORDED / "tried.json").read_bytes())
    monkeypatch.setattr(speed, "EXPLANATION", docs)
    head, end = "<!-- made by python -m tests.docs: speed-heart -->\n", "<!-- end -->\n"
    page = f"{head}as measured once\n{end}"
    assert made.renewed(page) == page  # nothing was measured
    taken = speed.take(came, docs)
    assert "/dev/shm" not in (docs / "bench.json").read_text(encoding="utf-8")
    assert (docs / "bench.svg").read_text(encoding="utf-8").startswith("<svg")
    assert made.renewed(page) == f"{head}\n{tables.heart(taken)}\n\n{end}"


def test_a_record_of_another_format_is_refused(tmp_path: Path) -> None:
    record.write(msgspec.structs.replace(RECORD, format=99), tmp_path / "bench.json")
    with pytest.raises(ValueError, match="of format 99"):
        record.read(tmp_path / "bench.json")


def test_what_does_not_fit_into_memory_is_measured_in_groups_with_rbuild_in_each() -> None:
    found = [Contender(name, "", "") for name in USUAL]
    size = Size(100_000, 1, Shape())
    need = size.needs()
    assert groups(found, size, 7 * need) == [found]
    named = [[each.name for each in group] for group in groups(found, size, 4 * need)]
    assert [len(group) for group in named] == [4, 4]
    assert {group[0] for group in named} == {USUAL[0]}
    assert {name for group in named for name in group} == set(USUAL)
    with pytest.raises(ContenderError, match="GB for two contenders"):
        groups(found, size, need)


def test_the_estimate_grows_with_files_rounds_and_eras() -> None:
    def minutes(eras: str, files: int, rounds: int) -> float:
        return estimate(tuple(eras), USUAL, [Size(files, rounds, Shape())]) / 60

    assert 5 < minutes("A", 13_000, 3) < 60
    assert minutes("A", 1_000, 3) < minutes("A", 13_000, 3) < minutes("ADE", 13_000, 3)


def test_a_bundle_of_other_sources_is_found(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "p", 60, Shape(1, 1))
    bundles = project.root / "bundles"
    assert "bundles/made: None" in project.wrong()
    sources = b"".join(path.read_bytes() for path in sorted(project.root.glob("src/*/file0.go")))
    make_bundles(project, sources)
    assert project.wrong() == ""
    project.source()
    assert str(bundles / "made") in project.wrong()
    sources = b"".join(path.read_bytes() for path in sorted(project.root.glob("src/*/file0.go")))
    make_bundles(project, sources)
    project.dockerfile()
    assert str(bundles / "note") in project.wrong()
    make_bundles(project, sources)
    project.removed()
    assert str(bundles / "names") in project.wrong()


def make_bundles(project: Project, sources: bytes) -> None:
    """As the project's container does."""
    bundles = project.root / "bundles"
    digest = hashlib.md5(sources, usedforsecurity=False).hexdigest()
    (bundles / "made").write_text(f"{digest}  -\n")
    names = sorted(path.name for path in (project.root / "src/dir0").iterdir())
    (bundles / "names").write_text("".join(f"{name}\n" for name in names))
    (bundles / "note").write_text(f"{project.note}\n")
