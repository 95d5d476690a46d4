"""Scripts that build: statuses, quiet outputs, contexts from stdin, what is written of an image."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Archive, Context, Member
from tests.reference.scripts.script import Script

_PLAIN: Final[Context] = {"Dockerfile": f"FROM {BASE}\nCOPY f /f\nLABEL own=yes\n", "f": "one\n"}
_FAILS: Final[Context] = {"Dockerfile": f"FROM {BASE}\nRUN exit 7\n"}
_TARGETS: Final[Context] = {
    "Dockerfile": f"""\
FROM {BASE} AS first
ARG WORD=none
RUN echo "$WORD" > /word
FROM scratch AS second
COPY --from=first /word /out/word
FROM first
CMD ["cat", "/word"]
"""
}
_ARCHIVE: Final = (
    Member("Dockerfile", f"FROM {BASE}\nCOPY f /f\n"),
    Member("f", "from an archive\n"),
    Member("other", f"FROM {BASE}\nRUN echo other > /other\n"),
    Member("sub/Dockerfile", f"FROM {BASE}\nRUN echo below > /below\n"),
)

BUILD: Final = (
    Script(
        "build: it is there then",
        (
            "docker build -t $P-a .",
            "docker run --rm $P-a cat /f",
            "docker rmi $P-a",
            "docker run --rm --pull=never $P-a cat /f",
        ),
        _PLAIN,
    ),
    Script(
        "build: quiet",
        (
            "docker build -q .",
            "docker build --quiet -t $P-a . | cut -c1-7",
            "id=$(docker build -q -t $P-a .); docker run --rm $id cat /f",
            'test "$(docker inspect -f "{{.Id}}" $P-a)" = "$id"',
            "docker run --rm $(docker build -q .) cat /f",
            "docker rmi -f $id",
        ),
        _PLAIN,
    ),
    Script(
        "build: statuses",
        (
            "docker build -t $P-a .",
            "docker image inspect $P-a",
            "docker build -q .",
            "docker build -f missing .",
            "docker build missing",
            "docker build",
            "docker build --no-such-flag .",
            "docker build -t UPPER .",
            "docker build -t $P-a . || echo it failed",
        ),
        _FAILS,
    ),
    Script(
        "build: a containerfile on stdin",
        (
            "cat Dockerfile | docker build -t $P-a -",
            "docker run --rm $P-a",
            "docker build -t $P-b --build-arg WORD=two - < Dockerfile",
            "docker run --rm $P-b",
            "docker build -q -t $P-c - <<end\nFROM $BASE\nRUN echo three > /word\nend",
            "docker run --rm $P-c cat /word",
            "echo NOTHING | docker build -",
            "docker build - < /dev/null",
        ),
        _TARGETS,
    ),
    Script(
        "build: a containerfile on stdin with a directory",
        (
            "docker build -q -t $P-a -f - . < given",
            "docker run --rm $P-a cat /given",
            'printf "FROM $BASE\\nCOPY f /again\\n" | docker build -q -t $P-b --file - .',
            "docker run --rm $P-b cat /again",
            "docker build -f - - < given",
        ),
        {**_PLAIN, "given": f"FROM {BASE}\nCOPY f /given\n"},
    ),
    Script(
        "build: an archive on stdin",
        (
            "tar -cf plain.tar -C plain . && docker build -q -t $P-a - < plain.tar",
            "docker run --rm $P-a cat /f",
            "docker build -q -t $P-b -f other - < packed.tar.gz",
            "docker run --rm $P-b cat /other",
            "cat packed.tar.gz | docker build -q -t $P-c -f sub/Dockerfile -",
            "docker run --rm $P-c cat /below",
            "docker build -q -f missing - < plain.tar 2>/dev/null",
            "rm plain.tar",
            "tar -c Dockerfile.new f | docker build -q -t $P-d -f Dockerfile.new -",
            "docker run --rm $P-d cat /new",
        ),
        {
            "plain/Dockerfile": f"FROM {BASE}\nCOPY f /f\n",
            "plain/f": "from an archive\n",
            "packed.tar.gz": Archive(_ARCHIVE, "gz"),
            "Dockerfile.new": f"FROM {BASE}\nCOPY f /new\n",
            "f": "new\n",
        },
    ),
    Script(
        "build: iidfile",
        (
            "docker build -q --iidfile id -t $P-a . > printed",
            'test "$(cat id)" = "$(cat printed)" && rm printed',
            "docker run --rm $(cat id) cat /f",
            "docker tag $(cat id) $P-b:two && docker run --rm $P-b:two cat /f",
            "wc -c < id; rm id",
            "docker build -q --iidfile no/such/directory .",
            "docker build -q --iidfile left -f missing . ; ls",
        ),
        _PLAIN,
    ),
    Script(
        "build: targets and arguments",
        (
            "docker build -q --target first -t $P-a --build-arg WORD=given .",
            "docker run --rm $P-a cat /word",
            "WORD=environment docker build -q --build-arg WORD -t $P-b .",
            "docker run --rm $P-b",
            "docker build --target none -t $P-c .",
            "docker build -q --build-arg UNUSED=1 -t $P-d .",
            "docker build -q --label a=b --label c= -t $P-e -t $P-f:x .",
            'docker inspect -f "{{index .Config.Labels \\"a\\"}}" $P-e $P-f:x',
        ),
        _TARGETS,
    ),
    Script(
        "build: files that come out",
        (
            "docker build -q --target second --output out .",
            "docker build --target second -o type=tar,dest=- . | tar -t",
            "docker build --target second -o type=tar,dest=out.tar . ; tar -xOf out.tar out/word",
            "DOCKER_BUILDKIT=1 docker build --target second -o type=local,dest=again .",
            "rm out.tar",
        ),
        _TARGETS,
    ),
    Script(
        "buildx",
        (
            "docker buildx build -q -t $P-a .",
            "docker buildx build --load -q -t $P-b .",
            "docker buildx build --progress=plain -t $P-c . 2> log; grep -c COPY log; rm log",
            "docker run --rm $P-c cat /f",
            "docker image build -q -t $P-d . && docker builder build -q -t $P-e .",
            "docker buildx build",
            "docker buildx nothing > /dev/null",
            "docker buildx version | cut -d' ' -f1",
            "docker buildx ls | head -n 1",
            "docker buildx inspect default | head -n 2",
            "docker buildx inspect no-such",
            "docker buildx use default",
        ),
        _PLAIN,
    ),
    Script(
        "buildx bake",
        (
            "docker buildx bake",
            "docker run --rm $P-bake cat /word",
            "docker buildx bake --print",
            "docker buildx bake missing",
            "WORD=of-the-environment docker buildx bake files; ls out/out",
            "docker buildx bake --set files.output=elsewhere files",
        ),
        {
            **_TARGETS,
            "docker-bake.hcl": """\
