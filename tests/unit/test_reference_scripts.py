"""The rule by which scripts of the reference are compared, and that each has a recording."""

from __future__ import annotations

import pytest

from tests.reference.scripts import recorded
from tests.reference.scripts.plain import Plain
from tests.reference.scripts.script import DOCKER_PREFIX, digest, prefix
from tests.reference.scripts.scripts import SCRIPTS

_ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("Up 2 seconds", "Up A WHILE"),
        ("Exited (0) About a minute ago", "Exited (0) A WHILE ago"),
        ("2026-12-01 02:09:56.02 +0000 UTC|", "TIME|"),
        ("2026-12-01T02:09:56Z", "TIME"),
        ("1.07MB 12 kB 0B", "SIZE SIZE SIZE"),
        ("ENV A=1 B=2", "ENV A=1 B=2"),
        ("Docker version 29.1.3, build f52814d\n", "Docker version VERSION, build COMMIT\n"),
        ("127.0.0.1:8080", "ADDRESS:8080"),
        ("NAME    TAG   \nx       y\n", "NAME  TAG\nx  y\n"),
        ("in /somewhere/project, of rspod-a", "in DIR, of P-a"),
        ("done\r\n", "done\n"),
        ("deadbeef and 12345678", "deadbeef and 12345678"),
    ],
)
def test_what_is_another_each_time_is_left_out(printed: str, plain: str) -> None:
    rule = Plain({"DIR": "/somewhere/project", "P": "rspod"})
    assert rule.plain(printed) == plain


def test_an_id_is_the_same_number_in_all_calls_short_or_long() -> None:
    rule = Plain({})
    assert rule.plain(f"sha256:{_ID} {'f' * 64}") == "sha256:ID1 ID2"
    assert rule.plain(f"{_ID[:12]} {'f' * 12} {'e' * 12}") == "SHORT1 SHORT2 SHORT3"
    assert rule.plain("e" * 64) == "ID3"


def test_of_a_build_s_progress_only_the_failure_is_kept() -> None:
    told = "#1 [internal] load\n#1 DONE 0.1s\n\nDockerfile:2\n---\nERROR: failed to build: no\n"
    assert Plain({}).plain(told) == "ERROR: failed to build: no\n"


def test_each_script_has_a_recording_of_itself() -> None:
    names = [script.name for script in SCRIPTS]
    assert len(names) == len(set(names))
    table = recorded.read()["scripts"]
    assert {script.name: digest(script) for script in SCRIPTS} == {
        name: recording["input"] for name, recording in table.items()
    }
    for script in SCRIPTS:
        assert len(table[script.name]["calls"]) == len(script.calls)


def test_prefixes_are_as_long_as_each_other_and_differ() -> None:
    prefixes = [prefix(name, number) for name in ("podman", "buildah") for number in range(99)]
    assert {len(each) for each in prefixes} == {len(DOCKER_PREFIX)}
    assert len(set(prefixes)) == len(prefixes)
