"""The configuration of an image: what is read, kept, left out and written."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from rootless_build.images.configuration import (
    LONG_AGO,
    Configuration,
    Healthcheck,
    History,
    final,
    intermediate,
    read,
    scratch,
    stage_upon,
    with_layers,
    write,
)
from rootless_build.model import platforms
from rootless_build.model.errors import StepFailedError
from rootless_build.model.structs import replace

A, B = "a" * 64, "b" * 64
OWN = Configuration("amd64", environment=(("PATH", "/bin"),))
DASH = ("/bin/dash", "-ec")
DOCKERS = {
    "architecture": "arm",
    "os": "linux",
    "variant": "v7",
    "os.version": "1",
    "created": "2024-01-02T03:04:05.678901234Z",
    "author": "somebody",
    "container": "0123",
    "container_config": {"Cmd": ["/bin/sh"]},
    "docker_version": "20.10.24",
    "moby.buildkit.cache.v0": "AAAA",
    "config": {
        "Hostname": "0123",
        "AttachStdin": False,
        "Image": f"sha256:{A}",
        "User": "joe:staff",
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Env": ["PATH=/bin", "B=x=y", "A=ä z", "EMPTY=", "BARE"],
        "Entrypoint": ["/entry", ""],
        "Cmd": ["run"],
        "Volumes": {"/v": {}, "/a": None},
        "WorkingDir": "/w",
        "Labels": {"z": "", "a": "b c"},
        "StopSignal": "SIGUSR1",
        "StopTimeout": 7,
        "ArgsEscaped": True,
        "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5000000000, "Retries": 3},
        "OnBuild": ["RUN x"],
        "Shell": ["/bin/dash", "-ec"],
    },
    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{A}", f"sha256:{B}"]},
    "history": [
        {"created": "2024-01-02T03:04:05Z", "created_by": "ADD x", "comment": "c", "author": "s"},
        {"created": "2024-01-02T03:04:05Z", "created_by": "ENV B", "empty_layer": True},
        {"created": "2024-01-02T03:04:05Z", "created_by": "RUN y"},
    ],
}


def blob(**changed: object) -> bytes:
    return json.dumps({**DOCKERS, **changed}).encode()


def rewritten(configuration: Configuration) -> Mapping[str, object]:
    found = json.loads(write(configuration))
    assert isinstance(found, dict)
    return found


def test_what_docker_wrote_is_read() -> None:
    found = read(blob())
    assert (found.os, found.architecture, found.variant) == ("linux", "arm", "v7")
    pairs = (("PATH", "/bin"), ("B", "x=y"), ("A", "ä z"), ("EMPTY", ""), ("BARE", ""))
    assert found.environment == pairs
    assert (found.user, found.working_directory, found.shell) == ("joe:staff", "/w", DASH)
    assert (found.entrypoint, found.command) == (("/entry", ""), ("run",))
    assert (found.volumes, found.ports) == (("/a", "/v"), ("53/udp", "80/tcp"))
    assert (found.labels, found.triggers) == ((("a", "b c"), ("z", "")), ("RUN x",))
    health = Healthcheck(("CMD-SHELL", "true"), interval=5_000_000_000, retries=3)
    assert (found.healthcheck, found.stop_signal) == (health, "SIGUSR1")
    assert found.layers == (A, B)
    assert [entry.empty_layer for entry in found.history] == [False, True, False]


def test_all_is_written_that_is_not_of_its_making() -> None:
    again = rewritten(read(blob()))
    gone = {"container", "container_config", "docker_version", "moby.buildkit.cache.v0"}
    assert set(DOCKERS) - set(again) == gone
    config = DOCKERS["config"]
    assert isinstance(config, dict)
    wanted = {k: v for k, v in config.items() if k not in {"Hostname", "AttachStdin", "Image"}}
    wanted["Env"] = ["PATH=/bin", "B=x=y", "A=ä z", "EMPTY=", "BARE="]
    wanted["Volumes"] = {"/v": {}, "/a": {}}
    assert again["config"] == wanted
    for name in set(again) - {"config", "created"}:
        assert again[name] == DOCKERS[name]
    assert read(write(read(blob()))) == read(blob())


def test_the_same_data_are_the_same_bytes() -> None:
    one = replace(OWN, labels=(("a", "1"), ("b", "2")), volumes=("/a", "/b"))
    other = replace(OWN, labels=(("b", "2"), ("a", "1")), volumes=("/b", "/a"))
    assert write(one) == write(other)
    assert write(one) != write(replace(one, environment=(*one.environment, ("A", ""))))


def test_null_is_nothing() -> None:
    inner = dict.fromkeys(("Env", "Cmd", "Volumes", "Labels", "Healthcheck", "User", "Shell"))
    found = read(blob(config=inner, history=None, variant=None))
    assert (found.environment, found.command, found.healthcheck) == ((), (), None)
    assert (found.history, found.variant) == ((), "")
    assert read(blob(config=None)).user == ""


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"x": NaN}',
        b'{"x": 1e999}',
        blob(config=[]),
        blob(config={"Env": "A=b"}),
        blob(config={"Env": [1]}),
        blob(rootfs={"diff_ids": {}}),
        blob(history={"created": 1}),
    ],
)
def test_what_is_no_configuration_is_told(broken: bytes) -> None:
    with pytest.raises(StepFailedError, match="the configuration of an image is not one"):
        read(broken)


def test_text_that_is_not_unicode_becomes_what_docker_makes_of_it() -> None:
    made = replace(OWN, environment=(("A", "\udcffx\udcfe"),))
    assert read(write(made)).environment == (("A", "\ufffdx\ufffd"),)
    assert read(b'{"config": {"Env": ["A=\xff"]}}').environment == (("A", "\ufffd"),)
    assert write(read(b'{"config": {"Env": ["A=\\ud800"]}}')).decode().count("\ufffd") == 1


def test_an_intermediate_image_has_what_a_run_needs() -> None:
    whole = read(blob())
    made = intermediate(whole)
    assert rewritten(made)["config"] == {
        "Env": ["PATH=/bin", "B=x=y", "A=ä z", "EMPTY=", "BARE="],
        "User": "joe:staff",
        "WorkingDir": "/w",
        "Shell": ["/bin/dash", "-ec"],
        "Hostname": "buildkitsandbox",
    }
    assert (made.layers, made.history[:-1]) == (whole.layers, whole.history)
    assert (made.architecture, made.variant, made.created) == ("arm", "v7", LONG_AGO)
    assert made.history[-1].empty_layer


@pytest.mark.parametrize(
    "other",
    [
        replace(OWN, environment=(("PATH", "/bin"), ("A", ""))),
        replace(OWN, environment=(("PATH", "/sbin"),)),
        replace(OWN, user="1"),
        replace(OWN, working_directory="/x"),
        replace(OWN, shell=DASH),
        replace(OWN, architecture="arm64"),
    ],
)
def test_each_setting_of_a_run_makes_another_history(other: Configuration) -> None:
    assert intermediate(other).history != intermediate(OWN).history


def test_what_is_around_a_run_makes_another_history() -> None:
    assert intermediate(OWN, "none").history != intermediate(OWN).history


def test_what_no_run_sees_makes_no_other_intermediate_image() -> None:
    other = replace(
        OWN,
        command=("x",),
        labels=(("a", "b"),),
        volumes=("/v",),
        created="2024-01-01T00:00:00Z",
        healthcheck=Healthcheck(("NONE",)),
    )
    assert write(intermediate(other)) == write(intermediate(OWN))


def test_the_final_image_shows_nothing_of_those_between() -> None:
    entry = History("2024-01-01T00:00:00Z", "RUN x")
    between = with_layers(intermediate(OWN), [A], entry)
    made = final(intermediate(between), "2025-01-01T00:00:00Z")
    assert (made.history, made.layers) == ((entry,), (A,))
    assert made.created == "2025-01-01T00:00:00Z"


def test_what_a_stage_begins_with() -> None:
    none = scratch(platforms.parse("linux/arm/v7"))
    assert rewritten(none)["config"] == {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "WorkingDir": "/",
    }
    assert (none.os, none.architecture, none.variant) == ("linux", "arm", "v7")
    assert stage_upon(OWN) == OWN
    bare = replace(OWN, environment=(("A", "b"),), triggers=("RUN x",))
    begun = stage_upon(bare)
    assert [name for name, _ in begun.environment] == ["A", "PATH"]
    assert begun.triggers == ()
