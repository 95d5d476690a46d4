"""Secrets, builds without privileges, reproduction, and projects that mean harm."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import subprocess
from pathlib import Path

import pytest

from rootless_build.process import proc
from tests.e2e.driver import Rbuild
from tests.e2e.made_bundles import BUILT, digests, listing
from tests.e2e.waiting import at_work

pytestmark = pytest.mark.in_ci("podman")

VALUE = "correct-horse-battery"


def test_a_secret_reaches_the_image_build_and_stays_nowhere(rbuild: Rbuild, tmp_path: Path) -> None:
    if rbuild.backend == "docker":
        pytest.skip("the classic builder has no secrets; Debian 12 has no buildx")
    (tmp_path / "key").write_text(VALUE)
    (rbuild.project / "Secret").write_text(
        "FROM debian:bookworm\n"
        "RUN --mount=type=secret,id=key sha256sum < /run/secrets/key > /digest\n"
        "RUN --mount=type=secret,id=key cat /run/secrets/key; echo\n"
        "RUN test ! -e /run/secrets/key\n"
    )
    secret = f"id=key,src={tmp_path}/key"
    done = rbuild("-f", "Secret", "--secret", secret, "-v", "--no-cache", "build")
    assert done.returncode == 0, done.stderr
    assert VALUE not in done.stderr + done.stdout
    assert "***" in done.stderr


def test_a_secret_variable_reaches_the_container_and_is_on_no_command_line(
    waiting: Rbuild,
) -> None:
    environment = {**waiting.environment, "TOKEN": VALUE}
    rbuild = dataclasses.replace(waiting, environment=environment)
    script = rbuild.project / "hack/make/wait"
    script.write_text('echo "has $TOKEN"; ' + script.read_text())
    if rbuild.backend == "buildah":
        done = rbuild("--secret-env", "TOKEN", "wait")
        assert done.returncode == 3
        assert "--secret-env" in done.stderr
        return
    with at_work(rbuild, "--secret-env", "TOKEN", "wait") as running:
        shown: list[bytes] = []
        for process in proc.processes():
            with contextlib.suppress(OSError):
                shown += proc.command_line(process)
        assert not [word for word in shown if VALUE.encode() in word]
        records = list(Path(environment["XDG_DATA_HOME"]).glob("rbuild/runs/*/*/*"))
        assert records
        assert not [path for path in records if VALUE in path.read_text()]
        running.terminate()
        running.communicate()
    done = rbuild("--secret-env", "TOKEN", "run", "--", "sh", "-c", "echo $TOKEN | wc -c; env")
    assert done.returncode == 0, done.stderr
    assert f"{len(VALUE) + 1}" in done.stdout
    assert "TOKEN=***" in done.stdout
    assert rbuild("--secret-env", "TOKEN", "binary").returncode == 0
    statement = rbuild.bundles / "latest/binary/provenance.intoto.json"
    assert VALUE not in statement.read_text()
    assert VALUE not in rbuild("--secret-env", "TOKEN", "plan", "--format", "json").stdout


def test_a_build_without_privileges_makes_the_same(rbuild: Rbuild) -> None:
    assert rbuild("binary").returncode == 0
    before = digests(rbuild.bundles)
    script = rbuild.project / "hack/make/binary"
    text = script.read_text()
    script.write_text(text + "grep CapEff /proc/self/status; touch /tmp/x\n")
    done = rbuild("--unprivileged", "binary")
    assert done.returncode == 0, done.stderr
    assert "CapEff:\t000001ffffffffff" not in done.stdout
    assert "CapEff:" in done.stdout
    assert digests(rbuild.bundles) == before


def test_dind_is_left_out_without_privileges(rbuild: Rbuild) -> None:
    entry = rbuild.project / "hack/entry"
    entry.rename(entry.with_name("dind"))
    entry.with_name("dind").write_text("#!/bin/sh\nmount -t securityfs none /sys || exit 9\n")
    dockerfile = rbuild.project / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("hack/entry", "hack/dind"))
    done = rbuild("--unprivileged", "binary")
    assert done.returncode == 0, done.stderr
    assert listing(rbuild.bundles) == BUILT


def test_a_build_that_can_be_reproduced_is(rbuild: Rbuild) -> None:
    assert rbuild("binary").returncode == 0
    before = digests(rbuild.bundles)
    done = rbuild("reproduce", "binary")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "reproducible: all 6 files are the same, byte for byte" in done.stdout
    assert digests(rbuild.bundles) == before


def test_a_build_that_can_not_be_reproduced_names_the_file_and_the_place(rbuild: Rbuild) -> None:
    script = rbuild.project / "hack/make/binary"
    text = script.read_text()
    script.write_text('{ printf 1234; cat /proc/sys/kernel/random/uuid; } > "$DEST/id"\n' + text)
    assert rbuild("binary").returncode == 0
    before = digests(rbuild.bundles)
    done = rbuild("reproduce", "binary")
    assert done.returncode == 1
    # Two random ids may begin alike.
    assert re.search("1.2.3/binary/id differs at offset 0x([4-9a-f])\n", done.stdout)
    assert "not reproducible: 1 of 7 files differs" in done.stdout
    assert digests(rbuild.bundles) == before
    assert [path for path in rbuild.project.iterdir() if path.name.startswith(".bundles")] == []


def test_terminal_escapes_of_a_project_do_not_reach_what_rbuild_says_itself(
    rbuild: Rbuild,
) -> None:
    escape = "\x1b]0;owned\x07\x1b[2J"
    dockerfile = rbuild.project / "Dockerfile"
    dockerfile.write_text(
        dockerfile.read_text() + f'LABEL evil="{escape}"\nRUN echo harmless # {escape}\n'
    )
    (rbuild.project / "hack/make/binary").write_text(
        f'touch "$DEST/$(printf \'\\033]0;x\\007\')"; echo x > "$DEST/{escape}.md5"\n'
    )
    done = rbuild("binary")
    assert done.returncode == 4
    assert "\x1b" not in done.stderr
    assert "\x1b" not in rbuild("bundles").stdout
    assert "\x1b" not in rbuild("plan").stdout
    assert remains_of_project(rbuild) == []


def remains_of_project(rbuild: Rbuild) -> list[Path]:
    return [path for path in rbuild.project.iterdir() if ".rbuild." in path.name]


def test_names_of_a_project_are_no_options_and_no_commands(rbuild: Rbuild, tmp_path: Path) -> None:
    """A checkout whose path would be more than a path in a shell, or to an engine."""
    odd = tmp_path / "--privileged; touch owned & ü"
    rbuild.project.rename(odd)
    moved = dataclasses.replace(rbuild, project=odd)
    done = moved("binary")
    assert done.returncode in {0, 1, 2, 3}, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("owned*"))


def test_a_container_runs_nothing_through_the_checkouts_git(rbuild: Rbuild, tmp_path: Path) -> None:
    project = rbuild.project
    (project / ".gitignore").write_text("/bundles\n")
    identity = ("-c", "user.name=t", "-c", "user.email=t@t.invalid")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(project), *identity, *words], check=True)
    pwned = tmp_path / "pwned"
    (project / "attack").write_text(
        f"""\
set -e
mkdir -p .git/info bundles/binary
echo x > bundles/binary/x
printf '[filter "x"]\\nclean = touch {pwned}; cat\\n' >> .git/config
echo '* filter=x' > .git/info/attributes
echo >> VERSION
"""
    )
    (project / "Dockerfile").write_text("FROM debian:bookworm\n")
    (project / "rbuild.toml").write_text(
        '[image]\ntag = "x"\n[container]\nmounts = [".:/w"]\nworking-directory = "/w"\n'
        'command = ["sh", "attack"]\n'
        '[bundles]\ndirectory = "bundles"\ncontainer-path = "/w/bundles"\n'
    )
    first = rbuild()
    assert first.returncode == 0, first.stderr
    assert "the container changed .git/config, .git/info/attributes" in first.stderr
    second = rbuild()
    assert second.returncode == 0, second.stderr
    assert not pwned.exists()
    subprocess.run(["git", "-C", str(project), "status"], check=True, capture_output=True)
    assert pwned.exists()
