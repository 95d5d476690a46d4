"""Expressions, templates, functions and syntax of bake files in HCL."""

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
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("5-10", "-5"),
        ("-7 % 3", "-1"),
        ("10 / 4", "2.5"),
        ("2 * 0.5", "1"),
        ("100000000000000000000 + 1", "100000000000000000001"),
        ("!true || false && true", "false"),
        ("3 > 2", "true"),
        ('"3" > 2', "true"),
        ('1 == "1"', "false"),
        ("[1] == [1]", "true"),
        ("{ a = 1 } == { a = 1 }", "true"),
        ('true ? "a" : 1', "a"),
        ('false ? "a" : 1', "1"),
        ("true ? 1 : nothing", "1"),
        ('"a" == "b" ? "x" : "a" == "c" ? "y" : "z"', "z"),
        ("[1, 2][1]", "2"),
        ("{ a = [1, 2] }.a[1]", "2"),
        ('{ "a b" = "c" }["a b"]', "c"),
        ("jsonencode([{ a = 1 }, { a = 2 }][*].a)", "[1,2]"),
        ("jsonencode([{ a = 1 }, { a = 2 }].*.a)", "[1,2]"),
        ('jsonencode("x"[*])', '["x"]'),
        ("jsonencode(null[*])", "[]"),
        ('jsonencode([for x in ["a", "b"] : upper(x) if x != "a"])', '["B"]'),
        ('jsonencode([for i, x in ["a", "b"] : "${i}${x}"])', '["0a","1b"]'),
        ("jsonencode({ for k, v in { a = 1, b = 2 } : v => k })", '{"1":"a","2":"b"}'),
        ('jsonencode({ for x in ["a", "b", "a"] : x => x... })', '{"a":["a","a"],"b":["b"]}'),
        ('jsonencode({ (upper("x")) = 1, "y-${1}" = 2, z: 3 })', '{"X":1,"y-1":2,"z":3}'),
        ('"a$b %c $${x} %%{y}"', "a$b %c ${x} %{y}"),
        (r'"é\u00e9\t\"\\"', 'éé\t"\\'),
        ('"${1}${"b"}"', "1b"),
        ('"<${join("", ["${"x"}"])}>"', "<x>"),
        ('"a ${~ 1 ~} b"', "a1b"),
        ('"%{ if 1 == 1 }yes%{ else }no%{ endif }!"', "yes!"),
        ('"%{ for x in [1, 2] ~} ${x} %{ endfor ~}"', "1 2 "),
        ("<<EOT\n  a ${1}\n  b\nEOT\n", "  a 1\n  b\n"),
        ("<<-EOT\n    a ${1}\n\n      b\n    EOT\n", "a 1\n\n  b\n"),
        ('<<EOT\n$${no} "quoted" \\n\nEOT\n', '${no} "quoted" \\n\n'),
        ("upper(<<EOT\nx\nEOT\n)", "X\n"),
        ("max([3, 1, 2]...)", "3"),
        ('"${[1, 2][0]}"', "1"),
        ("null", None),
    ],
)
def test_an_expression_has_the_value_that_bake_gives_it(
    bake: Baker, expression: str, value: str | None
) -> None:
    assert bake.value(expression) == value


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("absolute(-3.5)", "3.5"),
        ("parseint(\"ff\", 16)", "255"),
        ("int(-2.7)", "-2"),
        ("pow(2, 10)", "1024"),
        ("modulo(-10, 3)", "-1"),
        ('basename("/a/b/c.txt")', "c.txt"),
        ('dirname("/a/b/c.txt")', "/a/b"),
        ('dirname("a")', "."),
        ('chomp("a\\n\\n")', "a"),
        ('format("%s-%05d-%v-%q-%t-%.2f-%x", "a", 42, [1, "b"], "q", true, 3.14159, 255)',
         'a-00042-[1,"b"]-"q"-true-3.14-ff'),
        ('jsonencode(formatlist("%s=%s", ["a", "b"], "x"))', '["a=x","b=x"]'),
        ('indent(2, "a\\nb")', "a\n  b"),
        ('join(",", ["a", "b"], ["c"])', "a,b,c"),
        ('regex("(?P<y>[0-9]+)", "a12").y', "12"),
        ('regex_replace("-ab-axxb-", "a(x*)b", "$${1}W")', "-W-xxW-"),
        ('jsonencode(regexall("[a-z]", "a1b2"))', '["a","b"]'),
        ('replace("a.b.c", ".", "-")', "a-b-c"),
        ('sanitize("a/b:c.d")', "a_b_c_d"),
        ('jsonencode(split(",", "a,b"))', '["a","b"]'),
        ('substr("hello", -3, 2)', "ll"),
        ('title("hello world foo-bar")', "Hello World Foo-Bar"),
        ('trim("?!hello?!", "!?")', "hello"),
        ('trimprefix("helloworld", "hello")', "world"),
        ('semvercmp("1.2.3", ">= 1.0, < 2")', "true"),
        ('semvercmp("1.9.0", "^1.2")', "true"),
        ('semvercmp("1.3.0", "~1.2")', "false"),
        ('semvercmp("v1.2.3-beta", ">=1.0")', "false"),
        ('semvercmp("2.0.0", "<1 || >=2")', "true"),
        ("jsonencode(chunklist([1, 2, 3], 2))", "[[1,2],[3]]"),
        ('coalesce(null, "a", "b")', "a"),
        ('jsonencode(compact(["a", "", "b"]))', '["a","b"]'),
        ('contains(["a"], "a")', "true"),
        ('element(["a", "b", "c"], 4)', "b"),
        ("jsonencode(flatten([[1, [2]], 3]))", "[1,2,3]"),
        ('indexof(["a", "b"], "b")', "1"),
        ('lookup({ a = "b" }, "x", "c")', "c"),
        ("jsonencode(merge({ a = 1 }, { b = 2 }, { a = 3 }))", '{"a":3,"b":2}'),
        ("jsonencode(range(0, 1, 0.25))", "[0,0.25,0.5,0.75]"),
        ('jsonencode(setproduct(["a"], [1, 2]))', '[["a",1],["a",2]]'),
        ('jsonencode(setunion(["b"], ["a", "b"]))', '["a","b"]'),
        ('jsonencode(zipmap(["b", "a"], [1, 2]))', '{"a":2,"b":1}'),
        ('base64decode(base64encode("hi"))', "hi"),
        ('sha256("a")', "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ('cidrsubnet("172.16.0.0/12", 4, 2)', "172.18.0.0/16"),
        ('urlencode("a b&c")', "a+b%26c"),
        ('uuidv5("dns", "example.com")', "cfbff0d1-9375-5685-968c-48ce8b15ae17"),
        ('jsonencode(csvdecode("a,b\\n1,2\\n"))', '[{"a":"1","b":"2"}]'),
        ("formatdate(\"YYYY'T'hh:mm:ssZ\", \"2024-01-02T03:04:05Z\")", "2024T03:04:05Z"),
        ('formattimestamp("X", "2024-01-02T03:04:05Z")', "1704164645"),
        ('timeadd("2024-01-01T00:00:00Z", "1h30m")', "2024-01-01T01:30:00Z"),
        ("unixtimestampparse(1690328596).month_name", "July"),
        ('try(nothing, "x")', "x"),
        ("can(nothing)", "false"),
        ('jsonencode(convert(["b", "a", "b"], set(string)))', '["a","b"]'),
    ],
)  # fmt: skip
def test_a_function_of_the_standard_library(bake: Baker, call: str, value: str) -> None:
    assert bake.value(call) == value


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ('uper("a")', "the function 'uper' is not known here; did you mean upper?"),
        ("upper()", "upper: it takes 1 arguments, and there are 0"),
        ("upper(null)", "upper: argument 1 is null"),
        ("length(1)", "length: a list or a map is wanted, not a number"),
        ("hello", "there is no variable 'hello'"),
        ("target", "target is no variable"),
        ('1 + "x"', "a number is wanted, and this is 'x'"),
        ('"${[1]}"', "a string is wanted, and this is a tuple"),
        ('"a-${null}"', "a string is wanted, and this is null"),
        ("[1, 2][5]", "there is no element 5 in a list of 2"),
        ("{ a = 1 }.b", "there is no attribute 'b'"),
        ("0 / 0", "0 by 0, or an infinity by another, has no quotient"),
        ('element([], 0)', "an empty list has no element"),
        ('{ for x in ["a", "a"] : x => x }', "the key 'a' comes twice"),
        ('regex("(", "a")', "is no regular expression"),
        ("target.nothing.tags", "there is no target 'nothing'"),
        ('convert("a", strin)', "'strin' is no type; did you mean string?"),
    ],
)  # fmt: skip
def test_what_has_no_value_is_refused_with_its_place(
    bake: Baker, expression: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        bake.value(expression)
    message, _, hint = words.partition("; ")
    assert caught.value.message.startswith("docker-bake.hcl:3:")
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a = 1 b = 2\n", "1:7", "the line's end after an argument is wanted, not 'b'"),
        ("a = 1\na = 2\n", "2:1", "a was already set in line 1"),
        ('a = "x\ny"\n', "1:7", "a string in quotes has no line end"),
        ('a = "\\q"\n', "1:6", "a string has no escape \\q"),
        ("target t {\n  tags = [\n}\n", "3:1", "this is not HCL"),
        ("a = 'x'\n", "1:5", 'HCL has no "\'" outside of strings'),
        ("target {}\n", "1:1", "a target has one name, and here are 0"),
        ('target "x/y" {}\n', "1:1", "more than letters, digits"),
        ("group g {}\n", "1:1", "the group g has no targets"),
        ("group g {\n  targets = []\n  name = 1\n}\n", "3:3", "a group has no name"),
        ("function f {\n  params = []\n}\n", "1:1", "the function f has no result"),
        ("function f {\n  params = [1]\n  result = 1\n}\n", "2:13", "a parameter is a name"),
        ("target x {\n  tags = {}\n}\n", "2:10", "tags is a list of strings"),
        ("target x {\n  pull = 3\n}\n", "2:10", "pull is a bool"),
        ('target x {\n  output = ["a=b,c=d"]\n}\n', "2:12", "has no type"),
        ("target x {\n  name = upper(label)\n}\n", "2:3", "a name is for the targets of a matrix"),
    ],
)
def test_what_is_no_bake_file_is_refused_by_line_and_column(
    bake: Baker, text: str, place: str, words: str
) -> None:
    bake.write(docker_bake_hcl=text)
    with pytest.raises(RecipeError) as caught:
        bake.targets("x")
    assert caught.value.message.startswith(f"docker-bake.hcl:{place}: ")
    assert words in caught.value.message
    assert caught.value.engine_words


def test_comments_stand_anywhere(bake: Baker) -> None:
    text = """
    # one
    target "t" { // two
      /* three
         lines */
      tags = ["a", # four
        "b", ] // five
      args = {
        # six
        a = 1 /* seven */
      }
    }
    """
    bake.write(docker_bake_hcl=text)
    target = bake.targets("t")["t"]
    assert (target.tags, target.args) == (("a", "b"), {"a": "1"})


def test_columns_count_characters_not_bytes(bake: Baker) -> None:
    bake.write(docker_bake_hcl='target "t" {\n  tags = ["é${x}"]\n}\n')
    with pytest.raises(RecipeError, match=r"docker-bake\.hcl:2:15: there is no variable 'x'"):
        bake.targets("t")
