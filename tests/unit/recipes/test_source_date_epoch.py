"""SOURCE_DATE_EPOCH and image builds; what is right was seen with buildx 0.30.1, docker 29.1.3."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError, UsageError
from rootless_build.model.plan import BuildImage, Origin, Pairs
from rootless_build.recipes import config_file, front_ends
from rootless_build.recipes.docker import argv
from rootless_build.recipes.request import Request
from tests.unit.recipes.make.make_project import MakeProject

EPOCH = "SOURCE_DATE_EPOCH"
GIVEN = ((EPOCH, "123"),)


def arguments(line: str, **environment: str) -> Pairs:
    context = argv.Context(Path("/p"), environment, Origin("Makefile", 7))
    step, _ = argv.parse(line.split(), context)
    assert isinstance(step, BuildImage)
    return step.build_args


@pytest.mark.parametrize("line", ["build .", "image build .", "builder build .", "buildx build ."])
def test_it_is_handed_on(line: str) -> None:
    assert arguments(line, SOURCE_DATE_EPOCH="123") == GIVEN
    assert arguments(line, SOURCE_DATE_EPOCH="-5") == ((EPOCH, "-5"),)
    assert arguments(line, SOURCE_DATE_EPOCH="") == ()
    assert arguments(line) == ()


@pytest.mark.parametrize(
    ("option", "value"),
    [(f"{EPOCH}=5", "5"), (f"{EPOCH}=", ""), (EPOCH, "123"), (f"{EPOCH}=1 --build-arg A=b", "1")],
)
def test_an_argument_of_that_name_stays(option: str, value: str) -> None:
    given = arguments(f"build --build-arg {option} .", SOURCE_DATE_EPOCH="123")
    assert [pair for pair in given if pair[0] == EPOCH] == [(EPOCH, value)]


@pytest.mark.parametrize(
    ("builder", "line", "expected"),
    [
        ("0", "build .", ()),
        ("false", "image build .", ()),
        ("0", "buildx build .", GIVEN),
        ("1", "build .", GIVEN),
        ("", "build .", GIVEN),
    ],
)
def test_the_classic_builder_does_not_hand_it_on(builder: str, line: str, expected: Pairs) -> None:
    assert arguments(line, SOURCE_DATE_EPOCH="123", DOCKER_BUILDKIT=builder) == expected


@pytest.mark.parametrize("value", ["abc", "1.5", " 5", "1_000", str(2**63), "٣"])
def test_what_buildkit_does_not_take_is_refused(value: str) -> None:
    with pytest.raises(RecipeError, match=f"^Makefile:7: {EPOCH} is '{value}', and not a whole"):
        arguments("build .", SOURCE_DATE_EPOCH=value)
    assert arguments("build .", SOURCE_DATE_EPOCH=value, DOCKER_BUILDKIT="0") == ()


def test_a_bad_choice_of_a_builder_is_refused() -> None:
    with pytest.raises(RecipeError, match="DOCKER_BUILDKIT: 'x' is neither true nor false"):
        arguments("build .", DOCKER_BUILDKIT="x")


def test_it_is_what_the_recipe_is_given(tmp_path: Path) -> None:
    project = MakeProject(tmp_path).write("""
        export SOURCE_DATE_EPOCH := 77
        build:
            docker build -t i .
        own:
            SOURCE_DATE_EPOCH=88 docker build -t i .
        none: SOURCE_DATE_EPOCH =
        none:
            docker build -t i .
    """)

    def given(*words: str, **environment: str) -> Pairs:
        step = project.step(*words, **environment)
        assert isinstance(step, BuildImage)
        return step.build_args

    assert given("build") == ((EPOCH, "77"),)
    assert given("build", SOURCE_DATE_EPOCH="5") == ((EPOCH, "77"),)
    assert given("build", f"{EPOCH}=6") == ((EPOCH, "6"),)
    assert given("own") == ((EPOCH, "88"),)
    assert given("none", SOURCE_DATE_EPOCH="5") == ()


def test_an_image_of_rbuild_toml_has_it_too(tmp_path: Path) -> None:
    (tmp_path / "rbuild.toml").write_text('[image]\nbuild-args = { A = "b" }\n')
    read = config_file.load(tmp_path, tmp_path / "none.toml")

    def given(value: str) -> Pairs:
        request = Request(tmp_path, (), (), {EPOCH: value}, terminal=False)
        step = front_ends.read(request, read).steps[0]
        assert isinstance(step, BuildImage)
        return step.build_args

    assert given("123") == (("A", "b"), *GIVEN)
    assert given("") == (("A", "b"),)
    with pytest.raises(UsageError, match=f"^{EPOCH} is 'x', and not a whole number"):
        given("x")
