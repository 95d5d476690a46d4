"""Scripts as strangers write them: for a release, for CI, in a Makefile."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.scripts.script import Script

_SERVES: Final = "trap 'exit 0' TERM; echo started; while :; do sleep 0.1; done"
_IMAGE: Final = {
    "Dockerfile": f"""\
FROM {BASE}
ARG VERSION=none
ARG COMMIT=none
LABEL org.example.version=$VERSION org.example.commit=$COMMIT
ENV VERSION=$VERSION
WORKDIR /app
COPY app .
EXPOSE 80/tcp 53/udp
VOLUME /data
USER 1000:1000
ENTRYPOINT ["sh", "/app/run"]
CMD ["serve"]
""",
    "app/run": 'echo "$VERSION $*"\n',
}

WRITTEN: Final = (
    Script(
        "written: a release that checks its labels",
        (
            (
                "docker build -q --build-arg VERSION=1.2 --build-arg COMMIT=abc -t $P-app:1.2 . "
                "| cut -c1-7"
            ),
            (
                "docker inspect --format='{{ index .Config.Labels \"org.example.version\" }}' "
                "$P-app:1.2"
            ),
            (
                "docker inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}' "
                "$P-app:1.2"
            ),
            (
                "docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' $P-app:1.2 | grep "
                "VERSION"
            ),
            (
                "docker inspect -f '{{range $p, $c := .Config.ExposedPorts}}{{$p}} {{end}}' "
                "$P-app:1.2"
            ),
            "docker inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' $P-app:1.2",
            (
                "docker image inspect $P-app:1.2 --format '{{.Config.User}} {{.Config.WorkingDir}} "
                "{{json .Config.Volumes}} {{len .RootFS.Layers}}'"
            ),
            "docker run --rm $P-app:1.2 --flag",
            (
                "for t in 1 latest; do docker tag $P-app:1.2 $P-app:$t; done; docker images -q "
                "$P-app | sort -u | wc -l"
            ),
            "docker images --format '{{.Tag}}' $P-app | sort",
            "docker rmi $P-app:1 $P-app:latest | sed 's/:.*//'",
        ),
        _IMAGE,
    ),
    Script(
        "written: clean what is left by a label",
        (
            "docker run -d --name $P-a --label ci=$P $BASE sleep 1000 >/dev/null",
            "docker create --name $P-b --label ci=$P --label stage=two $BASE true >/dev/null",
            "docker ps -aq --filter label=ci=$P | wc -l",
            "docker ps -aq --no-trunc --filter label=ci=$P --filter status=created | wc -c",
            (
                'docker ps -a --filter label=stage --format \'{{.Names}} {{.Label "stage"}} '
                "{{.Labels}}' | tr ',' '\\n' | sort"
            ),
            "docker ps -q --filter label=ci=$P --filter label=stage=two",
            "docker rm -f $(docker ps -aq --filter label=ci=$P) | wc -l",
            "docker rm -f $(docker ps -aq --filter label=ci=$P)",
            "docker ps -aq --filter label=ci=$P | xargs -r docker rm -f; echo $?",
        ),
    ),
    Script(
        "written: wait for a service",
        (
            f'docker run -d --name $P-s $BASE sh -c "{_SERVES}" >/dev/null',
            "until docker logs $P-s 2>&1 | grep -q started; do sleep 0.1; done; echo up",
            "docker exec $P-s sh -c 'echo in; exit 3'",
            "docker exec -i $P-s cat < input",
            "docker exec -i -e A=b -w /tmp $P-s sh < commands",
            "docker logs -f $P-s & sleep 0.3; docker stop -t 5 $P-s; wait $!",
            "docker wait $P-s",
            (
                "docker inspect --format "
                "'{{.State.Status}}/{{.State.ExitCode}}/{{.State.OOMKilled}}' $P-s"
            ),
            "docker exec $P-s true",
            "docker rm -v $P-s",
        ),
        {"input": "of a file\n", "commands": "pwd\necho $A\nexit 4\n"},
    ),
    Script(
        "written: logs by line and time",
        (
            (
                "docker run -d --name $P-l $BASE sh -c 'for n in 1 2 3 4; do echo $n; done' "
                ">/dev/null; docker wait $P-l"
            ),
            "docker logs --tail 2 $P-l 2>&1 | sort",
            "docker logs --tail=0 $P-l",
            "docker logs -n 1 $P-l 2>/dev/null",
            "docker logs --tail all $P-l 2>/dev/null",
            "docker logs --since 1h $P-l 2>/dev/null | wc -l",
            "docker logs --since 2000-01-01T00:00:00Z $P-l 2>/dev/null | wc -l",
            "docker logs --until 2000-01-01 $P-l",
            "docker logs --timestamps --tail 1 $P-l 2>/dev/null | cut -c1-2",
            "docker logs --follow $P-l 2>/dev/null | tail -n 1",
            "docker logs --tail x $P-l 2>/dev/null | wc -l",
            "docker container logs --details $P-l 2>/dev/null | head -n 1",
            "docker rm $P-l >/dev/null; docker logs $P-l",
        ),
    ),
    Script(
        "written: a containerfile in the script",
        (
            (
                "IMAGE=$(docker build -q - <<EOF\nFROM $BASE\nRUN echo made > /made\nEOF\n); "
                "docker run --rm $IMAGE cat /made; docker rmi $IMAGE | sed 's/sha256:.*/ID/'"
            ),
            "printf 'FROM %s\\nCMD echo hi\\n' $BASE | docker build --quiet --tag $P-q - | wc -c",
            "docker run --rm $P-q",
            (
                "docker build -q -t $P-q -f- . <<EOF >/dev/null\nFROM $BASE\nCOPY f "
                "/f\nEOF\ndocker run --rm $P-q cat /f"
            ),
            "docker build -q -t $P-q - < Other >/dev/null && docker run --rm $P-q",
            (
                "tar -cf - Other f | docker build -q -t $P-t -f Other - >/dev/null && docker run "
                "--rm $P-t"
            ),
            "docker build -t $P-x - <<EOF\nFROM $BASE\nCOPY f /f\nEOF\necho $?",
            "docker image rm $P-t $P-q | grep -c Untagged",
        ),
        {"f": "of f\n", "Other": f'FROM {BASE}\nCMD ["echo", "other"]\n'},
    ),
    Script(
        "written: what comes out of an image",
        (
            "docker build -q -t $P-o . >/dev/null",
            "id=$(docker create $P-o); docker cp $id:/app/. out; docker rm $id | wc -c",
            (
                "id=$(docker create $P-o); docker cp $id:/app/run - | tar -tf -; docker rm -v "
                "$id >/dev/null"
            ),
            "docker create --name $P-c $P-o >/dev/null; docker cp $P-c:/app out2 && ls out2",
            "docker cp f $P-c:/tmp/new && docker cp $P-c:/tmp/new back && cat back",
            "docker cp -q $P-c:/app/run run; wc -l < run",
            "docker cp $P-c:/no/such here; echo $?",
            "docker export $P-c | tar -tf - app tmp/new | sort",
            "docker export -o c.tar $P-c; tar -tf c.tar | grep -c '^app/'; rm c.tar",
            "docker start -a $P-c; docker rm $P-c | sed s/-.*//",
            "docker run --rm --entrypoint tar $P-o -cf - -C /app run | tar -xf - -O",
        ),
        {**_IMAGE, "f": "of the host\n"},
    ),
    Script(
        "written: an image made flat",
        (
            "docker create --name $P-f $BASE true >/dev/null; docker cp f $P-f:/f",
            (
                "docker export $P-f | docker import -c 'CMD [\"cat\", \"/f\"]' -c 'ENV A=b' "
                "-m flat - $P-flat:1 | cut -c1-7"
            ),
            "docker run --rm $P-flat:1",
            "docker history --format '{{.Comment}}' $P-flat:1",
            "docker inspect -f '{{.Config.Env}} {{.Config.Cmd}} {{len .RootFS.Layers}}' $P-flat:1",
            "docker export $P-f > f.tar; docker import f.tar | cut -c1-7; rm f.tar",
            "docker import missing.tar $P-none",
            "docker rm $P-f >/dev/null; docker rmi $P-flat:1 | head -n 1",
        ),
        {"f": "in it\n"},
    ),
    Script(
        "written: images on a stick",
        (
            "docker build -q -t $P-one:1 . >/dev/null; docker tag $P-one:1 $P-two",
            "docker save $P-one:1 $P-two | gzip > images.tgz",
            "docker rmi $P-one:1 $P-two >/dev/null; docker images -q $P-one",
            "gunzip -c images.tgz | docker load | sort",
            "docker load -q -i images.tgz | sort",
            "docker load < images.tgz | sort",
            "docker run --rm $P-two now",
            (
                "docker save -o one.tar $P-one:1; tar -xOf one.tar manifest.json | grep -o "
                "'\"RepoTags\":[^]]*]'; rm one.tar"
            ),
            "docker save $P-one:1 | docker load -q",
            "docker save $P-none:1 | wc -c",
            "docker load -i none.tar",
            "rm images.tgz; docker rmi -f $P-one:1 $P-two | grep -c Untagged",
        ),
        _IMAGE,
    ),
    Script(
        "written: volumes of a build",
        (
            "docker volume create $P-v; docker volume create --label ci=$P $P-w",
            "docker run --rm -v $P-v:/v $BASE sh -c 'echo kept > /v/f'",
            "docker run --rm -v $P-v:/v:ro $BASE cat /v/f",
            "docker run --rm -v $P-v:/v:ro $BASE sh -c 'echo x > /v/f' 2>/dev/null; echo $?",
            "docker volume ls -q --filter label=ci=$P",
            "docker volume ls --filter name=$P- --format '{{.Name}} {{.Driver}}' | sort",
            "docker volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels.ci}}' $P-w",
            "docker run --rm -v $P-v:/from -v $P-w:/to $BASE cp -a /from/. /to/",
            (
                "docker run --rm -v $P-w:/v -v $PWD:/out $BASE tar -C /v -cf /out/w.tar f; tar "
                "-tf w.tar; rm -f w.tar"
            ),
            "docker volume rm $P-v $P-w $P-none",
            "docker volume inspect $P-v",
            "docker volume rm -f $P-none; echo $?",
        ),
    ),
    Script(
        "written: two that speak to each other",
        (
            "docker network create $P-net | wc -c",
            (
                "docker network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{len "
                ".Containers}}' $P-net"
            ),
            (
                "docker run -d --name $P-db --network $P-net --network-alias db $BASE sleep 1000 "
                ">/dev/null"
            ),
            "docker inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}' $P-db",
            "docker network inspect -f '{{range .Containers}}{{.Name}}{{end}}' $P-net",
            "docker network ls -q --filter name=$P-net | wc -l",
            "docker network rm $P-net >/dev/null 2>&1; echo $?",
            "docker network disconnect $P-net $P-db; docker network connect $P-net $P-db; echo $?",
            "docker rm -f $P-db >/dev/null; docker network rm $P-net",
            "docker network inspect $P-net",
        ),
    ),
    Script(
        "written: images pruned by a label",
        (
            "docker build -q --label ci=$P -t $P-p . >/dev/null",
            "docker build -q --label ci=$P --build-arg VERSION=2 -t $P-p . >/dev/null",
            "docker images -q --filter label=ci=$P | wc -l",
            "docker images -aq --filter label=ci=$P --filter dangling=true | wc -l",
            "docker image prune -f --filter label=ci=$P | grep -c -i deleted",
            "docker images -aq --filter label=ci=$P | wc -l",
            "docker image prune -a -f --filter label=ci=$P | grep -c '^untagged: '",
            "docker image prune -f --filter label=ci=$P",
            'docker images --filter reference="$P-p" -q',
        ),
        _IMAGE,
    ),
    Script(
        "written: a program of one's own around docker",
        (
            "sh ./ci image run",
            "sh ./ci shell 2>&1; echo $?",
            "sh ./ci stop; sh ./ci stop",
            "sh ./ci clean; docker images -q $P-make",
        ),
        {
            "ci": """\
