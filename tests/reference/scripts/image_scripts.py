"""Scripts that look at images, name, save and remove them; and what docker says of itself."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Context
from tests.reference.scripts.script import Script

_RICH: Final[Context] = {
    "Dockerfile": f"""\
FROM {BASE}
ENV A=1 B="two words"
LABEL own.name="a name" other=x
EXPOSE 80 53/udp
USER tester
WORKDIR /work
VOLUME /v
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "-c"]
CMD ["echo hello"]
"""
}
_BUILT: Final = "docker build -q -t $P-a . > /dev/null"

IMAGES: Final = (
    Script(
        "templates: an image",
        (
            _BUILT,
            "docker inspect --format '{{.Config.User}} {{.Config.WorkingDir}}' $P-a",
            "docker inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' $P-a",
            "docker inspect -f '{{index .Config.Labels \"own.name\"}}' $P-a",
            "docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' $P-a",
            "docker inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}' $P-a",
            "docker inspect -f '{{join .Config.Cmd \",\"}} {{len .Config.Env}}' $P-a",
            "docker inspect -f '{{json .Config.ExposedPorts}}' $P-a",
            "docker inspect -f '{{.Os}}/{{.Architecture}} {{.Config.StopSignal}}' $P-a",
            "docker inspect -f '{{printf \"%s-%d\" .Os (len .RootFS.Layers)}}' $P-a",
            "docker inspect -f '{{if .Config.Labels.other}}yes{{else}}no{{end}}' $P-a",
            "docker inspect -f '{{.RepoTags}} {{index .RepoTags 0}}' $P-a",
            "docker inspect -f '{{upper .Os}} {{title .Architecture}} {{split .Os \"i\"}}' $P-a",
            "docker inspect -f '{{.Nothing}}' $P-a",
            "docker inspect -f '{{.Config.Nothing}}' $P-a",
            "docker inspect -f '{{index .Config.Labels \"none\"}}|' $P-a",
            "docker inspect -f '{{.Os' $P-a",
            "docker inspect -f '{{nothing .Os}}' $P-a",
            "docker image inspect -f '{{.Id}}' $P-a $BASE",
            "docker inspect --type container $P-a",
            "docker inspect --type image -f '{{.Config.User}}' $P-a",
            "docker inspect -f '{{.Config.Healthcheck}} {{json .Config.OnBuild}}' $P-a",
            "docker inspect -f '{{.Size}}' $P-a | grep -c '^[0-9]*$'",
            "docker inspect $P-a | grep -c '\"Id\"'",
            "docker inspect $P-a | head -n 2 | tail -n 1",
        ),
        _RICH,
    ),
    Script(
        "templates: a container",
        (
            _BUILT,
            (
                "docker create --name $P-c -e C=3 -v /x --label l=m -w /tmp -m 64m $P-a "
                "'echo it' > /dev/null"
            ),
            "docker inspect -f '{{.Name}} {{.Config.Image}} {{.State.Status}}' $P-c",
            "docker inspect -f '{{.Path}} {{json .Args}}' $P-c",
            "docker inspect -f '{{json .Config.Env}}' $P-c",
            "docker inspect -f '{{.Config.WorkingDir}} {{.HostConfig.Memory}}' $P-c",
            "docker inspect -f '{{.HostConfig.AutoRemove}} {{.HostConfig.Privileged}}' $P-c",
            "docker inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}}' $P-c",
            "docker inspect -f '{{.Config.Labels.l}} {{index .Config.Labels \"other\"}}' $P-c",
            "docker inspect -f '{{.State.Running}} {{.State.Pid}} {{.State.ExitCode}}' $P-c",
            "docker inspect -f '{{.RestartCount}} {{.Driver}}' $P-c | cut -d' ' -f1",
            "docker inspect -f '{{if eq .State.Status \"created\"}}new{{end}}' $P-c",
            "docker inspect -f '{{ .State.Nothing }}' $P-c",
            "docker container inspect -f '{{.Image}}' $P-c | cut -c1-7",
            "docker inspect -f '{{with .State}}{{.Status}}{{end}}' $P-c $P-none $P-c",
            "docker inspect -s -f '{{.SizeRw}}' $P-c | grep -c '^[0-9]'",
            "docker start -a $P-c",
            "docker rm $P-c",
        ),
        _RICH,
    ),
    Script(
        "is it there?",
        (
            "docker inspect $P-none",
            "docker image inspect $P-none",
            "docker container inspect $P-none",
            "docker image inspect $P-none > /dev/null 2>&1 || echo no",
            "if docker image inspect $BASE > /dev/null 2>&1; then echo yes; else echo no; fi",
            'if [ -z "$(docker images -q $P-none)" ]; then echo none; fi',
            "docker images -q $BASE | wc -l",
            "if ! docker volume inspect $P-none >/dev/null 2>&1; then echo no volume; fi",
            "docker network inspect $P-n >/dev/null 2>&1 || docker network create $P-n > /dev/null",
            "docker network rm $P-n",
            "docker rm $P-none; docker rmi $P-none; docker volume rm $P-none",
            "docker rm $P-none || true",
            "docker rmi -f $P-none; echo $?",
            "docker rm -f $P-none 2>/dev/null; echo $?",
            "docker image rm $P-none $P-other",
            "docker inspect $P-none | head -n 1",
            "docker inspect",
        ),
    ),
    Script(
        "images listed",
        (
            "docker build -q --label own=$P -t $P-a . > /dev/null",
            "docker tag $P-a $P-b:v1; docker tag $P-a example.com/$P/c:v2",
            "docker images --format '{{.Repository}}:{{.Tag}}' --filter reference=\"$P-*\"",
            "docker images -f reference=\"$P-b:*\" --format '{{.Tag}} {{.Repository}}'",
            "docker images --format '{{.Repository}}' -f reference=example.com/$P/c",
            "docker images -f label=own=$P --format '{{.Repository}}' | sort",
            "docker images $P-a --format '{{.Repository}} {{.Tag}} {{.ID}}'",
            "docker images -q $P-a | tr -d '\\n' | wc -c",
            "docker images -q --no-trunc $P-a | cut -c1-7",
            "docker images $P-a",
            "docker image ls $P-b --format 'table {{.Repository}}\\t{{.Tag}}'",
            "docker images -q -f dangling=true -f label=own=$P | wc -l",
            "docker images -f nothing=x",
            "docker images --format '{{.Nothing}}' $P-a",
            "docker images --format json $P-a | tr ',' '\\n' | grep Repository",
            "docker images --format '{{json .Tag}}' $P-b",
            "docker images $P-none",
            "docker images -a -q $P-b $P-a",
            "docker images --digests --format '{{.Digest}}' $P-b | cut -c1-7",
        ),
        _RICH,
    ),
    Script(
        "tags come and go",
        (
            _BUILT,
            "docker tag $P-a $P-b",
            "docker tag $P-a $P-b:x && docker inspect -f '{{.RepoTags}}' $P-b:x",
            "docker tag $P-none $P-c",
            "docker tag $P-a INVALID",
            "docker tag $P-a",
            "docker rmi $P-b",
            "docker rmi $P-b",
            "docker create --name $P-c $P-a > /dev/null",
            "docker rmi $P-a $P-b:x",
            "docker rmi -f $P-a | grep Untagged",
            "docker rm $P-c",
            "docker image prune -f > /dev/null; echo $?",
        ),
        _RICH,
    ),
    Script(
        "save and load",
        (
            _BUILT,
            "docker save -o out.tar $P-a; docker rmi $P-a > /dev/null",
            "docker load -i out.tar",
            "docker run --rm $P-a 'echo loaded'",
            "docker load < out.tar",
            "docker load -q -i out.tar",
            "cat out.tar | docker load",
            "gzip out.tar; docker load -i out.tar.gz; rm out.tar.gz",
            "docker tag $P-a $P-b:two; docker save $P-a $P-b:two | docker load | sort",
            "docker save $P-a | tar -xO manifest.json | grep -o '\"RepoTags\":[^]]*]'",
            "docker save $P-none",
            "docker save",
            "docker load -i missing",
            "echo no archive | docker load",
            "docker image save $(docker images -q $P-b) | docker image load",
        ),
        _RICH,
    ),
    Script(
        "history",
        (
            _BUILT,
            "docker history --format '{{.CreatedBy}}' $P-a | head -n 4",
            "docker history --no-trunc --format '{{.CreatedBy}}' $P-a | head -n 10",
            "docker history $P-a | head -n 1",
            "docker history -q $P-a | tail -n 1",
            "docker history $P-none",
        ),
        _RICH,
    ),
)

ANSWERS: Final = (
    Script(
        "versions",
        (
            "docker -v",
            "docker --version",
            "docker version --format '{{.Client.Version}}'",
            "docker version -f '{{.Server.Version}}'",
            "docker version --format '{{.Server.Os}}/{{.Server.Arch}}'",
            "docker version --format '{{.Server.APIVersion}}' | cut -d. -f1",
            "docker version --format '{{.Nothing}}'",
            "docker version | grep -c '^Client:'",
            "docker version --format '{{json .Client}}' | grep -o '\"Version\"'",
            "docker buildx version | wc -l",
            "docker version > /dev/null && echo there",
            "command -v docker > /dev/null && echo found",
        ),
    ),
    Script(
        "info",
        (
            "docker info --format '{{.OSType}} {{.Architecture}}'",
            "docker info -f '{{.ServerVersion}}'",
            "docker info --format '{{.Driver}}' | wc -l",
            "docker info 2>/dev/null | grep -c 'Server Version:'",
            "docker info > /dev/null 2>&1 && echo running",
            "docker info --format '{{json .SecurityOptions}}' | cut -c1",
            "docker info --format '{{.Swarm.LocalNodeState}}'",
            "docker info --format '{{.Nothing}}'",
            "docker info --format '{{.NCPU}}' | grep -c '^[0-9]'",
            "docker info 2>/dev/null | grep OSType",
            "docker system info --format '{{.OSType}}'",
            "docker system df > /dev/null; echo $?",
        ),
    ),
    Script(
        "words that docker has not",
        (
            "docker nothing",
            "docker image nothing",
            "docker container 2>&1 | head -n 4; docker image 2>/dev/null; echo $?",
            "docker > /dev/null 2>&1; echo $?",
            "docker --help | head -n 2",
            "docker run --help | head -n 2",
            "docker help > /dev/null; echo $?",
            "docker --nothing run",
            "docker ps extra",
            "docker rm",
            "docker pull",
            "docker logs",
            "docker tag a b c",
            "docker volume create a b",
            "docker rmi",
        ),
    ),
    Script(
        "pruned",
        (
            "docker create --name $P-a --label prune=$P $BASE true > /dev/null",
            "docker container prune -f --filter label=prune=$P | head -n 1",
            "docker container inspect $P-a > /dev/null 2>&1; echo $?",
            "docker volume create --label prune=$P $P-v > /dev/null",
            "docker volume prune -f -a --filter label=prune=$P",
            "docker image prune -f --filter label=prune=$P",
            "docker network create --label prune=$P $P-n > /dev/null",
            "docker network prune -f --filter label=prune=$P",
            "docker builder prune -f > /dev/null; echo $?",
            "docker system prune -f --filter label=prune=$P > /dev/null; echo $?",
        ),
    ),
)

_MAKE_LIKE: Final[Context] = {
    "Dockerfile": f"""\