variable "WORD" { default = "default" }
variable "P" { default = "none" }
group "default" { targets = ["image"] }
target "image" { tags = ["${P}-bake"] }
target "files" {
  target = "second"
  args = { WORD = WORD }
  output = ["out"]
}
""",
        },
    ),
    Script(
        "build: secrets and contexts",
        (
            "docker build -q --secret id=s,src=secret -t $P-a .",
            "docker run --rm $P-a cat /copy /sum",
            "WORD=hidden docker build -q --no-cache --secret id=s,env=WORD -t $P-b .",
            "docker run --rm $P-b cat /sum",
            "docker build -q --secret id=s,src=missing .",
            "docker build -q --build-context more=other --secret id=s,src=secret -t $P-c .",
            "docker run --rm $P-c cat /copy",
        ),
        {
            "Dockerfile": f"""\
FROM scratch AS more
COPY f /f
FROM {BASE}
COPY --from=more /f /copy
RUN --mount=type=secret,id=s wc -c < /run/secrets/s > /sum
""",
            "f": "own\n",
            "other/f": "other\n",
            "secret": "four\n",
        },
    ),
)
_QUESTIONS: Final[Context] = {
    "Dockerfile": f"""\
# syntax is nothing here
# GLOBAL is for every stage
ARG GLOBAL=g
ARG VERSION
# base is what the others start from
FROM {BASE} AS base
# OWN is a word
ARG OWN="two words"
ARG GLOBAL
ARG PLAIN
ARG DEFAULT=1
RUN --mount=type=cache,id=c,target=/c,sharing=locked --mount=type=cache,target=/d true
FROM base AS app
# a comment that is not of it
ARG VERSION=1
ARG TARGETARCH
RUN --mount=type=secret,id=token,required=true --mount=type=ssh true
RUN --mount=type=secret,id=other --mount=type=ssh,id=key true
FROM scratch AS Files

