"""Variables, functions, groups, inheritance, matrices, overrides, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.recipes.bake import files
from tests.unit.recipes.bake.bake_cases import Baker


@pytest.fixture
def bake(tmp_path: Path) -> Baker:
    return Baker(tmp_path)


VARIABLES = """
variable "FOO" { default = "dfl" }
variable "COUNT" { default = 1 }
variable "ON" { default = false }
variable "EMPTY" {}
variable "NULL" { default = null }
variable "NAMES" {
  type    = list(string)
  default = ["x"]
}
variable "PORTS" { type = map(number) }
variable "PAIR" { type = tuple([string, number]) }
variable "SHAPE" {
  type    = object({ a = string, b = optional(number) })
  default = { a = "x" }
}
LATER = "${FOO}-later"
target "t" {
  args = {
    foo   = FOO
    count = COUNT + 1
    on    = ON ? "yes" : "no"
    empty = "<${EMPTY}>"
    null  = NULL
    names = join("+", NAMES)
    ports = jsonencode(PORTS)
    pair  = jsonencode(PAIR)
    shape = jsonencode(SHAPE)
    later = LATER
  }
}
"""


def arguments(bake: Baker, environment: dict[str, str]) -> dict[str, str]:
    bake.write(docker_bake_hcl=VARIABLES)
    return dict(bake.targets("t", environment=environment)["t"].args or {})


def test_variables_have_their_defaults(bake: Baker) -> None:
    assert arguments(bake, {}) == {
        "foo": "dfl",
        "count": "2",
        "on": "no",
        "empty": "<>",
        "names": "x",
        "ports": "null",
        "pair": "null",
        "shape": '{"a":"x","b":null}',
        "later": "dfl-later",
    }


@pytest.mark.parametrize(
    ("environment", "name", "value"),
    [
        ({"FOO": "env"}, "foo", "env"),
        ({"FOO": "env"}, "later", "env-later"),
        ({"FOO": ""}, "foo", ""),
        ({"LATER": "env"}, "later", "dfl-later"),
        ({"COUNT": "41"}, "count", "42"),
        ({"ON": "1"}, "on", "yes"),
        ({"ON": "T"}, "on", "yes"),
        ({"EMPTY": "x"}, "empty", "<x>"),
        ({"NULL": "x"}, "null", "x"),
        ({"NAMES": 'a,"b,c"'}, "names", "a+b,c"),
        ({"NAMES_JSON": '["p", "q"]'}, "names", "p+q"),
        ({"NAMES": "a", "NAMES_JSON": '["p"]'}, "names", "p"),
        ({"PORTS": "web:80,db:5432"}, "ports", '{"db":5432,"web":80}'),
        ({"PAIR": "a,1"}, "pair", '["a",1]'),
        ({"SHAPE_JSON": '{"a": "y"}'}, "shape", '{"a":"y","b":null}'),
        ({"FOO_JSON": "json"}, "foo", "json"),
    ],
)
def test_the_environment_sets_a_variable_as_its_type_wants(
    bake: Baker, environment: dict[str, str], name: str, value: str
) -> None:
    assert arguments(bake, environment)[name] == value


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"COUNT": "many"}, "the variable COUNT is number, and the environment says 'many'"),
        ({"ON": "maybe"}, "the variable ON is bool"),
        ({"PAIR": "a"}, "the variable PAIR is tuple"),
        ({"SHAPE": "x"}, "the variable SHAPE is object"),
        ({"NAMES_JSON": "{"}, "the JSON of the variable NAMES"),
    ],
)
def test_an_environment_that_is_not_of_the_type_is_refused(
    bake: Baker, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(RecipeError, match=r"docker-bake\.hcl:\d+:1: ") as caught:
        arguments(bake, environment)
    assert words in caught.value.message


def test_a_variable_of_the_command_line_beats_the_environment(bake: Baker) -> None:
    bake.write(docker_bake_hcl=VARIABLES)
    targets = bake.targets("t", environment={"FOO": "env"}, variables={"FOO": "line"})
    assert (targets["t"].args or {})["foo"] == "line"


def test_a_validation_says_what_it_wants(bake: Baker) -> None:
    text = """
