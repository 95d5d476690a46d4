"""`rbuild report`: one page, on which nothing of a run is taken for markup."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest

from rootless_build.cli import app
from rootless_build.cli.own_places import history_directory
from rootless_build.cli.views.report.log_lines import Kind, LogLine, LogLines, Share, plain
from rootless_build.history.lines import LeftOut, Line, Told, of_event, read
from rootless_build.history.record import BundleRecord, Input, Outcome, StepRecord
from rootless_build.model.errors import StepFailedError
from rootless_build.model.events import (
    BuildProgress,
    BuildState,
    Level,
    Notice,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
)
from rootless_build.model.structs import replace
from tests.made_runs import Said, begun, keep, sample

HOSTILE = (
    "</code></script><script>alert(1)</script><img src=x onerror=alert(2)>\" onfocus='x' {{ 7*7 }}"
)
SEQUENCES = "\x1b]0;title\x07\x1b[31mred\x1b[0m\u202eevil\x00"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs of the current directory are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    found = history_directory(Path.cwd())
    found.mkdir(parents=True)
    return found


def page(*words: str) -> Element:
    """The page that the command writes, parsed strictly: HTML with a mistake is an error."""
    assert app.run(["rbuild", "report", *words, "--output", "page.html"]) == 0
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    document = parser.parse(Path("page.html").read_bytes().decode())
    assert isinstance(document, Element)
    return document


def text(element: Element) -> str:
    """What an element says, on one line."""
    return " ".join("".join(element.itertext()).split())


def part(document: Element, name: str) -> Element:
    """The element of that id."""
    return next(each for each in document.iter() if each.get("id") == name)


def rows(document: Element, name: str) -> list[list[str]]:
    """The cells of the body of a part's table."""
    bodies = part(document, name).iter("tbody")
    return [[text(cell) for cell in row] for body in bodies for row in body.iter("tr")]


def test_the_page_of_a_run_that_failed(directory: Path) -> None:
    sample(directory)
    document = page("2")
    assert text(next(document.iter("h1"))) == "rbuild binary"
    failed = text(part(document, "failed")) + text(document)
    assert "hack/make.sh test-unit failed with status 1" in failed
    assert "mount_test.go:58: got 2 mounts, want 3" in failed
    timeline = rows(document, "timeline")
    assert [row[1] for row in timeline] == ["done", *["cached"] * 3, *["done"] * 4, "failed"]
    assert timeline[0][0].startswith("1/3 build image docker-dev:master the context changed")
    assert timeline[5][2:5] == ["9.2 s", "3.1 s", "0.1 s"]
    times = rows(document, "time")
    assert times[0][0] == "[dev] RUN go build ./… build image docker-dev:master"
    assert [row[3] for row in times if "tomll" in row[0]] == ["+3.0 s"]
    assert "the context changed (daemon/mount.go, go.mod)" in text(part(document, "dirty"))
    files = rows(document, "bundles")
    assert files[0][:2] == ["binary/dockerd new or changed", "68.5 MiB"]
    assert files[1][0] == "binary/docker-proxy"
    assert ["debian:bookworm", "base image", f"sha256:{'ab' * 32}"] in rows(document, "provenance")
    assert "docker build -t docker-dev:master ." in text(part(document, "plan"))
    assert rows(document, "host")[1] == [
        "containers.log_driver",
        "k8s-file",
        "the journal cuts and drops lines",
    ]
    assert "=== RUN TestMountInit" in text(part(document, "log"))
    assert "--- FAIL: TestMountInit" in text(part(document, "log"))


def test_a_run_with_nothing_to_do_has_the_bundles_that_are_there(directory: Path) -> None:
    sample(directory)
    document = page()
    assert "nothing changed" in text(next(document.iter("header")))
    assert "those of run 2" in text(part(document, "bundles"))
    assert len(rows(document, "bundles")) == 3
    assert {row[1] for row in rows(document, "timeline")} == {"cached"}


