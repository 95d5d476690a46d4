"""What a RUN mounts: files of contexts, stages and images, caches, memory, secrets.

Most show what the RUN saw, in files below /o; the others what the mount leaves in the image.
"""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import TIME, Case, Context, File, on_base, scratch, seen

_FILES: Final[Context] = {
    "f": "1\n",
    "d/g": "2\n",
    "d/sub/h": File("3\n", mode=0o600),
    "d/x.sh": File("#!/bin/sh\necho script\n", mode=0o755),
    "l": "->f",
    "d/up": "->../f",
    "ld": "->d",
    "out": "->/etc",
    "a,b": "4\n",
}
_LATER: Final = TIME + 10**9
"""BuildKit sends no file again that has the size and the time that it had."""
_NEW_F: Final[Context] = {"f": File("9\n", mtime=_LATER)}
_NEW_G: Final[Context] = {"d/g": File("9\n", mtime=_LATER)}
_STAGE: Final = (
    f"FROM {BASE} AS Build\n"
    "RUN mkdir -p /s/sub && echo s > /s/f && echo t > /s/sub/g && chown 5:6 "
    "/s/f && chmod 640 /s/f\n"
)


def _seen(kind: str, head: str = "", **lines: str) -> tuple[Case, ...]:
    """What RUNs write to /o; `head` is stages before."""
    return tuple(
        Case(f"{kind}: {_spaced(name)}", f"{head}{seen(*line.splitlines())}", _FILES)
        for name, line in lines.items()
    )


def _left(kind: str, head: str = "", **lines: str) -> tuple[Case, ...]:
    """What RUNs leave in the image."""
    return tuple(
        Case(f"{kind}: {_spaced(name)}", head + on_base(*line.splitlines()), _FILES)
        for name, line in lines.items()
    )


def _spaced(name: str) -> str:
    return name.replace("_", " ")