variable "PORT" {
  default = 80
  validation {
    condition     = PORT > 1024
    error_message = "the port ${PORT} is reserved"
  }
}
target "t" {}
"""
    bake.write(docker_bake_hcl=text)
    with pytest.raises(RecipeError, match=r":5:21: validation failed: the port 80 is reserved"):
        bake.targets("t")
    assert bake.targets("t", environment={"PORT": "8080"})


@pytest.mark.parametrize(
    "text",
    [
        'A = B\nB = A\ntarget "t" { tags = [A] }',
        'variable "A" { default = "${A}" }\ntarget "t" { tags = [A] }',
        'target "t" { tags = target.t.tags }',
        'target "t" { tags = target.u.tags }\ntarget "u" { tags = target.t.tags }',
        'function "f" {\n params = [x]\n result = f(x)\n}\ntarget "t" { tags = [f("a")] }',
        'target "t" { contexts = { a = "target:t" } }',
        (
            'target "t" { contexts = { a = "target:u" } }\n'
            'target "u" { contexts = { b = "target:t" } }'
        ),
        'group "t" { targets = ["u"] }\ngroup "u" { targets = ["t"] }',
    ],
)
def test_what_needs_itself_is_refused(bake: Baker, text: str) -> None:
    bake.write(docker_bake_hcl=text)
    with pytest.raises(RecipeError, match=r"needs itself|built from itself|contains itself"):
        bake.targets("t")


def test_functions_of_the_file(bake: Baker) -> None:
    text = """
function "tags" {
  params          = [name]
  variadic_params = more
  result          = [for tag in concat(["latest"], more) : "${name}:${tag}"]
}
function "bindir" {
  params = [dir]
  result = DESTDIR != "" ? DESTDIR : "./bundles/${dir}"
}
variable "DESTDIR" { default = "" }
target "t" {
  tags   = tags("app", "v1", "v2")
  output = [bindir("binary")]
}
"""
    bake.write(docker_bake_hcl=text)
    target = bake.targets("t")["t"]
    assert target.tags == ("app:latest", "app:v1", "app:v2")
    assert target.output == ({"type": "local", "dest": "./bundles/binary"},)
    other = bake.targets("t", environment={"DESTDIR": "/out"})["t"]
    assert other.output == ({"type": "local", "dest": "/out"},)


def test_a_target_sees_the_attributes_of_another(bake: Baker) -> None:
    text = """
target "a" {
  args = { v = "1" }
  tags = ["app:${target.a.args.v}"]
}
target "b" {
  tags       = [for tag in target.a.tags : "${tag}-b"]
  dockerfile = "${target.a.name}.Dockerfile"
  platforms  = target["a"].platforms
}
"""
    bake.write(docker_bake_hcl=text)
    target = bake.targets("b")["b"]
    assert (target.tags, target.dockerfile) == (("app:1-b",), "a.Dockerfile")


# --- inheritance and merging --------------------------------------------------------------------


def test_what_is_inherited_is_merged_or_replaced_by_the_kind_of_attribute(bake: Baker) -> None:
    text = """
