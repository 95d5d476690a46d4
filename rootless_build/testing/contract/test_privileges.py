"""Users, privileges, namespaces and limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.backend.api import Engine
from rootless_build.model.plan import BuildImage, Limits, RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Build, Run, sh, shell, where_supported

CAPABILITIES = "grep CapEff /proc/self/status | cut -f 2"
MOUNT = "mount -t tmpfs none /mnt 2> /dev/null && grep -q ' /mnt tmpfs' /proc/mounts"
SYS_ADMIN, CHOWN, SYS_PTRACE = 1 << 21, 1 << 0, 1 << 19
AUDIT_READ = 37


def every_capability() -> int:
    """The capabilities that every engine knows: Docker 20.10 has none newer than CAP_AUDIT_READ."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return (1 << (min(last, AUDIT_READ) + 1)) - 1


# --- users --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        (None, "0 0"),
        ("tester", "1000 1000"),
        ("1000", "1000 1000"),
        ("1000:0", "1000 0"),
        ("tester:root", "1000 0"),
        ("1234:2345", "1234 2345"),
    ],
)
def test_the_command_runs_as_the_user_given(run: Run, user: str | None, shown: str) -> None:
    step = RunContainer(BASE, sh("echo $(id -u) $(id -g)"), user=user)
    assert run(step).text == shown


def test_the_images_user_holds_where_none_is_given(run: Run, build: Build, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nUSER tester\nWORKDIR /home/tester\n")
    image = build(BuildImage(tmp_path))
    assert image.user == "tester"
    script = "echo $(id -u) && touch file && stat -c %u file"
    assert run(RunContainer("built", sh(script)), image).text == "1000\n1000"
    step = RunContainer("built", sh("id -u"), user="0")
    assert run(step, image).text == "0"


# --- privileges ---------------------------------------------------------------------------------


def test_a_privileged_container_has_every_capability_and_no_seccomp_filter(run: Run) -> None:
    script = f"{CAPABILITIES}; grep Seccomp: /proc/self/status | cut -f 2"
    capabilities, seccomp = run(RunContainer(BASE, sh(script), privileged=True)).text.split()
    assert int(capabilities, 16) & every_capability() == every_capability()
    assert seccomp == "0"


def test_a_privileged_container_can_mount(run: Run) -> None:
    run(RunContainer(BASE, sh(f"mkdir /mnt; {MOUNT}"), privileged=True))


def test_an_ordinary_container_cannot_mount(run: Run) -> None:
    ran = run(shell(f"mkdir /mnt; {MOUNT} || echo refused; {CAPABILITIES}"))
    refused, capabilities = ran.text.split()
    assert refused == "refused"
    assert not int(capabilities, 16) & SYS_ADMIN


def test_capabilities_are_added_and_dropped(run: Run) -> None:
    step = RunContainer(BASE, sh(CAPABILITIES), cap_add=("SYS_PTRACE",), cap_drop=("CHOWN",))
    capabilities = int(run(step).text, 16)
    assert capabilities & SYS_PTRACE
    assert not capabilities & CHOWN


def test_all_capabilities_can_be_dropped(run: Run) -> None:
    step = RunContainer(BASE, sh(CAPABILITIES), cap_drop=("ALL",))
    assert int(run(step).text, 16) == 0


def test_a_rootless_engine_says_so(engine: Engine) -> None:
    assert engine.rootless
    assert not engine.remote


# --- file system, network, names ----------------------------------------------------------------


def test_a_read_only_root_cannot_be_written(run: Run) -> None:
    with where_supported("--read-only"):
        step = RunContainer(BASE, sh("touch /file || echo refused"), read_only=True)
        assert run(step).text == "refused"


def test_the_root_can_be_written_and_forgets(run: Run) -> None:
    assert run(shell("touch /etc/new && ls /etc/new")).text == "/etc/new"
    assert run(shell("ls /etc/new || echo gone")).text == "gone"


def test_without_a_network_there_is_only_loopback(run: Run) -> None:
    script = "ip -o link | grep -v 'state DOWN' | cut -d ' ' -f 2; ip route"
    assert run(RunContainer(BASE, sh(script), network="none")).text == "lo:"


def test_containers_on_the_hosts_network_share_it(run: Run) -> None:
    script = sh("readlink /proc/self/ns/net")
    host = [run(RunContainer(BASE, script, network="host")).text for _ in range(2)]
    assert host[0] == host[1]
    assert run(RunContainer(BASE, script, network="none")).text != host[0]


@pytest.mark.parametrize("network", ["host", "none"])
def test_the_host_name(run: Run, network: str) -> None:
    step = RunContainer(BASE, ("hostname",), hostname="builder", network=network)
    assert run(step).text == "builder"


def test_a_host_name_is_the_containers_alone(run: Run) -> None:
    run(RunContainer(BASE, ("hostname",), hostname="builder"))
    assert Path("/proc/sys/kernel/hostname").read_text().strip() != "builder"


def test_added_hosts_can_be_looked_up(run: Run) -> None:
    step = RunContainer(
        BASE, sh("grep mirror /etc/hosts | tr -s '\\t ' ' '"), add_hosts=("mirror:192.0.2.7",)
    )
    assert run(step).text == "192.0.2.7 mirror"


def test_limits_hold(run: Run) -> None:
    limits = Limits(ulimits=("nofile=100:200", "core=0"))
    step = RunContainer(BASE, sh("ulimit -Sn; ulimit -Hn; ulimit -Hc"), limits=limits)
    assert run(step).text.split() == ["100", "200", "0"]


def test_shared_memory_has_the_size_given(run: Run) -> None:
    step = RunContainer(
        BASE, sh("df -k /dev/shm | tail -1 | awk '{ print $2 }'"), limits=Limits(shm_size="8m")
    )
    with where_supported("--shm-size"):
        assert run(step).text == "8192"


def test_the_container_has_the_devices_every_program_expects(run: Run) -> None:
    script = "for d in null zero full random urandom tty; do test -c /dev/$d || echo $d; done"
    assert run(shell(f"{script}; echo x > /dev/null; head -c 2 /dev/zero | wc -c")).text == "2"
