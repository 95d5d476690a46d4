"""What a RUN sees around it, and what it leaves in an image beside what it does."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Case, Context, File, on_base, seen

_FILES: Final[Context] = {
    "f": "1\n",
    "hosts": File("1.2.3.4 x\n"),
    "resolv.conf": File("nameserver 1.2.3.4\n"),
    "link": "->../run/resolv.conf",
}
_OWNERS: Final[Context] = {
    **_FILES,
    "group": "root:x:0:\nwheel:x:10:tester,root\n",
    "passwd": "tester:x:1000:1000::/:\nroot:x:0:5::/:\n",
}
_GROUPS: Final = "RUN id -g > /tmp/g && id -G >> /tmp/g"
_BARE: Final = f"FROM scratch\nCOPY --from={BASE} /bin /bin"


def _left(kind: str, **lines: str) -> tuple[Case, ...]:
    return _with(_FILES, kind, **lines)


def _with(context: Context, kind: str, **lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"{kind}: {name.replace('_', ' ')}", on_base(*line.splitlines()), context)
        for name, line in lines.items()
    )


def _bare(**lines: str) -> tuple[Case, ...]:
    """On an image that has programs, and no other directory."""
    return tuple(
        Case(f"RUN on programs alone: {name.replace('_', ' ')}", f"{_BARE}\n{line}\n", _FILES)
        for name, line in lines.items()
    )


LEFT: Final = (
    *_left(
        "RUN leaves",
        nothing="RUN true",
        nothing_twice="RUN true\nRUN true",
        where_a_file_is_copied_to="RUN --mount=type=tmpfs,target=/m true\nCOPY f /m",
        hosts_copied="RUN true\nCOPY hosts /etc/\nCOPY --link hosts /etc/y",
        nothing_of_a_user="USER tester\nRUN true",
        a_file="RUN echo 1 > /tmp/x",
        a_file_of_a_user="USER tester\nRUN echo 1 > ~/x; umask 077; mkdir ~/d",
        a_file_in_etc="RUN echo 1 > /etc/x",
        times="RUN echo 1 > /tmp/x && touch -d @1500000000 /tmp/x /tmp",
        times_of_etc="RUN touch -d @1500000000 /etc",
        times_of_etc_and_then_nothing="RUN touch -d @1500000000 /etc\nRUN true",
        times_of_the_root_s_directories=(
            "RUN touch -d @1500000000 /etc /proc /sys /dev /run /tmp /var; true\nRUN true"
        ),
        modes="RUN chmod 700 /etc; chmod 1775 /home; chown 5:6 /var",
        something_removed="RUN rm -r /home/tester /tmp",
        etc_removed_and_made="RUN rm -rf /etc; mkdir -p /etc; ls -A /etc > /tmp/ls",
        a_directory_replaced="RUN rm -r /home && ln -s /tmp /home",
        in_run="RUN mkdir -p /run/x && echo 1 > /run/x/y",
        in_run_lock="RUN mkdir -p /run/lock && touch /run/lock/x\nRUN true",
        run_as_a_link="RUN ln -s var /run; ls -ld /run | cut -c1 > /tmp/x",
        in_dev_shm="RUN echo 1 > /dev/shm/x",
        in_dev="RUN mkdir /dev/x; touch /dev/y; ls /dev/x",
        in_dev_and_then_nothing="RUN true\nRUN ls -A /dev | grep -c null > /tmp/x",
        a_device_s_directory_removed="RUN rmdir /sys /proc /dev; true",
        a_device="RUN mknod /tmp/null c 1 3",
        a_pipe="RUN mkfifo -m 600 /tmp/p",
        hard_links="RUN echo 1 > /tmp/x && ln /tmp/x /tmp/y",
        a_hard_link_to_what_was_there="RUN ln /etc/passwd /etc/p",
        a_setuid_file="RUN touch /tmp/x && chmod 4755 /tmp/x && chown 5:6 /tmp/x",
        a_file_with_a_hole="RUN dd if=/dev/null of=/tmp/x bs=1 seek=100000",
        a_changed_mode_of_a_file="RUN chmod 600 /etc/passwd",
        a_removed_file_made_again="RUN rm /etc/passwd\nRUN echo new > /etc/passwd",
        a_file_made_and_removed="RUN touch /tmp/x\nRUN rm /tmp/x",
        a_directory_emptied_and_filled=(
            "RUN mkdir /a && touch /a/x\nRUN rm -r /a && mkdir /a && touch /a/y"
        ),
        a_link_with_a_long_target=f"RUN ln -s /{'a' * 106} /l",
        names_that_are_no_ASCII="RUN touch '/tmp/ä ☃'",
        a_name_like_a_whiteout="RUN mkdir /a && touch /a/.wh.x /a/y",
        hosts="RUN echo 1 > /etc/hosts",
        hosts_removed="RUN rm -f /etc/hosts",
        hosts_of_the_image="COPY hosts /etc/hosts\nRUN true",
        hosts_of_the_image_seen="COPY hosts /etc/hosts\nRUN grep -c 1.2.3.4 /etc/hosts > /tmp/x",
    ),
    *_bare(
        nothing="RUN true",
        twice="RUN true\nRUN true",
        a_file="RUN echo 1 > /x",
        tmp="RUN ls -d /tmp; mkdir /tmp; touch /tmp/x",
        a_mount="RUN --mount=target=/m cp /m/f /x",
        what_is_not_given="RUN --mount=type=secret,id=no true",
        times="RUN touch -d @1500000000 /bin",
        a_user="USER 5\nRUN true",
        a_working_directory="WORKDIR /w\nRUN pwd > x",
        etc="RUN mkdir -p /etc && echo 1 > /etc/x",
        hosts="RUN cat /etc/hosts > /dev/null && echo 1 > /x",
        without_a_network="RUN --network=none true",
    ),
)


def _seen(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"RUN sees: {name.replace('_', ' ')}", seen(*line.splitlines()), _FILES)
        for name, line in lines.items()
    )


SEEN: Final = (*_seen(),)
GROUPS: Final = _with(
    _OWNERS,
    "RUN in groups",
    none=f"COPY f /f\n{_GROUPS}",
    none_of_the_base=_GROUPS,
    one_of_a_COPY=f"COPY group /etc/\n{_GROUPS}",
    one_that_goes_with_a_COPY=f"COPY group /etc/\nRUN true\nCOPY f /etc/group\n{_GROUPS}",
    one_of_the_RUN_before=f"COPY f /f\nRUN echo wheel:x:10:root >> /etc/group\n{_GROUPS}",
    one_of_an_earlier_RUN=f"RUN echo wheel:x:10:root >> /etc/group\nCOPY f /f\n{_GROUPS}",
    another_one_of_its_own=f"COPY passwd /etc/\n{_GROUPS}",
    those_of_a_user=f"COPY group /etc/\nUSER tester\n{_GROUPS}",
    those_of_root_by_name=f"COPY group /etc/\nUSER root\n{_GROUPS}",
)
RUNS: Final = (*LEFT, *SEEN, *GROUPS)
