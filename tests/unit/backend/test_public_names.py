"""What a plug-in finds in `rootless_build.backend`, and what it had imported from 0.1.0."""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import pytest

from rootless_build import backend, process
from rootless_build.backend import api, bind_sources, caller, discovery, ownership
from rootless_build.files import archives
from rootless_build.model import errors, events, plan, platforms, references, text
from rootless_build.process import identities, programs, terminal

FORMER = {
    "plan": plan,
    "events": events,
    "errors": errors,
    "ownership": ownership,
    "bind_sources": bind_sources,
    "caller": caller,
    "registry": discovery,
    "reference": references,
    "platforms": platforms,
    "escaping": text,
    "archives": archives,
    "terminal": terminal,
    "data": dataclasses,
}
OLD = json.loads((Path(__file__).parents[2] / "data/public-0.1.0.json").read_text())
"""What the backends of 0.1.0 imported from the core, by module."""
HELPERS = {"archives", "identities", "platforms", "programs", "references", "replacing"} | {
    *("proc", "terminal", "text", "user_directories", "annotations", "Final", "TYPE_CHECKING")
}
PUBLIC = {
    f"{module.__name__}.{name}": (name, getattr(module, name))
    for module in (api, plan, events, errors)
    for name in module.__all__
}


@pytest.mark.parametrize("name", PUBLIC)
def test_the_backend_room_shows_all_that_a_plug_in_needs(name: str) -> None:
    short, found = PUBLIC[name]
    assert getattr(backend, short) is found


@pytest.mark.parametrize(
    "name",
    [
        "plan",
        "events",
        "errors",
        "programs",
        "proc",
        "identities",
        "terminal",
        "caller",
    ],
)
def test_and_the_modules_that_help_it(name: str) -> None:
    """As `from rootless_build.backend import NAME` finds them, whatever was imported before."""
    found = getattr(__import__("rootless_build.backend", fromlist=[name]), name)
    assert isinstance(found, ModuleType)
    assert found.__name__.endswith(f".{name}")


def test_a_name_that_is_nowhere_is_an_error() -> None:
    for room in (backend, process):
        with pytest.raises(AttributeError, match="no attribute 'nowhere'"):
            attrgetter("nowhere")(room)


@pytest.mark.parametrize("name", FORMER)
def test_a_module_of_0_1_0_is_the_one_that_it_became_and_says_so(name: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"rootless_build\.{name} is .*goes with 0\.3\.0"):
        former = importlib.import_module(f"rootless_build.{name}")
    assert former is FORMER[name]
    # It warns whoever comes first; a later test is to find it as it was.
    del sys.modules[f"rootless_build.{name}"]


@pytest.mark.parametrize("module", OLD)
def test_what_the_backends_of_0_1_0_imported_is_there(module: str) -> None:
    """In a process of its own: here the former modules may have been replaced already."""
    line = f"from {module} import {', '.join(OLD[module])}\n"
    if module == "rootless_build":
        line = "".join(f"import rootless_build.{name}\n" for name in OLD[module])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", line], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_who_a_process_is_could_be_asked_of_process() -> None:
    with pytest.warns(DeprecationWarning, match="identities.of_this since 0.2.0"):
        assert attrgetter("identity")(process)() == identities.of_this()


def test_the_room_shows_what_is_meant_for_plug_ins_and_nothing_else() -> None:
    shown = {name for name in vars(backend) if not name.startswith("_")}
    rooms = {module.stem for module in Path(str(backend.__file__)).parent.glob("*.py")}
    own = {short for short, _ in PUBLIC.values()} | {"errors", "events", "plan", "replace"}
    assert shown - own - rooms - {"late_modules", "MappingProxyType"} <= HELPERS
    assert own <= shown


def test_a_mount_says_of_which_type_it_is() -> None:
    assert backend.BindMount(Path("/a"), "/b").type == "bind"


def test_an_import_of_0_1_0_names_the_line_that_has_it(tmp_path: Path) -> None:
    plug_in = tmp_path / "plug_in.py"
    plug_in.write_text("from rootless_build.plan import RunContainer\n")
    done = subprocess.run(
        [sys.executable, "-W", "always", plug_in], capture_output=True, text=True, check=True
    )
    assert done.stderr.startswith(f"{plug_in}:1: DeprecationWarning: rootless_build.plan is ")


@pytest.mark.parametrize("name", ["capture", "stream", "service", "ProgramNotFoundError"])
def test_what_process_had_itself_is_in_programs(name: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"process.programs.{name} since 0.2.0"):
        assert getattr(process, name) is getattr(programs, name)


@pytest.mark.parametrize(
    ("module", "former", "now"),
    [(caller, "marked", "mark"), (caller, "identified", "identify"), (ownership, "taken", "take")],
)
def test_a_function_of_0_1_0_is_the_one_that_it_became(
    module: ModuleType, former: str, now: str
) -> None:
    with pytest.warns(DeprecationWarning, match=rf"\.{former} is {module.__name__}\.{now} since"):
        assert getattr(module, former) is getattr(module, now)
    with pytest.raises(AttributeError, match="no attribute 'nowhere'"):
        attrgetter("nowhere")(module)


def test_every_package_is_typed() -> None:
    root = Path(__file__).parents[3]
    packages = [root / "rootless_build", *(root / "backends").glob("rbuild_*")]
    assert [package.name for package in packages if not (package / "py.typed").exists()] == []