set -eu
IMAGE=$P-make NAME=$P-made
: "${DOCKER:=docker}"
image() {
    if [ -n "$($DOCKER images -q "$IMAGE" 2>/dev/null)" ]; then echo there; return; fi
    $DOCKER build -q -t "$IMAGE" --build-arg VERSION="$(echo 3)" . > /dev/null
}
run() {
    $DOCKER run -d --name "$NAME" --entrypoint sleep "$IMAGE" 1000 > /dev/null
    $DOCKER ps --no-trunc --filter "name=^/$NAME\\$" --format '{{.Image}} {{.Names}} {{.Command}}'
}
shell() { $DOCKER exec -t "$NAME" sh -c 'test -t 1 && echo a terminal; exit 9'; }
stop() { $DOCKER stop -t 0 "$NAME" 2>/dev/null && $DOCKER rm "$NAME" || echo none; }
clean() { $DOCKER rmi $($DOCKER images -q "$IMAGE") >/dev/null; }
for each; do "$each"; done
""",
            **_IMAGE,
        },
    ),
    Script(
        "written: how much there is",
        (
            "docker run -d --name $P-st $BASE sleep 1000 >/dev/null",
            "docker stats --no-stream --format '{{.Name}} {{.PIDs}}' $P-st",
            "docker stats --no-stream $P-st | head -n 1 | tr -s ' '",
            "docker stats --no-stream $P-none; echo $?",
            "docker top $P-st -o pid,args | tail -n 1 | tr -s ' ' | cut -d' ' -f2-",
            "docker system df | cut -c1-13",
            "docker system df --format '{{.Type}}'",
            "docker events --since 1m --until 0s --filter container=$P-st --format '{{.Action}}'",
            "docker rm -f $P-st",
        ),
    ),
    Script(
        "written: what is printed for machines",
        (
            "docker create --name $P-j $BASE true >/dev/null",
            'docker ps -a --filter name=$P-j --format json | grep -o \'"Names":"[^"]*"\'',
            (
                "docker ps -a --filter name=$P-j --format '{{json .State}} {{json .Ports}} "
                "{{.Mounts}}'"
            ),
            "docker ps -a --filter name=$P-j --format 'table {{.Names}}\\t{{.Status}}'",
            "docker inspect $P-j | grep -c '\"Id\"'",
            (
                "docker inspect --type container -f '{{.Name}} {{.HostConfig.NetworkMode}} "
                "{{.Config.Tty}}' $P-j"
            ),
            "docker inspect -s -f '{{ge .SizeRootFs 1}}' $P-j",
            "docker inspect -f '{{if .State.Running}}on{{else}}off{{end}}' $P-j $P-none; echo $?",
            "docker inspect -f '{{.State.Nothing}}' $P-j 2>/dev/null; echo $?",
            (
                'docker inspect -f \'{{join .Config.Cmd "+"}} {{title "x"}} {{printf "%.3s" .Id '
                "| len}}' $P-j"
            ),
            "docker container inspect --format '{{ .State.Status }}' $P-j | tr a-z A-Z",
            "docker rm $P-j",
        ),
    ),
    Script(
        "written: another daemon, and a result on file",
        (
            "DOCKER_CONTEXT=there docker ps",
            "docker --context there ps; echo $?",
            "DOCKER_HOST=unix://$PWD/none.sock docker ps -q; echo $?",
            "docker -H unix://$PWD/none.sock run --rm $BASE true; echo $?",
            "DOCKER_CONTEXT=default docker ps -q --filter name=$P-",
            "docker context ls -q; docker context show",
            (
                "docker build -q --metadata-file made.json -t $P-m . >/dev/null; grep -o "
                "'\"[a-z.]*\":' made.json | sort; rm made.json"
            ),
            "docker buildx bake --print",
            "docker buildx bake --print one two",
            "docker buildx bake --print all",
            "docker buildx bake --print one none",
            "docker buildx bake --print --set one.args.A=other --set *.labels.m=2 default",
            "docker buildx bake --print three; echo $?",
            "docker buildx build --print=outline .",
            "docker buildx imagetools inspect $P-m 2>/dev/null; echo $?",
            "docker build -q --push -t localhost:1/$P-m . 2>/dev/null; echo $?",
        ),
        {
            **_IMAGE,
            "docker-bake.json": """\
{"group": {"default": {"targets": ["one"]}, "all": {"targets": ["one", "two"]}},
 "target": {
  "base": {"args": {"B": "b", "A": "a"}, "labels": {"l": "1"}},
  "one": {"inherits": ["base"], "tags": ["x:1", "x:2"], "platforms": ["linux/amd64"]},
  "two": {"context": "app", "dockerfile": "../Dockerfile", "target": "t", "no-cache": true,
   "output": ["type=local,dest=out"], "contexts": {"x": "target:one"},
   "secret": ["id=s,src=app/run"], "cache-from": ["type=gha"]},
  "three": {"dockerfile-inline": "FROM x", "secret": ["id=s,src=none"], "no-cache": false}}}
