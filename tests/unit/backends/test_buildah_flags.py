"""What buildah is asked for, and what it is not asked for since it can't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rbuild_buildah import BuildahBackend, flags
from rootless_build.backend.api import EngineSettings, Image, Stdio
from rootless_build.model.errors import StepFailedError, UnsupportedError
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

SETTINGS = EngineSettings(Path("/run/r"), Path("/data"), isolation="rootless")
CHROOT = EngineSettings(Path("/run/r"), Path("/data"), isolation="chroot", network=None)
ROOTFUL = EngineSettings(Path("/run/r"), Path("/data"), rootless=False)
IMAGE = Image("1" * 64, entrypoint=("hack/dind",), command=("bash",))


def step(**fields: Any) -> RunContainer:
    return RunContainer("docker-dev", **fields)


def run(settings: EngineSettings = SETTINGS, **fields: Any) -> str:
    return " ".join(flags.run_arguments(step(**fields), settings, IMAGE, Stdio.CLOSED))


def create(settings: EngineSettings = SETTINGS, **fields: Any) -> str:
    return " ".join(flags.create_arguments(step(**fields), settings))


@pytest.mark.parametrize(
    ("fields", "argv"),
    [
        ({}, ("hack/dind", "bash")),
        ({"command": ("make", "all")}, ("hack/dind", "make", "all")),
        ({"entrypoint": ("sh", "-c")}, ("sh", "-c")),
        ({"entrypoint": ("sh",), "command": ("x",)}, ("sh", "x")),
        ({"entrypoint": (), "command": ("x",)}, ("x",)),
    ],
)
def test_entrypoint_and_command_are_put_together_as_docker_does(
    fields: dict[str, Any], argv: tuple[str, ...]
) -> None:
    assert flags.command_line(step(**fields), IMAGE) == argv


def test_nothing_to_run_is_an_error_before_anything_starts() -> None:
    with pytest.raises(StepFailedError, match="no command"):
        flags.command_line(step(entrypoint=()), IMAGE)


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"publish": ("80:80",)}, "--publish"),
        ({"group_add": ("audio",)}, "--group-add"),
        ({"read_only": True}, "--read-only"),
        ({"sysctls": (("a", "1"),)}, "--sysctl"),
        ({"pid": "container:x"}, "--pid"),
        ({"userns": "keep-id"}, "--userns"),
        ({"network": "container:x"}, "--network"),
        ({"mounts": (TmpfsMount("/t", ("uid=1",)),)}, "uid=1"),
    ],
)
def test_what_buildah_cannot_do_is_refused_by_its_name_with_a_way_out(
    fields: dict[str, Any], flag: str
) -> None:
    with pytest.raises(UnsupportedError) as caught:
        flags.check(step(**fields), SETTINGS)
    assert flag in caught.value.message
    assert "podman" in caught.value.hint


def test_no_new_privileges_is_refused_and_not_forgotten() -> None:
    with pytest.raises(UnsupportedError, match="no-new-privileges"):
        create(security_options=("no-new-privileges",))


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"init": True}, "--init"),
        ({"limits": Limits(memory="1g")}, "--memory"),
        ({"limits": Limits(pids_limit=100)}, "--pids-limit"),
        ({"publish": ("80:80",), "network": "host"}, "--publish"),
        ({"security_options": ("systempaths=unconfined",)}, "--security-opt"),
    ],
)
def test_what_changes_nothing_in_a_build_is_told_and_does_not_stop_it(
    fields: dict[str, Any], flag: str
) -> None:
    flags.check(step(**fields), SETTINGS)
    create(**fields)
    assert any(told.startswith(flag) for told in flags.without_effect(step(**fields), SETTINGS))


def test_memory_and_cpus_are_limited_for_real_root() -> None:
    asked = create(ROOTFUL, limits=Limits(memory="1g", cpus="1.5"))
    assert "--memory 1g" in asked
    assert "--cpu-quota 150000" in asked
    assert flags.without_effect(step(limits=Limits(memory="1g")), ROOTFUL) == ()


NO_LIMITS = (
    *(Limits(memory=value, memory_swap=value, cpus=value) for value in ("", "0", "0.0")),
    *(Limits(memory=value, memory_swap=value) for value in ("0m", "0 gb", "0B", "0KiB")),
    Limits(cpu_shares=0, cpu_period=0, cpu_quota=0),
    Limits(cpuset_cpus="", cpuset_mems="", shm_size="", cgroup_parent=""),
)


@pytest.mark.parametrize("limits", NO_LIMITS)
def test_a_limit_of_nothing_is_none_and_nobody_is_told_of_it(limits: Limits) -> None:
    """A recipe's `--memory "$(MEMORY)"`, where nobody has set it."""
    assert create(ROOTFUL, limits=limits) == create(ROOTFUL)
    assert flags.without_effect(step(limits=limits), SETTINGS) == ()