BINDS: Final = (
    *_seen(
        "bind",
        a_variable_that_is_not_set="RUN --mount=source=d$U,target=/m$U cat /m/g > /o/x",
        a_variable_of_the_type="ARG T=bind\nRUN --mount=type=$T,source=d,target=/m cat /m/g > /o/x",
        quoted='RUN --mount="source=a,b",target=/m cat /m > /o/x',
        written=(
            "RUN --mount=target=/m,rw echo 9 > /m/f; touch /m/new; rm /m/d/g; cat /m/f "
            "> /o/x; ls /m/d > /o/ls\n"
            "RUN --mount=target=/m cat /m/f > /o/y; ls /m > /o/ls2; ls /m/d > /o/ls3"
        ),
        written_with_a_type=(
            "RUN --mount=type=bind,source=d,target=/m,readwrite echo 9 > /m/g; cat /m/g > /o/x\n"
            "RUN --mount=type=bind,source=d,target=/m cat /m/g > /o/y\nCOPY d/g /o/z"
        ),
        written_over_a_file=(
            "RUN --mount=source=f,target=/m,rw echo 9 > /m; cat /m > /o/x\n"
            "RUN --mount=source=f,target=/m cat /m > /o/y"
        ),
        written_twice=(
            "RUN --mount=target=/m,rw echo 9 > /m/f\nRUN --mount=target=/m,rw cat /m/f > /o/x"
        ),
        over_a_directory_that_has_files=(
            "RUN mkdir /m && touch /m/old\nRUN --mount=source=d,target=/m ls -A /m > /o/ls\n"
            "RUN ls -A /m > /o/ls2"
        ),
        over_a_file=(
            "RUN echo old > /m\nRUN --mount=source=f,target=/m cat /m > /o/x\nRUN cat /m > /o/y"
        ),
        over_a_link_to_a_directory=(
            "RUN mkdir /r && ln -s r /m\n"
            "RUN --mount=source=d,target=/m ls -A /m > /o/ls; ls -A /r > /o/ls2\n"
            "RUN readlink /m > /o/l; ls -A /r > /o/ls3"
        ),
        over_a_link_that_leads_nowhere=(
            "RUN ln -s /r /m\nRUN --mount=source=d,target=/m ls -A /m > /o/ls\n"
            "RUN readlink /m > /o/l; ls -d /r > /o/ls2"
        ),
        below_a_link=(
            "RUN mkdir /r && ln -s r /m\nRUN --mount=source=d,target=/m/n ls -A /r/n > /o/ls"
        ),
        a_network_after_it="RUN --mount=source=d,target=/m --network=none cp /m/g /o/x",
    ),
    *_seen(
        "bind from a stage",
        _STAGE,
        its_root="RUN --mount=from=build,target=/m ls /m/s > /o/ls",
        a_directory=(
            "RUN --mount=from=Build,source=/s,target=/m stat -c '%n %a %u %g' /m/f /m/sub > /o/stat"
        ),
        a_number="RUN --mount=from=0,source=s/f,target=/m cat /m > /o/x",
        other_letters="RUN --mount=from=BUILD,source=s/f,target=/m cat /m > /o/x",
        one_that_is_not_there="RUN --mount=from=nothing/here:1,target=/m true",
        a_later_number="RUN --mount=from=7,target=/m true",
        itself="RUN --mount=from=made,target=/m true",
        a_variable="ARG S=build\nRUN --mount=from=$S,target=/m ls /m/s > /o/ls",
        an_image=f"RUN --mount=from={BASE},source=/etc,target=/m cat /m/passwd > /o/x",
        nothing="RUN --mount=from=scratch,target=/m ls -A /m > /o/ls",
        written=(
            "RUN --mount=from=build,source=s,target=/m,rw echo 9 > /m/f; rm -r /m/sub; "
            "ls -A /m > /o/ls\n"
            "RUN --mount=from=build,source=s,target=/m cat /m/f > /o/x; ls -A /m > /o/ls2\n"
            "COPY --from=build /s/f /o/y"
        ),
        written_image=(
            f"RUN --mount=from={BASE},target=/m,rw rm /m/etc/passwd; ls /m/etc > /o/ls\n"
            f"RUN --mount=from={BASE},target=/m ls /m/etc > /o/ls2"
        ),
        a_source_that_is_not_there="RUN --mount=from=build,source=/no,target=/m true",
        a_directory_with_the_stage_s_name="RUN --mount=from=build,source=d,target=/m true",
    ),
    *_left(
        "bind, left in the image",
        _STAGE,
        a_directory="RUN --mount=source=d,target=/m true",
        directories="RUN --mount=source=d,target=/m/n/p true",
        a_file="RUN --mount=source=f,target=/m/n/f true",
        a_file_of_a_stage="RUN --mount=from=build,source=s/f,target=/m true",
        one_that_is_there="RUN --mount=source=d,target=/home/tester true",
        a_user_s="USER tester\nRUN --mount=source=d,target=/home/tester/m/n true",
        in_the_working_directory="WORKDIR /w\nRUN --mount=source=d,target=m true",
        times_of_a_directory=(
            "RUN mkdir -p /m/n && touch -d @1500000000 /m/n /m\n"
            "RUN --mount=source=d,target=/m/n/p true"
        ),
        times_of_one_that_is_there=(
            "RUN mkdir -p /m/n && touch -d @1500000000 /m/n /m\n"
            "RUN --mount=source=d,target=/m/n true"
        ),
        made_again_in_a_later_step=(
            "RUN --mount=source=d,target=/m/n true\nRUN mkdir -p /m/n && touch -d @1500000000 /m"
        ),
        a_cache="RUN --mount=type=cache,target=/m/n touch /m/n/x",
        memory="RUN --mount=type=tmpfs,target=/m/n touch /m/n/x",
        over_a_link="RUN ln -s home /m\nRUN --mount=source=d,target=/m/n true",
        what_is_written_beside_it="RUN --mount=source=d,target=/m/n cp /m/n/g /m/x",
        several=(
            "RUN --mount=source=d,target=/m/n --mount=source=f,target=/k/f "
            "--mount=type=cache,target=/c "
            "true"
        ),
        modes_of_the_parents="RUN umask 077 && mkdir /p\nRUN --mount=source=d,target=/p/q/r true",
    ),
    Case(
        "bind: ignored files",
        seen("RUN --mount=target=/m find /m | sort > /o/ls"),
        _FILES,
        ignore="d/sub\n**/*.sh\n",
    ),
    Case(
        "bind: ignored files below a directory",
        seen("RUN --mount=source=d,target=/m find /m | sort > /o/ls"),
        _FILES,
        ignore="d/*\n!d/g\n",
    ),
    Case(
        "bind: ignored files of a context that has a name",
        seen("RUN --mount=from=more,target=/m ls -A /m > /o/x"),
        more={"more": {"f": "1", "g": "2", ".dockerignore": "g\n"}},
    ),
    *(
        Case(
            f"bind, changed: {name}",
            head + seen(*line.splitlines()),
            _FILES,
            then=then,
            ignore=ignored,
        )
        for name, line, head, then, ignored in (
            ("a file", "RUN --mount=target=/m cat /m/f > /o/x", "", _NEW_F, None),
            ("a file, mounted", "RUN --mount=source=f,target=/m cat /m > /o/x", "", _NEW_F, None),
            (
                "written out",
                "RUN --mount=type=bind,source=d,target=/m cat /m/g > /o/x",
                "",
                _NEW_G,
                None,
            ),
            (
                "a mode",
                "RUN --mount=source=d,target=/m stat -c %a /m/g > /o/x",
                "",
                {"d/g": File("2\n", 0o600)},
                None,
            ),
            (
                "a new file",
                "RUN --mount=source=d,target=/m ls /m > /o/x",
                "",
                {"d/new": "9\n"},
                None,
            ),
            (
                "where it is written",
                "RUN --mount=target=/m,rw cat /m/f > /o/x; echo 7 > /m/f",
                "",
                _NEW_F,
                None,
            ),
            (
                "in a stage",
                "RUN --mount=from=s,target=/m cat /m/f > /o/x",
                "FROM scratch AS s\nCOPY f /\n",
                _NEW_F,
                None,
            ),
            ("beside ignored ones", "RUN --mount=target=/m cat /m/f > /o/x", "", _NEW_F, "d\n"),
            ("behind a link", "RUN --mount=source=l,target=/m cat /m > /o/x", "", _NEW_F, None),
            (
                "by a variable",
                "ARG S=d\nRUN --mount=source=$S,target=/m cat /m/g > /o/x",
                "",
                _NEW_G,
                None,
            ),
        )
    ),
)
CACHES: Final = (
    *_seen(
        "cache",
        kept=(
            "RUN --mount=type=cache,target=/c echo 1 > /c/x\n"
            "RUN --mount=type=cache,target=/c cat /c/x > /o/x; ls -A /c > /o/ls\n"
            "RUN ls -A /c > /o/ls2; true"
        ),
        a_type_in_capitals="RUN --mount=type=Cache,target=/c touch /c/x && ls /c > /o/ls",
        its_mode="RUN --mount=type=cache,target=/c stat -c '%a %u %g' /c > /o/stat",
        a_mode=(
            "RUN --mount=type=cache,target=/c,mode=0700,uid=5,gid=6 stat -c '%a %u %g' /c > /o/stat"
        ),
        a_mode_with_a_sticky_bit=(
            "RUN --mount=type=cache,target=/c,mode=1777 stat -c '%a %u %g' /c > /o/stat"
        ),
        a_mode_that_is_none="RUN --mount=type=cache,target=/c,mode=u=rw true",
        a_uid_that_is_none="RUN --mount=type=cache,target=/c,uid=joe true",
        a_gid_alone="RUN --mount=type=cache,target=/c,gid=7 stat -c '%a %u %g' /c > /o/stat",
        of_a_user=(
            "USER tester\nRUN --mount=type=cache,target=/c,uid=1000 touch /c/x\n"
            "USER 0\nRUN --mount=type=cache,target=/c,uid=1000 stat -c '%a %u %g' /c "
            "/c/x > /o/stat"
        ),
        not_of_a_user=(
            "USER tester\nRUN --mount=type=cache,target=/c touch /c/x || touch /tmp/no\n"
            "USER 0\nRUN ls /tmp > /o/ls"
        ),
        another_mode_later=(
            "RUN --mount=type=cache,target=/c,mode=0700 touch /c/x\n"
            "RUN --mount=type=cache,target=/c,mode=0711 ls /c > /o/ls; stat -c %a /c > /o/stat"
        ),
        another_owner_later=(
            "RUN --mount=type=cache,target=/c,uid=5 touch /c/x\n"
            "RUN --mount=type=cache,target=/c,uid=6 ls /c > /o/ls; stat -c '%u %g' /c > /o/stat"
        ),
        an_id=(
            "RUN --mount=type=cache,id=a,target=/c echo 1 > /c/x\n"
            "RUN --mount=type=cache,id=a,target=/d ls /d > /o/ls"
        ),
        another_id=(
            "RUN --mount=type=cache,id=a,target=/c echo 1 > /c/x\n"
            "RUN --mount=type=cache,id=b,target=/c ls /c > /o/ls"
        ),
        an_id_that_is_the_target_of_another=(
            "RUN --mount=type=cache,target=/c echo 1 > /c/x\n"
            "RUN --mount=type=cache,id=/c,target=/d ls /d > /o/ls"
        ),
        a_slash_after_the_target=(
            "RUN --mount=type=cache,target=/c echo 1 > /c/x\n"
            "RUN --mount=type=cache,target=/c/ ls /c > /o/ls"
        ),
        an_id_with_a_slash=(
            "RUN --mount=type=cache,id=a/b,target=/c echo 1 > /c/x\n"
            "RUN --mount=type=cache,id=a/../a/b,target=/c ls /c > /o/ls"
        ),
        an_id_by_a_variable=(
            "ARG V=a\nRUN --mount=type=cache,id=$V,target=/c echo 1 > /c/x\n"
            "RUN --mount=type=cache,id=a,target=/c ls /c > /o/ls"
        ),
        a_target_by_a_variable=(
            "ENV T=/c\nRUN --mount=type=cache,target=$T/x echo 1 > /c/x/y\n"
            "RUN --mount=type=cache,target=/c/x ls /c/x > /o/ls"
        ),
        a_relative_target=(
            "WORKDIR /w\nRUN --mount=type=cache,target=c echo 1 > /w/c/x && ls /w/c > /o/ls"
        ),
        a_relative_target_elsewhere=(
            "WORKDIR /w\nRUN --mount=type=cache,target=c echo 1 > c/x\n"
            "WORKDIR /v\nRUN --mount=type=cache,target=c ls c > /o/ls\n"
            "RUN --mount=type=cache,target=/w/c ls /w/c > /o/ls2"
        ),
        without_a_target="WORKDIR /w\nRUN --mount=type=cache touch /w/x; ls -A /w > /o/ls",
        without_a_target_but_an_id=(
            "WORKDIR /w\nRUN --mount=type=cache,id=q touch /w/x; ls -A /w > /o/ls"
        ),
        over_files=(
            "RUN mkdir /c && touch /c/old\n"
            "RUN --mount=type=cache,target=/c ls -A /c > /o/ls; touch /c/new\n"
            "RUN ls -A /c > /o/ls2"
        ),
        over_a_file="RUN touch /c\nRUN --mount=type=cache,target=/c true",
        read_only="RUN --mount=type=cache,target=/c,ro touch /c/x || echo no > /o/x",
        read_only_and_then_not=(
            "RUN --mount=type=cache,target=/c touch /c/x\n"
            "RUN --mount=type=cache,target=/c,readonly ls /c > /o/ls; touch /c/y || "
            "echo no > /o/x"
        ),
        two_at_once=(
            "RUN --mount=type=cache,target=/c --mount=type=cache,target=/d touch /c/x "
            "/d/y; ls /c /d > /o/ls"
        ),
        one_at_two_places=(
            "RUN --mount=type=cache,id=a,target=/c --mount=type=cache,id=a,target=/d "
            "touch /c/x; ls /d > /o/ls"
        ),
        one_below_another=(
            "RUN --mount=type=cache,target=/c --mount=type=cache,target=/c/d touch /c/d/x\n"
            "RUN --mount=type=cache,target=/c ls -A /c /c/d > /o/ls"
        ),
        shared="RUN --mount=type=cache,target=/c,sharing=shared touch /c/x && ls /c > /o/ls",
        private=(
            "RUN --mount=type=cache,target=/c,sharing=private touch /c/x\n"
            "RUN --mount=type=cache,target=/c,sharing=private ls /c > /o/ls"
        ),
        locked=(
            "RUN --mount=type=cache,target=/c,sharing=locked touch /c/x\n"
            "RUN --mount=type=cache,target=/c,sharing=locked ls /c > /o/ls"
        ),
        locked_in_capitals=(
            "RUN --mount=type=cache,target=/c,sharing=LOCKED touch /c/x && ls /c > /o/ls"
        ),
        shared_otherwise="RUN --mount=type=cache,target=/c,sharing=mine true",
        locked_and_shared=(
            "RUN --mount=type=cache,target=/c,sharing=locked "
            "--mount=type=cache,target=/d,sharing=locked"
            " touch /c/x /d/y\n"
            "RUN --mount=type=cache,target=/d,sharing=locked --mount=type=cache,target=/c "
            "ls /c /d > /o/ls"
        ),
        a_size="RUN --mount=type=cache,target=/c,size=1m true",
        a_source_without_a_stage="RUN --mount=type=cache,target=/c,source=sub touch /c/x",
        after_a_failure_of_a_program="RUN --mount=type=cache,target=/c touch /c/x; false",
    ),
    *_seen(
        "cache from",
        _STAGE,
        a_stage="RUN --mount=type=cache,target=/c,from=build,source=/s ls -A /c /c/sub > /o/ls",
        a_stage_whole="RUN --mount=type=cache,target=/c,from=build ls /c/s > /o/ls",
        a_stage_written=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s touch /c/new; echo 9 > /c/f\n"
            "RUN --mount=type=cache,target=/c,from=build,source=/s ls -A /c > /o/ls; "
            "cat /c/f > /o/x\n"
            "COPY --from=build /s/f /o/y"
        ),
        a_stage_and_then_without=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s touch /c/new\n"
            "RUN --mount=type=cache,target=/c ls -A /c > /o/ls"
        ),
        an_image=f"RUN --mount=type=cache,target=/c,from={BASE},source=/etc ls -A /c > /o/ls",
        a_stage_s_modes=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s"
            " stat -c '%n %a %u %g' /c /c/f /c/sub > /o/stat"
        ),
        a_mode=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s,mode=0700,uid=3 stat "
            "-c '%a %u' /c > /o/stat"
        ),
        one_that_is_not_there="RUN --mount=type=cache,target=/c,from=build,source=/no true",
        a_file="RUN --mount=type=cache,target=/c,from=build,source=/s/f cat /c > /o/x",
        an_id=(
            "RUN --mount=type=cache,id=i,target=/c,from=build,source=/s touch /c/new\n"
            "RUN --mount=type=cache,id=i,target=/d,from=build,source=/s ls -A /d > /o/ls"
        ),
        another_target=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s touch /c/new\n"
            "RUN --mount=type=cache,target=/d,from=build,source=/s ls -A /d > /o/ls"
        ),
        a_source_below_another=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s touch /c/sub/new\n"
            "RUN --mount=type=cache,target=/c,from=build,source=/s/sub ls -A /c > /o/ls"
        ),
        read_only=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s,ro cat /c/f > /o/x;"
            " touch /c/n || echo no > /o/n"
        ),
        locked=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s,sharing=locked touch /c/new\n"
            "RUN --mount=type=cache,target=/c,from=build,source=/s,sharing=locked ls -A /c > /o/ls"
        ),
        private=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s,sharing=private ls /c > /o/x"
        ),
        a_number="RUN --mount=type=cache,target=/c,from=0,source=/s ls -A /c > /o/ls",
        other_letters="RUN --mount=type=cache,target=/c,from=BUILD,source=/s ls -A /c > /o/ls",
        variables=(
            "ENV T=/c S=/s I=i\nRUN --mount=type=cache,id=$I,target=$T,from=build,source=$S"
            " ls -A /c > /o/ls"
        ),
        a_mode_without_a_source=(
            "RUN --mount=type=cache,target=/c,from=build,mode=0700,uid=3 stat -c '%a %u' /c > /o/s;"
            " ls -A /c > /o/ls"
        ),
        nothing="RUN --mount=type=cache,target=/c,from=scratch ls -A /c > /o/ls; touch /c/x",
        a_relative_source="RUN --mount=type=cache,target=/c,from=build,source=s ls -A /c > /o/ls",
        a_user=(
            "USER tester\n"
            "RUN --mount=type=cache,target=/c,from=build,source=/s ls -A /c > /tmp/ls\n"
            "USER 0\nRUN mv /tmp/ls /o"
        ),
        in_the_working_directory=(
            "WORKDIR /w\nRUN --mount=type=cache,target=c,from=build,source=/s ls -A c > /o/ls\n"
            "RUN ls -A /w > /o/w"
        ),
        a_stage_and_a_bind=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s"
            " --mount=from=build,source=/s,target=/b touch /c/new; ls -A /b > /o/b; ls -A /c > /o/c"
        ),
        two_caches=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s"
            " --mount=type=cache,target=/d,from=build,source=/s/sub ls -A /c /d > /o/ls"
        ),
    ),
    *_seen(
        "cache from a stage with",
        f"FROM {BASE} AS build\n"
        "RUN mkdir -p /s/d /l/sub && touch /l/in && chown 5:6 /s && chmod 2750 /s && echo 1 > /s/f"
        " && ln /s/f /s/h && ln -s f /s/l && mkfifo -m 600 /s/p && chmod 4755 /s/f && ln -s s /t"
        " && ln -s nothing /s/n && touch -d @1500000000 /s/f /s/d && echo x > '/s/a b'"
        " && touch -d @1400000000 /s\n",
        all_kinds=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s"
            " stat -c '%n %F %a %u:%g %h' /c /c/* > /o/s; stat -c '%n %Y' /c/f /c/d > /o/t;"
            " readlink /c/l > /o/l; readlink /c/n > /o/n"
        ),
        the_owner_of_its_directory_twice=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s stat -c '%a %u:%g' /c > /o/1\n"
            "RUN --mount=type=cache,target=/c,from=build,source=/s stat -c '%a %u:%g' /c > /o/2"
        ),
        a_link_to_its_directory=(
            "RUN --mount=type=cache,target=/c,from=build,source=/t ls -A /c > /o/ls"
        ),
        an_owner_that_is_not_wanted=(
            "RUN --mount=type=cache,target=/c,from=build,source=/s,uid=7,gid=8,mode=0711"
            " stat -c '%a %u:%g' /c > /o/1"
        ),
    ),
    Case(
        "cache from: kept to the next build",
        f"FROM {BASE} AS build\nRUN mkdir /s && echo kept > /s/f\n"
        + seen(
            "COPY f /f",
            "RUN --mount=type=cache,target=/c,from=build,source=/s cat /f >> /c/f; cat /c/f > /o/x",
        ),
        _FILES,
        then=_NEW_F,
    ),
    Case(
        "cache from: a stage that changes",
        f"FROM {BASE} AS build\nCOPY f /s/f\n"
        + seen(
            "RUN --mount=type=cache,target=/c,from=build,source=/s cat /c/f > /o/x; ls /c > /o/ls;"
            " touch /c/new"
        ),
        _FILES,
        then=_NEW_F,
    ),
    Case(
        "cache from: a context with a name",
        seen("RUN --mount=type=cache,target=/c,from=more,source=/s ls -A /c > /o/ls"),
        more={"more": {"s/f": "1\n", "s/g": "2\n"}},
    ),
    Case(
        "cache from: a context with a name, whole",
        seen("RUN --mount=type=cache,target=/c,from=more ls -A /c > /o/ls; touch /c/x"),
        more={"more": {"s/f": "1\n", "g": "2\n"}},
    ),
    Case(
        "cache: kept to the next build",
        seen("COPY f /f", "RUN --mount=type=cache,target=/c cat /f >> /c/x; cat /c/x > /o/x"),
        _FILES,
        then=_NEW_F,
    ),
    Case(
        "cache: kept to the next build, with a mode",
        seen(
            "COPY f /f",
            "RUN --mount=type=cache,target=/c,mode=0700,uid=5 cat /f >> /c/x; cat /c/x > /o/x;"
            " stat -c '%a %u' /c > /o/stat",
        ),
        _FILES,
        then=_NEW_F,
    ),
)
MEMORY: Final = (
    *_seen(
        "tmpfs",
    ),
)


