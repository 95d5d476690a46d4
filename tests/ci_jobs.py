"""The jobs of contrib/ci, as data: what a runner of each service would run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from ruamel.yaml import YAML

DIRECTORY: Final = Path(__file__).parents[1] / "contrib/ci"
GITHUB: Final = DIRECTORY / "github.yml"
GITLAB: Final = DIRECTORY / "gitlab.yml"

_Map = dict[str, object]


@dataclass(frozen=True)
class Part:
    """A script of bash, by the name that the job has for it."""

    name: str
    script: str


def _document(file: Path) -> _Map:
    return cast("_Map", YAML(typ="safe").load(file.read_text(encoding="utf-8")))


def github() -> tuple[_Map, tuple[Part, ...]]:
    """The variables of GitHub's job, and its scripts: each is a `bash -e` of its own."""
    workflow = _document(GITHUB)
    jobs = cast("dict[str, _Map]", workflow["jobs"])
    (job,) = jobs.values()
    steps = cast("list[dict[str, str]]", job["steps"])
    parts = tuple(Part(step["name"], step["run"]) for step in steps if "run" in step)
    return cast("_Map", workflow["env"]), parts


def gitlab() -> tuple[_Map, tuple[Part, ...]]:
    """The variables of GitLab's job, and its script: one shell does all of it."""
    (job,) = cast("dict[str, _Map]", _document(GITLAB)).values()
    lines = [*cast("list[str]", job["before_script"]), *cast("list[str]", job["script"])]
    script = "set -eo pipefail\n" + "\n".join(lines)
    return cast("_Map", job["variables"]), (Part("build", script),)
