"""Docker's commands that are no steps, called by a script: containers that stay, answers."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild

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
