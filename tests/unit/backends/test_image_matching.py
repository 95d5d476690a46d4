"""Which answer of `podman image inspect A B C` is whose: it leaves out what is not there."""

from __future__ import annotations

import pytest

from rbuild_containers.image_config import matched, names_in_full, names_with_local
from rootless_build.model.plan import Json


def image(*tags: str) -> dict[str, Json]:
    return {"RepoTags": list(tags)}


@pytest.mark.parametrize(
    ("asked", "there", "whose"),
    [
        (("debian:12", "x"), (image("docker.io/library/debian:12"),), [0, None]),
        (("debian:12", "x"), (image("localhost/x:latest"),), [None, 0]),
        (("localhost/x", "y"), (image("localhost/x:latest"),), [0, None]),
        # podman 4.3.1 finds localhost/example.com/x for itself alone.
        (
            ("example.com/x:1", "localhost/example.com/x:1"),
            (image("localhost/example.com/x:1"),),
            [None, 0],
        ),
        (
            ("docker.io/a/xx:1", "localhost/a/xx:1"),
            (image("localhost/a/xx:1"),),
            [None, 0],
        ),
        (("a/xx:1", "x"), (image("localhost/a/xx:1"),), [0, None]),
    ],
)
def test_answers_are_told_apart_by_the_names_they_have(
    asked: tuple[str, ...], there: tuple[dict[str, Json], ...], whose: list[int | None]
) -> None:
    expected = [None if n is None else there[n] for n in whose]
    assert matched(asked, there, names_with_local) == expected


def test_docker_finds_no_image_of_localhost_by_a_short_name() -> None:
    there = image("localhost/debian:12")
    asked = ("debian:12", "localhost/debian:12")
    assert matched(asked, [there], names_in_full) == [None, there]
    assert matched(("x", "docker.io/a/b:1"), [image("a/b:1")], names_in_full) == [
        None,
        image("a/b:1"),
    ]
