"""Image references in full, and where stand-ins for them are kept."""

from __future__ import annotations

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.references import canonical, check, is_id, local


@pytest.mark.parametrize(
    ("written", "full", "stand_in"),
    [
        ("debian", "docker.io/library/debian:latest", "localhost/debian:latest"),
        ("debian:bookworm", "docker.io/library/debian:bookworm", "localhost/debian:bookworm"),
        ("docker.io/debian:12", "docker.io/library/debian:12", "localhost/debian:12"),
        ("docker.io/library/debian:12", "docker.io/library/debian:12", "localhost/debian:12"),
        ("me/tool:1", "docker.io/me/tool:1", "localhost/me/tool:1"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/x:1", "localhost:5000/x:1", "localhost/localhost-5000/x:1"),
        ("quay.example/a/b:1", "quay.example/a/b:1", "localhost/quay.example/a/b:1"),
        (
            "debian@sha256:0123",
            "docker.io/library/debian@sha256:0123",
            "localhost/debian@sha256:0123",
        ),
    ],
)
def test_short_names_are_completed(written: str, full: str, stand_in: str) -> None:
    assert canonical(written) == full
    assert local(written) == stand_in


@pytest.mark.parametrize(
    "name",
    [
        "debian",
        "me/tool_x.y--z:1.2-RC_3",
        "LOCAL.example:5000/a/b__c:x",
        "[::1]:5000/a",
        f"debian@sha256:{'0' * 64}",
        f"a/b:1@sha256:{'0' * 64}",
        "0123456789ab",
        "f" * 64,
        f"sha256:{'f' * 64}",
    ],
)
def test_what_can_be_an_images_name(name: str) -> None:
    check(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Debian:12", "did you mean debian:12?"),
        ("quay.example/Team/x", "did you mean quay.example/team/x?"),
        ("", "names are like"),
        ("a b", "names are like"),
        ("a:", "names are like"),
        ("/a", "names are like"),
        ("a//b", "names are like"),
        ("https://x/y", "names are like"),
        ("a:b:c/d:e:f", "names are like"),
        ("debian@sha256:0123", "names are like"),
    ],
)
def test_what_can_not(name: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        check(name)
    assert repr(name) in caught.value.message
    assert caught.value.hint.startswith(hint)


def test_ids_are_told_from_names() -> None:
    assert is_id("a" * 64)
    assert is_id(f"sha256:{'a' * 64}")
    assert not is_id("a" * 12)