target "base" {
  dockerfile = "base.Dockerfile"
  args       = { a = "1", b = "1" }
  tags       = ["base"]
  platforms  = ["linux/amd64"]
  cache-from = ["user/app:one"]
  secret     = ["id=x,src=one"]
  no-cache-filter = ["one"]
}
target "other" {
  args = { b = "2", c = "2" }
}
target "t" {
  inherits   = ["base", "other"]
  args       = { c = "3", d = null }
  tags       = ["own"]
  cache-from = ["user/app:two", "user/app:one"]
  secret     = ["id=x,src=two", "id=y,env=Y"]
  no-cache-filter = ["two"]
}
"""
    bake.write(docker_bake_hcl=text)
    target = bake.targets("t")["t"]
    assert target.args == {"a": "1", "b": "2", "c": "3"}
    assert target.tags == ("own",)
    assert target.platforms == ("linux/amd64",)
    assert target.dockerfile == "base.Dockerfile"
    assert [entry["ref"] for entry in target.cache_from or ()] == ["user/app:one", "user/app:two"]
    assert target.secret == ({"id": "x", "src": "two"}, {"id": "y", "env": "Y"})
    assert target.no_cache_filter == ("one", "two")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ('tags = ["a"]', 'tags = ["b"]', ("tags", ("b",))),
        ('tags = ["a"]', "tags = []", ("tags", ())),
        ('args = { a = "1" }', 'args = { b = "2" }', ("args", {"a": "1", "b": "2"})),
        ('args = { a = "1" }', "args = { a = null }", ("args", {"a": "1"})),
        ('context = "one"', 'context = "two"', ("context", "two")),
        ('output = ["one"]', 'output = ["two"]', ("output", ({"type": "local", "dest": "two"},))),
        ('ulimits = ["nofile=1"]', 'ulimits = ["nproc=2"]', ("ulimits", ("nofile=1", "nproc=2"))),
    ],
)
def test_a_target_of_two_files_is_one(
    bake: Baker, first: str, second: str, expected: tuple[str, object]
) -> None:
    bake.write(
        docker_bake_hcl=f'target "t" {{\n{first}\n}}\n',
        docker_bake_override_hcl=f'target "t" {{\n{second}\n}}\n',
    )
    (bake.directory / "docker-bake-override.hcl").rename(
        bake.directory / "docker-bake.override.hcl"
    )
    assert getattr(bake.targets("t")["t"], expected[0]) == expected[1]


def test_files_are_looked_up_by_name_and_later_ones_win(bake: Baker) -> None:
    bake.write(
        compose_yaml="services:\n  t:\n    build:\n      args: {a: c, c: c}\n",
        docker_bake_json=json.dumps({"target": {"t": {"args": {"a": "json", "j": "json"}}}}),
        docker_bake_hcl='target "t" { args = { a = "hcl" } }\n',
    )
    assert bake.targets()["t"].args == {"a": "hcl", "c": "c", "j": "json"}


def test_named_files_are_taken_instead(bake: Baker) -> None:
    bake.write(
        docker_bake_hcl='target "t" {}', other_hcl='target "o" {}', plain_bake='target "p" {}'
    )
    named = ("other.hcl", "plain.bake")
    assert set(bake.targets("*", named=named)) == {"o", "p"}
    place = files.Place(bake.directory, {"BUILDX_BAKE_FILE": "other.hcl:plain.bake"}, {})
    assert files.read((), place)[1] == ("other.hcl", "plain.bake")


def test_a_directory_without_a_file_says_how_one_is_called(bake: Baker) -> None:
    with pytest.raises(RecipeError, match="has no bake file") as caught:
        bake.targets("t")
    assert "docker-bake.hcl" in caught.value.hint


# --- groups -------------------------------------------------------------------------------------

GROUPS = """
group "default" { targets = ["one"] }
group "one" { targets = ["a", "two"] }
group "two" { targets = ["b", "a"] }
target "a" {}
target "b" {}
target "c-1" {}
target "c-2" {}
"""


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), ["a", "b"]),
        (("default",), ["a", "b"]),
        (("two",), ["b", "a"]),
        (("b", "one"), ["b", "a"]),
        (("c-*",), ["c-1", "c-2"]),
        (("c-[^1]",), ["c-2"]),
        (("*",), ["a", "b", "c-1", "c-2"]),
    ],
)
def test_groups_and_patterns_name_targets(
    bake: Baker, names: tuple[str, ...], expected: list[str]
) -> None:
    bake.write(docker_bake_hcl=GROUPS)
    assert list(bake.targets(*names)) == expected


def test_an_unknown_target_is_named_with_the_nearest(bake: Baker) -> None:
    bake.write(docker_bake_hcl='target "binary" {}')
    with pytest.raises(RecipeError, match="the bake file has no target binray") as caught:
        bake.targets("binray")
    assert caught.value.hint == "did you mean binary?"
    with pytest.raises(RecipeError, match="no target like 'z\\*'"):
        bake.targets("z*")


# --- matrices -----------------------------------------------------------------------------------


def test_a_matrix_makes_targets_and_a_group_of_them(bake: Baker) -> None:
    text = """
