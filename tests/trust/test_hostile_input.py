"""Whatever stands in files that others wrote: an error that says what, in 2 s of CPU and 200 MB.

Each attack is a run of rbuild in a child of its own (tests/trust/attack_runner.py), which measures
it: an exit code that is documented, no traceback. Nothing of this is taken from docker or buildx:
these have no such limits.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

DEEP = 3000
PLAN = ("plan", "--format", "json")
SECONDS, MEGABYTES = 2.0, 200
DOCUMENTED = {0, 1, 2, 3, 4}


@dataclass(frozen=True)
class Ended:
    status: int
    cpu: float
    memory: float
    said: str
    out: str


class Attacks:
    """Runs rbuild in `directory`, one after the other."""

    def __init__(self, runner: subprocess.Popen[str], home: Path) -> None:
        self._runner = runner
        self._home = home
        self.directory = home

    def __call__(self, *argv: str, **environment: str) -> Ended:
        private = {"HOME": str(self._home), "XDG_RUNTIME_DIR": str(self._home)}
        for name in ("STATE", "CACHE", "CONFIG", "DATA"):
            private[f"XDG_{name}_HOME"] = str(self._home / name.lower())
        asked = {
            "argv": argv,
            "directory": str(self.directory),
            "environment": {"PATH": os.environ["PATH"], **private, **environment},
        }
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        self._runner.stdin.write(json.dumps(asked) + "\n")
        self._runner.stdin.flush()
        return Ended(**json.loads(self._runner.stdout.readline()))

    def holds(self, *argv: str, **environment: str) -> Ended:
        """The run, which ended as any does."""
        done = self(*argv, **environment)
        assert "Traceback" not in done.said
        assert done.status in DOCUMENTED, done.said
        assert done.cpu <= SECONDS
        assert done.memory <= MEGABYTES
        return done

    def refused(self, *argv: str) -> Ended:
        """The run, which ended with an error."""
        done = self.holds(*argv)
        assert done.status in {2, 3}, done
        assert done.said.startswith("rbuild: ")
        return done


@pytest.fixture(scope="module")
def runner() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.trust.attack_runner"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        yield running


@pytest.fixture
def rbuild(runner: subprocess.Popen[str], tmp_path: Path) -> Attacks:
    attacks = Attacks(runner, tmp_path)
    attacks.directory = tmp_path / "project"
    attacks.directory.mkdir()
    (attacks.directory / "Dockerfile").write_text("FROM scratch\n")
    return attacks


def deep(opening: str, middle: str = "", closing: str = "") -> str:
    return opening * DEEP + middle + closing * DEEP


def doubled(first: str, next_one: str, last: str) -> str:
    """`$V` is the value before."""
    rows = "".join(f"V{n + 1} = {next_one.replace('$V', f'V{n}')}\n" for n in range(40))
    return f'V0 = {first}\n{rows}target "default" {{ args = {{ X = {last} }} }}\n'


def bake(rbuild: Attacks, text: str, name: str = "b.hcl") -> None:
    (rbuild.directory / name).write_text(text, errors="surrogateescape")
    (rbuild.directory / "Makefile").write_text(f"all:\n\tdocker buildx bake -f {name}\n")


EXPRESSIONS: Mapping[str, str] = {
    "parentheses": deep("(", "1", ")"),
    "lists": deep("[", "1", "]"),
    "objects": deep("{a=", "1", "}"),
    "minus": deep("-", "1"),
    "not": deep("!", "true"),
    "splats": "[1]" + "[*]" * DEEP,
    "members": "A" + ".a" * DEEP,
    "conditions": "true ? 1 : " * DEEP + "1",
    "templates": f'"{deep("${", "1", "}")}"',
    "directives": f'"{deep("%{if true}", "", "%{endif}")}"',
    "loops of two in loops": f'"{"%{for x in [1,2]}" * 60}y{"%{endfor}" * 60}"',
    "calls": deep("upper(", '"a"', ")"),
    "types": f"convert([1], {deep('list(', 'number', ')')})",
    "a range": "length(range(100000000))",
    "a range of fractions": 'join(",", range(1, 100000000, 0.001))',
    "a product": f"length(setproduct({', '.join(['range(10)'] * 10)}))",
    "a product of two": "length(setproduct(range(1000), range(1000)))",
    "a width": 'format("%1000000000s", "a")',
    "a precision": 'format("%.1000000000f", 1)',
    "an indent": 'indent(1000000000, "a\\nb")',
    "replacements": f'replace(replace(replace("{"a" * 100}", "a", "{"a" * 200}"), "a", '
    f'"{"a" * 200}"), "a", "{"a" * 200}")',
    "a pattern": f'regex("(a+)+$", "{"a" * 40}b")',
    "a pattern for all": f'regexall("(a|a)*$", "{"a" * 40}b")',
    "a pattern to replace": f'regex_replace("{"a" * 40}b", "(a*)*c", "x")',
    "a pattern of patterns": f'regex("{deep("(", "a", ")")}", "a")',
    "loops": "length([for x in range(1000): [for y in range(1000): [for z in range(1000): 1]]])",
    "strings of loops": 'join("", [for x in range(999): join("", [for y in range(999): "abcd"])])',
    "digits": "9" * 5000,
    "an exponent": "1e1000000000",
    "a power": "pow(10, 100000)",
    "digits as text": f'parseint("{"9" * 5000}", 10)',
    "a version": f'semvercmp("1.{"9" * 5000}.0", "1.0.0")',
    "a character": '"\\UFFFFFFFF"',
    "half a character": '"\\ud800"',
    "JSON": f'jsondecode("{deep("[", "", "]")}")',
    "digits of JSON": f'jsondecode("{"9" * 5000}")',
    "bits of an address": 'cidrsubnet("10.0.0.0/8", 1000000000, 1)',
    "a time": 'timeadd("2020-01-01T00:00:00Z", "99999999999999999999h")',
    "a time of numbers": "unixtimestampparse(1e18)",
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_of_bake_files(rbuild: Attacks, name: str) -> None:
    target = f'target "default" {{ args = {{ X = {EXPRESSIONS[name]} }} }}\n'
    bake(rbuild, f'variable "A" {{ default = "a" }}\n{target}')
    rbuild.holds(*PLAN)


BAKE_FILES: Mapping[str, str] = {
    "blocks": deep("a {\n", "", "}\n"),
    "heredocs": "a = " + "<<A\n${" * DEEP,
    "a doubled string": doubled('"aaaaaaaaaa"', '"${$V}${$V}"', "V40"),
    "a doubled list": doubled('["a"]', "concat($V, $V)", 'join(",", V40)'),
    "a list of the same list": doubled('["a"]', "[$V, $V]", "jsonencode(V40)"),
    "the same list twice": doubled('["a"]', "[$V, $V]", "V40 == V40"),
    "a flattened list": doubled('["a"]', "[$V, $V]", "length(flatten(V40))"),
    "a chain of variables": 'V0 = "a"\n'
    + "".join(f"V{n + 1} = V{n}\n" for n in range(DEEP))
    + f'target "default" {{ args = {{ X = V{DEEP} }} }}\n',
    "functions that call another twice": "".join(
        f'function "f{n}" {{\n params = [a]\n result = f{n + 1}(a) + f{n + 1}(a)\n}}\n'
        for n in range(40)
    )
    + 'function "f40" {\n params = [a]\n result = a\n}\n'
    'target "default" { args = { X = f0(1) } }\n',
    "a matrix": 'target "default" {\n name = "x-${a}"\n matrix = {'
    + ", ".join(f"{key} = range(1000)" for key in "abcdef")
    + "}\n}\n",
    "groups of the same group twice": "".join(
        f'group "g{n}" {{ targets = ["g{n + 1}", "g{n + 1}"] }}\n' for n in range(40)
    )
    + 'target "g40" {}\ngroup "default" { targets = ["g0"] }\n',
    "groups in groups": "".join(f'group "g{n}" {{ targets = ["g{n + 1}"] }}\n' for n in range(DEEP))
    + f'target "g{DEEP}" {{}}\ngroup "default" {{ targets = ["g0"] }}\n',
    "targets that inherit": "".join(
        f'target "g{n}" {{ inherits = ["g{n + 1}"] }}\n' for n in range(DEEP)
    )
    + f'target "g{DEEP}" {{}}\ngroup "default" {{ targets = ["g0"] }}\n',
    "targets that inherit the same twice": "".join(
        f'target "g{n}" {{ inherits = ["g{n + 1}", "g{n + 1}"] }}\n' for n in range(30)
    )
    + 'target "g30" {}\ngroup "default" { targets = ["g0"] }\n',
    "contexts of the same target twice": "".join(
        f'target "g{n}" {{ contexts = {{ x = "target:g{n + 1}", y = "target:g{n + 1}" }} }}\n'
        for n in range(30)
    )
    + 'target "g30" {}\ngroup "default" { targets = ["g0"] }\n',
    "a megabyte": f'V = "{"a" * 1_000_000}"\ntarget "default" {{}}\n',
    "bytes": "\udcff\udcfe\x00",
}


@pytest.mark.parametrize("name", BAKE_FILES)
def test_bake_files(rbuild: Attacks, name: str) -> None:
    bake(rbuild, BAKE_FILES[name])
    rbuild.holds(*PLAN)


def named(args: str) -> str:
    return '{"target": {"default": {' + args + "}}}"


JSON: Mapping[str, str] = {
    "objects": deep('{"a":', "1", "}"),
    "lists": deep("[", "", "]"),
    "digits": named(f'"args": {{"x": {"9" * 5000}}}'),
    "an exponent": named('"args": {"x": 1e999999999}'),
    "half a character": named('"args": {"x": "\\ud800"}'),
    "templates": named(f'"args": {{"x": "{deep("${")}"}}'),
    "infinity": '{"a": Infinity}',
    "inherits null": named('"inherits": null'),
    "a switch that is an object": named('"no-cache": {"a": 1}'),
    "an output without a type": named('"output": [{}]'),
    "a cache without a type": named('"cache-from": [{}]'),
    "a list of numbers": "[1]",
}


@pytest.mark.parametrize("name", JSON)
def test_bake_files_in_json(rbuild: Attacks, name: str) -> None:
    bake(rbuild, JSON[name], "b.json")
    rbuild.holds(*PLAN)


SERVICES = "services: {default: {build: .}}\n"
COMPOSE: Mapping[str, str] = {
    "lists": f"services: {{a: {{build: {deep('[', '', ']')}}}}}",
    "mappings": f"services: {deep('{a: ', '1', '}')}",
    "blocks": "\n".join(" " * n + "a:" for n in range(DEEP)),
    "aliases": "x-a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"x-{n}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(12))
    + SERVICES,
    "aliases of mappings": "x-a: &a {a: 1, b: 2}\n"
    + "".join(
        f"x-{n}: &{chr(98 + n)} {{a: *{chr(97 + n)}, b: *{chr(97 + n)}}}\n" for n in range(24)
    )
    + SERVICES,
    "merges": "x-a: &a {a: 1, b: 2}\n"
    + "".join(
        f"x-{n}: &{chr(98 + n)} {{<<: [*{chr(97 + n)}, *{chr(97 + n)}], c{n}: 1}}\n"
        for n in range(24)
    )
    + SERVICES,
    "an alias in itself": f"x-a: &a [*a]\n{SERVICES}",
    "a merge of itself": "services: &a {<<: *a}\n",
    "digits": f"services: {{default: {{build: {{args: {{X: {'9' * 5000}}}}}}}}}",
    "a date": "services: {default: {build: {args: {X: 9999-99-99}}}}",
    "a character": 'services: "\\UFFFFFFFF"',
    "a version": f"%YAML {'9' * 5000}.1\n---\n{SERVICES}",
    "an object of Python": "services: !!python/object:os.system {a: 1}",
    "anchors": "".join(f"a{n}: &a{n} x\n" for n in range(20_000)),
    "numbers": f"x-a: [{'1,' * 100_000}1]\n{SERVICES}",
    "brackets": "[" * 400_000,
    "question marks": "? " * 5000,
    "variables": f"services: {{default: {{build: {{context: '{deep('${A:-', 'x', '}')}'}}}}}}",
    "extends": "services:\n"
    + "".join(f"  s{n}: {{extends: {{service: s{n + 1}}}}}\n" for n in range(500))
    + "  s500: {build: .}\n",
    "itself": f"include: [c.yaml]\n{SERVICES}",
}


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files(rbuild: Attacks, name: str) -> None:
    bake(rbuild, COMPOSE[name], "c.yaml")
    rbuild.holds(*PLAN)


IMAGE = '[image]\ntag = "x"\n'
TOML: Mapping[str, str] = {
    "lists": f"a = {deep('[', '', ']')}",
    "tables": f"a = {deep('{a=', '1', '}')}",
    "keys": f"a{'.a' * DEEP} = 1",
    "digits": f"{IMAGE}a = {'9' * 5000}",
    "a date": "a = 9999-99-99",
    "a character": 'a = "\\UFFFFFFFF"',
    "a variable without a name": f'{IMAGE}[container]\npass-environment = [""]\n',
    "a mount of colons": f'{IMAGE}[container]\nmounts = ["a:b:c:d:e"]\n',
    "a NUL": f'{IMAGE}[container]\nmounts = ["\\u0000"]\n',
    "not a number": f"{IMAGE}context = nan\n",
}


@pytest.mark.parametrize("name", TOML)
def test_rbuild_toml(rbuild: Attacks, name: str) -> None:
    (rbuild.directory / "rbuild.toml").write_text(TOML[name])
    rbuild.holds(*PLAN)


LINES: Mapping[str, str] = {
    "questions": f"docker run {deep('$$(', '', ')')} i",
    "a chain": f"docker run i {'a&&' * 5000}b",
    "alternatives": f"{'a || ' * DEEP}docker run i",
    "pipes": f"docker run i {'a|' * 5000}b",
    "docker's own words": f"foo {'docker -a ' * 10_000}",
    "evaluation": deep("eval ", "docker"),
    "conditions": deep("if ", "docker run i"),
    "loops": f"{'for a in b; do ' * 1000}docker run{'; done' * 1000}",
    "variables": f'docker run "{deep("$${A:-", "", "}")}" i',
    "brackets": f"docker run i {'(' * 20_000}",
    "quotes": "docker run i " + "'" * 20_001,
    "digits": f"docker run --ulimit nofile={'9' * 5000} --shm-size {'9' * 5000}g i",
    "colons": f"docker run -v {'a:' * DEEP} i",
    "a reference": f"docker pull {'a/' * DEEP}a",
    "a platform": f"docker build --platform {'a/' * DEEP} .",
    "an address": "docker build https://[x/y.git#a",
    "a tag that is an option": "docker build -t --help .",
    "a name that is an option": "docker tag -- --help -a",
    "an image that is an option": "docker run -- --help true",
    "a file that is an option": "docker build -f --help .",
    "a context that is an option": "docker build -- --help",
    "a bake file that is an option": "docker buildx bake -f --help",
}


@pytest.mark.parametrize("name", LINES)
def test_lines_of_recipes(rbuild: Attacks, name: str) -> None:
    (rbuild.directory / "Makefile").write_text(f"all:\n\t{LINES[name]}\n")
    rbuild.holds(*PLAN)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 20 << 30)


ODD: Mapping[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": bind,
    "/dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a directory": lambda path: path.mkdir(),
    "20 GB": sparse,
    "a link to itself": lambda path: path.symlink_to(path.name),
}
BUILD = "all:\n\tdocker build -t x .\n"
READ: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "Makefile": ("Makefile", "", PLAN),
    "rbuild.toml": ("rbuild.toml", BUILD, PLAN),
    "docker-bake.hcl": ("docker-bake.hcl", "", PLAN),
    "docker-bake.json": ("docker-bake.json", "", PLAN),
    "a named bake file": ("b.hcl", "all:\n\tdocker buildx bake -f b.hcl\n", PLAN),
    "compose.yaml": ("compose.yaml", "", PLAN),
    "Dockerfile": ("Containerfile", "all:\n\tdocker build -f Containerfile .\n", PLAN),
    "--env-file": ("e", "all:\n\tdocker run --env-file e i true\n", PLAN),
    "--label-file": ("e", "all:\n\tdocker run --label-file e i true\n", PLAN),
    "--secret": ("e", "all:\n\tdocker build --secret id=a,src=e .\n", PLAN),
    "a makefile that is named": ("x.mk", BUILD, ("-f", "x.mk", *PLAN)),
    "bundles": ("bundles", BUILD, ("bundles", "list")),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("read", READ)
def test_files_that_are_none(rbuild: Attacks, read: str, kind: str) -> None:
    name, makefile, argv = READ[read]
    if makefile:
        (rbuild.directory / "Makefile").write_text(makefile)
    ODD[kind](rbuild.directory / name)
    rbuild.holds(*argv)


@pytest.mark.parametrize("words", [("--version",), ("--help",), PLAN, ("help", "plan")])
def test_output_that_is_not_taken_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "Makefile").write_text(BUILD)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rootless_build", *words],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode in {1, 3}
    assert "No space left on device" in done.stderr