def _secrets(**lines: str) -> tuple[Case, ...]:
    given = {"t": "hidden", "u.txt": "other\n"}
    return tuple(
        Case(f"secret: {_spaced(name)}", seen(*line.splitlines()), _FILES, secrets=given)
        for name, line in lines.items()
    )


SECRETS: Final = (
    *_secrets(
        alone=(
            "RUN --mount=type=secret,id=t cat /run/secrets/t > /o/x; stat -c '%a %u "
            "%g' /run/secrets/t > /o/stat"
        ),
        a_target="RUN --mount=type=secret,id=t,target=/s/x cat /s/x > /o/x",
        dst="RUN --mount=type=secret,id=t,dst=/s/x cat /s/x > /o/x",
        a_target_in_the_working_directory=(
            "WORKDIR /w\nRUN --mount=type=secret,id=t,dst=s.txt cat /w/s.txt > /o/x"
        ),
        a_target_below_the_working_directory=(
            "WORKDIR /w\nRUN --mount=type=secret,id=t,target=a/b cat /w/a/b > /o/x"
        ),
        a_relative_target_at_the_root="RUN --mount=type=secret,id=t,target=s.txt cat /s.txt > /o/x",
        a_target_without_an_id="RUN --mount=type=secret,target=/s/t cat /s/t > /o/x",
        a_target_by_a_variable="ARG T=/s/x\nRUN --mount=type=secret,id=t,target=$T cat /s/x > /o/x",
        an_id_by_a_variable="ARG I=t\nRUN --mount=type=secret,id=$I cat /run/secrets/t > /o/x",
        another_id="RUN --mount=type=secret,id=u.txt cat /run/secrets/u.txt > /o/x",
        src="RUN --mount=type=secret,src=t cat /run/secrets/t > /o/x",
        source_and_id="RUN --mount=type=secret,id=t,source=u.txt cat /run/secrets/t > /o/x",
        nothing_said="RUN --mount=type=secret true",
        a_variable=(
            'RUN --mount=type=secret,id=t,env=TT echo "$TT" > /o/x; ls /run/secrets '
            "> /o/ls || echo none > /o/y"
        ),
        a_variable_of_its_name="RUN --mount=type=secret,id=t,env=t env | grep ^t= > /o/x",
        a_variable_and_a_target=(
            'RUN --mount=type=secret,id=t,env=TT,target=/s/x cat /s/x > /o/x; echo "$TT" > /o/y'
        ),
        a_variable_with_a_line='RUN --mount=type=secret,id=u.txt,env=TT printf %s "$TT" > /o/x',
        a_variable_over_ENV='ENV TT=1\nRUN --mount=type=secret,id=t,env=TT echo "$TT" > /o/x',
        a_variable_over_ARG='ARG TT=1\nRUN --mount=type=secret,id=t,env=TT echo "$TT" > /o/x',
        a_variable_of_a_user=(
            'USER tester\nRUN --mount=type=secret,id=t,env=TT echo "$TT" > /tmp/x\n'
            "USER 0\nRUN cp /tmp/x /o/x"
        ),
        a_variable_in_exec_form=(
            'RUN --mount=type=secret,id=t,env=TT ["sh", "-c", "echo $TT > /o/x"]'
        ),
        a_variable_in_a_heredoc="RUN --mount=type=secret,id=t,env=TT <<E\necho $TT > /o/x\nE",
    ),
    *(
        Case(f"secret, left in the image: {name}", on_base(line), _FILES, secrets={"t": "hidden"})
        for name, line in (
            ("alone", "RUN --mount=type=secret,id=t true"),
            ("a target", "RUN --mount=type=secret,id=t,target=/s/x true"),
            ("not given", "RUN --mount=type=secret,id=no true"),
        )
    ),
    *_seen(
        "agent that nobody has",
        beside_other_RUNs=(
            "RUN echo ${SSH_AUTH_SOCK-unset} > /o/1\n"
            "RUN --mount=type=ssh echo $SSH_AUTH_SOCK > /o/2\n"
            "RUN echo ${SSH_AUTH_SOCK-unset} > /o/3"
        ),
        a_target="RUN --mount=type=ssh,target=/a/s echo $SSH_AUTH_SOCK > /o/x; ls /a/s || true",
        two=(
            "RUN --mount=type=ssh,id=a --mount=type=ssh,id=b,target=/b"
            " echo $SSH_AUTH_SOCK > /o/x; ls -A /run/buildkit /b || true"
        ),
        two_with_targets=(
            "RUN --mount=type=ssh,id=a,target=/a --mount=type=ssh,id=b,target=/b"
            " echo $SSH_AUTH_SOCK > /o/x"
        ),
        a_variable_of_its_own=(
            "ENV SSH_AUTH_SOCK=/mine\nRUN --mount=type=ssh echo $SSH_AUTH_SOCK > /o/x"
        ),
        an_argument="ARG SSH_AUTH_SOCK=/mine\nRUN --mount=type=ssh echo $SSH_AUTH_SOCK > /o/x",
        exec_form=(
            'RUN --mount=type=ssh ["/bin/sh", "-c", "echo $SSH_AUTH_SOCK > /o/x"]\n'
            "RUN ls -d /run/buildkit || echo no > /o/y"
        ),
    ),
)
REFUSED: Final = tuple(
    Case(f"mount, refused: {name}", on_base("RUN true", f"RUN --mount={value} true"), _FILES)
    for name, value in (
        ("an option that is none", "type=bind,target=/m,foo=1"),
        ("an option that is none, alone", "type=bind,target=/m,foo"),
        ("a type that is none", "type=volume,target=/m"),
        ("an option without a value", "type=bind,target"),
        ("an empty value of an option", "type=bind,source=d,target="),
        ("nothing", ""),
        ("the root as the target", "type=bind,source=d,target=/"),
        ("the root, with dots", "type=bind,source=d,target=/m/.."),
        ("a source that is not there", "type=bind,source=nothing,target=/m"),
        ("a source that is a glob", "type=bind,source=d*,target=/m"),
        ("ro that is neither", "type=bind,target=/m,ro=maybe"),
        ("sharing of a bind mount", "type=bind,target=/m,sharing=locked"),
        ("size of a bind mount", "type=bind,target=/m,size=1m"),
        ("required of a bind mount", "type=bind,target=/m,required"),
        ("mode of a bind mount", "type=bind,target=/m,mode=0700"),
        ("blanks", "type=bind, source=d,target=/m"),
        ("a tmpfs with a source", "type=tmpfs,source=d,target=/m"),
    )
)
FLAGS_OF_RUN: Final = (
    *_seen(
        "RUN --network",
        something_else="RUN --network=bridge echo 1 > /o/x",
        twice="RUN --network=none --network=default echo 1 > /o/x",
    ),
    *_seen(
        "RUN --security",
        something_else="RUN --security=none echo 1 > /o/x",
    ),
    *_seen(
        "RUN --device",
    ),
    Case("RUN: a flag that is none", scratch("RUN --mont=type=bind true")),
)
MOUNTS: Final = (*BINDS, *CACHES, *MEMORY, *SECRETS, *REFUSED, *FLAGS_OF_RUN)
