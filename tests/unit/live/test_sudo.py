"""What a call of sudo is: docker's, the engine's, or the real sudo's."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from rootless_build.live import session, sudo
from rootless_build.live.calls import Call
from rootless_build.live.server import Server
from rootless_build.live.surroundings import Surroundings
from rootless_build.model.events import Event, Notice

_ME = pwd.getpwuid(os.getuid()).pw_name


def _meant(*words: str, program: str = "/there/sudo", **variables: str) -> sudo.Meant:
    return sudo.meant(Call(words, Path("/"), variables, 1, program))


@pytest.mark.parametrize(
    "words",
    [
        ("docker", "ps", "-a"),
        ("-n", "docker", "ps", "-a"),
        ("-nE", "--", "docker", "ps", "-a"),
        ("-u", "root", "A=b", "docker", "ps", "-a"),
        ("-u#0", "-g", "docker", "docker", "ps", "-a"),
        ("--user=root", "--non-inter", "-kp", "word: ", "docker", "ps", "-a"),
        ("-u", _ME, "docker", "ps", "-a"),
        ("/there/docker", "ps", "-a"),
    ],
)
def test_docker_is_a_call(words: tuple[str, ...]) -> None:
    meant = _meant(*words)
    assert meant.call is not None, meant
    assert meant.call.words == ("ps", "-a")
    assert (meant.becomes, meant.refused, meant.remark) == ((), "", "")


def test_docker_buildx_is_a_call_of_docker() -> None:
    call = _meant("docker-buildx", "version").call
    assert call is not None
    assert call.words == ("buildx", "version")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("docker", "ps"), {"LANG": "C"}),
        (("-E", "docker", "ps"), {"A": "1", "B": "2", "LANG": "C"}),
        (("--preserve-env=B", "docker", "ps"), {"B": "2", "LANG": "C"}),
        (("A=3", "C=4=5", "docker", "ps"), {"A": "3", "C": "4=5", "LANG": "C"}),
    ],
)
def test_docker_has_the_variables_that_sudo_gives(
    words: tuple[str, ...], found: dict[str, str]
) -> None:
    call = _meant(*words, A="1", B="2", LANG="C", HOME="/own", USER="own").call
    assert call is not None
    given = {n: v for n, v in call.environment.items() if n in {"A", "B", "C", "LANG"}}
    assert given == found
    assert (call.environment["USER"], call.environment["SUDO_USER"]) == ("root", _ME)
    home = "/own" if "-E" in words else pwd.getpwuid(0).pw_dir
    assert call.environment["HOME"] == home


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-u", "nobody", "docker", "ps"), "its own user, and that is not nobody"),
        (("-u", "nobody-at-all", "docker", "ps"), "that is not nobody-at-all"),
        (("-b", "docker", "ps"), "--background"),
        (("-i", "docker", "ps"), "--login"),
        (("--chroot", "/x", "docker", "ps"), "--chroot"),
        (("--frobnicate", "docker", "ps"), "no such options"),
        (("-u", "nobody", "podman", "ps"), "its own user"),
        (("-D", "/none", "docker", "ps"), "unable to change directory to /none"),
    ],
)
def test_what_is_not_this_users_own_is_refused_by_name(words: tuple[str, ...], said: str) -> None:
    meant = _meant(*words)
    assert said in meant.refused
    assert meant.call is None


@pytest.mark.parametrize(
    ("words", "missed"),
    [
        ((), False),
        (("-v",), False),
        (("-l", "docker"), False),
        (("-k",), False),
        (("apt-get", "install", "docker"), False),
        (("-u", "nobody", "true"), False),
        (("--frobnicate", "true"), False),
        (("sh", "-c", "echo 1 > /proc/x"), False),
        (("/usr/bin/apt-get", "update"), False),
        (("sh", "-c", "docker ps"), True),
        (("env", "A=1", "docker", "ps"), True),
        (("make", "sub"), True),
        (("./script",), True),
        (("bash", "script"), True),
        (("/usr/bin/docker", "ps"), True),
    ],
)
def test_the_rest_is_sudos_own_and_what_may_call_docker_is_told(
    words: tuple[str, ...], missed: bool
) -> None:
    meant = _meant(*words)
    assert (meant.call, meant.becomes, meant.refused) == (None, (), "")
    assert bool(meant.remark) is missed


_SUDO = """\
#!/bin/sh
printf '%s|' "$@" >> asked
[ "$1" != -n ] || shift
PATH=/usr/bin:/bin exec "$@"
"""


def test_the_real_sudo_has_all_its_words_and_streams(tmp_path: Path) -> None:
    """And what is left to it of docker is told once."""

    def around() -> Surroundings:
        raise AssertionError("nobody calls")

    own = tmp_path / "own"
    own.mkdir()
    (own / "sudo").write_text(_SUDO)
    (own / "sudo").chmod(stat.S_IRWXU)
    script = (
        "exec >out 2>&1; echo in | sudo -n cat; sudo sh -c 'exit 3'; echo $?; sudo -n true 'a b';"
        "sudo make --version >/dev/null; sudo make --version >/dev/null; sudo docker --version;"
        "sudo -u nobody docker ps; echo $?;"
    )
    environment = {"PATH": f"{own}:{os.environ['PATH']}"}
    wanted = session.Wanted(("sh", "-c", script), tmp_path, environment, reads=False)
    events: list[Event] = []
    with session.stand_ins(environment["PATH"]) as places:
        serving = Server(places.socket, around, lambda _, event: events.append(event))
        assert session.serve(wanted, places, serving, events.append) == 0
    out = (tmp_path / "out").read_text().splitlines()
    assert out[:2] == ["in", "3"]
    assert out[2].startswith("Docker version ")
    assert "rbuild is docker for its own user, and that is not nobody" in out[3]
    assert out[4] == "1"
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("-n|cat|sh|-c|exit 3|-n|true|a b|make|--version|make|--version|")
    assert "docker" not in asked
    codes = [event.code for event in events if isinstance(event, Notice)]
    assert codes == ["call-missed", "call-refused"]


def test_who_has_no_sudo_finds_none(tmp_path: Path) -> None:
    with session.stand_ins(str(tmp_path)) as places:
        names = {each.name for each in places.directory.iterdir()}
    assert names == {"docker", "docker-buildx"}