def hostile(directory: Path) -> None:
    """A run all of whose texts are somebody else's."""
    bad = HOSTILE + SEQUENCES
    error = StepFailedError(bad, status=1, hint=bad, last_words=bad)
    error.where = bad
    error.add_note(bad)
    record = replace(
        begun(1),
        title=bad,
        project=Path("/src") / HOSTILE.replace("/", ""),
        words=(bad,),
        commit=bad,
        backend=bad,
        facts={bad: bad},
        steps=(StepRecord(1, "build-image", bad, 1, 1.0, why=bad),),
        bundles=(BundleRecord(bad, 1, bad, new=True),),
        inputs=(Input(bad, bad, bad, bad),),
        plan_digest=bad,
        plan=json.dumps(
            {"recipe": bad, "steps": [{"kind": bad, bad: bad, "x": [[bad, bad]], "y": [bad]}]}
        ),
        outcome=Outcome(bad, 1, 1.0, error=bad),
    )
    said: list[Said] = [
        (0.0, Notice(Level.DETAIL, "host-setting", f"{bad} -> a.b = {bad}: {bad}")),
        (0.0, Notice(Level.WARNING, "x", bad)),
        (0.1, StepStarted(1, 1, "build-image", bad)),
        (0.2, BuildProgress(1, 1, 1, bad, BuildState.STARTED, bad)),
        (0.3, OutputLine(1, "stdout", bad.encode() + b"\xff\n")),
        (0.4, ScreenOutput(1, bad.encode())),
        (0.5, StepFinished(1, 1, "build-image", 1, 0.4)),
        (0.6, error),
    ]
    keep(directory, record, said)


def test_nothing_of_a_run_is_taken_for_markup(directory: Path) -> None:
    hostile(directory)
    document = page("1")
    assert [text(script)[:12] for script in document.iter("script")] == ['"use strict"']
    assert list(document.iter("img")) == []
    for element in document.iter():
        assert not any(name.startswith("on") for name in element.attrib), element.attrib
        for name in ("href", "src", "action"):
            value = element.get(name, "#")
            assert value.startswith("#") or value == "data:,"
    written = Path("page.html").read_text()
    assert "{{ 7*7 }}" in text(document)
    assert not set(written) & {"\x1b", "\x00", "\x07", "\u202e"}
    assert "<script>alert" not in written


def test_a_policy_lets_the_page_fetch_nothing(directory: Path) -> None:
    sample(directory)
    (policy,) = (m.get("content", "") for m in page().iter("meta") if m.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def taken(said: Iterator[OutputLine], share: Share) -> tuple[LogLine, ...]:
    """The lines of output that are on a page."""
    lines = LogLines(share)
    for event in said:
        lines.take(Line("", event, {}), 0.0)
    return lines.end("rbuild log 1 has the rest")


def test_a_long_log_is_cut_in_the_middle() -> None:
    said = (OutputLine(1, "stdout", b"line %d\n" % number) for number in range(50_000))
    kept = taken(said, Share(first_lines=10, last_lines=20))
    assert len(kept) == 31
    assert (kept[9].text, kept[11].text, kept[-1].text) == ("line 9", "line 49980", "line 49999")
    assert kept[11].number == 49981
    assert kept[10].text.startswith("… 49 970 lines (")
    assert kept[10].text.endswith("rbuild log 1 has the rest …")


def test_what_was_not_kept_at_all_is_said_where_the_log_is_cut() -> None:
    lines = LogLines(Share(first_lines=1, last_lines=2))
    events: list[Told] = [OutputLine(1, "stdout", b"line\n") for _ in range(6)]
    for told in (*events[:3], LeftOut(5 * 1024 * 1024), *events[3:]):
        lines.take(Line("", told, {}), 0.0)
    gaps = [line.text for line in lines.end("rbuild log 1 has more") if line.kind is Kind.GAP]
    (gap,) = gaps
    assert gap.endswith("rbuild log 1 has more; 5.0 MiB of the log were not kept …")


def test_long_lines_do_not_make_a_long_page() -> None:
    said = (OutputLine(1, "stdout", b"x" * 60_000) for _ in range(3000))
    kept = taken(said, Share())
    assert sum(len(line.text) for line in kept) < 1_300_000
    assert max(len(line.text) for line in kept) < 2100


def test_the_page_of_a_long_log_is_one_that_a_browser_opens(directory: Path) -> None:
    line = of_event(OutputLine(1, "stdout", b"&<>'\" " * 30))
    place = keep(directory, begun(1), [(0.0, StepStarted(1, 1, "run-container", "run x"))])
    with (place / "log.jsonl").open("ab") as log:
        for _ in range(40_000):
            log.write(line)
    assert app.run(["rbuild", "report", "1", "--output", "page.html"]) == 0
    assert 1_000_000 < Path("page.html").stat().st_size < 12_000_000


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"10%\r50%\r100%\r\n", "100%"),
        (b"\x1b[1;31mred\x1b[0m\tand\n", "red     and"),
        (b"a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", "alink"),
        (b"\xff\xfe\n", r"\xff\xfe"),
        ("\u202eevil\n".encode(), "evil"),
    ],
)
def test_a_line_of_output_has_no_sequences(data: bytes, shown: str) -> None:
    assert plain(data) == shown


