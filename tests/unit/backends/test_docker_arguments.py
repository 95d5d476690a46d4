"""The command lines that docker gets for a step."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbuild_docker import DockerBackend
from rbuild_docker.build_arguments import Builder, build_arguments
from rbuild_docker.run_arguments import run_arguments
from rootless_build.backend.api import EngineSettings
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    BuildOutput,
    HostCommand,
    Limits,
    Mount,
    PullPolicy,
    RemoveVolume,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)


def test_a_privileged_run_of_the_recipe_can_be_read_and_pasted() -> None:
    step = RunContainer(
        "docker-dev:master",
        ("hack/make.sh", "binary"),
        environment=(("KEEPBUNDLE", ""), ("TESTFLAGS", "-run 'a b'")),
        mounts=(BindMount(Path("/p/bundles"), "/go/src/bundles"),),
        privileged=True,
        interactive=True,
    )
    assert run_arguments(step, "host") == (
        *("--rm", "--pull", "missing", "--interactive", "--privileged", "--network=host"),
        *("--env=KEEPBUNDLE=", "--env=TESTFLAGS=-run 'a b'"),
        "--mount=type=bind,source=/p/bundles,target=/go/src/bundles",
        *("docker-dev:master", "hack/make.sh", "binary"),
    )


@pytest.mark.parametrize(
    ("entrypoint", "expected"),
    [
        (None, ("image", "make")),
        ((), ("--entrypoint=", "image", "make")),
        (("sh",), ("--entrypoint=sh", "image", "make")),
        (("sh", "-c", "x"), ("--entrypoint=sh", "image", "-c", "x", "make")),
    ],
)
def test_the_entrypoint_comes_before_the_command(
    entrypoint: tuple[str, ...] | None, expected: tuple[str, ...]
) -> None:
    step = RunContainer("image", ("make",), entrypoint=entrypoint)
    assert run_arguments(step, None)[3:] == expected


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        (BindMount(Path("/a:b"), "/c:d"), "--mount=type=bind,source=/a:b,target=/c:d"),
        (BindMount(Path('/a,"b'), "/c"), '--mount=type=bind,"source=/a,""b",target=/c'),
        (
            BindMount(Path("/ä b"), "/c", read_only=True, propagation="rslave"),
            "--mount=type=bind,source=/ä b,target=/c,bind-propagation=rslave,readonly",
        ),
        (VolumeMount("/c"), "--mount=type=volume,target=/c"),
        (
            VolumeMount("/c", name="v", read_only=True, copy=False),
            "--mount=type=volume,source=v,target=/c,volume-nocopy,readonly",
        ),
        (TmpfsMount("/t"), "--tmpfs=/t"),
        (TmpfsMount("/t", ("size=1m", "exec")), "--tmpfs=/t:size=1m,exec"),
    ],
)
def test_a_mount_survives_colons_commas_and_quotes_in_names(mount: Mount, expected: str) -> None:
    assert run_arguments(RunContainer("image", mounts=(mount,)), None)[3:-1] == (expected,)


@pytest.mark.parametrize(
    ("asked", "default", "expected"),
    [
        (None, None, ()),
        (None, "host", ("--network=host",)),
        ("default", "host", ("--network=host",)),
        ("none", "host", ("--network=none",)),
    ],
)
def test_a_step_that_names_a_network_gets_it(
    asked: str | None, default: str | None, expected: tuple[str, ...]
) -> None:
    run = run_arguments(RunContainer("image", network=asked), default)
    build = build_arguments(BuildImage(Path("/p"), network=asked), default, Builder.BUILDX)
    assert run[3:-1] == expected
    assert build[:-1] == expected


def test_every_limit_reaches_the_container() -> None:
    limits = Limits(memory="64m", cpus="1.5", pids_limit=9, ulimits=("nofile=1:2", "core=0"))
    assert run_arguments(RunContainer("image", limits=limits), None)[3:-1] == (
        *("--memory=64m", "--cpus=1.5", "--pids-limit=9"),
        *("--ulimit=nofile=1:2", "--ulimit=core=0"),
    )


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(memory="", cpus="", cpuset_cpus="", shm_size="", cgroup_parent=""), ()),
        (Limits(memory="0", memory_swap="0m", cpus="0.0", cpu_shares=0, cpu_period=0), ()),
        (Limits(cpu_quota=0, cpus="2", cpuset_cpus="0"), ("--cpuset-cpus=0", "--cpus=2")),
        (Limits(pids_limit=0, shm_size="0"), ("--pids-limit=0", "--shm-size=0")),
    ],
)
def test_a_limit_of_nothing_is_none(limits: Limits, expected: tuple[str, ...]) -> None:
    assert run_arguments(RunContainer("image", limits=limits), None)[3:-1] == expected


def test_a_build_with_everything_the_makefile_asks_for() -> None:
    step = BuildImage(
        Path("/p"),
        Path("/p/Dockerfile.simple"),
        tags=("docker-dev:x",),
        target="dev",
        build_args=(("GO_VERSION", "1.2"), ("EMPTY", "")),
        pull=PullPolicy.ALWAYS,
        no_cache=True,
    )
    assert build_arguments(step, "host", Builder.CLASSIC) == (
        *("--file=/p/Dockerfile.simple", "--pull", "--no-cache", "--target=dev"),
        *("--network=host", "--tag", "docker-dev:x"),
        *("--build-arg", "GO_VERSION=1.2", "--build-arg", "EMPTY=", "/p"),
    )


def test_a_project_with_a_containerfile_only_is_built_from_it(tmp_path: Path) -> None:
    (tmp_path / "Containerfile").touch()
    named = f"--file={tmp_path / 'Containerfile'}"
    assert named in build_arguments(BuildImage(tmp_path), None, Builder.BUILDX)
    (tmp_path / "Dockerfile").touch()
    assert named not in build_arguments(BuildImage(tmp_path), None, Builder.BUILDX)


LOCAL = BuildOutput("local", (("dest", "a,b"),))


@pytest.mark.parametrize(
    ("step", "said", "builders"),
    [
        (BuildImage(Path("/p"), secrets=("id=a",)), "--secret", {Builder.CLASSIC}),
        (BuildImage(Path("/p"), ssh=("default",)), "--ssh", {Builder.CLASSIC}),
        (BuildImage(Path("/p"), outputs=(LOCAL,)), "--output", {Builder.CLASSIC}),
        (
            BuildImage(Path("/p"), build_contexts=(("a", "/b"),)),
            "--build-context",
            {Builder.CLASSIC, Builder.BUILDKIT},
        ),
        (
            BuildImage(Path("/p"), platforms=("linux/amd64", "linux/arm64")),
            "one platform",
            {Builder.CLASSIC, Builder.BUILDKIT},
        ),
    ],
)
def test_what_a_builder_cannot_do_is_refused_by_name(
    step: BuildImage, said: str, builders: set[Builder]
) -> None:
    for builder in builders:
        with pytest.raises(UnsupportedError, match=said):
            build_arguments(step, None, builder)
    for builder in set(Builder) - builders:
        assert build_arguments(step, None, builder)


def test_an_image_as_output_is_what_the_classic_builder_makes_anyway() -> None:
    step = BuildImage(Path("/p"), outputs=(BuildOutput("docker"),))
    assert build_arguments(step, None, Builder.CLASSIC) == ("/p",)


def test_a_directory_with_a_comma_can_be_an_output() -> None:
    step = BuildImage(Path("/p"), outputs=(LOCAL,))
    assert 'type=local,"dest=a,b"' in build_arguments(step, None, Builder.BUILDX)


def test_a_plan_shows_docker_commands(tmp_path: Path) -> None:
    settings = EngineSettings(tmp_path, tmp_path, network="host")
    commands = DockerBackend().commands
    build = BuildImage(Path("/p"), substitutes=(("debian:x", "localhost/debian:x"),))
    assert commands(build, settings) == (
        ("docker", "tag", "localhost/debian:x", "debian:x"),
        ("docker", "build", "--network=host", "/p"),
        ("docker", "image", "rm", "debian:x"),
    )
    assert commands(RunContainer("image"), settings) == (
        ("docker", "run", "--rm", "--pull", "missing", "--network=host", "image"),
    )
    assert commands(RemoveVolume(("a", "b")), settings) == (
        ("docker", "volume", "rm", "--force", "a", "b"),
    )
    assert commands(HostCommand("mkdir bundles", Path("/p")), settings) == ()
