"""A project in Docker's shape, built by `rbuild` itself through every backend."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

from tests.e2e.driver import DEADLINE, Rbuild
from tests.e2e.made_bundles import BUILT, digests, listing, same_as_others

VERSION = "1.2.3"


def test_the_default_goal_makes_the_bundles_and_they_are_the_users(rbuild: Rbuild) -> None:
    done = rbuild()
    assert done.returncode == 0, done.stderr
    assert listing(rbuild.bundles) == BUILT
    assert str((rbuild.bundles / "latest").readlink()) == VERSION
    owners = {path.lstat().st_uid for path in rbuild.bundles.rglob("*")}
    assert owners == {os.getuid()}
    assert "debian:bookworm: using localhost/debian:bookworm" in done.stderr
    assert "4 checksums agreed" in done.stderr
    assert "---> Making bundle: binary (in bundles/1.2.3/binary)" in done.stdout
    said = subprocess.run(
        [rbuild.bundles / "latest/binary/projectd"], capture_output=True, text=True, check=True
    )
    assert said.stdout == "projectd version 1.2.3, commit unsupported, flavour plain\nit runs\n"


def test_variables_reach_the_container_as_with_make(rbuild: Rbuild) -> None:
    (rbuild.project / "COMMIT").write_text("abc1234\n")
    done = rbuild("FLAVOR=très spécial", "binary")
    assert done.returncode == 0, done.stderr
    daemon = (rbuild.bundles / "latest/binary/projectd").read_text()
    assert "commit abc1234, flavour très spécial" in daemon


def test_the_images_own_environment_stays_where_the_recipe_has_no_value(rbuild: Rbuild) -> None:
    done = rbuild("envs")
    assert done.returncode == 0, done.stderr
    assert "FLAVOR=plain" in done.stdout.splitlines()
    assert not [line for line in done.stdout.splitlines() if line.startswith("KEEPBUNDLE")]
    assert "DRIVER=" in done.stdout.splitlines()


def test_bundles_are_removed_or_kept_as_the_project_has_it(rbuild: Rbuild) -> None:
    extra = rbuild.bundles / VERSION / "extra"
    extra.parent.mkdir(parents=True)
    extra.write_text("mine")
    assert rbuild("KEEPBUNDLE=1", "binary").returncode == 0
    assert extra.read_text() == "mine"
    assert rbuild("binary").returncode == 0
    assert not extra.exists()


def test_a_failed_build_leaves_the_previous_bundles(rbuild: Rbuild) -> None:
    assert rbuild().returncode == 0
    before = digests(rbuild.bundles)
    done = rbuild("failing")
    assert done.returncode == 1
    assert "hack/make.sh binary broken failed with status 7" in done.stderr
    assert "the bundles are as they were" in done.stderr
    assert "Makefile:" in done.stderr
    assert "broken: no such symbol" in done.stdout + done.stderr
    assert digests(rbuild.bundles) == before
    assert rbuild.leftovers() == []


def test_the_second_build_takes_the_image_from_the_cache(rbuild: Rbuild) -> None:
    assert rbuild().returncode == 0
    done = rbuild("--log-format", "json", "--force")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    progress = [e for e in events if e["event"] == "build-progress"]
    cached = {str(e["instruction"]).split()[0] for e in progress if e["state"] == "cached"}
    # The others make no layer; what is told of them is the engine's.
    assert cached >= {"RUN", "WORKDIR", "COPY"}
    published = [e for e in events if e["event"] == "bundles-published"]
    assert [e["files"] for e in published] == [[]]
    assert events[-1]["event"] == "build-finished"
    assert events[-1]["status"] == 0


def test_a_command_in_the_make_container(rbuild: Rbuild) -> None:
    done = rbuild("run", "--", "sh", "-c", "pwd; cat VERSION; exit 3")
    assert done.returncode == 3
    assert done.stdout == "/go/src/example.com/project\n1.2.3\n"


def test_another_containerfile_with_build_arguments(rbuild: Rbuild, tmp_path: Path) -> None:
    other = tmp_path / "Containerfile"
    text = (rbuild.project / "Dockerfile").read_text().replace("FLAVOR plain", "FLAVOR other")
    other.write_text(text)
    done = rbuild("-f", str(other), "--build-arg", "NOTE=a b", "run", "--", "cat", "/note")
    assert (done.returncode, done.stdout) == (0, "note: a b\n")
    done = rbuild("-f", str(other), "--env", "DRIVER=x y", "envs")
    assert {"FLAVOR=other", "DRIVER=x y"} <= set(done.stdout.splitlines())


def test_another_bundles_directory(rbuild: Rbuild, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    done = rbuild("--bundles-dir", str(elsewhere), "BINDDIR=bundles", "binary")
    assert done.returncode == 0, done.stderr
    assert listing(elsewhere) == BUILT


def test_bundles_without_a_bind_mount_are_copied_out(rbuild: Rbuild) -> None:
    done = rbuild("BIND_DIR=", "binary")
    assert done.returncode == 0, done.stderr
    assert listing(rbuild.bundles) == BUILT
    assert rbuild.leftovers() == []


def test_a_failing_instruction_is_named_with_the_engines_words(rbuild: Rbuild) -> None:
    dockerfile = rbuild.project / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "RUN echo it is broken >&2; exit 9\n")
    done = rbuild()
    assert done.returncode == 1
    assert "RUN echo it is broken >&2; exit 9" in done.stderr
    assert "it is broken" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_build_leaves_nothing(rbuild: Rbuild) -> None:
    """Interrupted once the container is known to run: it says so, then waits for ever."""
    (rbuild.project / "hack/make/wait").write_text(
        "echo half > $DEST/half; echo waiting; while :; do sleep 1; done\n"
    )
    makefile = rbuild.project / "Makefile"
    makefile.write_text(makefile.read_text() + "\nwait: build\n\t$(RUN) hack/make.sh wait\n")
    assert rbuild("binary").returncode == 0
    before = digests(rbuild.bundles)
    with rbuild.started("wait") as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line == b"waiting\n":
                break
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    assert running.returncode == 130, errors
    assert b"interrupted; the bundles are as they were" in errors
    assert digests(rbuild.bundles) == before
    assert rbuild.leftovers() == []
    assert [p.name for p in rbuild.project.iterdir() if p.name.startswith(".bundles")] == []


def test_what_is_installed_runs(rbuild: Rbuild, tmp_path: Path) -> None:
    assert rbuild().returncode == 0
    done = rbuild("install", "--prefix", str(tmp_path / "usr"))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "usr/bin").iterdir()) == [
        "project-runc",
        "projectd",
    ]
    said = subprocess.run(
        [tmp_path / "usr/bin/projectd"], capture_output=True, text=True, check=True
    )
    assert "version 1.2.3" in said.stdout


def test_bundles_have_a_provenance_that_is_verified(rbuild: Rbuild) -> None:
    assert rbuild().returncode == 0
    statement = json.loads((rbuild.bundles / "latest/binary/provenance.intoto.json").read_text())
    assert [subject["name"] for subject in statement["subject"]] == [
        "project-runc",
        "project-runc.md5",
        "project-runc.sha256",
        "projectd",
        "projectd-1.2.3",
        "projectd-1.2.3.md5",
        "projectd-1.2.3.sha256",
    ]
    dependencies = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert [item["name"] for item in dependencies] == ["debian:bookworm", "project-dev"]
    assert rbuild("bundles", "verify").returncode == 0
    with (rbuild.bundles / "latest/binary/project-runc.md5").open("a") as file:
        file.write("\n")
    done = rbuild("bundles", "verify")
    assert done.returncode == 4
    assert "project-runc.md5: is not what provenance.intoto.json says" in done.stderr
    assert rbuild("--no-provenance").returncode == 0
    assert not list(rbuild.bundles.rglob("provenance.intoto.json"))
    assert rbuild("bundles", "verify").returncode == 0


def test_the_plan_shows_the_backends_own_commands(rbuild: Rbuild) -> None:
    done = rbuild("plan", "binary")
    assert done.returncode == 0, done.stderr
    assert f"\n{rbuild.backend} " in done.stdout
    assert "hack/make.sh binary" in done.stdout
    plan = json.loads(rbuild("plan", "--format", "json", "binary").stdout)
    assert [step["kind"] for step in plan["steps"]] == [
        "host-command",
        "build-image",
        "run-container",
    ]
    assert not rbuild.bundles.exists()


def test_a_plan_says_what_would_be_done_and_runs_without_rbuild(rbuild: Rbuild) -> None:
    def verdicts() -> list[str]:
        done = rbuild("plan", "binary")
        heads = [line for line in done.stdout.splitlines() if re.match(r"# \d/\d ", line)]
        assert heads, done.stderr + done.stdout
        return [line.partition(": ")[2] for line in heads]

    if not rbuild.terminal:
        # On a terminal the settings are only named.
        script = rbuild("plan", "binary").stdout
        subprocess.run(["sh", "-e"], input=script, text=True, env=rbuild.environment, check=True)
        made = [name for name in listing(rbuild.bundles) if "provenance" not in name]
        assert made == [name for name in BUILT if "provenance" not in name]
    image, container = verdicts()[-2:]
    assert image.startswith("would be done: ")
    assert container.startswith(("may be done: its image", "would be done: "))
    assert rbuild("binary").returncode == 0
    assert verdicts() == ["unchanged, would not be done"] * 2
    (rbuild.bundles / "latest/binary/project-runc").write_text("another")
    assert verdicts()[-1] == "would be done: the bundles are not as that run left them"
    (rbuild.project / "VERSION").write_text("1.2.4\n")
    assert verdicts()[-2] == "would be done: the context changed (VERSION)"
    # A look does not make the next one forget.
    assert verdicts()[-2] == "would be done: the context changed (VERSION)"


def test_a_volume_of_the_project_lasts_until_it_is_removed(rbuild: Rbuild) -> None:
    assert rbuild("run", "--", "touch", "/root/.cache/kept").returncode == 0
    assert rbuild("run", "--", "test", "-e", "/root/.cache/kept").returncode == 0
    assert rbuild("clean-cache").returncode == 0
    assert rbuild("run", "--", "test", "-e", "/root/.cache/kept").returncode == 1


def test_clean_removes_the_images_of_the_project(rbuild: Rbuild) -> None:
    assert rbuild("build").returncode == 0
    shown = rbuild("clean", "--images", "--dry-run")
    assert "would remove image" in shown.stdout
    done = rbuild("clean", "--images", "--volumes")
    assert done.returncode == 0, done.stderr
    assert "removed image" in done.stdout
    assert rbuild("clean", "--images", "--volumes").stdout == "nothing to remove\n"


def test_every_backend_makes_the_same_bytes(rbuild: Rbuild, agreed: Path) -> None:
    assert rbuild("FLAVOR=same", "all").returncode == 0
    assert "1.2.3/cross/linux/amd64/project-1.2.3" in listing(rbuild.bundles)
    same_as_others(rbuild, agreed, "project")


def test_a_real_terminal_reaches_the_projects_shell(rbuild: Rbuild) -> None:
    with rbuild.on_screen("shell") as (running, screen):
        screen.resize(37, 91)
        assert screen.shows(b" # ")
        # docker tells a container its size only after the start (client 20.10): until then stty
        # fails, or says nothing; and it lost what was written just before the end (once, under
        # load).
        wait = b"until test \"$(stty size)\" = '37 91'; do sleep 0.1; done"
        screen.type(b"test -t 0 && echo term-$((20 + 2)); " + wait + b"; echo size-$((30 + 7))\n")
        assert screen.shows(b"term-22")
        assert screen.shows(b"size-37")
        screen.type(b"exit 5\n")
        screen.read_all()
        assert running.wait(DEADLINE) == 5
