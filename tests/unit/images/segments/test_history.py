"""The history of an image, as docker 29.1.3 with BuildKit writes it."""

from __future__ import annotations

import pytest

from rootless_build.images.configuration import Configuration, History
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import Given, Scope, Scopes, declared_arguments
from rootless_build.images.segments.finishing import dated
from rootless_build.images.segments.history import After, entry_of
from rootless_build.images.segments.settings import apply


def entries(*lines: str) -> list[History | None]:
    """The entries of these instructions, one after the other."""
    scope, now, arguments = Scope(), Configuration("amd64"), dict[str, str]()
    scopes = Scopes({}, Given({}, {}), lambda _: None)
    found = []
    for instruction in parse("\n".join(lines)).instructions:
        scopes.after(instruction, scope)
        now = apply(instruction, scope, now)
        if instruction.keyword == "ARG":
            names = [name for name, _ in declared_arguments(instruction)]
            arguments |= {name: scope.variables.get(name, "") for name in names}
        found.append(entry_of(instruction, After(scope, now, dict(arguments))))
    return found


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["ARG T=aa"], "ARG T=aa"),
        (["ARG U"], "ARG U"),
        (["ENV X=aa Y='a b'"], "ENV X=aa Y=a b"),
        (["RUN echo x > /x"], "RUN /bin/sh -c echo x > /x # buildkit"),
        (
            ["ARG T=aa", "ARG U", "RUN echo   $T >/t"],
            "RUN |2 T=aa U= /bin/sh -c echo   $T >/t # buildkit",
        ),
        (['RUN ["echo", "a"]'], "RUN echo a # buildkit"),
        (["RUN <<E", "echo a", "E"], "RUN /bin/sh -c echo a\n # buildkit"),
        (["COPY  --chown=1:2  f   /g"], "COPY --chown=1:2 f /g # buildkit"),
        (["ADD f /h"], "ADD f /h # buildkit"),
        (["WORKDIR /bin", "WORKDIR new"], "WORKDIR /bin/new"),
        (["USER 1:2"], "USER 1:2"),
        (["LABEL a=b c='d e'"], "LABEL a=b c=d e"),
        (["EXPOSE 80 53/udp"], "EXPOSE [53/udp 80/tcp]"),
        (["VOLUME /v /w"], "VOLUME [/v /w]"),
        (["STOPSIGNAL SIGUSR1"], "STOPSIGNAL SIGUSR1"),
        (['SHELL ["/bin/sh", "-ec"]'], "SHELL [/bin/sh -ec]"),
        (
            ["HEALTHCHECK --interval=5s --retries=2 CMD true  x"],
            'HEALTHCHECK &{["CMD-SHELL" "true  x"] "5s" "0s" "0s" "0s" \'\\x02\'}',
        ),
        (["CMD echo   $T"], 'CMD ["/bin/sh" "-c" "echo   $T"]'),
        (['ENTRYPOINT ["a", "b"]'], 'ENTRYPOINT ["a" "b"]'),
        (["MAINTAINER me"], "MAINTAINER me"),
    ],
)
def test_what_an_instruction_leaves(lines: list[str], text: str) -> None:
    entry = entries(*lines)[-1]
    assert entry is not None
    assert entry.created_by == text
    makes = text.startswith(("RUN", "COPY", "ADD", "WORKDIR"))
    assert entry.empty_layer is not makes


def test_a_trigger_leaves_nothing() -> None:
    assert entries("ONBUILD RUN a") == [None]


def test_only_what_is_new_is_dated() -> None:
    old = History("2020-01-01T00:00:00Z", "RUN a", comment="buildkit.dockerfile.v0")
    (new,) = entries("USER a")
    assert new is not None
    made = dated(Configuration("amd64", history=(old, new)), "2026-01-01T00:00:00Z")
    assert [each.created for each in made.history] == [old.created, "2026-01-01T00:00:00Z"]
    assert made.created == "2026-01-01T00:00:00Z"
