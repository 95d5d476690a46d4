"""Which builds of one bake wait for which."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.plan import BuildImage, BuildOutput, HostCommand, Origin
from rootless_build.model.structs import replace
from rootless_build.runner.build_order import beside, waiting

FOREIGN = "linux/s390x"


@pytest.fixture
def build(tmp_path: Path) -> BuildImage:
    """A build of one stage upon nothing, whose context has an ignore file."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY f /\n")
    (tmp_path / ".dockerignore").write_text("out\nkept\n!kept/f\n")
    return BuildImage(tmp_path, origin=Origin("docker-bake.hcl", 1, bake="one"))


def of(build: BuildImage, number: int, lines: str = "") -> BuildImage:
    """Another build, of a containerfile of its own."""
    file = build.context.with_name(f"{build.context.name}-{number}")
    file.write_text(f"FROM scratch\nCOPY f /\n{lines}")
    return replace(build, containerfile=file)


def to(path: Path) -> tuple[BuildOutput, ...]:
    return (BuildOutput("local", (("dest", str(path)),)),)


def test_what_has_nothing_in_common_waits_for_nothing(build: BuildImage) -> None:
    place = build.context
    builds = [
        replace(of(build, 0), tags=("a:1",)),
        replace(of(build, 1), tags=("b:1",)),
        replace(of(build, 2), outputs=to(place / "out" / "c")),
        replace(of(build, 3), outputs=to(place / "out" / "d")),
        replace(of(build, 4), outputs=to(place.with_name("elsewhere"))),
    ]
    assert waiting(builds) == ((),) * 5
    assert beside(builds) == ((2, 3, 4, 5), (1, 3, 4, 5), (1, 2, 4, 5), (1, 2, 3, 5), (1, 2, 3, 4))


def test_what_is_built_from_another_target_waits_for_it(build: BuildImage) -> None:
    link = (("base", "docker-image://localhost/rbuild-bake/a:1"),)
    builds = [
        replace(of(build, 0), tags=("localhost/rbuild-bake/a:1",)),
        of(build, 1),
        replace(of(build, 2), tags=("c:1",), build_contexts=link),
        replace(of(build, 3), build_contexts=(("base", "docker-image://docker.io/library/c:1"),)),
    ]
    assert waiting(builds) == ((), (), (0,), (2,))
    assert beside(builds) == ((2,), (1, 3, 4), (2,), (2,))


@pytest.mark.parametrize("name", ["app:1", "localhost/app:1", "docker.io/library/app:1"])
def test_an_image_that_one_names_and_another_takes_keeps_their_order(
    build: BuildImage, name: str
) -> None:
    makes = replace(of(build, 0), tags=("app:1",))
    takes = of(build, 1, f"FROM {name}\nCOPY f /\n")
    assert waiting([makes, takes]) == ((), (0,))
    assert waiting([takes, makes]) == ((), (0,))


def test_a_directory_that_one_writes_and_another_reads_keeps_their_order(
    build: BuildImage,
) -> None:
    place = build.context
    reads = of(build, 0)
    for inside in ("bin", "kept", ".", ".."):
        writes = replace(of(build, 1), outputs=to(place / inside), context=place.with_name("other"))
        assert waiting([writes, reads]) == ((), (0,)), inside
        assert waiting([reads, writes]) == ((), (0,)), inside
    named = replace(of(build, 2), build_contexts=(("more", str(place / "out")),))
    writes = replace(
        of(build, 1), outputs=to(place / "out" / "x"), context=place.with_name("other")
    )
    assert waiting([writes, named]) == ((), (0,))


def test_one_place_is_written_to_in_order(build: BuildImage) -> None:
    place = build.context / "out"
    builds = [
        replace(of(build, 0), outputs=to(place)),
        replace(of(build, 1), outputs=to(place / "deep")),
    ]
    assert waiting(builds) == ((), (0,))
    assert waiting(
        [replace(of(build, 0), tags=("a",)), replace(of(build, 1), tags=("a:latest",))]
    ) == ((), (0,))


def test_the_same_once_more_finds_it_there(build: BuildImage) -> None:
    place = build.context / "out"
    builds = [replace(build, tags=("a",)), replace(build, outputs=to(place))]
    assert waiting(builds) == ((), (0,))


def test_a_name_is_of_one_platform_at_a_time(build: BuildImage) -> None:
    lines = "FROM busybox\nCOPY f /\n"
    here, there = of(build, 0, lines), replace(of(build, 1, lines), platforms=(FOREIGN,))
    assert waiting([here, there]) == ((), (0,))
    assert waiting([here, of(build, 1, lines)]) == ((), ())


def test_what_nobody_can_read_goes_alone(build: BuildImage) -> None:
    unknown = of(build, 0, "ARG X\nCOPY --from=$X f /g\n")
    absent = replace(build, containerfile=build.context / "absent")
    assert waiting([unknown, of(build, 1), absent]) == ((), (0,), (0, 1))


def test_only_builds_of_one_bake_go_beside_each_other(build: BuildImage) -> None:
    other = Origin("docker-bake.hcl", 1, bake="two")
    steps = (
        of(build, 0),
        of(build, 1),
        replace(of(build, 2), origin=other),
        replace(of(build, 3), origin=Origin("Makefile", 3)),
        replace(of(build, 4), origin=Origin("Makefile", 4)),
        HostCommand("true", build.context),
        of(build, 5),
    )
    assert beside(steps) == ((2,), (1,), (), (), (), (), ())
