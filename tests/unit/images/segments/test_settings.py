"""What instructions without files put into the configuration of an image.

The values are docker 29.1's (docker image inspect), where nothing else is said.
"""

from __future__ import annotations

import pytest

from rootless_build.images.configuration import Configuration, Healthcheck
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import Given, Scope, Scopes
from rootless_build.images.containerfile.words import WordError
from rootless_build.images.segments.settings import SettingError, apply
from rootless_build.model.structs import replace

SECOND = 1_000_000_000


def configured(*lines: str) -> Configuration:
    """The configuration after these instructions on scratch."""
    scope, now = Scope(), Configuration("amd64")
    scopes = Scopes({}, Given({}, {}), lambda _: None)
    for instruction in parse("\n".join(lines)).instructions:
        scopes.after(instruction, scope)
        now = apply(instruction, scope, now)
    return now


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["ENV A=1 B='x y'", "ENV C $A"],
            Configuration("amd64", environment=(("A", "1"), ("B", "x y"), ("C", "1"))),
        ),
        (["ARG A=1", "ENV B=$A"], Configuration("amd64", environment=(("B", "1"),))),
        (["WORKDIR /a", "WORKDIR b/../c"], Configuration("amd64", working_directory="/a/c")),
        (["ARG U=joe", "USER $U:staff"], Configuration("amd64", user="joe:staff")),
        (["CMD echo $A"], Configuration("amd64", command=("/bin/sh", "-c", "echo $A"))),
        (['CMD ["echo", "$A"]'], Configuration("amd64", command=("echo", "$A"))),
        (
            ['SHELL ["/bin/b", "-c"]', "CMD a"],
            Configuration("amd64", command=("/bin/b", "-c", "a")),
        ),
        (
            ["CMD a", "ENTRYPOINT []"],
            Configuration("amd64", command=("/bin/sh", "-c", "a"), entrypoint=()),
        ),
        (
            ["EXPOSE 80 53/UDP 90-92"],
            Configuration("amd64", ports=("53/udp", "80/tcp", "90/tcp", "91/tcp", "92/tcp")),
        ),
        (
            ['VOLUME ["/b", "/a"]', "VOLUME /c /a"],
            Configuration("amd64", volumes=("/a", "/b", "/c")),
        ),
        (
            ["LABEL a=1 b='x y'", "LABEL a=2"],
            Configuration("amd64", labels=(("a", "2"), ("b", "x y"))),
        ),
        (["STOPSIGNAL SIGRTMIN+3"], Configuration("amd64", stop_signal="SIGRTMIN+3")),
        (["STOPSIGNAL 9"], Configuration("amd64", stop_signal="9")),
        (["MAINTAINER Joe <j@x>"], Configuration("amd64", author="Joe <j@x>")),
        (
            ["ONBUILD RUN a", "ONBUILD COPY . /"],
            Configuration("amd64", triggers=("RUN a", "COPY . /")),
        ),
        (["ONBUILD COPY <<f /", "x", "f"], Configuration("amd64", triggers=("COPY <<f /\nx\nf",))),
        (["HEALTHCHECK NONE"], Configuration("amd64", healthcheck=Healthcheck(test=("NONE",)))),
        (
            ["HEALTHCHECK --interval=1m30s --retries=2 CMD a b"],
            Configuration(
                "amd64",
                healthcheck=Healthcheck(("CMD-SHELL", "a b"), interval=90 * SECOND, retries=2),
            ),
        ),
        (
            ['HEALTHCHECK --start-period=1.5s CMD ["a"]'],
            Configuration(
                "amd64", healthcheck=Healthcheck(("CMD", "a"), start_period=1_500_000_000)
            ),
        ),
        (["RUN a", "ARG A=1"], Configuration("amd64")),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_is_set(lines: list[str], expected: Configuration) -> None:
    # What SHELL and ArgsEscaped come to is said below.
    assert replace(configured(*lines), shell=(), arguments_escaped=False) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("EXPOSE eighty", "eighty is no port"),
        ("EXPOSE 70000", "70000 is no port"),
        ("EXPOSE 9-8", "9-8 is no port"),
        ("STOPSIGNAL SIGNONE", "SIGNONE is no signal"),
        ("STOPSIGNAL 0", "0 is no signal"),
        ("HEALTHCHECK CMD", "names no command"),
        ("HEALTHCHECK --interval=soon CMD a", "soon is no duration"),
        ("HEALTHCHECK --interval=1us CMD a", "less than a millisecond"),
        ("HEALTHCHECK --retries=x CMD a", "x is no number"),
        ('VOLUME ["/a", " "]', "empty path"),
    ],
)
def test_what_docker_refuses(line: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        configured(line)


def test_a_variable_that_has_to_be_set() -> None:
    with pytest.raises(WordError):
        configured("USER ${U:?who}")


@pytest.mark.parametrize(
    ("lines", "escaped"),
    [
        (["CMD a"], True),
        (['CMD ["a"]'], True),
        (['ENTRYPOINT ["a"]'], True),
        (["ENTRYPOINT a"], False),
        (["ENV A=1"], False),
    ],
)
def test_what_docker_says_of_escaped_arguments(lines: list[str], escaped: bool) -> None:
    assert configured(*lines).arguments_escaped is escaped


def test_a_shell_is_kept() -> None:
    assert configured('SHELL ["/bin/b", "-c"]').shell == ("/bin/b", "-c")
