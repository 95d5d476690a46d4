"""On a terminal a build is staged, verified, attested and told as elsewhere, and keys are its own.

moby's Makefile adds `-t` where standard input is a terminal; every test here runs so.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from rootless_build.runner import journal
from tests.e2e.driver import DEADLINE, Rbuild
from tests.e2e.made_bundles import BUILT, digests, listing
from tests.e2e.remains import remains
from tests.e2e.unverified import with_unverified_target

CTRL_C = b"\x03"
VALUE = "correct-horse-battery"


@pytest.fixture
def on_terminal() -> bool:
    """Every run of this module is on one."""
    return True


def with_target(rbuild: Rbuild, name: str, script: str) -> None:
    """A target that runs a script in the make container as the project's own do."""
    (rbuild.project / "hack/make" / name).write_text(script)
    makefile = rbuild.project / "Makefile"
    text = makefile.read_text()
    makefile.write_text(f"{text}\n{name}: build\n\t$(RUN) hack/make.sh {name}\n")


def kept(rbuild: Rbuild) -> list[Path]:
    """The files that the project's last failed container wrote."""
    name = f"{rbuild.project.name}-{journal.key(rbuild.project)}"
    place = Path(rbuild.environment["XDG_STATE_HOME"], "rbuild/failed", name)
    return sorted(path for path in place.rglob("*") if path.is_file())


def test_bundles_are_verified_attested_summarised_and_found_again(rbuild: Rbuild) -> None:
    with_target(rbuild, "tty", "test -t 0 && test -t 1 && echo a terminal > $DEST/tty\n")
    done = rbuild("binary")
    assert done.returncode == 0, done.stderr
    assert listing(rbuild.bundles) == BUILT
    assert {path.lstat().st_uid for path in rbuild.bundles.rglob("*")} == {os.getuid()}
    assert "4 checksums agreed" in done.stderr
    assert "---> Making bundle: binary" in done.stdout
    assert "nothing changed" in rbuild("binary").stderr
    assert rbuild("tty").returncode == 0
    assert (rbuild.bundles / "latest/tty/tty").read_text() == "a terminal\n"
    (statement,) = (rbuild.bundles / "latest/tty").glob("provenance*")
    assert json.loads(statement.read_text())["subject"][0]["name"] == "tty"
    assert rbuild("bundles", "verify").returncode == 0


def test_a_failing_build_leaves_the_bundles_and_keeps_what_it_wrote(rbuild: Rbuild) -> None:
    with_target(rbuild, "broken", "echo half > $DEST/half; echo FAIL > $DEST/docker.log; exit 7\n")
    assert rbuild("binary").returncode == 0
    before = digests(rbuild.bundles)
    done = rbuild("broken")
    assert done.returncode == 1
    assert "status 7" in done.stderr
    assert digests(rbuild.bundles) == before
    assert rbuild("bundles", "verify").returncode == 0
    (log,) = (path for path in kept(rbuild) if path.name == "docker.log")
    assert log.read_text() == "FAIL\n"
    assert str(log.parents[2]) in done.stderr
    # It is in no build context: the image is as it was.
    assert "unchanged" in rbuild("binary").stderr
    # The last one is kept, not all.
    assert rbuild("broken").returncode == 1
    assert [path.name for path in kept(rbuild)].count("docker.log") == 1


def test_a_wrong_checksum_is_found(rbuild: Rbuild) -> None:
    with_unverified_target(rbuild)
    assert rbuild("binary").returncode == 0
    before = digests(rbuild.bundles)
    done = rbuild("unverified")
    assert done.returncode == 4, done.stderr
    assert "tool.md5" in done.stderr
    assert digests(rbuild.bundles) == before


def test_ctrl_c_is_the_containers_and_ends_the_run(waiting: Rbuild) -> None:
    assert waiting("binary").returncode == 0
    before = digests(waiting.bundles)
    with waiting.on_screen("wait") as (running, screen):
        assert screen.shows(b"waiting")
        screen.type(CTRL_C)
        screen.read_all()
        assert running.wait(DEADLINE) == 130, screen.shown
    assert b"interrupted; the bundles are as they were" in screen.shown
    assert digests(waiting.bundles) == before
    assert remains(waiting, interrupted=True) == []


def test_a_second_ctrl_c_ends_a_container_that_does_not_act_on_the_first(waiting: Rbuild) -> None:
    with waiting.on_screen("stubborn") as (running, screen):
        assert screen.shows(b"waiting")
        screen.type(CTRL_C)
        assert screen.shows(b"again to kill")
        screen.type(CTRL_C)
        screen.read_all()
        assert running.wait(DEADLINE) == 130, screen.shown
    assert remains(waiting, interrupted=True) == []


