"""`docker buildx bake --print`; tests/reference/scripts holds more of it against docker 29."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.recipes.bake.recipe import Bake, printed

_FILE = """\
group "default" { targets = ["one"] }
group "all" { targets = ["one", "two"] }
target "one" {
  tags = ["x"]
  args = { B = "2", A = "1" }
  labels = {}
}
target "two" {
  context = "sub"
  contexts = { base = "target:one" }
  dockerfile-inline = "FROM base"
  output = ["type=local,dest=out"]
  secret = ["id=s,src=file"]
}
"""


def document(place: Path, *targets: str, overrides: tuple[str, ...] = ()) -> dict[str, object]:
    (place / "docker-bake.hcl").write_text(_FILE)
    read: dict[str, object] = json.loads(printed(Bake(place, {}, targets, overrides=overrides)))
    return read


def test_the_default_group_and_its_targets(tmp_path: Path) -> None:
    told = document(tmp_path, overrides=("one.args.C=3",))
    assert told == {
        "group": {"default": {"targets": ["one"]}},
        "target": {
            "one": {
                "context": ".",
                "dockerfile": "Dockerfile",
                "args": {"A": "1", "B": "2", "C": "3"},
                "tags": ["x"],
            }
        },
    }


def test_what_is_asked_for_is_the_default_then(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = document(tmp_path, "all")
    assert told["group"] == {
        "all": {"targets": ["one", "two"]},
        "default": {"targets": ["all"]},
    }
    assert isinstance(told["target"], dict)
    assert told["target"]["two"] == {
        "context": "sub",
        "contexts": {"base": "target:one"},
        "dockerfile": "Dockerfile",
        "dockerfile-inline": "FROM base",
        "secret": [{"id": "s", "src": "file"}],
        "output": [{"dest": "out", "type": "local"}],
    }


def test_a_secret_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="failed to stat file"):
        document(tmp_path, "two")


def test_bytes_of_the_environment_that_are_no_text_are_printed(tmp_path: Path) -> None:
    (tmp_path / "docker-bake.hcl").write_text(
        'variable "V" { default = "" }\ntarget "default" { args = { A = V } }\n'
    )
    told = printed(Bake(tmp_path, {"V": "caf\udce9"}, ()))
    assert "caf\ufffd" in told.encode().decode()
