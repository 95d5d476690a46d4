"""Words of mounts, names of caches, and secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.stages import Image
from rootless_build.images.rewrite.features import Answer, Feature
from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last, same

IN_W = {"base": Image(working_directory="/w")}
SHOWN = {Feature.MOUNT_OWNER: Answer(exact=True, day="2026-11-30")}


@pytest.mark.parametrize(
    ("mount", "becomes"),
    [
        ("type=CACHE,target=/c", "type=cache,target=/c"),
        ("type=cache,target=/c,sharing=SHARED", "type=cache,target=/c,sharing=shared"),
        ("type=tmpfs,Target=/c", "type=tmpfs,target=/c"),
        ("type=$T,target=/c/$V", "type=tmpfs,target=/c/v"),
        ("type=cache,id=$V,target=/c", "type=cache,target=/c,id=v"),
        ("type=secret,id=$V,uid=$N", "type=secret,id=v,uid=7"),
        ("type=secret,id=s,target=a/b", "type=secret,target=/w/a/b,id=s"),
        ("type=secret,target=/a/b", "type=secret,target=/a/b,id=b"),
        ("type=secret,src=s", "type=secret,id=s"),
        ("type=secret,id=s,required", "type=secret,id=s,required=true"),
        ("type=tmpfs,target=/c,id=x", "type=tmpfs,target=/c"),
    ],
)
def test_as_engines_read_them(tmp_path: Path, mount: str, becomes: str) -> None:
    text = f"ENV V=v N=7\nARG T=tmpfs\nRUN --mount={mount} a"
    assert last(tmp_path, text, images=IN_W, answers=SHOWN)[-1] == f"RUN --mount={becomes} a"


def test_what_is_plain_stays(tmp_path: Path) -> None:
    assert same(tmp_path, "RUN --mount=type=cache,target=/c --mount=type=secret,id=s a")


def names(tmp_path: Path, *mounts: str) -> list[str]:
    """What the caches are called that become of these."""
    found = []
    for mount in mounts:
        text = f"RUN --mount=type=cache,target=/c,{mount} a\nRUN --network=none b"
        made = last(tmp_path, text, images=IN_W, answers=SHOWN)[-2]
        words = made.split()[1].split(",")
        found += [word.removeprefix("id=") for word in words if word.startswith("id=")]
    return found


def test_no_cache_is_in_another(tmp_path: Path) -> None:
    made = names(tmp_path, "id=/root/.cache", "id=/root/.cache/go", "id=a/b", "id=a/../a/b")
    assert len(set(made)) == 4
    assert not any("/" in name for name in made)


def test_a_cache_of_another_mode_or_owner_is_another(tmp_path: Path) -> None:
    made = names(tmp_path, "id=a", "id=a,mode=0700", "id=a,mode=0700,uid=5", "id=a,gid=5")
    assert made[0] == "a"
    assert len(set(made)) == 4


def test_a_cache_without_a_target_is_not_the_place_of_all_caches(tmp_path: Path) -> None:
    made = last(tmp_path, "RUN --mount=type=cache a", images=IN_W)[-1]
    assert "id=cache-" in made


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("echo $T", '"/bin/sh", "-c", "echo $T"'),
        ('["a", "b"]', '"a", "b"'),
        ("<<E\na\nb\nE", '"/bin/sh", "-c", "a\\nb\\n"'),
    ],
)
def test_a_secret_in_a_variable(tmp_path: Path, command: str, argv: str) -> None:
    made = last(tmp_path, f"RUN --mount=type=secret,id=s,env=T,uid=5 {command}", answers=SHOWN)[-1]
    assert made.startswith("RUN --mount=type=secret,target=/dev/secrets/T,id=s,mode=0444 [")
    assert made.endswith(f' "sh", {argv}]')


def test_a_secret_in_a_variable_and_in_a_file(tmp_path: Path) -> None:
    made = last(tmp_path, "RUN --mount=type=secret,id=s,env=T,target=/t a")[-1]
    assert "--mount=type=secret,target=/t,id=s " in made
    assert "--mount=type=secret,target=/dev/secrets/T,id=s-rbuild-1,mode=0444 " in made


def test_a_variable_that_no_shell_has(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="a-b can't be the name of a variable"):
        last(tmp_path, "RUN --mount=type=secret,id=s,env=a-b a")
