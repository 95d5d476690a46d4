"""Which cache volumes a make container gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.model.plan import BindMount, Pairs, RunContainer, VolumeMount
from rootless_build.model.structs import replace
from rootless_build.runner import cache_volumes

GO: Pairs = (("GOLANG_VERSION", "1.22"), ("GOPATH", "/go"))
PROJECT = Path("/home/me/moby")
BUILDS, MODULES = "/root/.cache/go-build", "/go/pkg/mod"


def targets(step: RunContainer, environment: Pairs, user: str = "") -> list[str]:
    image = Image("1" * 64, environment=environment, platform="linux/amd64", user=user)
    return [mount.target for mount in cache_volumes.volumes(step, image, PROJECT)]


STEP = RunContainer("dev")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (GO, [BUILDS, MODULES]),
        ((), []),
        ((("PATH", "/bin:/usr/local/go/bin"),), [BUILDS, "/root/go/pkg/mod"]),
        ((*GO, ("GOCACHE", "/c"), ("GOMODCACHE", "/m")), ["/c", "/m"]),
        ((*GO, ("GOCACHE", "off")), [MODULES]),
        ((*GO, ("GO111MODULE", "off")), [BUILDS]),
        ((*GO, ("GOFLAGS", "-mod=vendor")), [BUILDS]),
        ((*GO, ("XDG_CACHE_HOME", "/x")), ["/x/go-build", MODULES]),
        ((("GOPATH", "/go:/src/vendor"),), [BUILDS, MODULES]),
    ],
)
def test_by_the_images_environment(environment: Pairs, expected: list[str]) -> None:
    assert targets(STEP, environment) == expected


def test_the_steps_environment_comes_before_the_images() -> None:
    assert targets(replace(STEP, environment=(("GOCACHE", "/c"),)), GO) == ["/c", MODULES]


def test_a_user_whose_home_nobody_knows_has_no_build_cache() -> None:
    assert targets(STEP, GO, user="builder") == [MODULES]
    assert targets(STEP, (*GO, ("HOME", "/home/builder")), user="builder") == [
        "/home/builder/.cache/go-build",
        MODULES,
    ]


@pytest.mark.parametrize("taken", ["/root/.cache", BUILDS, "/root/.cache/go-build/x"])
def test_what_the_recipe_mounts_is_left_to_it(taken: str) -> None:
    for mount in (VolumeMount(taken, "their-cache"), BindMount(PROJECT, taken)):
        assert targets(replace(STEP, mounts=(mount,)), GO) == [MODULES]


def test_directories_of_the_users_choice() -> None:
    given = ("/var/ccache", ".cache", "../up", "/a/../../out")
    step = replace(STEP, caches=given, working_directory="/src")
    assert targets(step, ()) == ["/var/ccache", "/src/.cache", "/up", "/out"]


def test_one_volume_for_each_project_and_platform() -> None:
    image = Image("1" * 64, environment=GO, platform="linux/amd64")
    arm = replace(image, platform="linux/arm64")
    names = [
        cache_volumes.volumes(STEP, image, PROJECT)[0].name,
        cache_volumes.volumes(STEP, arm, PROJECT)[0].name,
        cache_volumes.volumes(replace(STEP, platform="linux/arm64"), image, PROJECT)[0].name,
        cache_volumes.volumes(STEP, image, Path("/elsewhere/moby"))[0].name,
    ]
    assert len(set(names)) == 3
    assert names[1] == names[2]
    assert all(name and name.startswith("rbuild-cache-moby-") for name in names)
