"""Scripts that keep containers: detached, created, copied from and into, committed."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Archive, File, Member
from tests.reference.scripts.script import Script

_SLEEPS: Final = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"

DETACHED: Final = (
    Script(
        "detached: run, logs, wait",
        (
            "docker run -d --name $P-a $BASE sh -c 'echo out; echo err >&2; exit 3'",
            "docker wait $P-a",
            "docker logs $P-a",
            "docker logs $P-a 2>/dev/null",
            "docker logs --tail 1 $P-a 2>/dev/null",
            "docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Running}}' $P-a",
            "docker rm $P-a",
            "docker logs $P-a",
            "docker wait $P-a",
        ),
    ),
    Script(
        "detached: stop, kill, restart",
        (
            f'docker run -d --name $P-a $BASE sh -c "{_SLEEPS}" > id',
            'test "$(cat id)" = "$(docker inspect -f "{{.Id}}" $P-a)"; echo $?; rm id',
            "docker rm $P-a",
            "docker stop $P-a",
            "docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' $P-a",
            "docker start $P-a",
            "docker kill $P-a",
            "docker wait $P-a",
            "docker kill $P-a",
            "docker restart -t 0 $P-a",
            "docker ps -q -f name=$P-a | wc -l",
            "docker stop -t 0 $P-a && docker stop $P-a",
            "docker rm -f $P-a",
            "docker rm -f $P-a; echo $?",
            (
                "docker run --name $P-f $BASE sleep 1000 & "
                "until docker kill $P-f 2>/dev/null; do sleep 0.1; done; wait $!"
            ),
            (
                "docker run -d --name $P-g $BASE sleep 1000 >/dev/null; docker kill -s KILL $P-g; "
                "docker wait $P-g; docker rm $P-f $P-g"
            ),
            "docker stop $P-a",
            "docker start $P-a",
            "docker kill $P-a",
        ),
    ),
    Script(
        "detached: exec",
        (
            "docker run -d --rm --name $P-a -e A=1 $BASE sleep 1000 > /dev/null",
            "docker exec $P-a echo in it",
            "docker exec -e B=2 $P-a sh -c 'echo $A $B; exit 6'",
            "echo given | docker exec -i $P-a cat",
            "docker exec -w /tmp -u 1000 $P-a sh -c 'pwd; id -u'",
            "docker exec -d $P-a touch /made",
            "docker exec $P-a no-such-program",
            "docker exec $P-none true",
            "docker exec $P-a",
            "docker rm -f $P-a",
            "docker ps -aq -f name=$P-a",
            "docker exec $P-a true",
        ),
    ),
    Script(
        "created, then started",
        (
            "id=$(docker create --name $P-a $BASE sh -c 'echo started; exit 4'); echo ${#id}",
            "docker inspect -f '{{.State.Status}}' $id",
            "docker start -a $id",
            "docker start $P-a",
            "docker wait $P-a",
            "docker logs $P-a",
            "docker exec $P-a true",
            "docker rm -v $P-a",
            "docker create --pull never $P-missing",
            "docker create -i --name $P-b $BASE cat > /dev/null",
            "echo given | docker start -ai $P-b",
            "docker rm $P-b $P-none",
        ),
    ),
    Script(
        "containers listed",
        (
            "docker create --name $P-a --label kind=x $BASE true | wc -c",
            "docker run -d --name $P-b --label kind=y --label kind2 $BASE sleep 1000 | wc -c",
            "docker run --name $P-c --label kind=x $BASE false",
            "docker ps -a -f name=$P- --format '{{.Names}} {{.Image}} {{.Status}}'",
            "docker ps --filter name=$P- --format '{{.Names}}'",
            "docker ps -a --filter label=kind=x --format '{{.Names}}\\t{{.Label \"kind\"}}'",
            "docker ps -a -f status=exited -f name=$P- --format '{{.Names}} {{.State}}'",
            "docker ps -a -f status=created -f name=$P- --format 'table {{.Names}}\\t{{.Command}}'",
            "docker ps -aq -f name=$P- | wc -l",
            "docker ps -aq --no-trunc -f name=$P-a | tr -d '\\n' | wc -c",
            "docker ps -f name=$P-",
            "docker ps -a -f exited=1 -f name=$P- --format '{{json .Names}}'",
            "docker ps -a -f name=^/$P-a\\$ --format '{{.Names}}'",
            "docker ps -a -f ancestor=$BASE -f label=kind2 --format '{{.Names}} {{.Labels}}'",
            "docker ps -f nothing=x",
            "docker ps --format '{{.Nothing}}'",
            "docker ps -l --format '{{.Names}}'",
            "docker container ls -a -f name=$P-c --format json | tr ',' '\\n' | grep -c :",
            "docker rm -f $(docker ps -aq -f name=$P-) | wc -l",
            "docker rm $(docker ps -aq -f name=$P-)",
        ),
    ),
    Script(
        "side by side",
        (
            'for n in 1 2 3 4; do docker run --rm $BASE sh -c "exit $n" & done; wait; echo all',
            "docker run --rm $BASE sh -c 'exit 3' & wait $!",
            (
                "docker run --rm $BASE true & one=$!; docker run --rm $BASE false & wait $one; "
                "echo $?; wait $!"
            ),
            (
                "for n in 1 2 3; do docker build -q --build-arg N=$n -t $P-$n . > $n & done; wait; "
                "for n in 1 2 3; do docker run --rm $P-$n; done; rm 1 2 3"
            ),
        ),
        {"Dockerfile": f"FROM {BASE}\nARG N\nRUN echo $N > /n\nCMD cat /n\n"},
    ),
    Script(
        "names that clash",
        (
            "docker create --name $P-a $BASE true > /dev/null",
            "docker run --name $P-a $BASE true",
            "docker create --name $P-b $BASE true > /dev/null",
            "docker rename $P-a $P-b",
            "docker rename $P-a $P-c && docker inspect -f '{{.Name}}' $P-c",
            "docker rename $P-a $P-d",
            "docker volume create $P-v && docker volume create $P-v",
            "docker network create $P-n > /dev/null; docker network create $P-n",
            "docker network rm $P-n; docker volume rm $P-v; docker rm $P-b $P-c",
        ),
    ),
)

_TREE: Final = "find . | sort"
COPIES: Final = (
    Script(
        "cp: out of a container",
        (
            (
                "docker run --name $P-a $BASE "
                "sh -c 'mkdir -p /o/sub; echo 1 > /o/f; chmod 751 /o/f; echo 2 > /o/sub/g; "
                "ln -s f /o/link; ln -s sub /o/way'"
            ),
            "docker cp $P-a:/o/f .",
            "docker cp $P-a:/o/f named",
            "mkdir there; docker cp $P-a:/o/f there",
            "docker cp $P-a:/o/f there/inner/",
            "docker cp $P-a:/o/f missing/",
            "docker cp $P-a:/o/f missing/name",
            "docker cp $P-a:/o new",
            "docker cp $P-a:/o there",
            "mkdir dot; docker cp $P-a:/o/. dot",
            "docker cp $P-a:/o/ slash",
            "docker cp $P-a:/o/link .",
            "docker cp -L $P-a:/o/link followed",
            "docker cp $P-a:/o/way .",
            "docker cp $P-a:/o/way/. through",
            "docker cp $P-a:o/f no-slash",
            "docker cp $P-a:/o/none .",
            "docker cp $P-a:/o/sub f",
            "docker cp -q $P-a:/o/f quiet",
            "docker cp $P-none:/o/f .",
            "docker rm $P-a > /dev/null",
        ),
    ),
    Script(
        "cp: into a container",
        (
            "docker create --name $P-a $BASE sh -c 'cd /d; find . -type f | sort; cat f' > id",
            "docker cp d $P-a:/",
            "docker cp d/f $P-a:/d/renamed",
            "docker cp d/sub $P-a:/d/sub",
            "docker cp d/sub/. $P-a:/d/dotted",
            "docker cp d/f $P-a:/d/no/such/",
            "docker cp d/f $P-a:/d/no/such",
            "docker cp none $P-a:/d",
            "docker cp d $P-a:/d/f",
            "docker cp d/f $P-none:/d",
            "docker cp d/f",
            "docker cp d/f d/g",
            "docker cp $P-a:/d $P-a:/e",
            "docker start -a $P-a",
            "docker cp $P-a:/d/run.sh - | tar -tv | cut -c1-10",
            "docker rm $P-a > /dev/null; rm id",
        ),
        {"d/f": "f\n", "d/sub/g": "g\n", "d/run.sh": File("#!/bin/sh\n", 0o755)},
    ),
    Script(
        "cp: archives",
        (
            "docker create --name $P-a $BASE sh -c 'cat /in/f /in/sub/g' > /dev/null",
            "docker cp - $P-a:/ < in.tar",
            "docker start -a $P-a",
            "docker cp $P-a:/in - > out.tar; tar -tf out.tar; rm out.tar",
            "docker cp $P-a:/in/f - | tar -xO",
            "docker cp $P-a:/in/. - | tar -t",
            "tar -c d | docker cp - $P-a:/tmp",
            "docker cp $P-a:/tmp/d/x - | tar -xO",
            "docker cp - $P-a:/none < in.tar",
            "docker cp - $P-a:/in/f < in.tar",
            "echo no archive | docker cp - $P-a:/tmp",
            "docker cp $P-a:/none -",
            "docker export $P-a | tar -t | grep '^in/'",
            "docker rm $P-a > /dev/null",
        ),
        {
            "in.tar": Archive(
                (Member("in", type="dir"), Member("in/f", "f\n"), Member("in/sub/g", "g\n"))
            ),
            "d/x": "x\n",
        },
    ),
    Script(
        "cp: a running container",
        (
            "docker run -d --name $P-a $BASE sleep 1000 > /dev/null",
            "docker cp f $P-a:/tmp/f",
            "docker exec $P-a cat /tmp/f",
            "docker exec $P-a sh -c 'echo made > /tmp/made'",
            "docker cp $P-a:/tmp/made . && cat made",
            "docker container cp $P-a:/tmp/f back",
            "docker rm -f $P-a",
        ),
        {"f": "f\n"},
    ),
    Script(
        "commit, diff, history",
        (
            (
                "docker run --name $P-a $BASE "
                "sh -c 'echo 1 > /new; rm /etc/group; echo >> /etc/passwd'"
            ),
            "docker diff $P-a | sort",
            "docker commit $P-a $P-image | cut -c1-7",
            "docker run --rm $P-image cat /new",
            (
                "docker commit -m said -a me -c 'CMD [\"cat\", \"/new\"]' -c 'ENV A=1' "
                "-c 'WORKDIR /tmp' $P-a $P-image:two | wc -c"
            ),
            "docker run --rm $P-image:two; docker run --rm $P-image:two sh -c 'echo $A; pwd'",
            "docker inspect -f '{{.Comment}} {{.Author}} {{json .Config.Cmd}}' $P-image:two",
            "docker history --format '{{.Comment}}' $P-image:two | head -n 1",
            "docker history -q $P-image | wc -l",
            "docker commit $P-none",
            "docker diff $P-none",
            "docker rm $P-a; docker rmi $P-image $P-image:two | grep -c Untagged",
        ),
    ),
    Script(
        "export and import",
        (
            "docker run --name $P-a $BASE sh -c 'echo 1 > /new'",
            "docker export -o out.tar $P-a; tar -xOf out.tar new",
            "docker export $P-a | docker import - $P-b | cut -c1-7",
            "docker run --rm $P-b cat /new",
            'docker import -c \'CMD ["cat", "/new"]\' -m said out.tar $P-c:tag | wc -c',
            "docker run --rm $P-c:tag",
            "docker inspect -f '{{.Comment}}|{{.Config.Cmd}}' $P-c:tag",
            "cat small.tar | docker import - $P-d > /dev/null; docker run --rm $P-d x",
            "docker import missing.tar $P-e",
            "docker export $P-none",
            "rm out.tar; docker rm $P-a; docker rmi $P-b $P-c:tag $P-d | grep Untagged",
        ),
        {"small.tar": Archive((Member("f", "f\n"),))},
    ),
    Script(
        "ports",
        (
            "docker create --name $P-a -p 127.0.0.1:18080:80 $BASE true > /dev/null",
            "docker port $P-a",
            "docker inspect -f '{{json .HostConfig.PortBindings}}' $P-a",
            "docker run -d --name $P-b -p 127.0.0.1::80 -p 127.0.0.1::81/udp $BASE sleep 9 | wc -c",
            "docker port $P-b | cut -d: -f1",
            "docker port $P-b 80 | cut -d: -f1; docker port $P-b 80/tcp | wc -l",
            "docker port $P-b 82",
            "docker rm -f $P-b",
            "docker port $P-none",
            "docker rm $P-a",
        ),
    ),
)

_VOLUMES: Final = (
    "docker volume create $P-v",
    "docker run --rm -v $P-v:/v $BASE sh -c 'echo kept > /v/f'",
    "docker run --rm -v $P-v:/v:ro $BASE cat /v/f",
    "docker volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}}' $P-v",
    "docker volume ls -q -f name=$P-v",
    "docker volume ls -f name=$P-v --format '{{.Name}} {{.Driver}}'",
    "docker volume ls -f name=$P-v",
)
STORES: Final = (
    Script(
        "volumes",
        (
            *_VOLUMES,
            "docker run --rm --mount type=volume,src=$P-w,dst=/w $BASE touch /w/x",
            "docker volume rm $P-v $P-w",
            "docker volume rm $P-v",
            "docker volume rm -f $P-v; echo $?",
            "docker volume inspect $P-v",
            "docker volume create --label a=b $P-l",
            "docker volume inspect -f '{{json .Labels}}' $P-l",
            "docker volume ls -q -f label=a=b",
            "docker run --name $P-u -v $P-l:/v $BASE true; docker volume rm $P-l",
            "docker rm $P-u; docker volume rm $P-l",
            "docker run --rm -v $P-d:/d -v $P-d:/e $BASE sh -c 'touch /d/x; ls /e'",
            "docker volume rm $P-d",
        ),
    ),
    Script(
        "volumes of a container",
        (
            "docker build -q -t $P-a . > /dev/null",
            "docker run --name $P-c $P-a sh -c 'cat /v/f; echo new > /v/new'",
            "docker run --rm --volumes-from $P-c $BASE cat /v/new",
            "docker inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{end}}' $P-c",
            "docker inspect -f '{{json .Config.Volumes}}' $P-a",
            "docker rm -v $P-c",
            "docker create --name $P-d -v $PWD:/w:ro $BASE > /dev/null",
            "docker inspect -f '{{range .Mounts}}{{.Source}}:{{.Mode}}{{end}}' $P-d",
            "docker rm $P-d",
        ),
        {"Dockerfile": f"FROM {BASE}\nCOPY f /v/f\nVOLUME /v\n", "f": "of the image\n"},
    ),
    Script(
        "networks",
        (
            "docker network create $P-n | tr -d '\\n' | wc -c",
            "docker network ls -f name=$P-n --format '{{.Name}} {{.Driver}} {{.Scope}}'",
            "docker network inspect -f '{{.Name}} {{.Driver}}' $P-n",
            "docker network inspect $P-none",
            "docker run --rm --network $P-n $BASE sh -c 'ls /sys/class/net | sort'",
            "docker run -d --name $P-c --network $P-n $BASE sleep 1000 > /dev/null",
            "docker inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}' $P-c",
            "docker network rm $P-n",
            "docker rm -f $P-c && docker network rm $P-n",
            "docker network rm $P-n",
            "docker network inspect bridge -f '{{.Name}}'",
        ),
    ),
)
