"""Plans survive JSON, and a changed plan has another digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    BuildOutput,
    Bundles,
    HostCommand,
    Limits,
    Origin,
    Plan,
    PullImage,
    PullPolicy,
    RemoveVolume,
    RunContainer,
    TagImage,
    TmpfsMount,
    VolumeMount,
    digest,
    from_json,
    to_json,
)
from rootless_build.model.structs import replace

PLAN = Plan(
    project=Path("/src/a project"),
    steps=(
        HostCommand("mkdir bundles", Path("/src"), (("A", "b\nc"),), origin=Origin("Makefile", 3)),
        BuildImage(
            Path("/src"),
            tags=("dev:1",),
            build_args=(("X", ""),),
            pull=PullPolicy.ALWAYS,
            outputs=(BuildOutput("local", (("dest", "out"),)),),
            limits=Limits(memory="1g", ulimits=("nofile=1:2",)),
        ),
        RunContainer(
            "dev:1",
            command=("hack/make.sh", "binary"),
            entrypoint=(),
            environment=(("UMLAUT", "ü"), ("RAW", "\udcff")),
            mounts=(
                BindMount(Path("/src/bundles"), "/b"),
                VolumeMount("/cache", "cache"),
                VolumeMount("/anonymous"),
                TmpfsMount("/tmp", ("exec",)),
            ),
            privileged=True,
        ),
        RemoveVolume(("cache",)),
        TagImage("a:1", "b"),
        PullImage("c"),
    ),
    bundles=Bundles(Path("/src/bundles"), "bundles"),
    targets=("binary",),
    recipe="Makefile",
)


def test_a_plan_survives_json() -> None:
    assert from_json(to_json(PLAN)) == PLAN


def test_the_digest_is_that_of_the_content() -> None:
    assert digest(PLAN) == digest(from_json(to_json(PLAN)))
    assert digest(PLAN) != digest(replace(PLAN, targets=("cross",)))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", "object"),
        ("{}", "project"),
        ('{"project": "/x", "steps": [{"kind": "dance"}]}', "dance"),
        ('{"project": "/x", "steps": [{"kind": "run-container"}]}', "image"),
        ('{"project": "/x", "steps": [], "surprise": 1}', "surprise"),
    ],
)
def test_what_is_no_plan_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        from_json(text)
