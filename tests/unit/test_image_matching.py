"""Which answer of `podman image inspect A B C` is whose: it leaves out what is not there."""

from __future__ import annotations

import pytest

from rbuild_containers.image_config import matched
from rootless_build.plan import Json


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
    assert matched(asked, there) == [None if n is None else there[n] for n in whose]
