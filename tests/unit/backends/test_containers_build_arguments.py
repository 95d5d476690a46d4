"""What podman build and buildah build are told for a BuildImage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rbuild_containers.build import build_arguments, spellings
from rootless_build.backend.api import EngineSettings
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import BuildImage, BuildOutput, Limits, PullPolicy
from rootless_build.model.platforms import host as build_platform


def arguments(context: Path, *, network: str | None = None, **fields: Any) -> tuple[str, ...]:
    settings = EngineSettings(context, context, network=network)
    return build_arguments(BuildImage(context, **fields), settings)


def contains(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(words[i : i + len(part)] == part for i in range(len(words)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tags": ("a:1", "b")}, ("--tag", "a:1", "--tag", "b")),
        ({"target": "dev"}, ("--target", "dev")),
        ({"build_args": (("A", "x y"), ("B", ""))}, ("--build-arg", "A=x y", "--build-arg", "B=")),
        ({"labels": (("io.rbuild.project", "/p"),)}, ("--label", "io.rbuild.project=/p")),
        ({"labels": (("io.rbuild.segment", "/p"),)}, ("--force-rm", "--pull=missing", "--secret")),
        ({"platforms": ("linux/arm64",)}, ("--platform", "linux/arm64")),
        ({"pull": PullPolicy.ALWAYS}, ("--pull=always",)),
        ({"pull": PullPolicy.NEVER}, ("--pull=never",)),
        ({}, ("--pull=missing",)),
        ({}, ("--http-proxy=false",)),
        ({}, ("--force-rm",)),
        ({"no_cache": True}, ("--no-cache",)),
        ({"squash": True}, ("--squash",)),
        ({"network": "none"}, ("--network", "none")),
        ({"secrets": ("id=s,src=/f",)}, ("--secret", "id=s,src=/f")),
        ({"ssh": ("default",)}, ("--ssh", "default")),
        ({"add_hosts": ("h:1.2.3.4",)}, ("--add-host", "h:1.2.3.4")),
        ({"security_options": ("seccomp=unconfined",)}, ("--security-opt", "seccomp=unconfined")),
        ({"build_contexts": (("src", "/d"),)}, ("--build-context", "src=/d")),
        ({"image_id_file": Path("/d/id")}, ("--iidfile", "/d/id")),
        ({"limits": Limits(memory="1g", cpu_shares=5)}, ("--memory", "1g", "--cpu-shares", "5")),
        ({"limits": Limits(ulimits=("nofile=9:9",))}, ("--ulimit", "nofile=9:9")),
        ({"cache_from": ("r.example/cache",)}, ("--cache-from", "r.example/cache")),
        (
            {"outputs": (BuildOutput("local", (("dest", "/d"),)),)},
            ("--output", "type=local,dest=/d"),
        ),
    ],
)
def test_each_field_reaches_the_engine(
    tmp_path: Path, fields: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert contains(arguments(tmp_path, **fields), expected)


@pytest.mark.parametrize(
    "limits", [Limits(memory="", cpuset_cpus="", shm_size=""), Limits(memory="0", cpu_quota=0)]
)
def test_a_limit_of_nothing_is_none(tmp_path: Path, limits: Limits) -> None:
    assert arguments(tmp_path, limits=limits) == arguments(tmp_path)


def build_platforms(directory: Path, **fields: Any) -> list[str]:
    return [w for w in arguments(directory, **fields) if w.startswith("BUILDPLATFORM")]


def test_a_platform_brings_the_one_that_the_build_runs_on(tmp_path: Path) -> None:
    arm = ("linux/arm64",)
    own = (("BUILDPLATFORM", "linux/s390x"),)
    assert build_platforms(tmp_path, platforms=arm) == [f"BUILDPLATFORM={build_platform()}"]
    given = build_platforms(tmp_path, platforms=arm, build_args=own)
    assert given == ["BUILDPLATFORM=linux/s390x"]
    assert build_platforms(tmp_path) == []


def test_the_context_comes_last(tmp_path: Path) -> None:
    assert arguments(tmp_path, tags=("a",))[-1] == str(tmp_path)


@pytest.mark.parametrize("asked", [None, "default"])
def test_a_step_without_a_network_gets_the_hosts(tmp_path: Path, asked: str | None) -> None:
    assert contains(arguments(tmp_path, network="host"), ("--network", "host"))
    settings = EngineSettings(tmp_path, tmp_path)
    assert "--network" not in build_arguments(BuildImage(tmp_path, network=asked), settings)


def test_dockerfile_is_read_where_containerfile_exists_too(tmp_path: Path) -> None:
    (tmp_path / "Containerfile").touch()
    assert contains(arguments(tmp_path), ("--file", str(tmp_path / "Containerfile")))
    (tmp_path / "Dockerfile").touch()
    assert contains(arguments(tmp_path), ("--file", str(tmp_path / "Dockerfile")))


def test_a_containerfile_of_its_own_brings_its_own_ignore_file(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile.dev"
    ignore = tmp_path / "Dockerfile.dev.dockerignore"
    assert "--ignorefile" not in arguments(tmp_path, containerfile=file)
    ignore.touch()
    assert contains(arguments(tmp_path, containerfile=file), ("--ignorefile", str(ignore)))


def test_a_substitute_replaces_the_base_however_the_containerfile_spells_it(
    tmp_path: Path,
) -> None:
    given = arguments(tmp_path, substitutes=(("debian:bookworm", "localhost/debian:bookworm"),))
    for name in ("debian:bookworm", "docker.io/library/debian:bookworm"):
        option = f"{name}=container-image://localhost/debian:bookworm"
        assert contains(given, ("--build-context", option))


@pytest.mark.parametrize(
    ("reference", "also"),
    [
        ("debian", {"debian:latest", "docker.io/library/debian", "docker.io/debian:latest"}),
        ("docker.io/debian:12", {"debian:12", "docker.io/library/debian:12"}),
        ("docker.io/library/debian:latest", {"debian", "docker.io/library/debian"}),
        ("tonistiigi/xx:1", {"docker.io/tonistiigi/xx:1"}),
    ],
)
def test_an_image_of_docker_hub_has_several_names(reference: str, also: set[str]) -> None:
    names = spellings(reference)
    assert names[0] == reference
    assert also <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("reference", ["localhost/x", "quay.io/a/b:1", "127.0.0.1:5000/x"])
def test_an_image_of_another_registry_has_one_name(reference: str) -> None:
    assert spellings(reference) == (reference,)


@pytest.mark.parametrize("source", ["type=registry,ref=r.example/c", "r.example/c:1", "docker-dev"])
def test_a_cache_source_the_engines_would_fail_on_is_left_out(tmp_path: Path, source: str) -> None:
    assert "--cache-from" not in arguments(tmp_path, cache_from=(source,))


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"platforms": ("linux/amd64", "linux/arm64")}, "linux/arm64"),
        ({"outputs": (BuildOutput("oci", (("dest", "/f"),)),)}, "type=oci,dest=/f"),
        ({"outputs": (BuildOutput("docker", (("dest", "/f"),)),)}, "type=docker,dest=/f"),
        ({"outputs": (BuildOutput("image", (("push", "true"),)),)}, "push=true"),
        ({"outputs": (BuildOutput("tar", (("dest", "-"),)),)}, "dest=-"),
        (
            {
                "outputs": (
                    BuildOutput("tar", (("dest", "/f"),)),
                    BuildOutput("local", (("dest", "/d"),)),
                )
            },
            "one build output",
        ),
    ],
)
def test_what_the_engines_cannot_do_is_refused_by_name(
    tmp_path: Path, fields: dict[str, Any], word: str
) -> None:
    with pytest.raises(UnsupportedError, match=word):
        arguments(tmp_path, **fields)


def test_an_output_into_storage_is_what_happens_anyway(tmp_path: Path) -> None:
    assert "--output" not in arguments(tmp_path, outputs=(BuildOutput("docker"),))
