"""`rbuild exec`: a script at work, and rbuild in docker's place."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import DEADLINE, Rbuild, events

pytestmark = pytest.mark.in_ci("podman", "buildah")


@pytest.fixture
def live(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Rbuild:
    """`rbuild` in a project with a Dockerfile and no recipe."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Dockerfile").write_text("FROM debian:bookworm\nCOPY source /made\n")
    (project / "source").write_text("made of this\n")
    (project / ".dockerignore").write_text("*\n!source\n")
    return Rbuild(project, backend_name, rbuild_environment)


def script(live: Rbuild, text: str, shell: str = "sh") -> subprocess.CompletedProcess[str]:
    """What becomes of a script."""
    (live.project / "script").write_text(text)
    return live("exec", "--", shell, "./script")


def test_a_script_builds_and_runs(live: Rbuild) -> None:
    done = script(
        live,
        """\
        set -e
        docker build --network host -t live:new . 2>progress
        docker tag live:new live:other
        out=$(docker run --rm --network host live:other cat /made)
        echo "[$out]"
        docker run --rm --network host live:new sh -c 'echo out; echo err >&2; exit 3' && exit 9
        echo "status $?"
        """,
    )
    assert done.stdout == "[made of this]\nout\nstatus 3\n", done.stderr
    assert done.returncode == 0
    assert "COPY source /made" in (live.project / "progress").read_text()


def test_an_image_of_an_earlier_call_is_a_base_by_its_name(live: Rbuild) -> None:
    """As dapper has it: the second build is FROM what the first one has named, and renames it."""
    done = script(
        live,
        """\
        set -e
        docker build -q -t live.r:main . >ids
        printf 'FROM live.r:main\nCOPY source /again\n' > second
        docker build -q -t live.r:main -f second . >>ids
        docker tag live.r:main live.named
        printf 'FROM live.named\nCOPY --from=live.r:main /again /third\n' |
            docker build -q -t live.r - >>ids
        docker run --rm --network host live.r cat /made /third
        """,
    )
    assert (done.returncode, done.stdout) == (0, "made of this\n" * 2), done.stderr
    assert "pull" not in done.stderr


