"""Which container `rbuild run` and `rbuild shell` start."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from rootless_build.model.errors import RecipeError, UnknownTargetError, UsageError
from rootless_build.model.plan import BuildImage, Plan, RunContainer
from rootless_build.recipes import config_file, front_ends
from rootless_build.recipes.request import Request

ENVIRONMENT = MappingProxyType({"PATH": "/usr/bin:/bin"})
BAKE = """
target "a" { target = "stage" }
target "b" { tags = ["made/b:1", "other"] }
target "files" { output = ["out"] }
target "cache" { output = ["type=cacheonly"] }
target "arm" { platforms = ["linux/arm64/v8"] }
target "linked" { contexts = { x = "target:a" } }
target "both" { output = ["out", "type=docker"] }
target "_hidden" {}
group "two" { targets = ["a", "b", "files"] }
group "one" { targets = ["cache", "files", "b"] }
"""


def request(project: Path, *targets: str) -> Request:
    return Request(project, targets, (), ENVIRONMENT, terminal=True)


def running(project: Path, target: str | None = None, *command: str) -> Plan:
    read = config_file.load(project, project / "none")
    return front_ends.read_running(request(project), read, target, command or ("ls",))


def shell(project: Path, *targets: str) -> Plan:
    return front_ends.read(
        request(project, "shell", *targets), config_file.load(project, project / "none")
    )


@pytest.fixture
def baked(tmp_path: Path) -> Path:
    """A project whose recipe is a bake file."""
    (tmp_path / "Dockerfile").write_text("FROM x AS stage\n")
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    return tmp_path


def parts(plan: Plan) -> tuple[list[BuildImage], RunContainer]:
    *builds, container = plan.steps
    assert isinstance(container, RunContainer)
    return [step for step in builds if isinstance(step, BuildImage)], container


def test_it_is_of_the_image_that_the_target_builds(baked: Path) -> None:
    (build,), container = parts(running(baked, "b", "echo", "a b"))
    assert container.image == build.tags[0] == "made/b:1"
    assert (container.command, container.entrypoint) == (("echo", "a b"), None)
    assert (container.mounts, container.interactive, container.always) == ((), True, True)


def test_an_image_without_a_name_gets_one_of_the_target_and_the_checkout(
    baked: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (build,), container = parts(running(baked, "a"))
    assert build.tags == (container.image,)
    assert container.image.startswith("localhost/rbuild-run/a:")
    other = tmp_path_factory.mktemp("other")
    (other / "Dockerfile").write_text("FROM x AS stage\n")
    (other / "docker-bake.hcl").write_text(BAKE)
    assert parts(running(other, "a"))[1].image != container.image


def test_what_the_image_is_built_from_is_built_before(baked: Path) -> None:
    (first, second), container = parts(running(baked, "linked"))
    assert first.origin is not None
    assert first.origin.target == "a"
    assert (second.tags, dict(second.build_contexts)["x"]) == (
        (container.image,),
        f"docker-image://{first.tags[0]}",
    )


def test_its_files_are_not_wanted(baked: Path) -> None:
    (build,), _ = parts(running(baked, "both"))
    assert build.outputs == ()


def test_a_container_has_the_images_platform(baked: Path) -> None:
    assert parts(running(baked, "arm"))[1].platform == "linux/arm64"
    assert parts(running(baked, "a"))[1].platform is None


def test_of_a_group_it_is_the_only_image(baked: Path) -> None:
    (build,), container = parts(running(baked, "one"))
    assert (build.tags[0], container.image) == ("made/b:1", "made/b:1")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("files", "files writes files to"),
        ("cache", "cache leaves nothing but a cache"),
        ("two", "a and b are images"),
    ],
)
def test_where_there_is_none_or_several_those_are_named_that_can(
    baked: Path, target: str, words: str
) -> None:
    for read in (running, shell):
        with pytest.raises(UsageError) as caught:
            read(baked, target)
        assert words in caught.value.message
        assert "--target a -- COMMAND" in caught.value.hint
        assert "b" in caught.value.hint
        assert "_hidden" not in caught.value.hint


@pytest.mark.parametrize("target", [None, "nope"])
def test_targets_that_are_not_there(baked: Path, target: str | None) -> None:
    with pytest.raises(RecipeError) as caught:
        running(baked, target)
    assert "has no target" in caught.value.message
    with pytest.raises(RecipeError):
        shell(baked, "nope")
    with pytest.raises(RecipeError):
        shell(baked, "a", "b")


def test_a_shell_is_not_the_images_own_command(baked: Path) -> None:
    container = parts(shell(baked, "a"))[1]
    assert (container.entrypoint, container.command[0]) == ((), "sh")
    assert container.origin is not None
    assert (container.origin.target, container.interactive, container.tty) == ("shell", True, True)


def test_a_target_of_that_name_is_the_projects_own(baked: Path) -> None:
    (baked / "docker-bake.hcl").write_text('target "shell" { output = ["out"] }\n')
    (step,) = shell(baked).steps
    assert isinstance(step, BuildImage)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Makefile", "all:\n\tdocker build -t made .\n\tdocker build -o out .\n"),
        ("rbuild.toml", '[image]\ntag = "made"\n'),
    ],
)
def test_other_recipes(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    for plan in (running(tmp_path), shell(tmp_path), running(tmp_path, "made")):
        (build,), container = parts(plan)
        assert (build.tags, container.image) == (("made",), "made")


def test_images_of_a_makefile_are_named_by_their_tags(tmp_path: Path) -> None:
    text = "all:\n\tdocker build -t one .\n\tdocker build -t two:2 .\n"
    (tmp_path / "Makefile").write_text(text)
    with pytest.raises(UsageError) as caught:
        running(tmp_path)
    assert "one and two:2 are images" in caught.value.message
    assert parts(running(tmp_path, "two"))[1].image == "two:2"


def test_containers_of_the_recipe_come_first(tmp_path: Path) -> None:
    text = "all:\n\tdocker build -t one .\n\tdocker run -v /a:/b one x\ntest:\n\tdocker run two y\n"
    (tmp_path / "Makefile").write_text(text)
    container = parts(running(tmp_path))[1]
    assert (container.image, container.command, len(container.mounts)) == ("one", ("ls",), 1)
    assert parts(running(tmp_path, "test"))[1].image == "two"
    assert parts(shell(tmp_path))[1].tty
    # Of a Makefile these are two targets.
    with pytest.raises(UnknownTargetError):
        shell(tmp_path, "test")


def test_a_recipe_with_neither(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\techo nothing\n")
    with pytest.raises(UsageError, match="nothing to run in"):
        running(tmp_path)
