"""Every finding that can be named has its background, and there is no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rootless_build
from rootless_build.backend import discovery
from rootless_build.host.catalogue import BACKGROUND, explain
from rootless_build.host.symptoms import SYMPTOMS
from rootless_build.host.versions import DEFECTS
from rootless_build.model.errors import UsageError

ROOT = Path(rootless_build.__file__).parent
SOURCES = [*ROOT.rglob("*.py"), *(ROOT.parent / "backends").rglob("*.py")]


def named() -> Iterator[str]:
    """Ids in the code: `Finding("ID", …)`, `finding="ID"`, and what is put together."""
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            arguments = [word.value for word in node.keywords if word.arg == "finding"]
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in {"Finding", "_room"}:
                arguments += node.args[: 2 if name == "_room" else 1]
            for argument in arguments:
                if isinstance(argument, ast.Constant) and argument.value:
                    yield str(argument.value)
    for backend in discovery.names():
        yield f"no-{backend}"
        yield f"{backend}-unusable"
    yield "no-mmdebstrap"
    yield from (row.id for row in DEFECTS)
    for symptom in SYMPTOMS:
        yield from (finding for finding in (symptom.finding, *symptom.also) if finding)


def test_every_finding_is_in_the_catalogue_and_no_other() -> None:
    assert set(named()) == set(BACKGROUND)


@pytest.mark.parametrize("finding", BACKGROUND)
def test_the_background_says_more_than_a_word(finding: str) -> None:
    text = explain(finding)
    assert len(text) > 20
    assert text.endswith((".", ")"))


def test_a_mistyped_id_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        explain("no-subid")
    assert "no-subids" in caught.value.hint
