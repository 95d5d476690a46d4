"""Scripts that call docker, with rbuild in its place, held against what docker made of them.

tests/data/reference/scripts.json has what docker did; contrib/reference --scripts writes it. What
is known to come out otherwise is named in scripts_differences.json there, by the numbers of calls
and the names of files: SCRIPTS_DIFFERENCES=DIRECTORY has what differs written down for a new list.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest
from _pytest.mark import ParameterSet

from rootless_build.testing.base_root import BASE, write_base_root
from tests.e2e.driver import Rbuild
from tests.reference.recordings import DIRECTORY
from tests.reference.scripts import recorded
from tests.reference.scripts.running import Running
from tests.reference.scripts.script import Script, prefix
from tests.reference.scripts.scripts import SCRIPTS

_ENGINES: Final = ("podman", "buildah")
_RECORDED: Final = recorded.read()["scripts"]
KNOWN: Final[dict[str, dict[str, list[str]]]] = json.loads(
    (DIRECTORY / "scripts_differences.json").read_text()
)


def _pairs() -> Iterator[ParameterSet]:
    """Each script with both engines; in CI with one of them, by turns."""
    for engine, name in enumerate(_ENGINES):
        for number, script in enumerate(SCRIPTS):
            marks = [pytest.mark.xdist_group(name)]
            if number % 4 != 2 * engine:
                marks.append(pytest.mark.exhaustive)
            yield pytest.param(name, script, marks=marks, id=f"{name}-{script.name}")


@pytest.fixture(scope="session")
def test_base(backend_name: str, rbuild_environment: Mapping[str, str], storage: Path) -> None:
    """The tests' base image in the engine's storage, where another test may have put its own."""
    archive = storage / "base.tar"
    write_base_root(archive)
    done = Rbuild(storage, backend_name, rbuild_environment)(
        "base", "--force", "--from", str(archive), BASE
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("backend_name", "script"), list(_pairs()), indirect=["backend_name"], scope="session"
)
def test_what_docker_does(
    script: Script,
    backend_name: str,
    test_base: None,
    rbuild_environment: Mapping[str, str],
    tmp_path: Path,
) -> None:
    place = tmp_path / "script"
    running = Running(script, place, prefix(backend_name, SCRIPTS.index(script)))
    rbuild = Rbuild(running.directory, backend_name, rbuild_environment)
    done = rbuild("exec", "--", *running.words)
    differences = tuple(recorded.differences(_RECORDED[script.name], running.outcome()))
    known = KNOWN[backend_name].get(script.name, ())
    told = "\n".join(f"{name} {what}" for name, what in differences if _call(name) not in known)
    as_dockers = set(known) - {_call(name) for name, _ in differences}
    _keep(backend_name, script.name, differences)
    # With buildah a script can't remove its containers.
    cleaned = rbuild("clean")
    assert not told, f"{told}\n{done.stderr}"
    assert cleaned.returncode == 0, cleaned.stderr
    assert not as_dockers, "on the list of what differs, and docker's own by now"


def _keep(engine: str, name: str, differences: Sequence[tuple[str, str]]) -> None:
    """Write down what differs, for whoever makes the list anew."""
    place = os.environ.get("SCRIPTS_DIFFERENCES")
    if place:
        file = Path(place, f"{engine} {name.replace('/', ' ')}.json")
        file.write_text(json.dumps([engine, name, differences]))


def _call(difference: str) -> str:
    """The number of the call that differs, or the file."""
    return difference if difference.startswith("file ") else difference.partition(" ")[0]


def test_known_differences_are_of_scripts() -> None:
    assert set(KNOWN) == set(_ENGINES)
    for scripts in KNOWN.values():
        assert list(scripts) == [each.name for each in SCRIPTS if each.name in scripts]
        for names in scripts.values():
            assert len(names) == len(set(names)) > 0
