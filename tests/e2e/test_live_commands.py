"""Docker's commands that are no steps, called by a script: containers that stay, answers."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild, events

pytestmark = pytest.mark.in_ci("podman", "buildah")


@pytest.fixture
def only_podman(backend_name: str) -> None:
    if backend_name != "podman":
        pytest.skip("containers that stay are podman's")


@pytest.fixture
def live(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Rbuild:
    """`rbuild` in a project with a Dockerfile and no recipe."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Dockerfile").write_text("FROM debian:bookworm\nLABEL kind=test\nCMD echo of-cmd\n")
    return Rbuild(project, backend_name, rbuild_environment)


def script(live: Rbuild, text: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a script, whose errors are in what it prints."""
    (live.project / "script").write_text(f"exec 2>&1\n{text}")
    return live("exec", "--", "sh", "./script")


@pytest.mark.usefixtures("only_podman")
def test_a_container_is_created_started_copied_from_and_removed(live: Rbuild) -> None:
    done = script(
        live,
        """\
        set -e
        docker build -q --network host -t live . >/dev/null
        id=$(docker create --name made --network host live sh -c 'echo made > /result; echo said')
        test ${#id} = 64
        docker inspect -f '{{.State.Status}} {{.Name}} {{.Config.Image}}' made
        docker start -a made
        docker cp made:/result . && cat result
        docker cp made:/result - | tar -xO
        echo other > other && docker cp other made:/other && docker cp made:/other back && cat back
        docker diff made | grep result
        docker logs made
        docker wait made
        docker commit -m why made kept | cut -c1-7
        docker run --rm --network host kept cat /result
        docker rm made
        docker rm made || echo "status $?"
        docker rm -f made && echo forced
        docker rmi kept | grep -c :
        """,
    )
    assert done.stdout.splitlines() == [
        "created /made live",
        *("said", "made", "made", "other", "A /result", "said", "0", "sha256:", "made", "made"),
        *("Error response from daemon: No such container: made", "status 1"),
        *("Error response from daemon: No such container: made", "forced", "2"),
    ], done.stderr


@pytest.mark.usefixtures("only_podman")
def test_a_detached_container_is_asked_stopped_and_listed(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live . >/dev/null
        run="docker run -d --network host --label l=v"
        id=$($run --name up live sh -c 'echo ready; exec sleep 1000')
        docker ps --no-trunc -q -f name=up | grep -c $id
        docker ps -f label=l=v --format '{{.Names}} {{.State}} {{.Image}} {{.Label "l"}}'
        docker exec up sh -c 'echo in; exit 4'; echo "exec $?"
        echo piped | docker exec -i -e A=1 up sh -c 'cat; echo $A'
        $run --name up live true; echo "clash $?"
        docker rm up; echo "running $?"
        docker stop -t 0 up
        docker ps -q -f name=up
        docker inspect -f '{{.State.Running}} {{.State.ExitCode}}' up
        docker exec up true; echo "stopped $?"
        docker start up && docker kill up && docker wait up
        docker rename up down && docker rm -f down
        $run --name gone --rm live true >/dev/null
        docker run -d --network host live /no/such >/dev/null; echo "start $?"
        docker container prune -f >/dev/null; docker ps -aq | wc -l
        """,
    )
    shown = [line for line in done.stdout.splitlines() if line and "Run '" not in line]
    words = "\n".join(shown)
    assert shown[:4] == ["1", "up running live v", "in", "exec 4"], done.stdout + done.stderr
    assert "piped\n1\n" in words
    assert 'Conflict. The container name "/up" is already in use by container' in words
    assert "clash 125" in shown
    assert 'cannot remove container "up": container is running' in words
    assert "false 137" in shown
    assert "is not running\nstopped 1\nup\nup\n137\ndown" in words
    assert "start 127" in shown
    assert shown[-1] in {"0", "1"}


@pytest.mark.usefixtures("only_podman")
def test_images_are_listed_saved_and_loaded(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t live:one . >/dev/null
        docker tag live:one other/name:two
        docker images --format '{{.Repository}}:{{.Tag}}' | grep -e :one -e :two | sort
        test "$(docker images -q live:one)" = "$(docker inspect -f '{{slice .Id 7 19}}' live:one)"
        echo "same $?"
        docker inspect -f '{{json .Config.Labels}} {{.Config.Cmd}} {{index .RepoTags 0}}' live:one
        docker save live:one > file.tar
        docker rmi other/name:two live:one | head -n 2
        docker load -i file.tar
        docker load -q < file.tar
        docker history --format '{{.CreatedBy}}' live:one | grep -c 'CMD.*of-cmd'
        docker image inspect no/such; echo "none $?"
        docker images -q no/such; echo "none $?"
        docker rmi no/such; echo "none $?"
        """,
    )
    assert done.stdout.splitlines() == [
        *("live:one", "other/name:two", "same 0"),
        '{"kind":"test"} [/bin/sh -c echo of-cmd] live:one',
        *("Untagged: other/name:two", "Untagged: live:one"),
        *("Loaded image: live:one", "Loaded image: live:one", "1"),
        *("[]", "Error response from daemon: No such image: no/such:latest", "none 1", "none 0"),
        *("Error response from daemon: No such image: no/such:latest", "none 1"),
    ], done.stderr


@pytest.mark.usefixtures("only_podman")
def test_volumes_networks_builders_and_versions(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker volume create kept
        docker volume create --label a=b kept
        docker volume ls -q -f name=kept
        docker volume inspect -f '{{.Name}} {{.Driver}}' kept
        docker volume rm kept
        docker volume inspect kept; echo "volume $?"
        docker network ls --format '{{.Name}}' | grep -x host
        docker network inspect -f '{{.Driver}}' none
        docker buildx create --name mine --use
        docker buildx inspect mine | head -n 1
        docker buildx create --name mine; echo "builder $?"
        docker buildx rm mine
        docker version -f '{{.Server.Os}} {{.Client.APIVersion}}' | cut -d. -f1
        docker info -f '{{.OSType}}'
        docker context show
        docker -v | cut -d' ' -f1-2
        """,
    )
    assert done.stdout.splitlines() == [
        *("kept", "kept", "kept", "kept local", "kept", "[]"),
        *("Error response from daemon: get kept: no such volume", "volume 1", "host", "null"),
        *("mine", "Name:          mine"),
        (
            'ERROR: existing instance for "mine" but no append mode, specify the node name to make '
            "changes for existing instances"
        ),
        *("builder 1", "mine removed", "linux 1", "linux", "default", "Docker version"),
    ], done.stderr


@pytest.mark.usefixtures("only_podman")
def test_what_is_removed_is_no_more_than_docker_removes(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t own:1 . >/dev/null
        docker volume create named >/dev/null
        docker run --network host -v /anonymous own:1 true
        docker rm $(docker ps -aq) >/dev/null
        docker volume prune -f | grep -c named
        docker volume create --label mine=1 labelled >/dev/null
        docker volume prune -a -f --filter label=mine=2 | grep -c Deleted
        docker volume prune -a -f --filter label=mine | grep labelled
        docker volume ls -q -f name=named
        docker volume prune -f --filter all=1 | grep -c named
        docker build -q --network host --label goes=1 -t goes:1 . >/dev/null
        docker image prune -a -f --filter label=goes | grep untagged
        docker images -q own:1 | wc -l
        docker run -d --network host --name up own:1 sleep 1000 >/dev/null
        docker rmi -f own:1; echo "running $?"
        docker tag own:1 own:2 && docker rmi -f own:2
        docker ps --format '{{.Names}} {{.State}}'
        docker stop -t 0 up
        docker rmi -f own:1
        docker start up; docker rm -f up
        docker image prune -f >/dev/null
        """,
    )
    lines = done.stdout.splitlines()
    assert lines[:7] == ["0", "0", "labelled", "named", "1", "untagged: goes:1", "1"], (
        done.stdout + done.stderr
    )
    assert "conflict: unable to delete own:1 (cannot be forced) - container" in lines[7]
    kept = ["running 1", "Untagged: own:2", "up running", "up", "Untagged: own:1", "up", "up"]
    assert lines[8:] == kept


@pytest.mark.usefixtures("only_podman")
def test_what_a_caller_has_is_what_the_engine_is_given(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t own . >/dev/null
        docker run -d --network host --name up own sleep 1000 >/dev/null
        printf 'IN_FILE\nWITH=value\n' > variables
        OF_CALLER=1 IN_FILE=2 SHELL=3 docker exec -e OF_CALLER -e NONE -e SHELL -e A=4 \
            --env-file variables up sh -c 'echo $OF_CALLER $IN_FILE $SHELL $A $WITH ${NONE-none}'
        HIDDEN=s3cr3t docker exec -e HIDDEN up sh -c 'echo $HIDDEN; sleep 2' > shown &
        while [ ! -s shown ]; do sleep 0.1; done; grep -c s3cr3t shown
        cat /proc/[0-9]*/cmdline 2>/dev/null | grep -ac 's3[c]r3t'; wait
        docker exec --env-file nothing up true; echo "file $?"
        mkdir inner && touch inner/file && docker exec up mkdir /there
        docker cp -L inner/. up:/there && docker exec up ls /there
        tar -c inner | docker cp -L - up:/there && docker exec up ls /there
        echo old > saved.tar && docker save -o saved.tar own && docker load -q -i saved.tar
        docker save -o saved.tar own none:1; echo "none $?"; docker load -q -i saved.tar; ls -A
        docker rm -f up
        """,
    )
    lines = done.stdout.splitlines()
    assert lines[:3] == ["1 2 3 4 value none", "1", "0"], done.stdout + done.stderr
    del lines[:2]
    assert "no such file" in lines[1].lower()
    assert lines[2:6] == ["file 1", "file", "file", "inner"]
    assert lines[6] == "Loaded image: own:latest"
    assert lines[8:10] == ["none 1", "Loaded image: own:latest"]
    assert "saved.tar" in lines
    assert not [line for line in lines if line.startswith(".saved")]


@pytest.mark.usefixtures("only_podman")
def test_a_container_ends_by_the_signal_that_is_named(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t own . >/dev/null
        traps='trap "echo usr1; exit 5" USR1; trap "echo term" TERM; echo ready'
        traps="$traps; while :; do sleep 0.1; done"
        docker run -d --network host --name up own sh -c "$traps" >/dev/null
        begun() { until [ "$(docker logs up | grep -c ready)" = "$1" ]; do :; done; }
        begun 1
        docker stop --signal USR1 up && docker logs up
        docker inspect -f '{{.State.ExitCode}}' up
        docker stop --signal USR1 up
        docker start up && begun 2 && docker restart --signal TERM -t 0 up
        docker stop --signal NONE up; echo "none $?"
        docker rm -f up
        """,
    )
    lines = done.stdout.splitlines()
    assert lines[:4] == ["up", "ready", "usr1", "5"], done.stdout + done.stderr
    assert lines[4:7] == ["up", "up", "up"]
    assert lines[8:] == ["none 1", "up"]


@pytest.mark.usefixtures("only_podman")
def test_a_network_has_all_subnets_that_are_named(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker network create --ipv6 --subnet 10.231.7.0/24 --subnet fd00:7::/64 \
            --gateway fd00:7::9 --gateway 10.231.7.9 several >/dev/null
        docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}};{{end}}' several
        docker network rm several
        docker network create --subnet 10.231.7.0/24 --gateway 10.0.0.1 other; echo "other $?"
        """,
    )
    assert done.stdout.splitlines() == [
        "10.231.7.0/24 10.231.7.9;fd00:7::/64 fd00:7::9;",
        "several",
        *("no matching subnet for gateway 10.0.0.1", "other 1"),
    ], done.stderr


@pytest.mark.usefixtures("only_podman")
def test_nobody_waits_for_who_only_looks_on(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t own . >/dev/null
        docker run -d --network host --name up own sh -c 'echo said; exec sleep 1000' >/dev/null
        docker logs --follow up > followed &
        while [ ! -s followed ]; do sleep 0.1; done
        """,
    )
    assert done.returncode == 0, done.stderr
    assert (live.project / "followed").read_text() == "said\n"
    assert "containers that are left: up" in done.stderr
    script(live, "docker rm -f up; docker rmi own")


@pytest.mark.usefixtures("only_podman")
def test_the_end_of_what_the_engine_itself_does_is_told(live: Rbuild) -> None:
    (live.project / "script").write_text(
        "docker build -q --network host -t own . >/dev/null\n"
        "docker run -d --network host --name up own sleep 1000 >/dev/null\n"
        "docker exec up sh -c 'exit 4'; docker rm -f up >/dev/null\n"
    )
    log = events(live("--log-format", "json", "exec", "--", "sh", "./script").stdout)
    ended = [(event["step"], event["status"]) for event in log if event["event"] == "step-finished"]
    assert ended == [(2, 0), (3, 0), (4, 4), (5, 0), (1, 0)]


def test_what_is_refused_says_why_and_many_at_once_are_answered(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker push live; echo "push $?"
        docker compose up; echo "compose $?"
        docker ps --no-such >/dev/null; echo "flag $?"
        for each in 1 2 3 4 5 6 7 8 9 10; do docker rm; done | grep -c nobody
        """,
    )
    words = done.stdout
    assert "docker push" in words
    assert "push 125" in words
    assert "compose 125" in words
    assert "unknown flag: --no-such" in words
    assert "flag 125" in words
    assert "nobody does what is called for" not in words


def test_images_are_asked_for_on_every_engine(live: Rbuild) -> None:
    done = script(
        live,
        """\
        docker build -q --network host -t asked:one . >/dev/null
        docker tag asked:one asked:two
        docker images --format '{{.Repository}}:{{.Tag}}' asked | sort
        test "$(docker images -q asked:one)" = "$(docker inspect -f '{{slice .Id 7 19}}' asked:one)"
        echo "same $?"
        docker image inspect -f '{{json .Config.Labels}} {{.Config.Cmd}}' asked:one
        docker history --format '{{.CreatedBy}}' asked:one | grep -c 'CMD.*of-cmd'
        docker rmi asked:two asked:one | grep -c Untagged
        docker image inspect asked:one; echo "gone $?"
        docker rmi asked:one; echo "gone $?"
        docker version -f '{{.Server.Os}}'
        """,
    )
    assert done.stdout.splitlines() == [
        *("asked:one", "asked:two", "same 0", '{"kind":"test"} [/bin/sh -c echo of-cmd]', "1", "2"),
        *("[]", "Error response from daemon: No such image: asked:one", "gone 1"),
        *("Error response from daemon: No such image: asked:one", "gone 1", "linux"),
    ], done.stderr


def test_buildah_has_no_containers_that_stay(live: Rbuild, backend_name: str) -> None:
    if backend_name != "buildah":
        pytest.skip("it is about buildah")
    done = script(
        live,
        "docker ps -a; echo $?; docker create debian:bookworm true; echo $?; docker network ls",
    )
    assert done.stdout.splitlines()[1::2] == ["125", "125"]
    assert "buildah has no containers that outlive their command" in done.stdout
    assert "--backend podman" in done.stderr


def test_archives_are_as_dockers(live: Rbuild, backend_name: str) -> None:
    if backend_name == "buildah":
        pytest.skip("its containers and archives are podman's")
    done = script(
        live,
        """\
        docker build -q --network host -t archived . >/dev/null
        docker save archived | tar -xO manifest.json | grep -o '"RepoTags":[^]]*]'
        docker save -o saved.tar archived; gzip saved.tar
        docker build -q --network host -t archived --label new=1 . >/dev/null
        docker load -i saved.tar.gz
        docker inspect -f '{{index .Config.Labels "new"}}.' archived
        docker images -q archived | wc -l
        docker history archived | grep -c io.rbuild
        docker create --network host --name archives -v /v archived true >/dev/null
        docker cp archives:/etc/. - | tar -t | cut -c 1-2 | sort -u
        docker cp archives:/etc - | tar -t | head -n 1
        docker run --rm --network host --volumes-from archives archived ls -d /v
        docker rm -v archives >/dev/null
        """,
    )
    assert done.stdout.splitlines() == [
        '"RepoTags":["archived:latest"]',
        *("Loaded image: archived:latest", ".", "1", "0", "./", "etc/", "/v"),
    ], done.stderr
    assert "create true" in done.stderr


def test_all_ports_of_an_image_are_published(live: Rbuild, backend_name: str) -> None:
    if backend_name != "podman":
        pytest.skip("containers that stay are podman's; docker itself does it")
    done = script(
        live,
        """\
        printf 'FROM debian:bookworm\\nEXPOSE 80\\n' | docker build -q -t ports - >/dev/null
        docker run -d --rm -P --expose 81 --name ports ports sleep 100 >/dev/null
        docker port ports | cut -d ' ' -f 1 | sort -u
        docker rm -f ports >/dev/null
        docker pull --platform linux/s390x ports 2>/dev/null; echo "status $?"
        """,
    )
    assert done.stdout.splitlines() == ["80/tcp", "81/tcp", "status 125"], done.stderr


@pytest.mark.usefixtures("only_podman")
def test_a_script_waits_until_a_container_is_healthy(live: Rbuild) -> None:
    """docker's daemon looks by a clock of its own; here a look is due when somebody asks."""
    (live.project / "Healthy").write_text(
        "FROM debian:bookworm\n"
        "HEALTHCHECK --interval=100ms --retries=1 CMD test -e /tmp/ready\n"
        "CMD trap 'exit 0' TERM; until test -e /go; do sleep 0.1; done; touch /tmp/ready; "
        "sleep 1000 & wait\n"
    )
    done = script(
        live,
        """\
        docker build -q --network host -t healthy -f Healthy . >/dev/null
        docker run -d --rm --network host --name db healthy >/dev/null
        state() { docker inspect -f '{{.State.Health.Status}}' db; }
        until [ "$(state)" = unhealthy ]; do sleep 0.1; done
        docker exec db touch /go
        until [ "$(state)" = healthy ]; do sleep 0.1; done
        docker ps --filter name=db --format '{{.Status}}' | grep -o '(.*)'
        docker rm -f db
        """,
    )
    assert done.stdout == "(healthy)\ndb\n", done.stderr
    assert live.leftovers() == []
