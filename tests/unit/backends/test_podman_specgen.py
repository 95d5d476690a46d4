"""The container that podman's API is asked for, and the command a person could paste instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rbuild_podman import PodmanBackend
from rbuild_podman.specgen import container_spec
from rootless_build.backend.api import EngineSettings, Image
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    HostCommand,
    Limits,
    RemoveVolume,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)

SETTINGS = EngineSettings(Path("/run/r"), Path("/data"), network="host")
IMAGE = Image("1" * 64)


def spec(*, default_ulimits: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    step = RunContainer("docker-dev", **fields)
    return dict(container_spec(step, IMAGE, SETTINGS, default_ulimits))


@pytest.mark.parametrize(
    ("fields", "key", "value"),
    [
        ({"command": ("a", "b c")}, "command", ["a", "b c"]),
        ({"entrypoint": ("e", "f")}, "entrypoint", ["e", "f"]),
        ({"environment": (("A", "1"), ("A", "2"))}, "env", {"A": "2"}),
        ({"privileged": True}, "privileged", True),
        ({"labels": (("io.rbuild.project", "/p"),)}, "labels", {"io.rbuild.project": "/p"}),
        ({"network": "none"}, "netns", {"nsmode": "none"}),
        ({"network": "container:x"}, "netns", {"nsmode": "container", "value": "x"}),
        ({"network": "ns:/n"}, "netns", {"nsmode": "path", "value": "/n"}),
        ({"network": "mine"}, "Networks", {"mine": {}}),
        ({"pid": "host"}, "pidns", {"nsmode": "host"}),
        ({"stop_signal": "int"}, "stop_signal", 2),
        ({"stop_signal": "SIGQUIT"}, "stop_signal", 3),
        ({"stop_signal": "15"}, "stop_signal", 15),
        ({"stop_signal": "SIGRTMIN+3"}, "stop_signal", 37),
        ({"stop_signal": "RTMAX-1"}, "stop_signal", 63),
        ({"stop_signal": "STKFLT"}, "stop_signal", 16),
        ({"devices": ("/dev/fuse",)}, "devices", [{"path": "/dev/fuse"}]),
        ({"security_options": ("seccomp=unconfined",)}, "seccomp_profile_path", "unconfined"),
        ({"security_options": ("apparmor:x",)}, "apparmor_profile", "x"),
        ({"security_options": ("label=disable",)}, "selinux_opts", ["disable"]),
        ({"security_options": ("no-new-privileges",)}, "no_new_privileges", True),
        ({"security_options": ("systempaths=unconfined",)}, "unmask", ["ALL"]),
        ({"limits": Limits(shm_size="64m")}, "shm_size", 64 * 2**20),
        (
            {"limits": Limits(memory="1.5g", memory_swap="-1")},
            "resource_limits",
            {"memory": {"limit": 3 * 2**29, "swap": -1}},
        ),
        (
            {"limits": Limits(cpus="1.5", pids_limit=9)},
            "resource_limits",
            {"cpu": {"period": 100_000, "quota": 150_000}, "pids": {"limit": 9}},
        ),
        (
            {"publish": ("80",)},
            "portmappings",
            [{"container_port": 80, "range": 1}],
        ),
        (
            {"publish": ("[::1]:8000-8002:80-82/UDP",)},
            "portmappings",
            [
                {
                    "container_port": 80,
                    "range": 3,
                    "host_port": 8000,
                    "host_ip": "::1",
                    "protocol": "udp",
                }
            ],
        ),
    ],
)
def test_each_field_reaches_podman(fields: dict[str, Any], key: str, value: object) -> None:
    assert spec(**fields)[key] == value


def test_the_image_is_the_one_given_whatever_the_step_calls_it() -> None:
    assert spec()["image"] == IMAGE.id


@pytest.mark.parametrize(
    "limits",
    [
        Limits(memory="", memory_swap="", cpus="", cpuset_cpus="", cpuset_mems=""),
        Limits(memory="0", memory_swap="0b", cpus="0", cpu_shares=0, cpu_period=0, cpu_quota=0),
        Limits(shm_size="", cgroup_parent=""),
    ],
)
def test_a_limit_of_nothing_is_none(limits: Limits) -> None:
    assert spec(limits=limits) == spec()


def test_a_limit_beside_one_of_nothing_holds() -> None:
    limits = Limits(cpu_quota=0, cpus="2", cpuset_cpus="0", pids_limit=0)
    cpu = {"quota": 200_000, "period": 100_000, "cpus": "0"}
    assert spec(limits=limits)["resource_limits"] == {"cpu": cpu, "pids": {"limit": 0}}


@pytest.mark.parametrize("key", ["command", "entrypoint", "work_dir", "user", "name", "r_limits"])
def test_what_the_step_leaves_open_is_the_images(key: str) -> None:
    assert key not in spec()


def test_no_entrypoint_is_not_the_images_entrypoint() -> None:
    assert spec(entrypoint=())["entrypoint"] == [""]


def test_nothing_of_the_hosts_environment_gets_in() -> None:
    made = spec()
    assert (made["httpproxy"], made["env_host"]) == (False, False)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [({}, False), ({"tty": True}, True), ({"environment": (("TERM", "dumb"),)}, True)],
)
def test_term_is_set_where_there_is_a_terminal(fields: dict[str, Any], kept: bool) -> None:
    assert ("TERM" not in spec(**fields).get("unsetenv", [])) == kept


def test_the_mounts_are_as_docker_makes_them() -> None:
    made = spec(
        mounts=(
            BindMount(Path("/p"), "/src"),
            BindMount(Path("/q"), "/q", read_only=True, propagation="rslave"),
            VolumeMount("/cache", "c", copy=False),
            VolumeMount("/anonymous"),
            TmpfsMount("/t", ("exec", "size=1m")),
        )
    )
    assert [mount["options"] for mount in made["mounts"][:2]] == [
        ["rbind", "rw", "rprivate"],
        ["rbind", "ro", "rslave"],
    ]
    assert made["volumes"] == [
        {"Name": "c", "Dest": "/cache", "Options": ["rw", "nocopy"]},
        {"Name": "", "Dest": "/anonymous", "Options": ["rw"]},
    ]
    tmpfs = made["mounts"][2]["options"]
    assert {"exec", "size=1m", "nosuid", "nodev", "mode=1777"} <= set(tmpfs)
    assert "noexec" not in tmpfs


def test_a_steps_own_ulimit_wins_over_the_hosts() -> None:
    made = spec(
        default_ulimits=("nofile=1:2", "nproc=3:4"), limits=Limits(ulimits=("nofile=5", "core=0"))
    )
    assert {limit["type"]: (limit["soft"], limit["hard"]) for limit in made["r_limits"]} == {
        "nofile": (5, 5),
        "nproc": (3, 4),
        "core": (0, 0),
    }


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"security_options": ("bogus=1",)}, "bogus=1"),
        ({"publish": ("http",)}, "http"),
        ({"publish": ("1-2:1-3",)}, "1-2:1-3"),
        ({"stop_signal": "NOPE"}, "NOPE"),
        ({"stop_signal": "RTMIN+16"}, r"RTMIN\+16"),
        ({"limits": Limits(memory="lots")}, "lots"),
        ({"limits": Limits(ulimits=("nofile=many",))}, "nofile=many"),
    ],
)
def test_what_podman_cannot_do_is_refused_by_name(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(UnsupportedError, match=word):
        spec(**fields)


def test_a_run_can_be_pasted_into_a_shell() -> None:
    step = RunContainer(
        "docker-dev:x",
        ("hack/make.sh", "binary"),
        environment=(("A", "b c"),),
        mounts=(BindMount(Path("/p/bundles"), "/go/bundles"), VolumeMount("/c", "cache")),
        privileged=True,
        limits=Limits(memory="1g"),
    )
    (command,) = PodmanBackend().commands(step, SETTINGS)
    assert command[:2] == ("podman", "run")
    assert command[-3:] == ("docker-dev:x", "hack/make.sh", "binary")
    assert {
        "--rm",
        "--privileged",
        "--network=host",
        "--env=A=b c",
        "--volume=/p/bundles:/go/bundles",
        "--volume=cache:/c",
        "--memory=1g",
    } <= set(command)


def test_an_entrypoint_of_several_words_comes_before_the_command() -> None:
    step = RunContainer("i", ("c",), entrypoint=("sh", "-e"))
    (command,) = PodmanBackend().commands(step, SETTINGS)
    assert "--entrypoint=sh" in command
    assert command[-3:] == ("i", "-e", "c")


def test_every_kind_of_step_can_be_shown() -> None:
    show = PodmanBackend().commands
    assert show(BuildImage(Path("/p")), SETTINGS)[0][:3] == ("podman", "build", "--layers")
    assert show(RemoveVolume(("a", "b")), SETTINGS) == (("podman", "volume", "rm", "a", "b"),)
    assert show(HostCommand("true", Path("/p")), SETTINGS) == ()