def test_a_secret_is_masked_and_a_prompt_is_not_held_back(rbuild: Rbuild) -> None:
    environment = {**rbuild.environment, "TOKEN": VALUE}
    secretive = dataclasses.replace(rbuild, environment=environment)
    if rbuild.backend == "buildah":
        # It would be on a command line.
        assert secretive("--secret-env", "TOKEN", "binary").returncode == 3
        return
    with_target(
        rbuild, "asks", 'echo "has $TOKEN"; printf "say it, %s" co; read line; echo "<$line>"\n'
    )
    makefile = rbuild.project / "Makefile"
    makefile.write_text(makefile.read_text().replace("-e KEEPBUNDLE", "-e KEEPBUNDLE -e TOKEN"))
    with secretive.on_screen("--secret-env", "TOKEN", "asks") as (running, screen):
        # The last two letters of the prompt are the first two of the secret.
        assert screen.shows(b"say it, co"), screen.shown
        screen.type(b"word\r")
        screen.read_all()
        assert running.wait(DEADLINE) == 0, screen.shown
    assert b"has ***" in screen.shown
    assert b"<word>" in screen.shown
    assert VALUE.encode() not in screen.shown


def test_a_command_that_the_user_asks_for_is_staged_too(rbuild: Rbuild) -> None:
    assert rbuild("binary").returncode == 0
    before = digests(rbuild.bundles)
    write = "mkdir -p bundles/mine; echo x > bundles/mine/x; rm -r bundles/1.2.3; "
    done = rbuild("run", "--", "sh", "-c", f"{write} exit 3")
    assert done.returncode == 3
    assert digests(rbuild.bundles) == before
    assert [path.name for path in kept(rbuild)] == ["x"]
    assert rbuild("run", "--", "true").returncode == 0
    assert digests(rbuild.bundles) == before
    done = rbuild("run", "--", "hack/make.sh", "cross")
    assert done.returncode == 0, done.stderr
    assert "new or changed" in done.stderr
    assert listing(rbuild.bundles / "1.2.3/cross")
    assert rbuild("bundles", "verify").returncode == 0


def test_what_is_done_in_a_shell_is_there_at_once_also_what_runs_beside_it(rbuild: Rbuild) -> None:
    assert rbuild("binary").returncode == 0
    with rbuild.on_screen("shell") as (running, screen):
        assert screen.shows(b" # ")
        screen.type(b"echo here > bundles/here; ls -l bundles/here\r")
        assert screen.shows(b"1 root")
        assert (rbuild.bundles / "here").read_text() == "here\n"
        beside = "rm bundles/here; echo there > bundles/there; echo it > bundles/latest/binary/it"
        done = rbuild("run", "--", "sh", "-c", beside)
        assert done.returncode == 0, done.stderr
        assert not (rbuild.bundles / "here").exists()
        screen.type(b"cat bundles/there bundles/latest/binary/it; exit 5\r")
        screen.read_all()
        assert running.wait(DEADLINE) == 5, screen.shown
    assert b"there\r\nit\r\n" in screen.shown
    assert (rbuild.bundles / "there").read_text() == "there\n"


def test_what_was_typed_is_asked_for_again(rbuild: Rbuild) -> None:
    with_target(rbuild, "asks", "echo -n 'name? '; read x; echo $x > $DEST/answer\n")
    for answer in ("one", "two"):
        with rbuild.on_screen("asks") as (running, screen):
            assert screen.shows(b"name? "), screen.shown
            screen.type(f"{answer}\n".encode())
            screen.read_all()
            assert running.wait(DEADLINE) == 0, screen.shown
        assert (rbuild.bundles / "latest/asks/answer").read_text() == f"{answer}\n"
    assert "nothing changed" not in rbuild("--dry-run", "asks").stderr


def test_a_shell_that_the_image_brings_is_started_every_time(rbuild: Rbuild) -> None:
    makefile = rbuild.project / "Makefile"
    console = "docker run --rm -i -t -v $(CURDIR)/bundles:/out --entrypoint sh debian:bookworm -i"
    makefile.write_text(f"{makefile.read_text()}\nconsole:\n\t{console}\n")
    for number in (1, 2):
        with rbuild.on_screen("console") as (running, screen):
            assert screen.shows(b"# "), screen.shown
            screen.type(f"echo {number} > /out/by-hand; test {number} = 2; exit\n".encode())
            screen.read_all()
            assert running.wait(DEADLINE) == (1 if number == 1 else 0), screen.shown
        assert (rbuild.bundles / "by-hand").read_text() == f"{number}\n"
