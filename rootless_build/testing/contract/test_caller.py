"""A container whose user is the one who runs rbuild, as docker 29.1 (rootful) has it.

What each container shows was taken from `docker run` of docker 29.1.3 with the same image, user and
mounts, for an account with the same uid.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.backend import caller
from rootless_build.backend.api import Engine, Image, Stdio
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    CallerIds,
    Mount,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Build, Run, sh, where_supported
from rootless_build.testing.recorder import Recorder

U, G = os.getuid(), os.getgid()
ME = f"{U}:{G}"


@pytest.fixture(scope="module")
def image(build: Build, base_image: Image, storage: Path) -> Image:
    """BASE with an account of the caller's uid, and files of root's, of that account's and of an
    other one's, each for its owner alone.
    """
    context = storage / "caller-image"
    context.mkdir()
    (context / "Dockerfile").write_text(
        f"FROM {BASE}\n"
        "RUN sed -i /tester/d /etc/passwd /etc/group"
        f" && echo 'me:x:{U}:2345:Me:/home/me:/bin/sh' >> /etc/passwd"
        " && echo 'mine:x:2345:' >> /etc/group && echo 'extra:x:777:me' >> /etc/group"
        " && for n in root me 4321; do echo $n > /of-$n; chmod 600 /of-$n; chown $n /of-$n; done"
        f" && mkdir /data && echo seed > /data/seed && chown {U}:{G} /data/seed\n"
        "WORKDIR /home\n"
    )
    return build(BuildImage(context, tags=("localhost/rbuild-test-caller",)))


@pytest.fixture(scope="module")
def bare(build: Build, base_image: Image, storage: Path) -> Image:
    """BASE with no account but root's: its `tester` may have the caller's uid."""
    context = storage / "bare-image"
    context.mkdir()
    text = f"FROM {BASE}\nRUN sed -i /tester/d /etc/passwd /etc/group\n"
    (context / "Dockerfile").write_text(text)
    return build(BuildImage(context))


def step(
    script: str, *mounts: Mount, user: str = ME, ids: tuple[int, int] = (U, G)
) -> RunContainer:
    return RunContainer(BASE, sh(script), user=user, mounts=mounts, caller_ids=CallerIds(*ids))


def owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


def test_files_are_the_callers_inside_and_outside(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept from others\n")
    (tmp_path / "mine").chmod(0o600)
    script = "cat mine; mkdir -p out/sub && touch out/sub/file; stat -c %u:%g . mine out/sub/file"
    with where_supported("--user"):
        ran = run(step(f"cd /w && {script}", BindMount(tmp_path, "/w")))
        assert ran.text.splitlines() == ["kept from others", ME, ME, ME]
        assert owner(tmp_path / "out/sub/file") == (U, G)


def test_privileged_too(run: Run, bare: Image, tmp_path: Path) -> None:
    made = step("touch /w/file; id", BindMount(tmp_path, "/w"))
    with where_supported("--user"):
        ran = run(replace(made, privileged=True), bare)
        assert ran.text == f"uid={U} gid={G} groups={G}"
        assert owner(tmp_path / "file") == (U, G)


@pytest.mark.parametrize(
    ("user", "ids", "shown", "home"),
    [
        (ME, (U, G), f"uid={U}(me) gid={G} groups={G}", "/home/me"),
        (f"{U}", (U, 2345), f"uid={U}(me) gid=2345(mine) groups=777(extra),2345(mine)", "/home/me"),
        ("me", (U, 2345), f"uid={U}(me) gid=2345(mine) groups=777(extra),2345(mine)", "/home/me"),
        (f"{U}:0", (U, 0), f"uid={U}(me) gid=0(root) groups=0(root)", "/home/me"),
        (f"{U}:999", (U, 999), f"uid={U}(me) gid=999 groups=999", "/home/me"),
    ],
)
def test_who_it_is(
    engine: Engine,
    run: Run,
    image: Image,
    tmp_path: Path,
    user: str,
    ids: tuple[int, int],
    shown: str,
    home: str,
) -> None:
    plain = RunContainer(
        BASE,
        sh("id; echo $HOME; umask; pwd; touch /w/file"),
        user=user,
        mounts=(BindMount(tmp_path, "/w"),),
    )
    made = caller.identify(plain, image, engine, ())
    assert made.caller_ids == CallerIds(*ids)
    with where_supported("--user"):
        who, *rest = run(made, image).text.splitlines()
        # The kernel sorts groups by what they are outside.
        assert sorted(re.split("[ =,]", who)) == sorted(re.split("[ =,]", shown))
        assert rest == [home, "0022", "/home"]
        assert owner(tmp_path / "file") == (U, G)


@pytest.mark.parametrize("user", [f":{G}", f"0:{G}"])
def test_only_the_group_is_given(
    engine: Engine, run: Run, image: Image, tmp_path: Path, user: str
) -> None:
    mounts = (BindMount(tmp_path, "/w"),)
    plain = RunContainer(BASE, sh("id; echo $HOME; touch /w/file"), user=user, mounts=mounts)
    made = caller.identify(plain, image, engine, ())
    assert made.caller_ids == CallerIds(0, G)
    ran = run(made, image)
    assert ran.text.splitlines() == [f"uid=0(root) gid={G} groups={G}", "/root"]
    if not any(f"group {G} of the container is not yours" in n.text for n in ran.recorder.notices):
        assert owner(tmp_path / "file") == (U, G)


def test_a_user_without_an_entry_has_none_and_no_home(
    run: Run, bare: Image, tmp_path: Path
) -> None:
    script = "id; echo $HOME; cat /etc/passwd /etc/group"
    assert run(RunContainer(BASE, sh("echo $HOME"), user="4321")).text == "/"
    with where_supported("--user"):
        lines = run(step(script, BindMount(tmp_path, "/w")), bare).text.splitlines()
        assert lines[:2] == [f"uid={U} gid={G} groups={G}", "/"]
        assert [line.partition(":")[0] for line in lines[2:]] == ["root"] * 2


def test_files_of_the_image_are_as_readable_as_with_docker(
    run: Run, image: Image, tmp_path: Path
) -> None:
    script = (
        "cat /of-me; for n in root 4321; do cat /of-$n 2> /dev/null && echo read; done;"
        "touch /new /etc/new /home/new 2> /dev/null && echo wrote; stat -c %u /etc /of-root"
    )
    with where_supported("--user"):
        ran = run(step(script, BindMount(tmp_path, "/w")), image)
        assert ran.text.splitlines() == ["me", "0", "0"]


def test_what_the_engine_makes_for_mounts_is_roots(run: Run, tmp_path: Path) -> None:
    script = "stat -c %u:%g /a /a/b; touch /a/x 2> /dev/null || echo refused"
    mounts = (BindMount(tmp_path, "/a/b/c"), TmpfsMount("/a/t"))
    with where_supported("--user"):
        assert run(step(script, *mounts)).text.splitlines() == ["0:0", "0:0", "refused"]


# --- volumes ------------------------------------------------------------------------------------


@pytest.fixture
def volume(engine: Engine) -> Iterator[str]:
    """A name for a volume that is gone after the test."""
    name = f"rbuild-test-{secrets.token_hex(4)}"
    yield name
    engine.remove_volume(name)


def test_a_volume_is_shared_with_roots_containers(run: Run, volume: str) -> None:
    mount = VolumeMount("/v", volume)
    with where_supported("--user"):
        run(RunContainer(BASE, sh("mkdir -m 777 /v/d && touch /v/d/of-root"), mounts=(mount,)))
        run(step("touch /v/d/of-mine", mount))
        ran = run(RunContainer(BASE, sh("ls /v/d && rm -r /v/d && echo gone"), mounts=(mount,)))
        assert ran.text.splitlines() == ["of-mine", "of-root", "gone"]


def test_a_volume_that_root_gave_to_the_user(run: Run, volume: str) -> None:
    mount = VolumeMount("/v", volume)
    script = "mkdir -m 700 /v/d && touch /v/d/file /v/other && chown 5 /v/other"
    run(RunContainer(BASE, sh(f"{script} && chown -R {ME} /v /v/d"), mounts=(mount,)))
    with where_supported("--user"):
        ran = run(step("touch /v/new /v/d/new && stat -c %u:%g /v /v/d /v/d/file", mount))
        assert ran.text.splitlines() == [ME, ME, ME]


@pytest.mark.parametrize("user", [ME, "4321", "4321:4321", "tester", None])
def test_a_cache_can_be_written_or_is_not_there(run: Run, volume: str, user: str | None) -> None:
    """As it would be without: below a directory that everybody can write to."""
    made = RunContainer(
        BASE,
        sh("mkdir -p /tmp/cache && touch /tmp/cache/file && echo written"),
        user=user,
        mounts=(VolumeMount("/tmp/cache", volume, cache=True),),
        caller_ids=CallerIds(U, G) if user == ME else None,
    )
    with where_supported("--user"):
        assert run(made).text == "written"
        assert run(made).text == "written"


def test_files_are_copied_out_of_it(engine: Engine, image: Image, tmp_path: Path) -> None:
    mounts = (BindMount(tmp_path, "/w", read_only=True),)
    made = step("mkdir -m 700 /tmp/out && echo x > /tmp/out/file && chmod 600 /tmp/out/file")
    made = replace(made, mounts=mounts)
    out = tmp_path / "out"
    out.mkdir()
    with engine.container(made, image) as container:
        assert container.run(Recorder().reporter, Stdio.CLOSED).status == 0
        assert container.copy_out("/tmp/out", out)
    assert (out / "file").read_text() == "x\n"
    assert owner(out / "file") == (U, G)


# --- the copy -----------------------------------------------------------------------------------


def test_an_image_is_copied_once(
    engine: Engine, run: Run, build: Build, tmp_path: Path, storage: Path
) -> None:
    context = storage / f"copied-{secrets.token_hex(4)}"
    context.mkdir()
    (context / "file").write_bytes(os.urandom(2_000_000))
    (context / "Dockerfile").write_text(f"FROM {BASE}\nCOPY file /file\n")
    image = build(BuildImage(context))
    made = step("true", BindMount(tmp_path, "/w"))
    with where_supported("--user"):
        size = engine.copy_size(made, image)
        run(made, image)
        assert engine.copy_size(made, image) is None
        assert engine.copy_size(replace(made, caller_ids=None), image) is None
        assert size is None or size > 2_000_000