# files has no description of its own
COPY . /
FROM app
LABEL a=b
""",
    "clean/Dockerfile": f'FROM {BASE}\nCMD ["true"]\n',
    "parts/Dockerfile": f"""\
ARG TAG=base IMAGE={BASE}
# part is a part
FROM --platform=$BUILDPLATFORM {BASE} AS part
ARG IN_PART=1
RUN --mount=type=secret,id=of-part true
FROM ${{IMAGE}} AS used
ARG OF_USED=$TAG-x
ONBUILD ARG TRIGGER=1
FROM used
ARG TARGETARCH=mine
ARG HTTP_PROXY
ARG own="a  b"
ENV E=$own
ARG OF_USED
RUN --mount=type=bind,from=part,target=/p true
COPY --from=part /etc /x
""",
    "rules/Dockerfile": f"""\
# check=experimental=all
ARG EMPTY
FROM --platform=linux/amd64 {BASE} AS context
FROM --platform=$TARGETPLATFORM {BASE} as A
MAINTAINER me
ENV KEY_TOKEN=1 \\

  B=$NONE
ENV C d
WORKDIR rel
EXPOSE 80/TCP 1:2
COPY ignored /
CMD a
CMD b
run true
# other
ARG Z
FROM {BASE}$EMPTY AS a
""",
    "bases/Dockerfile": f"""\
ARG TAG
FROM {BASE}:${{TAG}}
FROM {BASE}$NOPE
FROM --platform=linux/arm64 {BASE}
""",
    "rules/.dockerignore": "ignored\n",
    "broken/Dockerfile": "FROM scratch\nFOO x\n",
    "docker-bake.hcl": """\
target "a" {
  target = "app"
  args = { OWN = "x" }
}
target "b" {
  context = "clean"
}
group "default" { targets = ["a", "b"] }
""",
}
_PLAINLY: Final = "sed '/\"definition\": {/,/^      },/d'"
"""What BuildKit has of the file besides: how it was sent, by another name each time."""
QUESTIONS: Final = (
    Script(
        "build: what it would do",
        (
            "docker build --call=outline . 2> /dev/null",
            "docker buildx build --call=outline --target base . 2> /dev/null",
            "docker build --call outline --target app --build-arg OWN=x . 2> /dev/null",
            "docker build --call=outline --target files . 2> /dev/null",
            "docker build --call=outline,format=json . 2> /dev/null",
            "docker build --call=format=json,outline --target=app . 2> /dev/null",
            "docker build --call=outline,format=text clean 2> /dev/null",
            "docker build --call=outline parts 2> /dev/null | tr ' ' _",
            "docker build --call=outline --target app . 2> /dev/null | tr ' ' _",
            "docker build --call=outline --target base . 2> /dev/null | tr ' ' _",
            "docker build --call=targets . 2> /dev/null | tr ' ' _",
            "docker build --call=subrequests.describe . 2> /dev/null | tr ' ' _",
            "docker build --call=subrequests.outline clean 2> /dev/null",
            "docker build --call=targets . 2> /dev/null",
            "docker build --call=targets,format=json . 2> /dev/null",
            "docker build --call=targets clean 2> /dev/null",
            "docker build --call=subrequests.describe clean 2> /dev/null",
            "docker build --call=check . 2> /dev/null",
            f"docker build --call=check,format=json . 2> /dev/null | {_PLAINLY}",
            f"docker build --call=lint,format=json clean 2> /dev/null | {_PLAINLY}",
            "docker build --call=check,format=json rules 2> /dev/null | grep -A 1 ruleName",
            (
                "docker build --call=check,format=json --build-arg TAG=latest bases 2> /dev/null"
                " | grep -A 1 ruleName"
            ),
            f"docker build --call=outline,format=json parts 2> /dev/null | {_PLAINLY}",
            f"docker build --call=targets,format=json parts 2> /dev/null | {_PLAINLY}",
            "docker build --check --call=outline clean 2> /dev/null",
            "docker build --call=outline broken 2> /dev/null",
            f"docker build --call=check,format=json broken 2> /dev/null | {_PLAINLY}",
            "docker build --call=nothing clean",
            "docker build --call=outline,format=xml clean",
            "docker build --call=outline,nothing=1 clean",
            "docker build --call=check,ignorestatus=true . > /dev/null 2>&1",
            "docker buildx bake --call=outline 2> /dev/null",
            "docker buildx bake --call=targets a 2> /dev/null",
            "docker buildx bake --check 2> /dev/null",
        ),
        _QUESTIONS,
    ),
)