@pytest.mark.parametrize(
    ("limits", "asked"),
    [
        (Limits(cpu_quota=0, cpus="2"), ("--cpu-quota", "200000")),
        (Limits(cpu_quota=50000, cpus="2"), ("--cpu-quota", "50000")),
        (Limits(cpuset_cpus="0", cpuset_mems="0"), ("--cpuset-cpus", "0", "--cpuset-mems", "0")),
        (Limits(memory="1", cpu_quota=-1), ("--memory", "1", "--cpu-quota", "-1")),
        (Limits(memory="0.5g", memory_swap="-1"), ("--memory", "0.5g", "--memory-swap", "-1")),
    ],
)
def test_a_limit_beside_one_of_nothing_holds(limits: Limits, asked: tuple[str, ...]) -> None:
    plain = flags.create_arguments(step(), ROOTFUL)
    assert flags.create_arguments(step(limits=limits), ROOTFUL) == (*plain, *asked)
    told = flags.without_effect(step(limits=limits), SETTINGS)
    assert told == tuple(word for word in asked if word.startswith("--"))


def test_privileged_has_all_capabilities_and_no_seccomp_filter() -> None:
    assert "--cap-add all --security-opt seccomp=unconfined" in create(privileged=True)
    assert "cap-add" not in create()


def test_proxy_variables_of_the_host_are_not_injected() -> None:
    assert "--http-proxy=false" in create()


def test_dockers_older_spelling_of_security_options_is_understood() -> None:
    assert "--security-opt seccomp=unconfined" in create(security_options=("seccomp:unconfined",))


@pytest.mark.parametrize(
    ("settings", "network", "flag"),
    [
        (SETTINGS, None, None),
        (SETTINGS, "none", "none"),
        (SETTINGS, "bridge", "private"),
        (SETTINGS, "host", "host"),
        (CHROOT, None, "host"),
        (EngineSettings(Path("/r"), Path("/d"), network="host"), "default", "host"),
        (EngineSettings(Path("/r"), Path("/d"), network="host"), "none", "none"),
    ],
)
def test_network_mode(settings: EngineSettings, network: str | None, flag: str | None) -> None:
    assert (f"--network {flag}" in run(settings, network=network)) is (flag is not None)


@pytest.mark.parametrize("fields", [{"network": "none"}, {"devices": ("/dev/null:/dev/x",)}])
def test_what_isolation_chroot_cannot_do_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="chroot"):
        flags.check(step(**fields), CHROOT)


def test_paths_with_colons_commas_and_spaces_are_mounted_whole() -> None:
    mount = BindMount(Path("/a b:c,d"), "/x:y", read_only=True, propagation="rslave")
    assert flags.mount_arguments(mount) == ("--volume", "/a b\\:c,d:/x\\:y:ro,rslave")


def test_tmpfs_has_dockers_defaults_where_the_step_says_nothing_else() -> None:
    assert flags.mount_arguments(TmpfsMount("/t")) == (
        "--mount",
        "type=tmpfs,destination=/t,noexec,nosuid,nodev,tmpfs-mode=1777",
    )
    assert flags.mount_arguments(TmpfsMount("/t", ("exec,size=64m", "mode=700"))) == (
        "--mount",
        "type=tmpfs,destination=/t,nosuid,nodev,tmpfs-mode=700,tmpfs-size=64m",
    )


def test_a_terminal_has_a_type_unless_somebody_chose_one() -> None:
    def on_terminal(image: Image) -> tuple[str, ...]:
        return flags.run_arguments(step(), SETTINGS, image, Stdio.TERMINAL)

    assert "TERM=xterm" in on_terminal(IMAGE)
    assert "TERM=xterm" not in on_terminal(Image("1" * 64, environment=(("TERM", "dumb"),)))


def test_a_container_can_be_pasted_into_a_shell() -> None:
    mounts = (VolumeMount("/cache", "go"), VolumeMount("/anonymous"))
    volume, made, started, removed = BuildahBackend().commands(
        step(entrypoint=("a",), command=("b c",), name="n", mounts=mounts), SETTINGS
    )
    assert volume == ("mkdir", "-p", "/data/volumes/go/data")
    assert made[:2] == ("buildah", "from")
    assert made[-3:] == ("--name", "n", "docker-dev")
    assert started[:2] == ("buildah", "run")
    assert started[-6:] == ("--volume", "/data/volumes/go/data:/cache:rw", "n", "--", "a", "b c")
    assert removed == ("buildah", "rm", "n")


def test_the_shell_asks_for_an_entrypoint_that_is_not_known_yet() -> None:
    _, started, _ = BuildahBackend().commands(step(command=("x y",)), SETTINGS)
    assert started[:2] == ("sh", "-c")
    assert ".Entrypoint" in started[2]
    assert ".Cmd" not in started[2]
    assert started[-1] == "x y"


def test_other_steps_as_commands() -> None:
    backend = BuildahBackend()
    (build,) = backend.commands(BuildImage(Path("/nonexistent"), tags=("t",)), CHROOT)
    assert build[:5] == ("buildah", "build", "--isolation", "chroot", "--layers")
    assert build[build.index("--network") + 1] == "host"
    assert backend.commands(RemoveVolume(("v",)), SETTINGS) == (
        ("buildah", "unshare", "rm", "-rf", "/data/volumes/v"),
    )
    assert backend.commands(HostCommand("true", Path("/")), SETTINGS) == ()
