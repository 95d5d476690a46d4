"""Scripts that run containers: statuses, streams, flags, mounts."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Directory, File
from tests.reference.scripts.script import Script

RUN: Final = (
    Script(
        "run: statuses",
        (
            "docker run --rm $BASE true",
            "docker run --rm $BASE false",
            "docker run --rm $BASE sh -c 'exit 42'",
            "docker run --rm $BASE /no/such/program",
            "docker run --rm $BASE no-such-program",
            "docker run --rm $BASE /etc/passwd",
            "docker run --rm $BASE /etc",
            "docker run --rm $BASE sh -c 'sh -c \"kill -9 \\$\\$\"'",
            "docker run --rm -w /etc/passwd $BASE true",
            "docker run --rm --pull=never $P-missing true",
            "docker run --no-such-flag $BASE",
            "docker run",
            "docker run --rm $BASE true && echo and; docker run --rm $BASE false || echo or",
        ),
    ),
    Script(
        "run: refused",
        (
            "docker run --rm -v relative/../path:x $BASE true",
            "docker run --rm -v a:b:c:d $BASE true",
            "docker run --rm --mount type=bind,source=$PWD/missing,target=/m $BASE true",
            "docker run --rm --mount type=nothing,target=/m $BASE true",
            "docker run --rm -m 1 $BASE true",
            "docker run --rm -p nothing $BASE true",
            "docker run --rm -u no-such-user $BASE true",
            "docker run --rm --env-file missing $BASE true",
            "docker run --rm --network $P-none $BASE true",
            "docker run --rm --name 'a b' $BASE true",
            "docker run --rm INVALID/Name true",
            "docker run --rm --entrypoint nothing $BASE",
            "docker run -d --rm $BASE nothing",
            "docker run --rm --volumes-from $P-none $BASE true",
        ),
    ),
    Script(
        "run: streams",
        (
            "docker run --rm $BASE sh -c 'echo out; echo err >&2'",
            "docker run --rm $BASE sh -c 'echo out; echo err >&2' 2>/dev/null",
            "echo given | docker run --rm -i $BASE cat",
            "echo given | docker run --rm $BASE cat",
            "docker run --rm -i $BASE wc -l < lines",
            "docker run --rm $BASE printf 'no newline'",
            "docker run --rm $BASE sh -c 'echo a; exit 3' > out; echo $?",
            "docker run --rm $BASE cat /etc/passwd | head -n 1",
            "docker run --rm -t $BASE echo terminal | od -c | head -n 2",
            "docker run --rm -it $BASE true",
            "seq 1 20000 | docker run --rm -i $BASE sh -c 'cat | tail -n 1'",
        ),
        {"lines": "1\n2\n3\n"},
    ),
    Script(
        "run: stdin in loops",
        (
            "while read line; do docker run --rm $BASE echo $line; done < lines",
            "while read line; do docker run --rm -i $BASE cat; done < lines",
            "while read line; do docker run --rm -i $BASE echo $line </dev/null; done < lines",
            "for n in 1 2; do docker run --rm $BASE echo $n || exit 1; done",
            "docker images -q no-such | while read id; do docker rmi $id; done; echo $?",
        ),
        {"lines": "1\n2\n3\n"},
    ),
    Script(
        "run: environment",
        (
            "docker run --rm -e A=1 -e B= -e C $BASE sh -c 'echo $A,${B-unset},${C-unset}'",
            "C=three docker run --rm -e C $BASE sh -c 'echo $C'",
            "docker run --rm --env-file env $BASE sh -c 'echo \"$A,$B,${C-unset},$D\"'",
            "C=given docker run --rm --env-file env -e A=over $BASE sh -c 'echo $A,$C'",
            "docker run --rm --env-file bad $BASE true",
            "docker run --rm -h host.name $BASE hostname",
            "docker run --rm $BASE sh -c 'echo $HOME $PATH'",
            "docker run --rm --workdir /a/b $BASE pwd",
            "docker run --rm -w relative $BASE pwd",
        ),
        {"env": '# one\nA=1\nB="quoted" # no comment\nC\n\n  D=blank \n', "bad": "A B=1\n"},
    ),
    Script(
        "run: users",
        (
            "docker run --rm -u 1000 $BASE sh -c 'id -u; id -g'",
            "docker run --rm -u 1000:5 $BASE sh -c 'id -u; id -g'",
            "docker run --rm -u tester $BASE sh -c 'id -un; echo $HOME'",
            "docker run --rm --user=12345:54321 $BASE id",
            "docker run --rm --group-add 77 $BASE id -G",
        ),
    ),
    Script(
        "run: entrypoints",
        (
            "docker build -q -t $P-a . > /dev/null",
            "docker run --rm $P-a",
            "docker run --rm $P-a given words",
            "docker run --rm --entrypoint echo $P-a other",
            "docker run --rm --entrypoint '' $P-a echo none",
            "docker run --rm --entrypoint echo $P-a",
            "docker run --rm --entrypoint=/bin/sh $P-a -c 'echo in a shell'",
        ),
        {"Dockerfile": f'FROM {BASE}\nENTRYPOINT ["echo", "entry"]\nCMD ["usual"]\n'},
    ),
    Script(
        "run: binds",
        (
            "docker run --rm -v $PWD/d:/d $BASE sh -c 'cat /d/f; echo new > /d/new'",
            "docker run --rm -v ./d:/d $BASE cat /d/f",
            "docker run --rm -v $PWD/d/f:/file:ro $BASE sh -c 'cat /file; echo no > /file'",
            'docker run --rm -v "$(pwd)/made/here":/m $BASE touch /m/x',
            "docker run --rm --mount type=bind,src=$PWD/d,dst=/d,readonly $BASE touch /d/no",
            "docker run --rm --mount type=bind,source=./d,target=/d $BASE cat /d/f",
            "docker run --rm -v $PWD/d:/d -w /d $BASE sh -c 'mkdir sub && chmod 700 sub'",
            "docker run --rm -v $PWD/with\\ blank:/b $BASE ls /b",
            "docker run --rm --tmpfs /t $BASE sh -c 'touch /t/x && ls /t'",
            "docker run --rm -v $PWD:/w -v $PWD/d:/w/over -w /w $BASE ls over",
            "docker run --rm --read-only $BASE touch /x",
            "docker run --rm -v /not/there $BASE ls -d /not/there",
        ),
        {"d/f": "f\n", "with blank/x": "", "over": Directory()},
    ),
    Script(
        "run: cidfile and names",
        (
            "docker run --cidfile id --name $P-a $BASE true",
            "wc -c < id; docker inspect -f '{{.Name}} {{.State.ExitCode}}' $(cat id)",
            "docker run --rm --cidfile id $BASE true",
            "docker run --rm --name $P-a $BASE true",
            "docker create --name $P-a $BASE true",
            "docker rm $(cat id) | wc -c; rm id",
            "docker run --rm --name $P-a $BASE true",
        ),
    ),
    Script(
        "run: several things",
        (
            "docker run --rm --init $BASE sh -c 'echo init'",
            "docker run --rm --privileged $BASE echo privileged",
            "docker run --rm --cap-drop ALL $BASE echo capable",
            "docker run --rm --security-opt seccomp=unconfined $BASE echo unconfined",
            "docker run --rm --ulimit nofile=100:200 $BASE sh -c 'ulimit -n'",
            "docker run --rm --shm-size 8m $BASE df -k /dev/shm | tr -s ' ' | cut -d' ' -f2",
            "docker run --rm --network none $BASE sh -c 'ls /sys/class/net'",
            "docker run --rm --net=host $BASE echo host",
            "docker run --rm --add-host a.example:192.0.2.7 $BASE grep example /etc/hosts",
            "docker run --rm --platform linux/amd64 $BASE echo platform",
            "docker run --rm --log-driver none --label a=b $BASE echo logged",
            "docker run --rm --stop-signal INT --restart no --memory 64m $BASE echo limited",
            "docker run --rm --sig-proxy=false --attach stdout $BASE sh -c 'echo o; echo e >&2'",
            "docker container run --rm $BASE echo long",
            "docker --log-level error run --rm $BASE echo options first",
        ),
    ),
    Script(
        "run: scripts of files",
        (
            "docker run --rm -v $PWD:/w:ro $BASE /w/run.sh a 'b c'",
            "docker run --rm -v $PWD:/w:ro $BASE sh /w/plain.sh",
            "docker run --rm -v $PWD:/w:ro $BASE /w/plain.sh",
            "docker run --rm -i $BASE sh -s x < plain.sh",
        ),
        {
            "run.sh": File('#!/bin/sh\nfor each in "$@"; do echo "<$each>"; done\nexit 9\n', 0o755),
            "plain.sh": "echo plain $1\n",
        },
    ),
)