""",
        },
    ),
    Script(
        "written: what builds came to, in files",
        (
            (
                "docker build -q --metadata-file made.json -t $P-m -t $P-n:2 . >/dev/null; "
                'grep -o \'"image.name": "[^"]*"\' made.json; stat -c %a made.json'
            ),
            (
                'test "$(grep -o \'"containerimage.digest": "[^"]*"\' made.json | '
                "cut -d'\"' -f4)\" = "
                "$(docker image inspect -f '{{.Id}}' $P-m) && echo the id"
            ),
            (
                "docker buildx build --metadata-file=made.json . 2>/dev/null; "
                "grep -c image.name made.json"
            ),
            (
                "echo before >made.json; docker build --metadata-file made.json -f none . "
                "2>/dev/null; echo $?; cat made.json"
            ),
            (
                "docker build -q --metadata-file made.json -o out . >/dev/null; "
                "grep -c containerimage made.json; ls out/app"
            ),
            (
                "docker build -q --metadata-file none/made.json . >/dev/null 2>&1; "
                "echo $?; ls none 2>&1"
            ),
            (
                'docker buildx bake --metadata-file made.json 2>/dev/null; grep -o \'^  "[^"]*"\' '
                'made.json; grep -o \'"image.name": "[^"]*"\' made.json; rm made.json'
            ),
            "docker build -q --check --metadata-file made.json . >/dev/null 2>&1; echo $?",
            "docker rmi -f $P-m $P-n:2 $P-one $P-uno:2 >/dev/null; rm -rf made.json out more",
        ),
        {
            **_IMAGE,
            "docker-bake.hcl": """\
variable "P" { default = "" }
group "default" { targets = ["one", "two"] }
target "one" { tags = ["${P}-one", "${P}-uno:2"] }
target "two" { output = ["type=local,dest=more"] }
""",
        },
    ),
)