target "app" {
  name   = "app-${item.n}-${replace(v, ".", "_")}"
  matrix = {
    item = [{ n = "a", t = ["x"] }, { n = "b", t = [] }]
    v    = ["1.0", "2.0"]
  }
  tags = item.t
  args = { v = v }
}
target "after" {
  inherits = ["app-a-1_0"]
  args     = { w = target.app-b-2_0.args.v }
}
"""
    bake.write(docker_bake_hcl=text)
    targets = bake.targets("app")
    assert list(targets) == ["app-a-1_0", "app-a-2_0", "app-b-1_0", "app-b-2_0"]
    assert targets["app-a-2_0"].tags == ("x",)
    assert targets["app-b-1_0"].args == {"v": "1.0"}
    assert bake.targets("after")["after"].args == {"v": "1.0", "w": "2.0"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('matrix = { a = ["x", "y"] }', "two targets of the matrix have the name 't'"),
        ('matrix = ["x"]\nname = "x"', "a matrix is a map of lists"),
        ('matrix = { a = 1 }\nname = "x"', "the matrix's a is no list"),
        ('matrix = { a = ["x.y"] }\nname = "t-${a}"', "more than letters, digits"),
    ],
)
def test_a_matrix_that_makes_no_targets_is_refused(bake: Baker, body: str, words: str) -> None:
    bake.write(docker_bake_hcl=f'target "t" {{\n{body}\n}}\n')
    with pytest.raises(RecipeError) as caught:
        bake.targets("t")
    assert words in caught.value.message


def test_a_group_of_a_matrix_may_have_a_target_of_its_name(bake: Baker) -> None:
    bake.write(
        docker_bake_hcl='target "t" {\nmatrix = { a = ["x"] }\nname = "t-${a}"\n}\ntarget "t" {}\n'
    )
    assert list(bake.targets("t")) == ["t-x", "t"]


EMPTY = 'target "m" {\n  matrix = { a = [] }\n  name = "m-${a}"\n}\ntarget "t" {}\n'


@pytest.mark.parametrize("asked", ["m", "g"])
def test_an_empty_matrix_makes_no_target(bake: Baker, asked: str) -> None:
    # buildx 0.30: "failed to find target m".
    bake.write(docker_bake_hcl=f'{EMPTY}group "g" {{ targets = ["t", "m"] }}\n')
    with pytest.raises(RecipeError, match=r":1:1: the matrix of m is empty, so there is no"):
        bake.targets(asked)
    assert set(bake.targets("t")) == {"t"}


def test_a_matrix_without_lists_makes_one_target(bake: Baker) -> None:
    bake.write(docker_bake_hcl='target "t" {\n  matrix = {}\n  name = "x"\n}\n')
    assert set(bake.targets("t")) == {"x"}


@pytest.mark.parametrize(
    "body",
    [
        'matrix = null\nname = "x"',
        'matrix = ["a"]\nname = "x"',
        'matrix = { a = "x" }\nname = "x-${a}"',
        'matrix = { a = ["x", "y"] }',
        'matrix = { a = ["x", "y"] }\nname = "q"',
        'matrix = { a = ["x"] }\nname = "q/q"',
        'name = "q"',
    ],
)
def test_a_matrix_that_buildx_refuses_is_refused(bake: Baker, body: str) -> None:
    bake.write(docker_bake_hcl=f'target "t" {{\n{body}\n}}\n')
    with pytest.raises(RecipeError, match=r"^docker-bake\.hcl:[123]:"):
        bake.targets("t")


# --- what is passed over, what does not matter --------------------------------------------------


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ("group g {\n  targets = []\n  foo = nope\n}\n", "3:3: a group has no attribute 'foo'"),
        ("variable v {\n  defualt = 1\n}\n", "2:3: a variable has no attribute 'defualt'"),
        ("variable v {\n  foo {}\n}\n", "2:3: a variable has no block 'foo'"),
        ("tagret x {}\n", "1:1: a bake file has no block 'tagret'"),
        ("foo {}\n", "1:1: a bake file has no block 'foo'"),
        ("foo = nope\n", "1:7: there is no variable 'nope'"),
        ("variable v {\n  default = nope\n}\n", "2:13: there is no variable 'nope'"),
        ("target x {\n  tags = [nope]\n}\n", "2:11: there is no variable 'nope'"),
        ("target x {\n  tags = {}\n}\n", "2:10: tags is a list of strings"),
        ("target x {\n  matrix = 1\n}\n", "2:3: a matrix is a map of lists"),
    ],
)
def test_what_buildx_passes_over_or_nobody_asks_for_is_a_note(
    bake: Baker, more: str, note: str
) -> None:
    bake.write(docker_bake_hcl=f'{more}target "t" {{}}\n')
    (said,) = bake.notes("t")
    assert said.startswith(f"docker-bake.hcl:{note}")


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("tag = nope", "2:1: a target has no attribute 'tag', which is passed over; did you mean"),
        ("provenance = false", "2:1: a target has no attribute 'provenance', which is passed over"),
        ("args {\n  A = 1\n}", "2:1: a target has no block 'args' (an attribute is `args = {"),
    ],
)
def test_what_a_target_has_besides_is_a_note_where_it_is_built(
    bake: Baker, body: str, note: str
) -> None:
    bake.write(
        docker_bake_hcl=f'target "t" {{\n{body}\n}}\ntarget "u" {{ inherits = ["t"] }}\n'
        'target "other" {}\n'
    )
    for name in ("t", "u"):
        (said,) = bake.notes(name)
        assert said.startswith(f"docker-bake.hcl:{note}")
    assert bake.notes("other") == ()


def test_a_misspelt_block_is_told_where_its_target_is_missed(bake: Baker) -> None:
    bake.write(docker_bake_hcl='tagret "app" {}\ntarget "t" {}\n')
    with pytest.raises(RecipeError, match="the bake file has no target app") as caught:
        bake.targets("app")
    assert "docker-bake.hcl:1:1: a bake file has no block 'tagret'" in caught.value.engine_words
    assert "did you mean target?" in caught.value.engine_words


def test_a_target_whose_parent_can_not_be_read_is_refused(bake: Baker) -> None:
    bake.write(
        docker_bake_hcl='target "p" {\n  tags = [nope]\n}\ntarget "t" { inherits = ["p"] }\n'
        'target "linked" { contexts = { p = "target:p" } }\n'
    )
    for name in ("p", "t", "linked"):
        with pytest.raises(RecipeError, match=r":2:11: there is no variable 'nope'"):
            bake.targets(name)


@pytest.mark.parametrize(
    "variable",
    [
        'validation {\n  condition = w == "q"\n  error_message = "x"\n}',
        "validation {\n  condition = false\n}",
        'validation {\n  error_message = "x"\n}',
        'validation {\n  condition = null\n  error_message = "x"\n}',
        'validation "x" {\n  condition = true\n  error_message = "x"\n}',
        "validation {\n  condition = true\n  foo = 1\n}",
    ],
)
def test_a_validation_that_does_not_hold_refuses_the_file(bake: Baker, variable: str) -> None:
    bake.write(docker_bake_hcl=f'variable "v" {{\n{variable}\n}}\ntarget "t" {{}}\n')
    with pytest.raises(RecipeError, match=r"^docker-bake\.hcl:[234]:"):
        bake.targets("t")


def test_a_validation_needs_no_message(bake: Baker) -> None:
    text = 'variable "v" {\n  validation {\n    condition = "true"\n  }\n}\ntarget "t" {}\n'
    bake.write(docker_bake_hcl=text)
    assert bake.notes("t") == ()


def test_what_another_target_does_not_say_is_null(bake: Baker) -> None:
    # As `docker buildx bake --print` of buildx 0.30.1 has it.
    value = "jsonencode([target.u.tags, target.u.args, target.u.output, target.u.dockerfile])"
    bake.write(docker_bake_hcl=f'target "u" {{}}\ntarget "t" {{ args = {{ A = {value} }} }}\n')
    assert bake.targets("t")["t"].args == {"A": "[null,null,[],null]"}


# --- --set --------------------------------------------------------------------------------------

SET = """
target "_base" { args = { a = "1" } }
target "web" {
  inherits  = ["_base"]
  tags      = ["web:1"]
  output    = ["out"]
  platforms = ["linux/amd64"]
  secret    = ["id=key,src=one"]
  ulimits   = ["nofile=1"]
}
target "api" { inherits = ["_base"] }
"""


@pytest.mark.parametrize(
    ("sets", "field", "expected"),
    [
        (("web.args.a=2",), "args", {"a": "2"}),
        (("web.args.b=x=y",), "args", {"a": "1", "b": "x=y"}),
        (("web.args.FROM_ENV",), "args", {"a": "1", "FROM_ENV": "env"}),
        (("web.args.NOT_SET",), "args", {"a": "1"}),
        (("_base.args.a=3",), "args", {"a": "3"}),
        (("w*.tags=web:2",), "tags", ("web:2",)),
        (("*.tags=x", "web.tags=y"), "tags", ("x", "y")),
        (("web.tags+=web:2",), "tags", ("web:1", "web:2")),
        (("web.context=../x",), "context", "../x"),
        (("web.dockerfile=D",), "dockerfile", "D"),
        (("web.target=stage",), "target", "stage"),
        (("web.labels.a.b=c",), "labels", {"a.b": "c"}),
        (("web.contexts.base=./base",), "contexts", {"base": "./base"}),
        (("*.platform=linux/arm64",), "platforms", ("linux/arm64",)),
        (("web.platform+=linux/arm64",), "platforms", ("linux/amd64", "linux/arm64")),
        (("web.output=type=docker",), "output", ({"type": "docker"},)),
        (("web.output=",), "output", ()),
        (
            ("web.output+=type=tar,dest=o.tar",),
            "output",
            ({"type": "local", "dest": "out"}, {"type": "tar", "dest": "o.tar"}),
        ),
        (("web.cache-from=user/app",), "cache_from", ({"type": "registry", "ref": "user/app"},)),
        (("web.no-cache=true",), "no_cache", True),
        (("web.pull=1",), "pull", True),
        (("web.no-cache-filter=a", "web.no-cache-filter=b"), "no_cache_filter", ("a", "b")),
        (("web.network=host",), "network", "host"),
        (("web.shm-size=64m",), "shm_size", "64m"),
        (("web.ulimits+=nproc=2",), "ulimits", ("nofile=1", "nproc=2")),
        (("web.secret.key=src=two",), "secret", ({"src": "two", "id": "key"},)),
        (("web.secrets=id=other,env=X",), "secret", ({"id": "other", "env": "X"},)),
        (("web.ssh=default",), "ssh", ({"id": "default"},)),
        (("web.extra-hosts.db=10.0.0.1",), "extra_hosts", {"db": "10.0.0.1"}),
        (("web.entitlements=network.host",), "entitlements", ("network.host",)),
        (("web.load=true",), "output", ({"type": "local", "dest": "out"},)),
        (("web.push=false",), "output", ({"type": "local", "dest": "out"},)),
        (("web.resources.memory=1g",), "resources", {"memory": "1g"}),
    ],
)
def test_set_changes_a_target(
    bake: Baker, sets: tuple[str, ...], field: str, expected: object
) -> None:
    bake.write(docker_bake_hcl=SET)
    target = bake.targets("web", sets=sets, environment={"FROM_ENV": "env"})["web"]
    assert getattr(target, field) == expected


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("web=x", "it is not TARGET.KEY=VALUE"),
        ("web.tagz=x", "there is no key 'tagz'; did you mean tags?"),
        ("wob.tags=x", "no target is like 'wob'; did you mean web?"),
        ("web.tags", "it has no value"),
        ("web.args=x", "it is TARGET.args.NAME=VALUE"),
        ("web.context+=x", "nothing can be added to context"),
        ("web.pull=maybe", "'maybe' is neither true nor false"),
        ("web.output=a=b,c=d", "has no type"),
        ("web.secret.none=src=x", "the target has no secret 'none'"),
    ],
)
def test_a_set_that_means_nothing_is_refused(bake: Baker, word: str, words: str) -> None:
    bake.write(docker_bake_hcl=SET)
    with pytest.raises(RecipeError) as caught:
        bake.targets("web", sets=(word,))
    message, _, hint = words.partition("; ")
    assert caught.value.message.startswith(f"--set {word}: ")
    assert message in caught.value.message
    assert hint in caught.value.hint


# --- JSON ---------------------------------------------------------------------------------------


def test_json_says_the_same_as_hcl(bake: Baker) -> None:
    data = {
        "//": "a comment",
        "variable": {"V": {"default": "1"}, "L": {"type": "list(string)", "default": ["a"]}},
        "function": {"twice": {"params": ["x"], "result": "${x}${x}"}},
        "group": {"default": {"targets": ["t"]}},
        "target": {
            "t": {
                "args": {"v": "${V}", "t": "${twice(V)}", "n": 3, "e": 'é "${upper("x")}"'},
                "tags": ["app:${V}", '%{ if V == "1" }one%{ endif }'],
                "ulimits": "${L}",
                "no-cache": True,
                "labels": {"l-${V}": "x"},
            }
        },
    }
    bake.write(docker_bake_json=json.dumps(data, indent="\t"))
    target = bake.targets(environment={"L": "b,c"})["t"]
    assert target.args == {"v": "1", "t": "11", "n": "3", "e": 'é "X"'}
    assert target.tags == ("app:1", "one")
    assert target.ulimits == ("b", "c")
    assert target.labels == {"l-1": "x"}
    assert target.no_cache is True


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('{"target": }', "1:12", "this is not JSON"),
        ('{\n  "target": {"t": {"tags": ["${x}"]}}\n}', "2:29", "there is no variable 'x'"),
        ('{"target": ["t"]}', "1:13", "an object is wanted here"),
    ],
)
def test_what_is_wrong_in_json_has_its_place_too(
    bake: Baker, text: str, place: str, words: str
) -> None:
    bake.write(docker_bake_json=text)
    with pytest.raises(RecipeError) as caught:
        bake.targets("t")
    assert caught.value.message.startswith(f"docker-bake.json:{place}: ")
    assert words in caught.value.message