FROM {BASE}
WORKDIR /src
COPY src .
RUN mkdir /out && cat a b > /out/joined
""",
    "src/a": "a\n",
    "src/b": "b\n",
    "build.sh": """\
#!/bin/sh
set -eu
image=$1-built
docker build -q -t "$image" . >/dev/null
container=$(docker create "$image")
trap 'docker rm -f "$container" >/dev/null' EXIT
docker cp "$container:/out" bundles
docker cp "$container:/out/joined" - | tar -x -C elsewhere
""",
}
SHAPES: Final = (
    Script(
        "shape: create, cp, rm in a trap",
        (
            "mkdir elsewhere; sh build.sh $P",
            "cat bundles/joined elsewhere/joined",
            "docker ps -aq -f ancestor=$P-built | wc -l",
        ),
        _MAKE_LIKE,
    ),
    Script(
        "shape: a builder image and the source mounted",
        (
            "docker inspect $P-it >/dev/null 2>&1 || docker build -q -t $P-it . >/dev/null",
            (
                "docker run --rm -i -v $PWD:/src -w /src -e TARGET=all $P-it "
                "sh -c 'cat src/a src/b > $TARGET'"
            ),
            "(cd src && docker run --rm -v $(pwd):/s -w /s $P-it ls)",
            "docker run --rm -u $(id -u):$(id -g) -v $PWD:/src -w /src $P-it touch mine",
            "test -O mine && echo mine",
            "set -e; docker run --rm $P-it false; echo not reached",
        ),
        _MAKE_LIKE,
    ),
    Script(
        "shape: a function, a case, a pipe",
        (
            'd() { docker "$@"; }; d run --rm $BASE echo of a function',
            "DOCKER=docker; $DOCKER run --rm $BASE echo of a variable",
            "case $(docker run --rm $BASE uname -s) in Linux) echo it is;; *) echo not;; esac",
            "docker run --rm $BASE cat /etc/passwd | docker run --rm -i $BASE wc -l",
            "docker run --rm $BASE tar -c /etc/group 2>/dev/null | tar -t",
            "xargs -n 1 docker run --rm $BASE echo < words",
            'env -i PATH="$PATH" docker run --rm $BASE echo without an environment',
            "sh -c 'docker run --rm $0 echo of a shell' $BASE",
            "result=$(docker run --rm $BASE sh -c 'echo said; exit 8'); echo $? $result",
            "docker run --rm $BASE sh -c 'exit 3' | cat; echo $?",
            "! docker run --rm $BASE false && echo negated",
            "exec 3>&1; docker run --rm $BASE echo to three >&3",
            "timeout 60 docker run --rm $BASE echo in time",
        ),
        {"words": "a\nb\n"},
    ),
)
