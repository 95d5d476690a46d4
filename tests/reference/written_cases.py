"""What people write: idioms of public containerfiles, and what their RUNs see around them.

Most show what a RUN saw or made, in files below /o; the others are whole images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Archive, Case, Context, File, Member, on_base, scratch, seen

_FILES: Final[Context] = {
    "package.json": "{}\n",
    "package-lock.json": "{ }\n",
    "src/main.c": "int main;\n",
    "src/node_modules/x": "no\n",
    "docs/a.md": "a\n",
    "docs/keep.md": "b\n",
    "entry.sh": File("#!/bin/sh\necho $0\n", mode=0o644),
    "rootfs/etc/app.conf": "c\n",
    "rootfs/usr/local/bin/app": File("#!/bin/sh\necho app\n", mode=0o755),
    "a.tar": Archive((Member("t/f", "1\n"), Member("t/l", "f", "link"))),
    "ünï/ö": "5\n",
}


def _seen(lines: Mapping[str, str], **said: str) -> tuple[Case, ...]:
    """What RUNs write to /o."""
    return tuple(
        Case(f"written: {name}", seen(*text.splitlines(), **said), _FILES)
        for name, text in lines.items()
    )


def _whole(lines: Mapping[str, str]) -> tuple[Case, ...]:
    """What the image is."""
    return tuple(
        Case(f"written: {name}", on_base(*text.splitlines()), _FILES)
        for name, text in lines.items()
    )


_AROUND: Final = _seen(
    {
        "the environment": "RUN env | sort > /o/x",
        "the environment of a user": (
            "USER tester\nRUN env | sort > /tmp/x\nUSER 0\nRUN mv /tmp/x /o"
        ),
        "the environment in exec form": 'RUN ["env"]\nRUN ["/bin/sh", "-c", "env | sort > /o/x"]',
        "the name of the host": "RUN hostname > /o/x; uname -n >> /o/x",
        "the root": "RUN ls -A / > /o/x",
        "the root of a second RUN": "RUN true\nRUN ls -A / /run > /o/x; true",
        "modes of what is mounted": "RUN stat -c '%n %a' /dev /dev/shm /proc /tmp > /o/x",
        "the first process": "RUN echo $$ > /o/x",
        "the input": "RUN cat > /o/x; readlink /proc/self/fd/0 | cut -c1-5 > /o/y",
        "a terminal": "RUN test -t 0 && echo 0 > /o/x; test -t 1 && echo 1 >> /o/x; true",
        "output to files of the device tree": (
            "RUN echo 1 > /dev/stdout && echo 2 > /dev/stderr && echo 3 > /dev/null && touch /o/x"
        ),
        "the mask": "RUN umask > /o/x; touch /o/y; mkdir /o/d",
        "a mask that is set": "RUN umask 027; touch /o/y; mkdir /o/d; cp /bin/busybox /o/b",
        "a name and a number": "USER tester:root\nRUN id > /tmp/x\nUSER 0\nRUN mv /tmp/x /o",
        "a number and a number": "USER 1000:0\nRUN id > /tmp/x\nUSER 0\nRUN mv /tmp/x /o",
        "a number of nobody": "USER 4321\nRUN id -u > /tmp/x; echo $HOME > /tmp/y\nUSER 0\n"
        "RUN mv /tmp/x /tmp/y /o",
        "HOME": (
            "RUN echo $HOME > /o/x\nUSER tester\nRUN echo $HOME > /tmp/y\nUSER 0\nRUN mv /tmp/y /o"
        ),
        "HOME that is set": "ENV HOME=/opt\nRUN echo $HOME > /o/x; cd; pwd > /o/y",
        "the working directory": (
            "WORKDIR /a/b\nRUN pwd > /o/x; echo $PWD > /o/y; echo $OLDPWD > /o/z"
        ),
        "a directory that was left": (
            'RUN cd /tmp && export X=1\nRUN pwd > /o/x; echo "-$X-" > /o/y'
        ),
        "what goes on in the background": (
            "RUN (sleep 2; touch /o/late) & touch /o/begun\nRUN ls /o > /o/x"
        ),
        "the memory file system of a RUN": "RUN touch /dev/shm/x\nRUN ls -A /dev/shm > /o/x",
        "temporary files": "RUN touch /tmp/x /var/tmp 2>/dev/null; true\nRUN ls -A /tmp > /o/x",
        "proxies": "RUN env | grep -ci proxy > /o/x; true",
        "names of the shell": 'RUN echo "$0 $# $-" > /o/x',
        "lines of the mount table": "RUN grep -c ' / ' /proc/mounts > /o/x",
    }
)
_SHELL: Final = _seen(
    {
        "a test first": "RUN [ -f /nothing ] || echo no > /o/x\nRUN [[ -d /o ]] && echo yes > /o/y",
        "quotes that are no JSON": "RUN echo ['a', 'b'] > /o/x",
        "JSON with variables": 'ENV A=1\nRUN ["sh", "-c", "echo $A $0 > /o/x", "name"]',
        "a pipe that fails": (
            'SHELL ["/bin/sh", "-o", "pipefail", "-c"]\nRUN false | true || echo f > /o/x'
        ),
        "a shell that tells what it does": 'SHELL ["/bin/sh", "-eux", "-c"]\nRUN echo $- > /o/x',
        "comments between": (
            "RUN set -eu; \\\n    # the first\n    echo 1 > /o/x; \\\n\n# the second\n"
            "    echo 2 >> /o/x; \\\n  \t# the third\n    echo '# 3' >> /o/x"
        ),
        "blanks after the backslash": "RUN echo 1 \\ \n  2 > /o/x\nRUN echo 3 \\\t\n  4 > /o/y",
        "a loop": "RUN for i in 1 2 3; do \\\n      echo $i >> /o/x; \\\n    done",
        "a heredoc of the shell's own words": (
            "RUN <<EOF\nset -e\ncat > /o/x <<'IN'\n$HOME `a` \\\nIN\nEOF"
        ),
        "a heredoc with a program": (
            "RUN <<EOF\n#!/bin/busybox ash\necho $0 | cut -c1-5 > /o/x\nEOF"
        ),
        "a heredoc for a program": "RUN sh -s a b <<'EOF'\necho \"$1 $2\" > /o/x\nEOF",
        "a heredoc with tabs": "RUN <<-EOF\n\techo 1 > /o/x\n\t\techo 2 >> /o/x\n\tEOF",
        "two heredocs": "RUN cat <<A > /o/x && cat <<B > /o/y\n1\nA\n2\nB",
        "a heredoc that fails in between": "RUN <<EOF\nfalse\necho 1 > /o/x\nEOF",
        "printf and escapes": 'RUN printf \'a\\n%s\\n\' "b\\tc" > /o/x; echo "d\\\\e" > /o/y',
        "variables of the shell": (
            "ENV A=1\nRUN B=2; echo ${A} ${B} ${C:-3} ${A:+4} $((A+B)) `echo 5` > /o/x"
        ),
        "a variable that an ARG hides": "ENV A=1\nARG A=2\nRUN echo $A > /o/x",
        "an ARG that is given nothing": 'ARG A\nRUN echo "${A-unset}" > /o/x',
        "small letters": "run echo 1 > /o/x\nenv A=2\ncopy package.json /o/",
        "a last line that goes on": "RUN echo 1 > /o/x && \\",
        "several lines in quotes": "RUN echo 'a \\\n  b' > /o/x; echo \"c \\\n  d\" > /o/y",
    }
)
_MADE: Final = _seen(
    {
        "hard links": "RUN echo 1 > /o/a; ln /o/a /o/b; echo 2 >> /o/b",
        "hard links over layers": "RUN echo 1 > /o/a\nRUN ln /o/a /o/b\nRUN echo 2 >> /o/b",
        "a named pipe": "RUN mkfifo -m 600 /o/p",
        "a set user id": "RUN cp /bin/busybox /o/b && chmod 4755 /o/b && mkdir -m 2775 /o/d",
        "an owner without the bit": (
            "RUN cp /bin/busybox /o/b && chmod 4755 /o/b\nRUN chown tester /o/b"
        ),
        "a hole": "RUN dd if=/dev/zero of=/o/x bs=1 count=0 seek=100000 2>/dev/null",
        "times": "RUN touch -d @1000000000 /o/f && mkdir /o/d && touch -d @1000000000 /o/d",
        "a directory that moves": "RUN mkdir -p /o/a/b && echo 1 > /o/a/b/f\nRUN mv /o/a /o/c",
        "a directory made anew": (
            "RUN mkdir /o/a && touch /o/a/old\nRUN rm -r /o/a && mkdir /o/a && touch /o/a/new"
        ),
        "a file for a directory": "RUN mkdir /o/a && touch /o/a/x\nRUN rm -r /o/a && echo 1 > /o/a",
        "a link for a directory": (
            "RUN mkdir /o/a && touch /o/a/x\nRUN mv /o/a /o/b && ln -s b /o/a"
        ),
        "owners": "RUN cp -r /etc /o/e && chown -R tester:tester /o/e && chmod -R go-r /o/e",
        "names of other letters": (
            "COPY ünï /o/ünï\nRUN echo ü > '/o/ünï/a b' && touch '/o/[x]' '/o/\\'"
        ),
    }
)
_IMAGES: Final = _whole(
    {
        "PATH with more": 'ENV PATH="/opt/bin:${PATH}"\nRUN echo $PATH > /home/x',
        "a package manager's files": 'COPY package*.json ./\nCOPY . .\nCMD ["npm", "start"]',
        "a root file system over it": "COPY rootfs/ /\nRUN app > /home/x",
        "an entry point that is made to run": (
            "COPY --chmod=755 entry.sh /usr/local/bin/\n"
            'ENTRYPOINT ["entry.sh"]\n'
            "RUN entry.sh > /home/x"
        ),
        "letters for a mode": "COPY --chmod=u+x,go-r entry.sh /usr/local/bin/",
        "chown of what is copied": "COPY --chown=tester:tester src /home/tester/src\nUSER tester",
        "an archive where one works": "WORKDIR /opt\nADD a.tar .\nRUN ls -A > /home/x",
        "labels over lines": "LABEL a=\"1\" \\\n      b='2 3' \\\n      c.d-e=4\\ 5\nLABEL f g h",
        "labels with arguments": 'ARG V=1.2\nLABEL version=$V vcs="git-${V}" none=${N:-no}',
        "ports": "ARG P=8080\nEXPOSE $P/tcp 53/UDP 9000-9002\nEXPOSE 80",
        "an environment in one line": (
            "ENV A=1 B=$A C=\"a b\" D='$A' E=a\\ b\nENV F $A b c\nENV G=$A$B"
        ),
        "a service": (
            'RUN mkdir -p /data && chown tester /data\nVOLUME ["/data"]\nUSER tester\nEXPOSE 80\n'
            "HEALTHCHECK --interval=5m --timeout=3s CMD wget -qO- localhost || exit 1\n"
            'STOPSIGNAL SIGQUIT\nENTRYPOINT ["/bin/sh", "-c"]\nCMD ["true"]'
        ),
        "a command after an entry point is dropped": (
            'CMD ["a"]\nENTRYPOINT []\nCMD ["b"]\nENTRYPOINT b c'
        ),
        "a home directory that is no variable": "WORKDIR $HOME/x\nWORKDIR ~/y\nRUN pwd > /home/x",
        "a program removed": "RUN rm /bin/acpid /etc/group\nRUN echo x > /etc/group",
        "the root's own files": "RUN echo 1 > /.profile && touch /.dockerenv && ls -A / > /home/x",
        "etc moved": "RUN mv /usr /usr2 && mkdir -p /usr/share && ls -A /usr2 > /home/x",
        "cleared directories": "RUN rm -rf /tmp/* /var/* /home/tester && mkdir -p /var/log",
    }
)
_STAGES: Final = (
    Case(
        "written: a wildcard from a stage",
        f"FROM {BASE} AS build\n"
        "RUN mkdir -p /out/d && touch /out/a.so /out/b.so /out/d/c.so\n"
        "FROM scratch\nCOPY --from=build /out/*.so /lib/\n",
    ),
    Case(
        "written: a program alone",
        f"FROM {BASE} AS build\nRUN echo 1 > /app && chmod 755 /app\n"
        "FROM scratch\nCOPY --from=build /app /app\nUSER 65534:65534\n"
        'ENTRYPOINT ["/app"]\n',
        _FILES,
    ),
    Case(
        "written: a base that an argument names",
        f"ARG VARIANT=a\nFROM {BASE} AS base-a\nRUN echo a > /home/x\n"
        f"FROM {BASE} AS base-b\nRUN echo b > /home/x\n"
        "FROM base-${VARIANT}\nARG VARIANT\nRUN echo $VARIANT > /home/y\n",
        args=(("VARIANT", "b"),),
    ),
    Case(
        "written: a base of the platform",
        f"FROM {BASE} AS for-amd64\nENV A=1\nFROM {BASE} AS for-arm64\nENV A=2\n"
        "FROM for-${TARGETARCH} AS out\nARG TARGETOS TARGETARCH TARGETVARIANT\n"
        "RUN echo $TARGETOS-$TARGETARCH-$TARGETVARIANT-$A > /home/x\n",
    ),
    Case(
        "written: built where one builds",
        f"FROM --platform=$BUILDPLATFORM {BASE} AS build\nARG BUILDPLATFORM TARGETPLATFORM\n"
        "RUN echo $BUILDPLATFORM $TARGETPLATFORM > /x\nFROM scratch\nCOPY --from=build /x /\n",
    ),
    Case(
        "written: a stage for tests that nothing needs",
        f"FROM {BASE} AS base\nRUN echo 1 > /home/x\nFROM base AS test\nRUN false\n"
        "FROM base AS out\nCOPY --from=base /home/x /home/y\n",
    ),
    Case(
        "written: a target in the middle",
        f"FROM {BASE} AS base\nRUN echo 1 > /home/x\nFROM base AS dev\nENV D=1\nCMD dev\n"
        "FROM base AS out\nRUN false\n",
        target="dev",
    ),
    Case(
        "written: triggers for who builds upon it",
        f"FROM {BASE} AS base\nONBUILD WORKDIR /usr/src/app\nONBUILD COPY package.json .\n"
        "ONBUILD RUN ls -A > ls\nONBUILD ARG V=1\nONBUILD ENV V=$V\n"
        'FROM base\nRUN echo $V > v\nCMD ["x"]\n',
        _FILES,
    ),
    Case(
        "written: a trigger that mounts",
        f"FROM {BASE} AS base\n"
        "ONBUILD RUN --mount=source=package.json,target=/p cat /p > /home/x\n"
        "ONBUILD RUN --mount=type=tmpfs,target=/t,size=64k grep ' /t ' /proc/mounts "
        "| grep -o size=[0-9]*k > /home/y\n"
        "FROM base\nRUN true\n",
        _FILES,
    ),
    Case(
        "written: a trigger with a heredoc",
        f"FROM {BASE} AS base\nONBUILD RUN <<E\necho 1 > /home/x\nE\nFROM base\nRUN true\n",
    ),
    Case(
        "written: a secret and where it is",
        seen(
            "RUN --mount=type=secret,id=token cat /run/secrets/token > /o/x; ls "
            "/run/secrets > /o/l",
            "RUN --mount=type=secret,id=token,target=/root/.npmrc,mode=0400 stat -c '%a %u' "
            "/root/.npmrc > /o/m; cp /root/.npmrc /o/y",
            "RUN --mount=type=secret,id=token,env=TOKEN echo $TOKEN > /o/z",
            "RUN --mount=type=secret,id=none ls -A /run/secrets > /o/n; true",
            "RUN ls -A /run /root > /o/r; true",
        ),
        secrets={"token": "s3cret\n"},
    ),
    Case(
        "written: a secret for another user",
        seen(
            "USER tester",
            "RUN --mount=type=secret,id=token,uid=1000 cat /run/secrets/token > /tmp/x",
            "USER 0",
            "RUN mv /tmp/x /o/",
        ),
        secrets={"token": "s3cret\n"},
    ),
    Case(
        "written: caches of a package manager",
        seen(
            "WORKDIR /app",
            "RUN --mount=type=cache,target=/root/.npm "
            "--mount=source=package.json,target=package.json "
            "--mount=source=package-lock.json,target=package-lock.json ls > /o/x; "
            "echo 1 > /root/.npm/y",
            "RUN --mount=type=cache,target=/root/.npm cat /root/.npm/y > /o/y",
            "RUN ls -A /app /root > /o/z",
        ),
        _FILES,
    ),
    Case(
        "written: modules of a language",
        seen(
            "WORKDIR /go/src/app",
            "RUN --mount=type=cache,target=/go/pkg/mod --mount=type=secret,id=token "
            "--mount=source=package.json,target=go.mod --mount=type=tmpfs,target=/t "
            "--mount=target=/src ls -A . /t /src/src > /o/x",
        ),
        _FILES,
        secrets={"token": "s3cret\n"},
    ),
    Case(
        "written: mounts in mounts",
        seen(
            "RUN --mount=type=cache,target=/c --mount=source=package.json,target=/c/d/f "
            "--mount=type=tmpfs,target=/t --mount=source=src,target=/t/s "
            "ls -A /c /c/d /t /t/s > /o/x",
            "RUN --mount=type=tmpfs,target=/m/docs --mount=target=/m,rw "
            "--mount=type=cache,target=/m/src touch /m/src/x /m/docs/y && "
            "ls -A /m/docs /m/src > /o/y",
        ),
        _FILES,
    ),
    Case(
        "written: lists of packages",
        seen(
            "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked "
            "--mount=type=cache,target=/var/lib/apt,sharing=locked "
            "ls -A /var/cache/apt /var/lib/apt > /o/x; touch /var/cache/apt/p /var/lib/apt/q",
            "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked ls -A "
            "/var/cache/apt > /o/y",
            "RUN ls -A /var/lib/apt /var/cache/apt > /o/z; true",
        ),
    ),
    Case(
        "written: a cache of another user",
        seen(
            "USER tester",
            "RUN --mount=type=cache,target=/home/tester/.cache,uid=1000,gid=1000 "
            "touch /home/tester/.cache/x && stat -c '%u %g %a' /home/tester/.cache > /tmp/x",
            "RUN ls -Al /home/tester | wc -l > /tmp/y",
            "USER 0",
            "RUN mv /tmp/x /tmp/y /o/",
        ),
    ),
    Case(
        "written: sources that are mounted",
        seen(
            "WORKDIR /src",
            "RUN --mount=target=. ls -A > /o/x",
            "RUN --mount=target=.,rw touch made && ls -A > /o/y",
            "RUN --mount=type=bind,target=/src,readonly sh -c 'touch made' || echo ro > /o/z",
            "RUN ls -A > /o/w",
        ),
        _FILES,
        ignore="**/node_modules\ndocs/*\n!docs/keep.md\n",
    ),
    Case(
        "written: what is ignored",
        scratch("COPY . /"),
        _FILES,
        ignore="*\n!src\n!package*.json\nsrc/node_modules\n",
    ),
    Case(
        "written: what is ignored but for a file",
        scratch("COPY . /"),
        _FILES,
        ignore=(
            "# notes\n.git\nDockerfile*\n**/node_modules/\n*.md\ndocs/*.md\n!docs/keep.md\n*.sh\n"
        ),
    ),
    Case(
        "written: a heredoc with arguments",
        on_base(
            "ARG N=1",
            "COPY --chmod=600 --chown=tester <<EOF /home/tester/.conf",
            "n=$N \\$N ${M:-none}",
            "'quoted' \"$N\"",
            "EOF",
            "COPY <<'A' <<B /home/",
            "$N",
            "A",
            "$N",
            "B",
        ),
    ),
    Case(
        "written: a file as on Windows",
        on_base(
            "ENV A=1\r",
            "RUN echo $A \\\r",
            "  b > /home/x\r",
            "COPY package.json \\\r",
            "  /home/\r",
        ),
        _FILES,
    ),
    Case(
        "written: no line end at the end",
        on_base("RUN echo 1 > /home/x", "# a comment").rstrip("\n"),
    ),
    Case(
        "written: a directory as the source of links",
        on_base(
            "RUN ln -s /home/tester /app",
            "COPY src /app/",
            "COPY package.json /app",
            "WORKDIR /app/w",
        ),
        _FILES,
    ),
)
WRITTEN: Final = (*_AROUND, *_SHELL, *_MADE, *_IMAGES, *_STAGES)
