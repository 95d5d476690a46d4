"""Numbers and types of bake files, as buildx has them.

The values are those of `docker buildx bake --print`, buildx 0.30.1, and so is what is refused.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from tests.unit.recipes.bake.bake_cases import Baker


@pytest.fixture
def bake(tmp_path: Path) -> Baker:
    return Baker(tmp_path)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2/3*3", "2"),
        ("0.1+0.2", "0.3"),
        ("0.1*3", "0.3"),
        ("7.5 % 0.1", "0"),
        ("7 % 0", "7"),
        ("1e23", "100000000000000000000000"),
        ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ("100/7*7", "100"),
        ("-0", "-0"),
        ("0 * -1", "-0"),
        ("1/0", "+Inf"),
        ("-1/0", "-Inf"),
        ('convert("1.50", number)', "1.5"),
        ('convert(".5", number)', "0.5"),
        ('convert("1p3", number)', "8"),
        ('convert("-0", number)', "-0"),
        ("pow(2, 100)", "1267650600228229400000000000000"),
        ("pow(2, 0.5)", "1.4142135623730951"),
        ("log(0, 2)", "-Inf"),
        ("ceil(1/3)", "1"),
        ("int(-2.7)", "-2"),
        ("floor(1e30+0.5)", "1000000000000000000000000000000"),
        ("absolute(-0.5)", "0.5"),
        ('format("%v %v %v", 0.1, 1e6, 123456789.125)', "0.1 1e+06 1.23456789125e+08"),
        ('format("%g|%G", 0.00001, 1e21)', "1e-05|1E+21"),
        ('format("%s", 1e6)', "1000000"),
        ("min(0.1, 1/3)", "0.1"),
        ("[1, 2][1.0]", "2"),
        ('[1, 2]["0"]', "1"),
        ('{"1.5" = "x"}[1.5]', "x"),
        ("0.1 + 0.2 == 0.3", "true"),
        ('jsonencode(distinct([1, 1.0, "1"]))', '["1"]'),
        ('jsonencode(coalesce(null, 1, "a"))', '"1"'),
        ('jsonencode(true ? [1, 2] : ["a"])', '["1","2"]'),
        ('jsonencode(true ? [1, "a"] : [])', '["1","a"]'),
        ('jsonencode(true ? [1, null] : ["a", "b"])', '["1",null]'),
        ('jsonencode(true ? { a = 1 } : { b = "x" })', '{"a":"1"}'),
        ('jsonencode(true ? { a = [1] } : { a = ["x", "y"] })', '{"a":["1"]}'),
        ("jsonencode(true ? null : [1])", "null"),
        ('jsonencode(true ? 1 : "x")', '"1"'),
        ('jsonencode(true ? true : "x")', '"true"'),
        ('jsonencode(convert({ a = 1, b = "x" }, map(any)))', '{"a":"1","b":"x"}'),
        ('jsonencode(convert([1, "a"], list(any)))', '["1","a"]'),
    ],
)
def test_a_value_is_that_of_buildx(bake: Baker, expression: str, value: str) -> None:
    assert bake.value(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1/3", f"0.{'3' * 154}5"),
        ("10/3", f"3.{'3' * 153}2"),
        ("jsonencode(1/3)", f"0.{'3' * 154}5"),
        ("jsonencode(range(0, 1, 0.3))", f"[0,0.3,0.6,0.9{'0' * 153}4]"),
        ("1e400", f"1{'0' * 400}"),
        ("1e-400", f"0.{'0' * 399}1"),
    ],
)
def test_a_number_has_512_bits(bake: Baker, expression: str, value: str) -> None:
    assert bake.value(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "0/0",
        "1/0 - 1/0",
        "0 * (1/0)",
        "5 % (1/0)",
        "jsonencode(1/0)",
        'substr("hello", 1.5, 2)',
        "[1, 2][0.5]",
        "signum(0.5)",
        "true ? 1 : true",
        'true ? [1] : "x"',
        "true ? { a = 1, b = true } : {}",
        'true ? { a = [1] } : { a = "x" }',
        "jsonencode(convert([true, 1], list(any)))",
        'convert("1_000", number)',
        'convert("0x10", number)',
        'jsondecode("NaN")',
    ],
)
def test_what_has_no_value_with_buildx_has_none(bake: Baker, expression: str) -> None:
    with pytest.raises(RecipeError, match=r"^docker-bake\.hcl:3:"):
        bake.value(expression)


@pytest.mark.parametrize("expression", ["1e5000", "1e-5000", "1e1000 * 1e1000", f"1{'0' * 5000}"])
def test_numbers_that_nobody_needs_are_refused(bake: Baker, expression: str) -> None:
    with pytest.raises(RecipeError, match=r"^docker-bake\.hcl:3:.*(too far|too large)"):
        bake.value(expression)


@pytest.mark.parametrize("given", ["", " 1", "0x10", "inf", "nan", "one"])
def test_what_is_no_number_in_the_environment_is_refused(bake: Baker, given: str) -> None:
    text = 'variable "N" { default = 1 }\ntarget "t" { args = { A = N } }\n'
    bake.write(docker_bake_hcl=text)
    with pytest.raises(RecipeError, match="the variable N is number, and the environment says"):
        bake.targets("t", environment={"N": given})


@pytest.mark.parametrize(
    ("default", "given", "value"),
    [
        ("1", "0.1", "0.1"),
        ("1", "12345678901234567890123", "12345678901234568000000"),
        ("1", "1e3", "1000"),
        ("1.5", "-0", "-0"),
    ],
)
def test_a_number_from_the_environment_has_64_bits(
    bake: Baker, default: str, given: str, value: str
) -> None:
    bake.write(
        docker_bake_hcl=f'variable "N" {{ default = {default} }}\n'
        'target "t" { args = { A = N } }\n'
    )
    assert bake.targets("t", environment={"N": given})["t"].args == {"A": value}
