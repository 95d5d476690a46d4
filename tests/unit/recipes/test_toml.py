"""An rbuild.toml and the plan it becomes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from rootless_build.model.errors import ConfigError, RbuildError, RecipeError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Bundles,
    Limits,
    Plan,
    PullPolicy,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)
from rootless_build.recipes import config_file, front_ends
from rootless_build.recipes.request import Request


def plan(
    directory: Path,
    text: str,
    *words: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    terminal: bool = False,
) -> Plan:
    (directory / "rbuild.toml").write_text(textwrap.dedent(text))
    read = config_file.load(directory, directory / "none.toml")
    pairs = [word.partition("=") for word in words if "=" in word]
    request = Request(
        project=directory,
        targets=tuple(word for word in words if "=" not in word),
        variables=tuple((name, value) for name, _, value in pairs),
        environment=environment,
        terminal=terminal,
    )
    return front_ends.read(request, read)


def run(
    directory: Path, text: str, *words: str, environment: Mapping[str, str] = MappingProxyType({})
) -> RunContainer:
    step = plan(directory, text, *words, environment=environment).steps[-1]
    assert isinstance(step, RunContainer)
    return step


def refusal(directory: Path, text: str, *words: str) -> RbuildError:
    with pytest.raises((ConfigError, RecipeError)) as caught:
        plan(directory, text, *words)
    assert caught.value.exit_code == 2
    return caught.value


IMAGE = '[image]\ntag = "dev"\n'
CONTAINER = '[container]\nimage = "i"\n'


def test_an_image_alone_is_built(tmp_path: Path) -> None:
    (tmp_path / "Project").mkdir()
    made = plan(tmp_path / "Project", "[image]\n")
    (build,) = made.steps
    assert isinstance(build, BuildImage)
    assert (build.context, build.tags) == (tmp_path / "Project", ("project-dev",))
    assert (made.recipe, made.bundles) == ("rbuild.toml", None)


def test_the_images_keys(tmp_path: Path) -> None:
    text = """
        [image]
        containerfile = "build/Containerfile"
        context = "src"
        target = "dev"
        tag = "dev:1"
        build-args = { A = "1" }
        labels = { L = "2" }
        platforms = ["linux/arm64"]
        network = "none"
        pull = "always"
        no-cache = true
        """
    (build,) = plan(tmp_path, text).steps
    assert isinstance(build, BuildImage)
    assert (build.containerfile, build.context) == (
        tmp_path / "build/Containerfile",
        tmp_path / "src",
    )
    assert (build.target, build.tags, build.platforms) == ("dev", ("dev:1",), ("linux/arm64",))
    assert (build.build_args, build.labels) == ((("A", "1"),), (("L", "2"),))
    assert (build.network, build.pull, build.no_cache) == ("none", PullPolicy.ALWAYS, True)


def test_a_platform_that_is_none_is_met_with_the_near_one_and_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, '[image]\nplatforms = ["arm64", "linux/amd46"]\n')
    assert "rbuild.toml:2" in caught.value.message
    assert "did you mean linux/amd64?" in caught.value.message


def test_a_container_runs_in_the_image_that_was_built(tmp_path: Path) -> None:
    made = plan(tmp_path, IMAGE + "[container]\ncommand = \"make 'a b'\"\n")
    build, container = made.steps
    assert isinstance(build, BuildImage)
    assert isinstance(container, RunContainer)
    assert (container.image, container.command) == ("dev", ("make", "a b"))


def test_a_container_in_an_image_from_elsewhere(tmp_path: Path) -> None:
    (step,) = plan(tmp_path, CONTAINER).steps
    assert isinstance(step, RunContainer)
    assert (step.image, step.command, step.entrypoint) == ("i", (), None)


def test_the_containers_keys(tmp_path: Path) -> None:
    text = (
        CONTAINER
        + """
        entrypoint = []
        command = ["a", "b c"]
        environment = { A = "1" }
        pass-environment = ["B", "NOT_SET"]
        mounts = [".:/src:ro", "/etc:/host-etc"]
        volumes = { cache = "/root/.cache" }
        tmpfs = ["/tmp:exec,size=64m"]
        working-directory = "/src"
        user = "1000"
        hostname = "h"
        privileged = true
        network = "host"
        publish = ["80:80"]
        devices = ["/dev/fuse"]
        cap-add = ["SYS_ADMIN"]
        security-options = ["label=disable"]
        shm-size = "1g"
        ulimits = ["nofile=1024"]
        init = true
        """.replace("        ", "")
    )
    step = run(tmp_path, text, environment={"B": "2", "C": "3"})
    assert (step.entrypoint, step.command) == ((), ("a", "b c"))
    assert dict(step.environment) == {"A": "1", "B": "2"}
    assert set(step.mounts) == {
        BindMount(tmp_path, "/src", read_only=True),
        BindMount(Path("/etc"), "/host-etc"),
        VolumeMount("/root/.cache", "cache"),
        TmpfsMount("/tmp", ("exec", "size=64m")),
    }
    assert (step.working_directory, step.user, step.hostname) == ("/src", "1000", "h")
    assert (step.privileged, step.network, step.init) == (True, "host", True)
    assert (step.publish, step.devices) == (("80:80",), ("/dev/fuse",))
    assert (step.cap_add, step.security_options) == (("SYS_ADMIN",), ("label=disable",))
    assert step.limits == Limits(shm_size="1g", ulimits=("nofile=1024",))


def test_variables_of_the_command_line_are_the_containers_last(tmp_path: Path) -> None:
    text = CONTAINER + 'environment = { A = "1" }\npass-environment = ["B"]\n'
    step = run(tmp_path, text, "A=2", "B=x y", "C=", environment={"B": "environment"})
    assert dict(step.environment) == {"A": "2", "B": "x y", "C": ""}


@pytest.mark.parametrize(("wanted", "here"), [(True, True), (True, False), (False, True)])
def test_a_terminal_only_where_there_is_one(tmp_path: Path, wanted: bool, here: bool) -> None:
    text = CONTAINER + f"tty = {str(wanted).lower()}\n"
    (step,) = plan(tmp_path, text, terminal=here).steps
    assert isinstance(step, RunContainer)
    assert step.tty is (wanted and here)


TARGETS = (
    CONTAINER
    + """
