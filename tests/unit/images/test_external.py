"""Which base images a build needs from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.external import external_bases
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace


def step_of(directory: Path, text: str, name: str = "Dockerfile") -> BuildImage:
    (directory / name).write_text(text)
    return BuildImage(context=directory)


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("FROM debian:bookworm\n", ("debian:bookworm",)),
        ("from debian:bookworm as base\nFROM base\n", ("debian:bookworm",)),
        ("FROM debian AS Base\nFROM base AS dev\nFROM dev\n", ("debian",)),
        ("FROM scratch\nCOPY . /\n", ()),
        ("FROM --platform=linux/amd64 golang:1.20 AS g\n", ("golang:1.20",)),
        ("FROM localhost/debian:bookworm\n", ("localhost/debian:bookworm",)),
        ("FROM debian@sha256:0123\n", ("debian@sha256:0123",)),
        ("# FROM alpine\nFROM \\\n  debian:12\n", ("debian:12",)),
        ("FROM debian\nCOPY --from=busybox:1 /bin/sh /\n", ("debian", "busybox:1")),
        ("FROM debian\nCOPY --chown=1:1 --from=busybox /a /\n", ("debian", "busybox")),
        ("FROM a AS x\nFROM b\nCOPY --from=0 /a /\n", ("b", "a")),
        ("FROM debian\nRUN --mount=type=bind,from=tools,target=/t x\n", ("debian", "tools")),
        ("FROM debian\nRUN --mount=type=cache,target=/c cp --from=no /a\n", ("debian",)),
        ("FROM debian\nRUN echo --from=nothing\n", ("debian",)),
        ("FROM a AS x\nONBUILD COPY --from=tools /a /\nFROM x\n", ("tools", "a")),
        ("FROM a AS x\nONBUILD RUN --mount=from=tools,dst=/m b\nFROM x\n", ("tools", "a")),
        ("FROM a AS x\nONBUILD COPY --from=tools /a /\nFROM b\nCOPY --from=x / /\n", ("b", "a")),
        ("", ()),
    ],
)
def test_bases_are_found(tmp_path: Path, text: str, bases: tuple[str, ...]) -> None:
    assert external_bases(step_of(tmp_path, text)) == bases


@pytest.mark.parametrize(
    ("argument", "given", "base"),
    [
        ("ARG V=12", {}, "debian:12"),
        ("ARG V=12", {"V": "11"}, "debian:11"),
        ('ARG V="12"', {}, "debian:12"),
        ("ARG A=1 V=12", {}, "debian:12"),
        ("ARG A=12\nARG V=$A", {}, "debian:12"),
        ("ARG A=12\nARG V=${A}-slim", {"A": "11"}, "debian:11-slim"),
        ("ARG V", {"V": "sid"}, "debian:sid"),
    ],
)
def test_arguments_before_the_first_from_are_replaced(
    tmp_path: Path, argument: str, given: dict[str, str], base: str
) -> None:
    step = step_of(tmp_path, f"{argument}\nFROM debian:${{V}}\n")
    step = replace(step, build_args=tuple(given.items()))
    assert external_bases(step) == (base,)


@pytest.mark.parametrize(
    ("reference", "base"),
    [
        ("debian:${V:-12}", "debian:12"),
        ("debian${W:+:$W}", "debian"),
        ("debian:${SET:+13}", "debian:13"),
        ("debian:${SET-12}", "debian:1"),
        ("debian:$SET", "debian:1"),
        ("${V}", None),
        ("debian:${SET#x}", "debian:1"),
        ("debian:${SET:#x}", None),
        ("tools-${TARGETOS}", "tools-linux"),
    ],
)
def test_docker_s_ways_to_write_a_variable(tmp_path: Path, reference: str, base: str) -> None:
    found = external_bases(step_of(tmp_path, f"ARG SET=1\nFROM {reference}\n"))
    assert found == ((base,) if base else ())


def test_an_argument_of_a_stage_means_nothing_to_a_later_from(tmp_path: Path) -> None:
    step = step_of(tmp_path, "FROM debian\nARG V=12\nFROM alpine${V}\n")
    assert external_bases(step) == ("alpine",)


STAGES = """\
ARG CROSS=false
FROM golang AS base
FROM base AS cross-false
FROM osx AS sdk
FROM base AS cross-true
COPY --from=sdk / /sdk
FROM cross-${CROSS} AS dev
FROM docs AS docs
"""


@pytest.mark.parametrize(
    ("target", "cross", "bases"),
    [
        ("dev", "false", {"golang"}),
        ("DEV", "true", {"golang", "osx"}),
        ("sdk", "false", {"osx"}),
        (None, "false", {"docs"}),
        ("nothing", "false", set()),
    ],
)
def test_only_the_stages_of_the_target_count(
    tmp_path: Path, target: str | None, cross: str, bases: set[str]
) -> None:
    step = step_of(tmp_path, STAGES)
    step = replace(step, target=target, build_args=(("CROSS", cross),))
    assert set(external_bases(step)) == bases


def test_a_program_in_a_heredoc_is_no_instruction(tmp_path: Path) -> None:
    text = "FROM debian\nRUN \\\n  python3 <<EOT\nfrom os import sep\nEOT\nCOPY --from=tools / /\n"
    assert external_bases(step_of(tmp_path, text)) == ("debian", "tools")


def test_build_contexts_and_substitutes_are_not_asked_for(tmp_path: Path) -> None:
    step = replace(
        step_of(tmp_path, "FROM debian\nCOPY --from=runc-src / /\nCOPY --from=busybox / /\n"),
        build_contexts=(("runc-src", "/src/runc"),),
        substitutes=(("docker.io/library/debian", "localhost/debian"),),
    )
    assert external_bases(step) == ("busybox",)


def test_a_build_context_takes_the_place_of_a_stage(tmp_path: Path) -> None:
    text = "FROM golang AS tool\nFROM debian\nCOPY --from=tool / /\n"
    step = replace(step_of(tmp_path, text), build_contexts=(("tool", "/tool"),))
    assert external_bases(step) == ("debian",)


def test_the_containerfile_asked_for_is_read(tmp_path: Path) -> None:
    step = step_of(tmp_path, "FROM debian\n")
    (tmp_path / "other").write_text("FROM alpine\n")
    other = replace(step, containerfile=tmp_path / "other")
    assert external_bases(other) == ("alpine",)
    assert external_bases(replace(step, containerfile=tmp_path / "missing")) == ()


def test_a_context_with_a_containerfile_alone(tmp_path: Path) -> None:
    assert external_bases(step_of(tmp_path, "FROM debian\n", "Containerfile")) == ("debian",)
