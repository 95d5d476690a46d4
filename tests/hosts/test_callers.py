"""Accounts whose ids are not as usual, as the users of containers: run by root."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rootless_build.testing.base_root import write_base_root
from tests.hosts.machine import Completed, Machine, machine
from tests.hosts.spoiled import NO_DOCKER

MAKEFILE = """\
binary:
\tdocker run --rm --network host -v $(CURDIR):/w -w /w -u $(shell id -u):$(shell id -g) \\
\t\tdebian:bookworm sh -c 'mkdir -p bundles && id > bundles/id && stat -c %u /etc/passwd'
"""
SUBORDINATE = """\
for file in /etc/subuid /etc/subgid; do
    sed -i "/^$HOST_ACCOUNT:/d" $file
    printf '%s\\n' {ranges} >> $file
done
"""


@dataclass(frozen=True)
class Account:
    """`uid` None is one as useradd gives it."""

    title: str
    uid: int | None
    ranges: tuple[str, ...]


ACCOUNTS = (
    # As directory services give them; subordinate ids reach to 65536. Tests run side by side.
    Account("a uid beyond its subordinate ids", 1_234_567 + os.getpid(), ("3000000:65536",)),
    Account("several ranges", None, ("3000000:600", "4000000:65536", "5000000:700")),
)


@pytest.fixture(params=ACCOUNTS, ids=lambda account: account.title)
def account(request: pytest.FixtureRequest) -> Iterator[Machine]:
    if os.getuid() != 0:
        pytest.fail("accounts are made by root: use contrib/run-tests", pytrace=False)
    wanted: Account = request.param
    with machine(wanted.uid) as new:
        ranges = " ".join(f'"$HOST_ACCOUNT:{each}"' for each in wanted.ranges)
        new.as_root(NO_DOCKER + SUBORDINATE.replace("{ranges}", ranges))
        yield new


@pytest.mark.parametrize("backend", ["podman", "buildah"])
def test_the_callers_files_are_the_callers(account: Machine, backend: str) -> None:
    project = account.home / "project"
    project.mkdir()
    (project / "Makefile").write_text(MAKEFILE)
    write_base_root(account.home / "base.tar")
    account.as_root('chown -R "$HOST_ACCOUNT:" "$HOST_HOME"')

    def rbuild(*words: str) -> Completed:
        argv = [sys.executable, "-m", "rootless_build", "--backend", backend, *words]
        return account.run(argv, directory=project)

    made = rbuild("base", "--from", str(account.home / "base.tar"), "debian:bookworm")
    assert made.returncode == 0, made.stderr
    done = rbuild("binary")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0\n"
    uid = account.uid
    made_file = project / "bundles/id"
    assert made_file.read_text() == f"uid={uid} gid={uid} groups={uid}\n"
    assert {path.stat().st_uid for path in (made_file.parent, made_file)} == {uid}