def test_what_a_caller_of_a_build_is_told(live: Rbuild) -> None:
    done = script(
        live,
        """\
        one=$(docker build -q --network host .)
        docker build --quiet --network host --iidfile two -t named . > quiet 2>&1
        echo "$one" | cut -c1-7
        cat two quiet | tr '\\n' ' ' | wc -c
        docker run --rm --network host "$one" cat /made
        printf 'FROM debian:bookworm\\nCOPY nothing /there\\n' > broken
        docker build --network host -f broken . 2>said; echo "build $?"
        docker run --no-such 2>>said; echo "flag $?"
        docker swarm init 2>>said; echo "command $?"
        docker run --rm --network host localhost/no/such:1 2>>said; echo "image $?"
        docker volume rm no-such-volume 2>>said; echo "volume $?"
        """,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "sha256:", done.stderr
    assert lines[1].strip() == str(71 * 2 + 1)
    wanted = ["made of this", "build 1", "flag 125", "command 125", "image 125", "volume 1"]
    assert lines[2:] == wanted
    said = (live.project / "said").read_text()
    assert "--no-such" in said
    assert "docker swarm" in said
    assert "No such volume" in said.replace("no such", "No such")


def test_a_containerfile_and_a_context_come_from_standard_input(live: Rbuild) -> None:
    done = script(
        live,
        """\
        set -e
        exec 2>said
        build="docker build --network host -t live"
        printf 'FROM debian:bookworm\\nENV A=from-text\\n' | $build:text -
        printf 'FROM debian:bookworm\\nCOPY source /of-file\\n' | $build:f -f - .
        tar -c Dockerfile source | $build:tar -
        tar -cz Dockerfile source > context.tgz
        $build:gz - < context.tgz
        docker run --rm --network host live:text sh -c 'echo $A'
        docker run --rm --network host live:f cat /of-file
        docker run --rm --network host live:tar cat /made
        docker run --rm --network host live:gz cat /made
        """,
    )
    assert done.returncode == 0, (live.project / "said").read_text()
    assert done.stdout.splitlines() == ["from-text", *["made of this"] * 3]


_SUDO = """\
#!/bin/sh
# As sudo is where sudoers has a secure_path.
[ "$1" != -n ] || shift
PATH=/usr/bin:/bin exec "$@"
"""


def test_docker_through_sudo_is_rbuilds_and_the_rest_is_sudos(live: Rbuild, tmp_path: Path) -> None:
    place = tmp_path / "sudo"
    place.mkdir()
    (place / "sudo").write_text(_SUDO)
    (place / "sudo").chmod(0o755)
    path = f"{place}:{live.environment['PATH']}"
    live = dataclasses.replace(live, environment={**live.environment, "PATH": path})
    (live.project / "sub.mk").write_text("sub:\n\techo $@; docker ps >/dev/null 2>&1 || true\n")
    done = script(
        live,
        """\
        export GIVEN=of-the-user
        A=1 sudo -E docker build -q -t live:sudo . >/dev/null
        sudo docker run --rm --network host -e GIVEN -e MORE live:sudo \\
            sh -c 'echo "${GIVEN-unset} ${MORE-unset}"'
        sudo -n MORE=more docker run --rm --network host -e MORE live:sudo \\
            sh -c 'echo $MORE; exit 3'
        echo "status $?"
        echo a-password | sudo -S -- docker run -i --rm --network host live:sudo cat
        sudo -u nobody docker ps || echo "status $?"
        sudo cat source
        sudo make -f sub.mk sub
        """,
    )
    said = "unset unset\nmore\nstatus 3\nstatus 1\nmade of this\n"
    assert done.stdout == f"{said}echo sub; docker ps >/dev/null 2>&1 || true\nsub\n", done.stderr
    assert "rbuild is docker for its own user, and that is not nobody" in done.stderr
    assert "`sudo make -f sub.mk sub`: what it does with docker is not rbuild's" in done.stderr
    # Nobody knows how many follow.
    assert "==> [1] sh ./script\n" in done.stderr
    assert "==> [2] build image live:sudo\n" in done.stderr


def test_streams_are_the_callers(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        run="docker run --rm -i --network host live"
        printf 'a\\nb\\n' | while read line; do echo "$line" | $run tr ab cd; done
        head -c 300000 /dev/zero | $run cat | wc -c
        $run sh -c 'printf no-newline'; echo .
        $run cat <&- ; echo "closed $?"
        docker run --rm --network host --cidfile id live true; wc -c < id
        """,
    )
    assert done.stdout.split() == ["c", "d", "300000", "no-newline.", "closed", "0", "64"], (
        done.stderr
    )


def test_forty_calls_at_once(live: Rbuild) -> None:
    done = script(
        live,
        """\
import subprocess
subprocess.run("docker build -q --network host -t live .", shell=True, check=True)
words = ["docker", "run", "--rm", "--network", "host", "live", "echo"]
running = [subprocess.Popen([*words, str(n)], stdout=subprocess.PIPE) for n in range(40)]
print([int(each.communicate()[0]) for each in running] == list(range(40)))
""",
        sys.executable,
    )
    assert done.stdout.splitlines()[-1] == "True", done.stderr
    assert live.leftovers() == []


def test_docker_goes_on_in_the_background_when_the_script_has_ended(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        docker run --rm --network host -v "$PWD:/here" live sh -c 'sleep 1; echo > /here/written' &
        """,
    )
    assert done.returncode == 0
    assert (live.project / "written").exists()
    assert live.leftovers() == []


def test_a_container_without_rm_stays_and_is_named(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        docker run --name "kept-$1" --network host live false
        """,
    )
    assert done.returncode == 1
    assert "containers that are left: kept-" in done.stderr
    assert "kept-" in "".join(live.leftovers())
    assert live("clean").returncode == 0
    assert live.leftovers() == []


def test_a_container_that_a_script_leaves_running_is_named(live: Rbuild, backend_name: str) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        docker run -d --rm --name left-running --network host live sleep 1000 >/dev/null
        """,
    )
    if backend_name == "buildah":
        # Its containers end with their command.
        assert done.returncode == 125
        assert "--backend podman" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    if backend_name == "podman":
        assert "containers that are left: left-running" in done.stderr
        assert "left-running" in "".join(live.leftovers())
    assert script(live, "docker rm -f left-running").returncode == 0
    assert live.leftovers() == []


MAKEFILE = """\
IMAGE := made/live
all: image
	id=$$(docker build -q --network host -t $(IMAGE) .) && echo "id $${id%%:*}"
	@docker run --rm --network host -v $(CURDIR)/bundles:/b $(IMAGE) cp /made /b/made || exit 7
image:
	cat Dockerfile | docker build --network host -t $(IMAGE):text -f - .
failing:
	docker run --rm --network host $(IMAGE) false | cat; docker no-such || false
"""


def test_a_makefile_that_cannot_be_planned_is_made(live: Rbuild) -> None:
    (live.project / "Makefile").write_text(MAKEFILE)
    refused = live("--no-live")
    assert refused.returncode == 2
    assert "can't be turned into a step" in refused.stderr
    plan = live("plan")
    assert "make would be run, and has not been yet" in plan.stdout
    (live.project / "bundles").mkdir()
    done = live()
    assert done.returncode == 0, done.stderr
    assert "Makefile:6" in done.stderr
    assert "make is run, with rbuild in docker's place" in done.stderr
    assert "id sha256" in done.stdout
    assert (live.project / "bundles" / "made").read_text() == "made of this\n"
    plan = live("plan")
    assert "the steps of its last run" in plan.stdout
    assert "run-container, from docker" in plan.stdout
    assert live("failing").returncode == 1
    assert live.leftovers() == []


def test_a_script_of_a_recipe_calls_docker(live: Rbuild) -> None:
    """Nobody can tell from the Makefile that it does: the line is a command of this host."""
    (live.project / "Makefile").write_text(
        "all:\n\t./hack.sh 3\n\tdocker run --rm --network host made/live cat /made\n"
        "plain:\n\t@echo said; ./other.sh\n"
    )
    hack = "#!/bin/sh\nset -e\ndocker build --network host -t made/live .\n"
    hack += 'docker run --rm --network host made/live sh -c "exit $1" || echo "it ended with $?"\n'
    for name, text in (("hack.sh", hack), ("other.sh", "#!/bin/sh\ncommand -v docker; exit 4\n")):
        (live.project / name).write_text(text)
        (live.project / name).chmod(0o755)
    done = live()
    assert done.returncode == 0, done.stderr
    assert "it ended with 3" in done.stdout
    assert done.stdout.endswith("made of this\n")
    assert "build image made/live" in done.stderr
    plain = live("plain")
    assert plain.returncode == 1
    assert plain.stdout.startswith("said\n/")
    assert "status 4" in plain.stderr
    assert live.leftovers() == []


def test_an_option_is_for_those_calls_that_it_fits(live: Rbuild) -> None:
    """Of a script nobody knows beforehand what it calls docker for: an option refuses no call."""
    (live.project / "Dockerfile").write_text("FROM debian:bookworm\nARG A\nRUN echo $A >/made\n")
    (live.project / "Makefile").write_text("all:\n\t@sh ./script\n")
    (live.project / "script").write_text(
        "docker build -t live:a . && docker tag live:a live:b &&"
        " docker run --rm --network host live:b sh -c 'cat /made; echo $E'\n"
    )
    options = ("--network", "host", "--build-arg", "A=one", "--env", "E=two")
    for command in (("exec", *options, "--", "sh", "./script"), options):
        done = live(*command)
        assert (done.returncode, done.stdout) == (0, "one\ntwo\n"), done.stderr


def test_what_is_interrupted_leaves_nothing(live: Rbuild) -> None:
    (live.project / "script").write_text(
        """\
        docker build -q --network host -t live . >/dev/null
        sleep 1000 &
        echo $! > sleeper
        docker run --rm --network host -v "$PWD:/here" live sh -c 'echo > /here/begun; sleep 1000'
        echo not this > after
        """
    )
    with live.started("exec", "--", "sh", "./script") as running:
        wait_for(live.project / "begun", running)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, said
    assert not (live.project / "after").exists()
    assert not Path("/proc", (live.project / "sleeper").read_text().strip()).exists()
    assert live.leftovers() == []


def test_what_is_interrupted_may_call_docker_to_clean_up(live: Rbuild) -> None:
    (live.project / "script").write_text(
        """\
        trap 'docker tag live live:cleaned; exit 3' TERM
        docker build -q --network host -t live . >/dev/null
        docker run --rm --network host -v "$PWD:/here" live sh -c \
            'trap "exit 0" TERM; echo > /here/begun; while :; do sleep 0.1; done'
        """
    )
    with live.started("exec", "--", "sh", "./script") as running:
        wait_for(live.project / "begun", running)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, said
    assert script(live, "docker rmi live:cleaned live >/dev/null").returncode == 0
    assert live.leftovers() == []


def wait_for(file: Path, running: subprocess.Popen[bytes]) -> None:
    """Wait until a run has made a file."""
    deadline = time.monotonic() + DEADLINE
    while not file.exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline, "it hangs"
        time.sleep(0.05)


def test_a_caller_that_is_killed_takes_its_container_along(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        docker run --rm --network host -v "$PWD:/here" live sh -c 'echo > /here/begun; sleep 1000' &
        while [ ! -e begun ]; do sleep 0.1; done
        kill -9 $!
        wait $!
        echo "it ended with $?"
        kill -9 $$
        """,
    )
    assert done.returncode == 137, done.stderr
    assert "sh ./script was ended by SIGKILL" in done.stderr
    assert done.stdout == "it ended with 137\n"
    assert live.leftovers() == []


def test_the_stand_in_fails_at_once_when_rbuild_has_ended(live: Rbuild) -> None:
    done = script(live, 'cp "$(command -v docker)" kept; env -i ./kept no-such; echo "was $?"')
    assert done.stdout == "was 1\n"
    late = subprocess.run(
        [live.project / "kept", "ps"], capture_output=True, text=True, check=False
    )
    assert late.returncode == 125
    assert "has ended" in late.stderr


def test_rbuild_is_killed_and_the_caller_hears_of_it(live: Rbuild) -> None:
    (live.project / "script").write_text(
        """\
import pathlib, signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.run("docker build -q --network host -t live .", shell=True, check=True)
waits = "echo > /here/begun; sleep 1000"
words = ["docker", "run", "--rm", "--network", "host", "-v", ".:/here", "live", "sh", "-c", waits]
done = subprocess.run(words, stderr=subprocess.PIPE, text=True)
pathlib.Path("heard").write_text(f"{done.returncode} {done.stderr}")
"""
    )
    with live.started("exec", "--", sys.executable, "./script") as running:
        wait_for(live.project / "begun", running)
        running.kill()
        running.wait(DEADLINE)
        deadline = time.monotonic() + DEADLINE
        while not (live.project / "heard").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    heard = (live.project / "heard").read_text()
    assert heard.startswith(("125 ", "143 ")), heard
    # The next run clears what is left.
    assert script(live, "docker tag live live:again").returncode == 0
    assert live.leftovers() == []


HOSTILE = """\
import os, re, shutil, socket, subprocess
place = re.search('^SOCKET = "(.*)"', open(shutil.which("docker")).read(), re.M)[1]
print(oct(os.stat(os.path.dirname(place)).st_mode & 0o777))
def connected():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(place)
    return peer
silent = connected()
nul, null = chr(0).encode(), os.open("/dev/null", os.O_RDWR)
call = nul.join([b"2", b"/", b"docker", b"version"])
texts = [b"GET / HTTP/1.1", b"99999999999\\n", b"-1\\n", b"3\\nabc", nul * 100]
texts.append(b"%d\\n" % len(call) + call)
for text in texts:
    for streams in ([], [null] * 3, [null] * 4):
        with connected() as peer:
            socket.send_fds(peer, [text], streams)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(4096):
                pass
print("served", subprocess.run(["docker", "no-such"], stderr=subprocess.DEVNULL).returncode)
"""


def test_who_speaks_to_the_socket_itself_keeps_nobody_from_it(live: Rbuild) -> None:
    done = script(live, HOSTILE, sys.executable)
    assert done.stdout == "0o700\nserved 1\n", done.stderr
    assert "Traceback" not in done.stderr


def test_a_container_has_the_callers_terminal(live: Rbuild) -> None:
    assert script(live, "docker build --network host -t live .").returncode == 0
    words = ("docker", "run", "--rm", "-it", "--network", "host", "live", "sh")
    typed = "stty size; exit 5\r"
    status, shown = live.on_a_terminal("exec", "--", *words, typed=typed, size=(33, 77))
    assert status == 5, shown
    assert "33 77" in shown


def test_a_container_has_the_terminal_where_a_shell_has_job_control(live: Rbuild) -> None:
    assert script(live, "docker build --network host -t live .").returncode == 0
    job = "set -m; docker run --rm -it --network host live sh; exit $?"
    words = ("exec", "--", "bash", "-c", job)
    status, shown = live.on_a_terminal(*words, typed="stty size; exit 5\r", size=(33, 77))
    assert status == 5, shown
    assert "33 77" in shown


def test_the_json_log_has_the_calls_and_what_the_command_wrote(live: Rbuild) -> None:
    (live.project / "script").write_text(
        "docker build -q --network host -t live .\n"
        "docker run --rm --network host live cat /made >/dev/null; echo said\n"
    )
    log = events(live("--log-format", "json", "exec", "--", "sh", "./script").stdout)
    started = [str(event["title"]) for event in log if event["event"] == "step-started"]
    assert started == ["sh ./script", "build image live", "run cat /made"]
    lines = [(event["step"], event["line"]) for event in log if event["event"] == "output"]
    assert (1, "said") in lines
    assert (3, "made of this") in lines
    called = [event["line"] for event in log if event["event"] == "call"]
    assert called[1] == "docker run --rm --network host live cat /made"
    assert log[-1]["event"] == "build-finished"


def test_a_container_goes_on_when_its_reader_has_gone(live: Rbuild) -> None:
    """As docker's does; and when its script has ended it is not waited for for ever."""
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        run="docker run --rm --network host -v $PWD:/here live"
        late='until [ -e /here/read ]; do echo said; sleep 0.1; done; echo more; echo > /here/end'
        { $run sh -c "$late"; echo "status $?" >&2; } | head -n 1
        echo > read
        while [ ! -e end ]; do sleep 0.1; done
        $run yes | head -n 1
        docker run --rm -i --network host live yes </dev/null | head -n 1
        """,
    )
    assert done.stdout == "said\ny\ny\n", done.stderr
    assert "status 0" in done.stderr or "status 141" in done.stderr
    assert live.leftovers() == []


def test_a_container_without_rm_stays_when_its_caller_is_killed(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        run="docker run --network host"
        $run --name "kept-a-$$" -v "$PWD:/here" live sh -c 'echo > /here/begun; sleep 1000' &
        while [ ! -e begun ]; do sleep 0.1; done
        kill $!
        wait $!
        echo "it ended with $?"
        """,
    )
    assert done.stdout == "it ended with 143\n", done.stderr
    assert "containers that are left: kept-a-" in done.stderr
    assert "kept-a-" in "".join(live.leftovers())
    assert live("clean").returncode == 0
    assert live.leftovers() == []


def test_a_secret_is_a_variable_of_the_callers(live: Rbuild) -> None:
    done = script(
        live,
        """\
        printf 'FROM debian:bookworm\\nRUN --mount=type=secret,id=s ' > file
        echo 'wc -c < /run/secrets/s > /n' >> file
        export WORD=hidden
        docker build -q --network host --secret id=s,env=WORD -t live -f file . >/dev/null
        docker run --rm --network host live cat /n
        """,
    )
    assert done.stdout == "6\n", done.stderr


def test_an_archive_is_written_to_the_caller(live: Rbuild) -> None:
    done = script(
        live,
        """\
        printf 'FROM scratch\\nCOPY source /made\\n' > files
        docker build -q -f files -o - . | tar -t
        docker build -f files --output type=tar,dest=- . 2>/dev/null | tar -xO made
        docker build -f files --output type=oci . 2>/dev/null | tar -t | grep index
        two="--platform linux/amd64,linux/arm64"
        docker build -f files $two -t of-two -o type=oci . > two.tar
        tar -xOf two.tar index.json | grep -o 'y/of-two:[a-z]*' | uniq
        """,
    )
    assert done.stdout.split() == [
        *("made", "made", "of", "this", "index.json", "y/of-two:latest")
    ], done.stderr


def test_streams_and_a_terminal_of_a_containers_own(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        run="docker run --rm --network host"
        $run -a stdout live sh -c 'echo out; echo err >&2' 2>&1
        $run -t live echo terminal | od -c | head -n 1
        $run -m 1 live true; echo "status $?"
        $run --mount "type=bind,source=$PWD/none,target=/m" live true; echo "status $?"
        """,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "out", done.stderr
    assert lines[1].split()[-2:] == ["\\r", "\\n"]
    assert lines[2:] == ["status 125"] * 2
    assert "bind source path does not exist" in done.stderr
    assert "Minimum memory limit allowed is 6MB" in done.stderr


def test_nothing_is_pushed_unless_that_is_allowed(live: Rbuild) -> None:
    (live.project / "script").write_text(
        "docker build -q --network host -t localhost:1/live . >/dev/null\n"
        'docker push localhost:1/live; echo "status $?"\n'
    )
    done = live("exec", "--", "sh", "./script")
    assert done.stdout == "status 125\n"
    assert "--allow-push" in done.stderr
    done = live("exec", "--allow-push", "--", "sh", "./script")
    assert done.stdout == "status 1\n"
    assert "localhost:1" in done.stderr


def test_a_daemon_that_a_script_leaves_is_not_waited_for(live: Rbuild) -> None:
    done = script(
        live,
        """\
        echo 'echo $$ > pid; while :; do sleep 1; done' > serve.sh
        nohup sh serve.sh >/dev/null 2>&1 &
        while [ ! -s pid ]; do sleep 0.1; done
        """,
    )
    pid = int((live.project / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    assert done.returncode == 0
    assert f"left running, and docker is not there for it any more: {pid}" in done.stderr


def test_no_token_stands_in_what_is_told(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host --build-arg API_TOKEN=hid-den -t live . >/dev/null
        docker run --rm --network host -e PLAIN=seen -e GITHUB_TOKEN=hid-den live sh -c 'exit 3'
        docker nonsense -e PASSWORD=hid-den
        """,
    )
    assert "hid-den" not in done.stderr
