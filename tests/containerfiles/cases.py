"""Small containerfiles, one construct each, and the tree that has to come out.

Every case builds a target `out`, which is written to a directory: `files` maps each path in it to
what it holds. A path that ends with a slash is an empty directory; a link's text begins with `->`.
`modes` maps paths to their permissions. `context` is the build context, `ignore` its ignore file.
`exact` false: it needs --allow-inexact. `BASE` is busybox; a RUN writes what it sees below /o.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rootless_build.testing.base_root import BASE


@dataclass(frozen=True)
class Case:
    """See the module."""

    name: str
    text: str
    files: Mapping[str, str]
    context: Mapping[str, str] = field(default_factory=dict)
    ignore: str = ""
    modes: Mapping[str, int] = field(default_factory=dict)
    args: tuple[tuple[str, str], ...] = ()
    exact: bool = True
    output: tuple[str, ...] = ()
    """Lines that a RUN prints, which the reporter must have got, and no others."""


def run(*lines: str, head: str = "") -> str:
    """Instructions on the base; what they leave below /o comes out."""
    return "\n".join([head, f"FROM {BASE} AS made", *lines, "FROM scratch AS out"]) + (
        "\nCOPY --from=made /o/ /\n"
    )


def scratch(*lines: str, head: str = "") -> str:
    """Instructions on nothing."""
    return "\n".join([head, "FROM scratch AS out", *lines]) + "\n"


HEREDOCS: Final = (
    Case("a script", run("RUN <<EOT", "mkdir /o", "echo a > /o/f", "EOT"), {"f": "a\n"}),
    Case(
        "a script whose variables are the shell's",
        run("ARG A=arg", "RUN <<EOT", "mkdir /o; x=1", 'echo "$x $A $(echo b)" > /o/f', "EOT"),
        {"f": "1 arg b\n"},
    ),
    Case(
        "a script that is quoted",
        run("RUN <<'EOT'", "mkdir /o", "x='a\"b'; echo \"$x\" \\\\ '\\n' > /o/f", "EOT"),
        {"f": 'a"b \\ \\n\n'},
    ),
    Case(
        "a script with tabs taken away",
        run("RUN <<-EOT", "\tmkdir /o", "\tcat <<E > /o/f", "\t a", "\tE", "\tEOT"),
        {"f": " a\n"},
    ),
    Case(
        "a script that sets -e and continues lines",
        run("RUN <<EOT", "set -e", "mkdir \\", "  /o", "false || echo a > /o/f", "EOT"),
        {"f": "a\n"},
    ),
    Case(
        "a script with an interpreter",
        run(
            "RUN mkdir /o",
            "RUN <<EOT",
            "#!/bin/awk -f",
            'BEGIN { print 6 * 7 > "/o/f" }',
            "EOT",
        ),
        {"f": "42\n"},
    ),
    Case(
        "an interpreter, and nothing of it stays",
        run(
            "RUN mkdir /o",
            "RUN <<S",
            "#!/bin/sh",
            "echo $0 > /o/f",
            "S",
            "RUN test ! -e /dev/pipes/S",
        ),
        {"f": "/dev/pipes/S\n"},
    ),
    Case(
        "a program's input",
        run("RUN mkdir /o && cat <<EOT > /o/f", "a b", "EOT"),
        {"f": "a b\n"},
    ),
    Case(
        "two inputs",
        run("RUN mkdir /o; cat <<A > /o/a && cat <<B > /o/b", "1", "A", "2", "B"),
        {"a": "1\n", "b": "2\n"},
    ),
    Case(
        "an input whose variables are the shell's",
        run("ENV E=env", "RUN mkdir /o; x=1; cat <<A > /o/a", "$x $E", "A"),
        {"a": "1 env\n"},
    ),
    Case(
        "an input that is quoted",
        run("RUN mkdir /o; cat <<'A' > /o/a", "$x", "A"),
        {"a": "$x\n"},
    ),
    Case(
        "another descriptor",
        run("RUN mkdir /o; cat 3<<A <&3 > /o/a", "1", "A"),
        {"a": "1\n"},
    ),
    Case(
        "a script with mounts",
        run("RUN --mount=type=tmpfs,target=/t <<EOT", "mkdir /o; echo a > /t/f; cp /t/f /o", "EOT"),
        {"f": "a\n"},
    ),
    Case(
        "a script for a SHELL",
        run(
            'SHELL ["/bin/sh", "-e", "-c"]',
            "RUN <<EOT",
            "mkdir /o; case $- in *e*) echo e > /o/f; esac",
            "EOT",
        ),
        {"f": "e\n"},
    ),
    Case(
        "what a script prints, and nothing of the script",
        run("RUN <<EOT", "mkdir /o", "echo said", "echo a > /o/f", "EOT"),
        {"f": "a\n"},
        output=("said\n",),
    ),
    Case(
        "a script with other bytes",
        run("RUN <<EOT", "mkdir /o", "echo 'ünï \t☃' > /o/f", "EOT"),
        {"f": "ünï \t☃\n"},
    ),
    Case("an empty script", run("RUN mkdir /o; echo a > /o/f", "RUN <<EOT", "EOT"), {"f": "a\n"}),
    Case("a file", scratch("COPY <<EOF /f", "a", "EOF"), {"f": "a\n"}, modes={"f": 0o644}),
    Case("a file in a directory", scratch("COPY <<f.txt /d/", "a", "f.txt"), {"d/f.txt": "a\n"}),
    Case(
        "two files",
        scratch("COPY <<a <<b /d/", "1", "a", "2", "b"),
        {"d/a": "1\n", "d/b": "2\n"},
    ),
    Case(
        "a file with variables",
        scratch("ARG A=1", "ENV B=two", "COPY <<f /", "$A ${B} ${C:-3} \\$A '$A' \"$B\"", "f"),
        {"f": "1 two 3 $A '1' \"two\"\n"},
    ),
    Case(
        "a file that is quoted",
        scratch("ENV B=2", "COPY <<'f' /", "$B\\", "f"),
        {"f": "$B\\\n"},
    ),
    Case("a file with tabs taken away", scratch("COPY <<-f /", "\t\ta", "\tf"), {"f": "a\n"}),
    Case("an empty file", scratch("COPY <<f /", "f"), {"f": ""}),
    Case(
        "a file with a mode and an owner",
        run(
            "COPY --chmod=750 --chown=1000:1000 <<f /s/",
            "a",
            "f",
            "RUN mkdir /o; stat -c '%a %u:%g' /s/f > /o/f",
        ),
        {"f": "750 1000:1000\n"},
    ),
    Case(
        "a file beside others",
        scratch("COPY g <<f /d/", "a", "f"),
        {"d/f": "a\n", "d/g": "of the context\n"},
        {"g": "of the context\n"},
    ),
    Case(
        "a file below the working directory",
        scratch("WORKDIR /w", "COPY <<f d/", "a", "f"),
        {"w/d/f": "a\n"},
    ),
    Case("ADD of a file", scratch("ADD <<f /", "a", "f"), {"f": "a\n"}),
    Case(
        "a program that is no instruction",
        run(
            "RUN <<EOT cat > /FROM", "FROM nothing", "COPY . /", "EOT", "RUN mkdir /o; cp /FROM /o"
        ),
        {"FROM": "FROM nothing\nCOPY . /\n"},
    ),
)

COPIES: Final = (
    Case("--link", scratch("COPY --link f /d/"), {"d/f": "1"}, {"f": "1"}),
    Case(
        "--link from a stage",
        scratch("COPY --link --from=a /f /", head="FROM scratch AS a\nCOPY f /"),
        {"f": "1"},
        {"f": "1"},
    ),
    Case("ADD --link", scratch("ADD --link=true f /"), {"f": "1"}, {"f": "1"}),
    Case("--chmod", scratch("COPY --chmod=0640 f /"), {"f": "1"}, {"f": "1"}, modes={"f": 0o640}),
    Case(
        "ADD --chmod of a directory",
        scratch("ADD --chmod=700 d /d"),
        {"d/f": "1"},
        {"d/f": "1"},
        modes={"d/f": 0o700},
    ),
    Case(
        "--chmod with an argument",
        scratch("ARG M=600", "COPY --chmod=$M f /"),
        {"f": "1"},
        {"f": "1"},
        modes={"f": 0o600},
    ),
    Case(
        "--parents",
        scratch("COPY --parents a/b/f a/c/g /d/"),
        {"d/a/b/f": "1", "d/a/c/g": "2"},
        {"a/b/f": "1", "a/c/g": "2", "a/b/other": "3"},
    ),
    Case(
        "--parents of a directory",
        scratch("COPY --parents a/b /d/"),
        {"d/a/b/f": "1", "d/a/b/e/g": "2"},
        {"a/b/f": "1", "a/b/e/g": "2", "a/h": "3"},
    ),
    Case(
        "--parents with a wildcard",
        scratch("COPY --parents a/*/f /d/"),
        {"d/a/b/f": "1", "d/a/c/f": "2"},
        {"a/b/f": "1", "a/c/f": "2", "a/c/g": "3", "a/f": "4"},
    ),
    Case(
        "--parents at any depth",
        scratch("COPY --parents src/**/*.h /"),
        {"src/a.h": "1", "src/x/y/b.h": "2"},
        {"src/a.h": "1", "src/x/y/b.h": "2", "src/x/c.c": "3"},
    ),
    Case(
        "--parents from a pivot on",
        scratch("COPY --parents a/./b/f /d/"),
        {"d/b/f": "1"},
        {"a/b/f": "1"},
    ),
    Case(
        "--parents and ignored files",
        scratch("COPY --parents a/* /"),
        {"a/f": "1"},
        {"a/f": "1", "a/secret": "2"},
        ignore="**/secret\n",
    ),
    Case(
        "--exclude",
        scratch("COPY --exclude=*.o . /"),
        {"a.c": "1", "d/b.o": "3"},
        {"a.c": "1", "a.o": "2", "d/b.o": "3"},
        ignore=".dockerignore\nDockerfile\n",
    ),
    Case(
        "--exclude of two patterns at any depth",
        scratch("COPY --exclude=**/*.o --exclude=d/no d /d"),
        {"d/f": "1", "d/e/g": "2", "d/d/f": "5"},
        {"d/f": "1", "d/e/g": "2", "d/e/h.o": "3", "d/d/no/x": "4", "d/d/f": "5"},
    ),
    Case(
        "--exclude with an exception",
        scratch("COPY --exclude=* --exclude=!keep d /d"),
        {"d/keep": "1"},
        {"d/keep": "1", "d/drop": "2"},
    ),
    Case(
        "--exclude and several sources",
        scratch("COPY --exclude=*.o a b f.o /d/"),
        {"d/1": "1", "d/2": "2", "d/f.o": "3"},
        {"a/1": "1", "a/x.o": "x", "b/2": "2", "f.o": "3"},
    ),
    Case(
        "--exclude of a wildcard's directories",
        scratch("COPY --exclude=*.o d* /d/"),
        {"d/1": "1", "d/2": "2"},
        {"d1/1": "1", "d1/x.o": "x", "d2/2": "2"},
    ),
    Case(
        "--exclude in a stage",
        scratch(
            "COPY --from=a --exclude=*.o --exclude=sub/b /s /d",
            head=f"FROM {BASE} AS a\n"
            "RUN mkdir -p /s/sub; cd /s; touch a.c a.o sub/a.o sub/b 'c d.o'",
        ),
        {"d/a.c": "", "d/sub/a.o": ""},
    ),
    Case(
        "--exclude of everything",
        scratch("COPY f /", "COPY --exclude=* d /d"),
        {"f": "1", "d/": ""},
        {"d/a": "1", "f": "1"},
    ),
    Case(
        "links are copied as links",
        scratch("COPY --exclude=x d /d"),
        {"d/f": "1", "d/l": "->f"},
        {"d/f": "1", "d/l": "->f"},
    ),
    Case(
        "--exclude and a link is what it leads to in the context",
        scratch("COPY --exclude=x l m d/up /d/"),
        {"d/l": "1", "d/f": "1", "d/up": "1"},
        {"s/f": "1", "l": "->/s/f", "m": "->../../s", "d/up": "->../s/./f"},
    ),
    Case(
        "--exclude of a path with a slash first means nothing",
        scratch("COPY --exclude=/f --exclude=./g d /d"),
        {"d/f": "1"},
        {"d/f": "1", "d/g": "2"},
    ),
    Case(
        "--parents of a stage",
        scratch(
            "COPY --parents --from=a /s/t/f /d/",
            head=f"FROM {BASE} AS a\nRUN mkdir -p /s/t; echo 1 > /s/t/f",
        ),
        {"d/s/t/f": "1\n"},
    ),
    Case("ADD --unpack=false", scratch("ADD --unpack=false f /"), {"f": "1"}, {"f": "1"}),
    Case("ADD --unpack", scratch("ADD --unpack=true f /"), {"f": "1"}, {"f": "1"}),
    Case("JSON", scratch('COPY --link ["a b", "/d/"]'), {"d/a b": "1"}, {"a b": "1"}),
    Case(
        "numbers of stages",
        run(
            "RUN mkdir /o",
            "COPY --from=0 /f /o/g",
            "COPY --from=1 /x /o/",
            head=f"FROM {BASE}\nCOPY f /\nFROM scratch\nCOPY <<x /\n2\nx",
        ),
        {"g": "1", "x": "2\n"},
        {"f": "1"},
    ),
)

MOUNTS: Final = (
    Case(
        "a bind of the context",
        run("RUN --mount=type=bind,target=/c mkdir /o; cp /c/f /o"),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "the default type",
        run("RUN --mount=target=/c,source=d mkdir /o; cp /c/f /o"),
        {"f": "1"},
        {"d/f": "1"},
    ),
    Case(
        "the default target",
        run("WORKDIR /w", "RUN --mount=source=d mkdir /o; cp f /o; pwd > /o/pwd"),
        {"f": "1", "pwd": "/w\n"},
        {"d/f": "1"},
    ),
    Case(
        "a link as the source of a mount leads to what the context has",
        run("RUN --mount=source=l,target=/c mkdir /o; cp /c /o/f"),
        {"f": "1"},
        {"s/f": "1", "l": "->/s/../../s/f"},
    ),
    Case(
        "the default target of a stage's mount",
        run(
            "WORKDIR /w",
            "RUN --mount=from=a,src=/s,rw mkdir /o; cp f /o; touch new",
            head="FROM scratch AS a\nCOPY f /s/f",
        ),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "relative targets",
        run("WORKDIR /w", "RUN --mount=target=c/d mkdir /o; cp /w/c/d/f /o"),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "a dot as target, in a stage that inherits its WORKDIR",
        run("RUN --mount=target=. mkdir /o; cp f /o").replace(
            f"FROM {BASE} AS made", f"FROM {BASE} AS b\nWORKDIR /w\nWORKDIR x\nFROM b AS made"
        ),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "a relative tmpfs",
        run(
            "WORKDIR /w",
            "RUN --mount=type=tmpfs,target=t mkdir /o; touch t/x",
            "RUN test ! -e t/x && echo gone > /o/ls",
        ),
        {"ls": "gone\n"},
    ),
    Case(
        "a tmpfs over a bind",
        run(
            "WORKDIR /w",
            "RUN --mount=target=.,rw --mount=type=tmpfs,target=d mkdir /o; touch d/x; ls d > /o/ls",
        ),
        {"ls": "x\n"},
        {"d/f": "1"},
    ),
    Case(
        "a tmpfs of a size",
        run(
            "RUN --mount=type=tmpfs,target=/t,size=4m mkdir /o;"
            " df -k /t | awk 'END{print $2}' > /o/f"
        ),
        {"f": "4096\n"},
    ),
    Case(
        "what is ignored is not there",
        run("RUN --mount=target=/c mkdir /o; cd /c; ls -A > /o/ls"),
        {"ls": ".dockerignore\nDockerfile\nf\n"},
        {"f": "1", "secret": "2", ".git/config": "3"},
        ignore="secret\n.git\n",
    ),
    Case(
        "an exception to what is ignored",
        run("RUN --mount=target=/c,source=d mkdir /o; ls -A /c > /o/ls"),
        {"ls": "keep\n"},
        {"d/keep": "1", "d/drop": "2"},
        ignore="d/*\n!d/keep\n",
    ),
    Case(
        "writes are forgotten",
        run(
            "RUN --mount=target=/c,rw touch /c/new; echo 2 > /c/f; rm /c/g; ls /c",
            "RUN --mount=target=/c,rw mkdir /o; cp /c/f /o; ls /c | grep -c new > /o/n || true",
        ),
        {"f": "1", "n": "0\n"},
        {"f": "1", "g": "2"},
    ),
    Case(
        "writes to a stage are forgotten",
        scratch(
            "COPY --from=a / /",
            "COPY --from=b /o /o",
            head=f"FROM scratch AS a\nCOPY f /\nFROM {BASE} AS b\n"
            "RUN --mount=from=a,target=/c,rw mkdir /o; echo 2 > /c/f; cp /c/f /o; touch /c/new",
        ),
        {"f": "1", "o/f": "2\n"},
        {"f": "1"},
    ),
    Case(
        "a bind is not written to",
        run("RUN --mount=target=/c mkdir /o; touch /c/new 2>/dev/null || echo no > /o/f"),
        {"f": "no\n"},
        {"f": "1"},
    ),
    Case(
        "ro=false",
        run("RUN --mount=target=/c,ro=false mkdir /o; echo 2 > /c/f; cp /c/f /o"),
        {"f": "2\n"},
        {"f": "1"},
    ),
    Case(
        "rw=false",
        run("RUN --mount=target=/c,rw=false mkdir /o; touch /c/x 2>/dev/null || echo no > /o/f"),
        {"f": "no\n"},
        {"f": "1"},
    ),
    Case(
        "a file",
        run("WORKDIR /w", "RUN --mount=source=f,target=g mkdir /o; cp g /o"),
        {"g": "1"},
        {"f": "1"},
    ),
    Case(
        "an argument in a target",
        run("ARG D=/c", "RUN --mount=target=${D}/e mkdir /o; cp /c/e/f /o"),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "a cache",
        run(
            "RUN --mount=type=cache,target=/k,id=@ID@ echo 1 > /k/f",
            "RUN --mount=type=cache,target=/l,id=@ID@ mkdir /o; cp /l/f /o",
            "RUN test ! -e /k/f",
        ),
        {"f": "1\n"},
    ),
    Case(
        "a relative cache",
        run(
            "WORKDIR /w",
            "RUN --mount=type=cache,target=k@ID@ echo 1 > k@ID@/f",
            "WORKDIR /v",
            "RUN --mount=type=cache,target=k@ID@ mkdir /o; cp k@ID@/f /o",
        ),
        {"f": "1\n"},
    ),
    Case(
        "private and locked caches",
        run(
            "RUN --mount=type=cache,target=/k,id=@ID@,sharing=private mkdir /o; echo 1 > /k/f",
            "RUN --mount=type=cache,target=/k,id=@ID@,sharing=locked cp /k/f /o",
        ),
        {"f": "1\n"},
    ),
    Case(
        "two locked caches, twice",
        run(
            "RUN --mount=type=cache,target=/k,id=@ID@k,sharing=locked"
            " --mount=type=cache,target=/l,id=@ID@l,sharing=locked"
            " mkdir /o; echo 1 | tee /k/f > /l/g",
            "RUN --mount=type=cache,target=/k,id=@ID@k,sharing=locked"
            " --mount=type=cache,target=/l,id=@ID@l,sharing=locked cp /k/f /l/g /o",
        ),
        {"f": "1\n", "g": "1\n"},
    ),
    Case(
        "a locked cache before another",
        run(
            "RUN --mount=type=cache,target=/k,id=@ID@k,sharing=locked"
            " --mount=type=cache,target=/l,id=@ID@l mkdir /o; echo 1 > /k/f",
            "RUN --mount=type=cache,target=/k,id=@ID@k,sharing=locked cp /k/f /o",
        ),
        {"f": "1\n"},
    ),
    Case(
        "a cache that starts with files",
        run(
            "RUN --mount=type=cache,target=/k,id=@ID@,from=a mkdir /o; ls /k > /o/ls",
            head="FROM scratch AS a\nCOPY f /",
        ),
        {"ls": "f\n"},
        {"f": "1"},
    ),
    Case(
        "a stage, read-only",
        run(
            "RUN --mount=type=bind,from=a,target=/c mkdir /o; cp /c/f /o",
            head="FROM scratch AS a\nCOPY f /",
        ),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "a stage, written to",
        run(
            "RUN --mount=from=s,target=/c,rw mkdir /o; cp /c/f /o",
            head="FROM scratch AS s\nCOPY f /",
        ),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "an image, written to",
        run(f"RUN --mount=from={BASE},target=/c,rw mkdir /o; touch /c/x; ls /c | grep -c x > /o/f"),
        {"f": "1\n"},
    ),
)

ARGUMENTS: Final = (
    Case(
        "a prefix before FROM",
        run("RUN mkdir /o; echo 1 > /o/f", head=f"ARG X=x{BASE}\nARG Y=${{X#x}}").replace(
            f"FROM {BASE} AS made", "FROM $Y AS made"
        ),
        {"f": "1\n"},
    ),
    Case(
        "prefixes and suffixes",
        run(
            "ARG V=v1.2.3",
            "ARG A=${V#v} B=${V%.*} C=${V%%.*} D=${V##*.} E=${V#no}",
            'RUN mkdir /o; echo "$A $B $C $D $E" > /o/f',
        ),
        {"f": "1.2.3 v1.2 v1 3 v1.2.3\n"},
    ),
    Case(
        "a pattern that is all of the value",
        run("ARG V=abc", "ARG W=${V#abc}", 'RUN mkdir /o; echo "<$W>" > /o/f'),
        {"f": "<>\n"},
    ),
    Case(
        "replacements",
        run("ARG V=a/b/c", 'ENV A=${V/\\//-} B="${V//\\//-}"', "RUN mkdir /o; echo $A $B > /o/f"),
        {"f": "a-b/c a-b-c\n"},
    ),
    Case(
        "a given argument",
        run("ARG V=1", "ARG W=${V#x}", "RUN mkdir /o; echo $W > /o/f"),
        {"f": "2\n"},
        args=(("V", "x2"),),
    ),
    Case(
        "operators without a colon",
        run("ARG E=", "ENV A=${E-1}x B=${NO-2} C=${E+3}", "RUN mkdir /o; echo $A $B $C > /o/f"),
        {"f": "x 2 3\n"},
    ),
    Case(
        "a variable that must be set",
        run("ARG V=1", "ENV A=${V:?no}", "RUN mkdir /o; echo $A > /o/f"),
        {"f": "1\n"},
    ),
    Case(
        "spaces and quotes in a value",
        run("ARG V='x a  \"b\" $c'", "ENV A=${V#x}", 'RUN mkdir /o; echo "$A" > /o/f'),
        {"f": ' a  "b" $c\n'},
    ),
    Case(
        "in COPY and WORKDIR",
        scratch("ARG V=v1", "WORKDIR /d${V#v}", "COPY f${V%1} ./"),
        {"d1/fv": "1"},
        {"fv": "1"},
    ),
    Case(
        "in the flags of RUN",
        run("ARG V=xc", "RUN --mount=target=/${V#x} mkdir /o; cp /c/f /o"),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "in a stage that inherits ENV",
        run("ENV B=${A#x}", "RUN mkdir /o; echo $B > /o/f").replace(
            f"FROM {BASE} AS made", f"FROM {BASE} AS b\nENV A=x1\nFROM b AS made"
        ),
        {"f": "1\n"},
    ),
    Case(
        "an ARG of the heading in a stage",
        run("ARG V", "ENV A=${V#x}", "RUN mkdir /o; echo $A > /o/f", head="ARG V=x1"),
        {"f": "1\n"},
    ),
    Case(
        "the platform",
        run(
            "ARG TARGETARCH TARGETOS",
            "ARG BUILDPLATFORM",
            "ARG A=${BUILDPLATFORM#linux/}",
            'RUN mkdir /o; [ "$TARGETARCH" = "$A" ] && echo $TARGETOS > /o/f',
        ),
        {"f": "linux\n"},
    ),
    Case(
        "a platform without its system",
        run("RUN mkdir /o; echo 1 > /o/f").replace(
            f"FROM {BASE}", f"FROM --platform=@ARCH@ {BASE}"
        ),
        {"f": "1\n"},
    ),
    Case(
        "the platform of the build",
        run("RUN mkdir /o; echo 1 > /o/f").replace(
            f"FROM {BASE}", f"FROM --platform=$BUILDPLATFORM {BASE}"
        ),
        {"f": "1\n"},
    ),
    Case(
        "a platform of the heading",
        run("RUN mkdir /o; echo 1 > /o/f", head="ARG P=@ARCH@").replace(
            f"FROM {BASE}", f"FROM --platform=$P {BASE}"
        ),
        {"f": "1\n"},
    ),
    Case(
        "a stage whose name has an argument",
        run(
            "RUN mkdir /o; cp /f /o",
            head=f"ARG X=yes\nFROM {BASE} AS b\nRUN echo 1 > /f\n"
            "FROM b AS cross-yes\nFROM b AS cross-no",
        ).replace(f"FROM {BASE} AS made", "FROM cross-$X AS made"),
        {"f": "1\n"},
    ),
    Case(
        "no network of its own",
        run("RUN --network=default mkdir /o; echo 1 > /o/f"),
        {"f": "1\n"},
    ),
    Case(
        "the network of the host", run("RUN --network=host mkdir /o; echo 1 > /o/f"), {"f": "1\n"}
    ),
    Case(
        "no network",
        run("RUN --network=none mkdir /o; echo 1 > /o/f"),
        {"f": "1\n"},
    ),
    Case("the sandbox", run("RUN --security=sandbox mkdir /o; echo 1 > /o/f"), {"f": "1\n"}),
    Case(
        "no sandbox",
        run("RUN --security=insecure mkdir /o; echo 1 > /o/f"),
        {"f": "1\n"},
        exact=False,
    ),
    Case(
        "directives",
        "# syntax=docker/dockerfile:1.7-labs\n# check=skip=all\n"
        + scratch("COPY --link f /").lstrip("\n"),
        {"f": "1"},
        {"f": "1"},
    ),
    Case(
        "another escape character",
        "# escape=`\n"
        + run(
            'ENV A="`"x`"" B=a`$b C=\\d', "RUN mkdir /o `", '  && echo "$A $B $C" > /o/f'
        ).lstrip(),
        {"f": '"x" a$b \\d\n'},
    ),
    Case(
        "a heredoc with another escape character",
        "# escape=`\n" + run("RUN <<E", "mkdir /o", "echo a`echo b` > /o/f", "E").lstrip(),
        {"f": "ab\n"},
    ),
    Case(
        "a stage that is not needed",
        scratch("COPY f /", head="FROM nowhere.invalid/x AS no\nRUN <<E\nfalse\nE"),
        {"f": "1"},
        {"f": "1"},
    ),
)

CASES: Final = (*HEREDOCS, *COPIES, *MOUNTS, *ARGUMENTS)
