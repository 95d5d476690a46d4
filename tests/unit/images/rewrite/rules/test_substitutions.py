"""Substitutions with patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.stages import Image
from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import Rewriting, last, same


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("ENV B=${A#v}", "ENV B=1.2"),
        ('ENV B="${A%.*}x" C=$A', 'ENV B="v1x" C=$A'),
        ("ENV B=${NO:-${A#v}}", "ENV B=1.2"),
        ("ENV B=${NO-x}", "ENV B=x"),
        ("WORKDIR /${A/./_}", "WORKDIR /v1_2"),
        ("COPY ${A##*.} /", "COPY 2 /"),
        ('COPY ["${A#v}", "/$A"]', 'COPY ["1.2", "/$A"]'),
        ("LABEL a=${S#x}", 'LABEL a=\\ q\\"\\$'),
        ('LABEL a="${S#x}"', 'LABEL a=" q\\"\\$"'),
        ("ARG B=${A#v} C=${B%.2}", "ARG B=1.2 C=1"),
        (
            "RUN --mount=type=tmpfs,target=/${A#v} a ${A#v}",
            "RUN --mount=type=tmpfs,target=/1.2 a ${A#v}",
        ),
        ("USER ${A#v}", "USER 1.2"),
    ],
)
def test_they_are_evaluated(tmp_path: Path, line: str, becomes: str) -> None:
    assert last(tmp_path, f"ARG A=v1.2\nENV S='x q\"$'\n{line}")[2] == becomes


def test_given_arguments_win(tmp_path: Path) -> None:
    made = last(tmp_path, "ARG A=v1\nARG B=${A#v}\nENV C=${B%.*}", args={"A": "v2.3", "B": "4.5"})
    assert made == ["ARG A=v1", "ARG B=", "ENV C=4"]


def test_arguments_of_the_heading(tmp_path: Path) -> None:
    made = Rewriting(tmp_path, "ARG A=xbase\nARG B=${A#x}\nFROM ${B:-no}\n")
    assert made.text == "ARG A=xbase\nARG B=base\nFROM ${B:-no}\n"


def test_the_environment_of_the_base_image(tmp_path: Path) -> None:
    images = {"base": Image((("PATH", "/a:/b"),))}
    assert last(tmp_path, "ENV P=${PATH%%:*}", images=images) == ["ENV P=/a"]


def test_without_the_base_image_it_can_t_be_told(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="whether PATH is set"):
        last(tmp_path, "ENV P=${PATH%%:*}", images={})


@pytest.mark.parametrize(
    "line", ["ENV B=${A:-1}", "ENV B=${A:+1}$A", "RUN echo ${A#x}", "CMD ${A#x}"]
)
def test_what_every_engine_knows_stays(tmp_path: Path, line: str) -> None:
    assert same(tmp_path, line)


def test_one_that_fails_is_an_error_of_its_line(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match=r"Dockerfile:2:1: .*A: must be"):
        last(tmp_path, 'ENV B="${A:?must be}"')
