"""Bake files in HCL are read as buildx reads them.

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


def valued(bake: Baker, expression: str) -> str | None:
    text = f'target "t" {{\n  args = {{\n    value = {expression}\n  }}\n}}\n'
    (bake.directory / "docker-bake.hcl").write_text(text, newline="")
    return (bake.targets("t")["t"].args or {}).get("value")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('true ? "1" : false ? "2" : "3"', "1"),
        ('false ? "1" : false ? "2" : "3"', "3"),
        ('false ? "1" : true ? "2" : false ? "3" : "4"', "2"),
        ('true ? false ? "1" : "2" : "3"', "2"),
        ('(true ? false : true) ? "1" : "2"', "2"),
        ('true ? "1" : "2" == "2" ? "3" : "4"', "1"),
        ('false || true ? "1" : "2"', "1"),
        ("1e3", "1000"),
        ("1.5e+2", "150"),
        ("25E-1", "2.5"),
        ("[1e3, 2][0] + 1", "1001"),
        ("10 - 4 - 3", "3"),
        ("100 / 10 / 5", "2"),
        ("2 * 3 % 4", "2"),
        ("1 + 2 * 3 - 4 / 2", "5"),
        ("1 < 2 == true", "true"),
        ("1 + 1 == 2 && 3 > 2 || false", "true"),
        ("false && false || true", "true"),
        ("false && (false || true)", "false"),
        ("true == false == false", "true"),
        ("!true == false", "true"),
        ("!(true && false)", "true"),
        ("! true", "false"),
        ("-1 + 3", "2"),
        ("2 - -1", "3"),
        ("- 2 * -3", "6"),
        ("-(1 + 2)", "-3"),
        ("-[1, 2][1]", "-2"),
        ("!{ a = true }.a", "false"),
        ('["a", "b"].1', "b"),
        ('[{ a = ["x"] }].0.a.0', "x"),
        ("jsonencode([{ a = [1] }, { a = [2] }].*.a.0)", "[1,2]"),
        ("jsonencode([{ a = [1] }, { a = [2] }].*.a[0])", "[1]"),
        ("jsonencode([{ a = [1] }, { a = [2] }][*].a[0])", "[1,2]"),
        ("jsonencode([[1, 2], [3]][*][0])", "[1,3]"),
        ("jsonencode([1, 2,])", "[1,2]"),
        ("max(1, 2,)", "2"),
        ("jsonencode({ a = 1, b : 2, })", '{"a":1,"b":2}'),
        ('jsonencode({ "${"x"}" = 1 })', '{"x":1}'),
        ("jsonencode({ true = 1, null = 2, 3 = 4 })", '{"3":4,"null":2,"true":1}'),
        ("jsonencode({ for k, v in { a = 1, b = 2 } : k => v if v > 1 })", '{"b":2}'),
        ('jsonencode([for x in [1, 2] : x == 1 ? "a" : x == 2 ? "b" : "c"])', '["a","b"]'),
        ('jsonencode("${true ? [1, 2] : [3, 4]}")', "[1,2]"),
        ('jsonencode("${{ a = "}" }}")', '{"a":"}"}'),
        ('"$"', "$"),
        ('"$$ 100% %d $x"', "$$ 100% %d $x"),
        ('"$$${1}"', "$${1}"),
        ('"%%{ if }"', "%{ if }"),
        ('"$${a}$$${b}"', "${a}$${b}"),
        ('"\\\\${1}"', "\\1"),
        ('"\\u00e9\\U0001F600"', "é😀"),
        ('"\\n${~ 1 ~}\\t"', "1"),
        ('"a ${~ "b" ~} c"', "abc"),
        ('"a\\n  ${~ 1}"', "a1"),
        ('"${1 ~}${2} ${~ 3}"', "123"),
        ('" %{~ if true ~} x %{~ else ~} y %{~ endif ~} "', "x"),
        ('"%{ if false }a%{ else }%{ if true }b%{ endif }c%{ endif }"', "bc"),
        ('"%{ for i, x in ["a", "b"] }${i}${x}%{ if i == 0 },%{ endif }%{ endfor }"', "0a,1b"),
        ('"%{ for k, v in { a = 1 } }${k}=${v}%{ endfor }"', "a=1"),
        ('"%{if true}a%{endif}"', "a"),
        ('"%{ if true }${false}%{ else }${0}%{ endif }"', "false"),
        ('jsonencode("%{ if true }${1}%{ endif }")', '"1"'),
        ('jsonencode("%{ for x in [1] }${x}%{ endfor }")', '"1"'),
        ('"/* x */ // # y"', "/* x */ // # y"),
        ("1 /* two */ + 2 # three", "3"),
        ("1 // two", "1"),
        ("<<EOT\n%{ if true ~}\n  a\n%{ endif ~}\nEOT\n", "  a\n"),
        ("<<-EOT\n    a\n\n      b\n    ${1}\n    EOT\n", "a\n\n  b\n1\n"),
        ("<<-EOT\n\ta\n  b\n  EOT\n", "a\n b\n"),
        ("<<EOT\n  a\n  EOT\n", "  a\n"),
        ('<<EOT\n$${a} %%{b} \\n "q" $x\nEOT\n', '${a} %{b} \\n "q" $x\n'),
        ("<<EOT\n${1}\nEOT\n", "1\n"),
        ("<<EOT\nEOT\n", ""),
        ("<<-EOT\n  a ${<<-X\n    b\n    X\n  } c\n  EOT\n", "a b\n c\n"),
        ("<<EOT\na EOT\nEOT b\nEOT\n", "a EOT\nEOT b\n"),
        (
            '<<-EOT\n  %{ for x in ["a", "b"] ~}\n    - ${x}\n  %{ endfor ~}\n  EOT\n',
            "    - a\n    - b\n",
        ),
        ("<<EOT\r\n  a\r\nEOT\r\n", "  a\r\n"),
        ("(1 +\n2)", "3"),
        ("[\n1,\n2\n][1]", "2"),
        ('{\na = 1\nb = 2, c = 3\n}["c"]', "3"),
        ("max(\n1,\n2\n)", "2"),
        ("jsonencode([for x in [\n1\n] :\nx\n])", "[1]"),
        ('jsonencode({\nfor x in ["a"] :\nx => 1\n})', '{"a":1}'),
        ('"${\n1 +\n2\n}"', "3"),
        ("[1, 2][\n0\n]", "1"),
        ("<<EOT\na\nEOT", "a\n"),
    ],
)
def test_an_expression_is_grouped_and_read_as_buildx_does(
    bake: Baker, expression: str, value: str
) -> None:
    assert valued(bake, expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "jsonencode({ for = 1 })",
        '"a\nb"',
        "1 +\n2",
        '{ a = 1 b = 2 }["a"]',
        "[1 2][0]",
        "<<EOT \na\nEOT\n",
        "'a'",
        "1.2.3",
        '"${1"',
        '"%{ if true }a"',
        '"%{ endif }"',
        '"%{ foo }"',
        '"${}"',
        '"\\q"',
        '"\\u12"',
        "a.0.0",
        "true ? 1",
        "f(1 2)",
        "[for x in [1] : x => 1]",
        '{ for x in ["a"] : x }',
        '{ a.b = 1 }["a"]',
        "1 ** 2",
        "1 & 1",
        '{a = 1, , b = 2}["a"]',
        "[,]",
        "((1)",
        '"a" "b"',
        "!",
        "f(,)",
        "x..y",
        "1...",
        "0x10",
        "1;",
        '"${~}"',
        "[1][]",
        "true ? 1 : ",
    ],
)
def test_what_buildx_refuses_is_refused_with_its_line(bake: Baker, expression: str) -> None:
    with pytest.raises(RecipeError, match=r"^docker-bake\.hcl:[345]:[0-9]+: "):
        valued(bake, expression)


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        ('x = "${1"\n', "1:10", "a string in quotes has no line end in it"),
        ("x = <<EOT\na\nEOT", "1:5", "a heredoc without its end"),
        ("x = <<EOT \na\nEOT\n", "1:5", "nothing after the word"),
        ("/* x\n", "1:1", "this comment has no */"),
        ("x = 1, y = 2\n", "1:6", "the line's end after an argument"),
        ("target t { args = {}, tags = [] }\n", "1:21", "`}` is wanted, not ','"),
        ("target t { args = {}\n}\n", "1:21", "`}` is wanted, not the line's end"),
        ("target t {\n  tags = []\n", "3:1", "the `}` of this one, is wanted"),
        ("target t {\n} target u {\n}\n", "2:3", "the line's end after a block"),
        ("target t\n{\n}\n", "1:9", "the `{` of a block, is wanted, not the line's end"),
        ('target "a${1}" {}\n', "1:10", "a block's name has no template in it"),
        ('"x" = 1\n', "1:1", "an argument or a block is wanted"),
        ("x = [for a b in c : d]\n", "1:12", "`in` is wanted, not 'b'"),
        ("x = true ? 1\n", "1:13", "`:` and another value is wanted, not the line's end"),
        ("x = 1 <\n", "1:8", "a value is wanted, not the line's end"),
        ('x = "\\uD800"\n', "1:6", "there is no character \\uD800"),
        (f"x = {'(' * 200}1{')' * 200}\n", "1:105", "more than 100 expressions"),
        (f"x = {'!' * 200}true\n", "1:104", "more than 100 expressions"),
        ("x = " + '"${' * 200 + "1\n", "1:306", "more than 100 templates"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    bake: Baker, body: str, place: str, words: str
) -> None:
    (bake.directory / "docker-bake.hcl").write_text(body)
    with pytest.raises(RecipeError) as caught:
        bake.targets("t")
    assert caught.value.message.startswith(f"docker-bake.hcl:{place}: ")
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_a_block_of_one_line_and_names_without_quotes(bake: Baker) -> None:
    bake.write(docker_bake_hcl='\ufeffvariable V { default = "v" }\ntarget t { tags = [V] }\n')
    assert bake.targets("t")["t"].tags == ("v",)


def test_many_conditions_in_a_row(bake: Baker) -> None:
    chain = " : ".join(f'V == "{number}" ? "<{number}>"' for number in range(60))
    bake.write(
        docker_bake_hcl=f'variable V {{ default = "59" }}\n'
        f'target t {{\n  args = {{ A = {chain} : "none" }}\n}}\n'
    )
    assert bake.targets("t")["t"].args == {"A": "<59>"}