command = "all"
environment = { A = "1", B = "1" }
privileged = true
[bundles]
container-path = "/out"
[targets.cross]
command = "cross 'a b'"
environment = { B = "2" }
privileged = false
working-directory = "/w"
[targets.image]
container = false
[targets.shell]
command = ["bash"]
tty = true
bundles = false
"""
)


def test_no_target_is_the_containers_own_command(tmp_path: Path) -> None:
    assert run(tmp_path, TARGETS).command == ("all",)


def test_the_default_target_is_the_files(tmp_path: Path) -> None:
    assert run(tmp_path, 'default-target = "cross"\n' + TARGETS).command == ("cross", "a b")


def test_a_target_changes_what_it_names(tmp_path: Path) -> None:
    step = run(tmp_path, TARGETS, "cross")
    assert step.command == ("cross", "a b")
    assert dict(step.environment) == {"A": "1", "B": "2"}
    assert (step.privileged, step.working_directory) == (False, "/w")


def test_several_targets_are_several_containers_of_one_image(tmp_path: Path) -> None:
    text = TARGETS.replace('image = "i"\n', "") + IMAGE
    kinds = [step.kind for step in plan(tmp_path, text, "cross", "image", "shell").steps]
    assert kinds == ["build-image", "run-container", "run-container"]


def test_a_target_without_container_or_bundles(tmp_path: Path) -> None:
    assert plan(tmp_path, TARGETS, "image").steps == ()
    made = plan(tmp_path, TARGETS, "shell", terminal=True)
    (step,) = made.steps
    assert isinstance(step, RunContainer)
    assert (made.bundles, step.mounts, step.tty) == (None, (), True)


def test_unknown_target_names_those_there_are(tmp_path: Path) -> None:
    error = refusal(tmp_path, TARGETS, "cros")
    assert error.message == "rbuild.toml has no target cros"
    assert error.hint == "its targets are: cross, image, shell"
    assert refusal(tmp_path, CONTAINER, "x").hint == "its targets are: none"


def test_bundles_are_mounted(tmp_path: Path) -> None:
    made = plan(tmp_path, CONTAINER + '[bundles]\ncontainer-path = "/out"\ndirectory = "dist"\n')
    (step,) = made.steps
    assert isinstance(step, RunContainer)
    assert step.mounts == (BindMount(tmp_path / "dist", "/out"),)
    assert made.bundles == Bundles(tmp_path / "dist")


def test_bundles_are_copied_where_they_are_not_mounted(tmp_path: Path) -> None:
    made = plan(tmp_path, CONTAINER + '[bundles]\ncontainer-path = "out"\nmount = false\n')
    (step,) = made.steps
    assert isinstance(step, RunContainer)
    assert (step.mounts, made.bundles) == ((), Bundles(tmp_path / "bundles", "out"))


def test_what_is_mounted_lies_where_the_path_leads(tmp_path: Path) -> None:
    text = CONTAINER + 'volumes = {v = "/w/../../escape"}\n[bundles]\ncontainer-path = "/w/../b"\n'
    assert [mount.target for mount in run(tmp_path, text).mounts] == ["/escape", "/b"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('volumes = {v = "relative"}\n', "container.volumes"),
        ('volumes = {v = "/w/.."}\n', "container.volumes"),
        ('[bundles]\ncontainer-path = "out"\n', "bundles.container-path"),
    ],
)
def test_a_place_where_nothing_can_be_mounted(tmp_path: Path, text: str, key: str) -> None:
    error = refusal(tmp_path, CONTAINER + text)
    assert "rbuild.toml" in error.message
    assert key in error.message


@pytest.mark.parametrize(
    ("mount", "words"),
    [("src:/a:frob", "frob"), ("a:b:c:d", "a:b:c:d"), (".:relative", "relative")],
)
def test_a_mount_that_docker_would_not_take(tmp_path: Path, mount: str, words: str) -> None:
    error = refusal(tmp_path, CONTAINER + f'mounts = ["{mount}"]\n')
    assert words in error.message
    assert "rbuild.toml" in error.message


def test_a_container_without_any_image(tmp_path: Path) -> None:
    assert "container.image" in refusal(tmp_path, "[container]\n").message


def test_the_file_comes_before_a_makefile_only_where_it_is_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all: ; echo make\n")
    environment = {"PATH": "/usr/bin:/bin"}
    assert plan(tmp_path, IMAGE, environment=environment).recipe == "rbuild.toml"
    assert (
        plan(tmp_path, '[defaults]\nnetwork = "none"\n', environment=environment).recipe
        == "Makefile"
    )


def test_neither_file_is_a_clear_answer(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[defaults]\nnetwork = "none"\n')
    assert "neither a Makefile nor an rbuild.toml" in error.message
    assert "-C DIR" in error.hint
    assert "rbuild exec -- ./SCRIPT" in error.hint
    assert "--makefile" not in error.hint
    (tmp_path / "Makefile.docker").write_text("all:\n")
    error = refusal(tmp_path, '[defaults]\nnetwork = "none"\n')
    assert "rbuild --makefile Makefile.docker" in error.hint
