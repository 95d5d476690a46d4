"""The page of a run that an engine did: what is on it is what was done."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest

from tests.e2e.driver import Rbuild

pytestmark = pytest.mark.in_ci("podman")

_MAKEFILE = """\
all:
\tdocker build -t reported .
\tdocker run -v $(CURDIR)/bundles:/out reported sh -c 'echo made; echo {content} >/out/file'
"""


def _page(rbuild: Rbuild, *words: str) -> str:
    """The text of the page, whose name the command prints."""
    done = rbuild("report", *words)
    assert done.returncode == 0, done.stderr
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    document = parser.parse(Path(done.stdout.strip()).read_text(encoding="utf-8"))
    assert isinstance(document, Element)
    return " ".join(" ".join(document.itertext()).split())


def test_the_page_of_real_runs(rbuild: Rbuild) -> None:
    # Of a name of its own: nobody has built that before.
    built = f"RUN echo {rbuild.project.parent.name}"
    (rbuild.project / "Dockerfile").write_text(f"FROM debian:bookworm\n{built}\nRUN true\n")
    (rbuild.project / ".dockerignore").write_text("*\n")
    for content in ("one", "other"):
        (rbuild.project / "Makefile").write_text(_MAKEFILE.format(content=content))
        done = rbuild()
        assert done.returncode == 0, done.stderr
    first, second = _page(rbuild, "1"), _page(rbuild)
    assert f"{built} done" in first
    assert "it was not built yet" in first
    assert "No earlier run of this command is kept" in first
    assert "build image reported unchanged" in second
    assert "Compared with run 1" in second
    for page in (first, second):
        assert "debian:bookworm base image sha256:" in page
        assert "file new or changed" in page
        assert "containers.log_driver k8s-file" in page
    assert "echo other >/out/file" in second

    done = rbuild("report", "1", "--trace", "trace.json")
    assert done.returncode == 0, done.stderr
    made = json.loads((rbuild.project / "trace.json").read_bytes())
    spans = [event for event in made["traceEvents"] if event["ph"] == "X"]
    assert [event["cat"] for event in spans[:2]] == ["build-image", "instruction"]
    assert spans[-1]["cat"] == "run-container"
    assert all(event["dur"] >= 0 for event in spans)