def test_without_a_name_the_page_stays_with_the_run(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sample(directory)
    assert app.run(["rbuild", "report", "1"]) == 0
    assert capfd.readouterr().out == f"{directory / '1' / 'report.html'}\n"
    assert stat.S_IMODE((directory / "1/report.html").stat().st_mode) == 0o600
    assert app.run(["rbuild", "history"]) == 0


@pytest.mark.parametrize("option", ["--output", "--trace"])
def test_what_has_a_log_in_it_is_for_its_user_alone(directory: Path, option: str) -> None:
    sample(directory)
    made = Path("made")
    assert app.run(["rbuild", "report", "1", option, "made"]) == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    # Who gave one that is there another mode meant it.
    made.chmod(0o644)
    assert app.run(["rbuild", "report", "1", option, "made"]) == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o644


def test_a_trace_is_written_instead(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sample(directory)
    assert app.run(["rbuild", "report", "1", "--trace", "trace.json"]) == 0
    assert capfd.readouterr().out == f"{Path('trace.json').absolute()}\n"
    assert not (directory / "1/report.html").exists()
    made = json.loads(Path("trace.json").read_bytes())
    assert {"traceEvents", "displayTimeUnit", "otherData"} == set(made)
    assert made["otherData"]["host"] == "workshop"


@pytest.mark.parametrize(("option", "form"), [("--output", "html"), ("--trace", "trace")])
def test_a_program_is_told_of_the_file_and_not_of_a_report_of_doctors(
    directory: Path, capfd: pytest.CaptureFixture[str], option: str, form: str
) -> None:
    sample(directory)
    words = ("--log-format", "json", "report", "1", option, "made")
    assert app.run(["rbuild", *words]) == 0
    told = json.loads(capfd.readouterr().out)
    del told["timestamp"]
    made = str(Path("made").absolute())
    assert told == {"event": "written", "file": made, "form": form}


def test_a_record_of_a_later_rbuild_is_named_and_left_alone(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sample(directory)
    later = directory / "2/run.json"
    later.write_text('{"version": 99}')
    assert app.run(["rbuild", "report", "2"]) == 2
    assert "the record of run 2 is of a later rbuild (version 99)" in capfd.readouterr().err
    assert later.read_text() == '{"version": 99}'
    # It is passed over as one to compare with, too.
    assert "Compared with run 1" in text(part(page("3"), "time"))


def test_a_record_without_what_later_ones_have_is_read(directory: Path) -> None:
    sample(directory)
    file = directory / "1/run.json"
    record = json.loads(file.read_bytes())
    for name in ("inputs", "plan_digest"):
        del record[name]
    file.write_text(json.dumps(record))
    document = page("1")
    assert "This run wrote no provenance." in text(part(document, "provenance"))
    assert "5d2e8f3a9c1b" in text(part(document, "provenance"))


def test_damaged_lines_are_passed_over(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sample(directory)
    with (directory / "1/log.jsonl").open("ab") as log:
        log.write(b'{"event": "of a later rbuild", "timestamp": ""}\nnonsense\n')
    assert len(rows(page("1"), "timeline")) == 9
    assert "2 lines of this log can't be read" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("1", "2"), "rbuild report takes one run"),
        (("x",), "x is no number of a run"),
        (("1", "--output", "none/page.html"), "none/page.html can't be written: No such file"),
        (("1", "--trace", "."), "can't be written: Is a directory"),
    ],
)
def test_what_cannot_be_done_is_said(
    directory: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    sample(directory)
    assert app.run(["rbuild", "report", *words]) == 2
    assert said in capfd.readouterr().err


def test_without_runs_there_is_no_report(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["rbuild", "report"]) == 2
    assert "no such run of this project is kept" in capfd.readouterr().err


def test_no_other_command_imports_the_template_library() -> None:
    modules = "rootless_build.cli.session, rootless_build.cli.commands.log"
    code = f"import sys, {modules}; print(*sys.modules)"
    run = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert not {"jinja2", "rootless_build.history.timeline"} & set(run.stdout.split())


def test_what_is_kept_is_read_as_it_was_written() -> None:
    """The tests' own logs have the form of real ones."""
    event = StepStarted(1, 1, "run-container", "run x", "x", at=1.5)
    assert read(of_event(event)).told == event
