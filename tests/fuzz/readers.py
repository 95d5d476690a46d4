"""All that reads what others wrote, each as a function of a text.

A reader may raise the errors named beside it, which its caller turns into words for a person.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rbuild_buildah.ending import read_ending
from rbuild_containers.build_log import BuildLog
from rbuild_docker.buildkit_log import BuildKitLog
from rbuild_docker.classic_log import ClassicLog
from rbuild_docker.start_words import StartWords
from rootless_build.bundles.verification import verify
from rootless_build.files import repository
from rootless_build.freshness.index import Index
from rootless_build.freshness.records import Records
from rootless_build.images import configuration
from rootless_build.images.containerfile import gitref, mounts, parser, patterns
from rootless_build.images.external import external_bases
from rootless_build.model import build_secrets, plan, platforms, references
from rootless_build.model.errors import RbuildError
from rootless_build.model.plan import BuildImage, Origin
from rootless_build.process import ulimits
from rootless_build.recipes import config_file
from rootless_build.recipes.bake import json_file
from rootless_build.recipes.bake.compose import dotenv, services
from rootless_build.recipes.bake.document import Document
from rootless_build.recipes.bake.hcl import reader
from rootless_build.recipes.bake.hcl.syntax import Body
from rootless_build.recipes.bake.source import Source
from rootless_build.recipes.docker import argv
from rootless_build.recipes.make import matching
from rootless_build.recipes.make.source import Sources
from rootless_build.recipes.shell import line as shell_line
from rootless_build.recipes.shell.parts import NotSimpleError
from rootless_build.runner import journal
from rootless_build.testing.recorder import Recorder


@dataclass(frozen=True)
class Reader:
    read: Callable[[str], object]
    seeds: tuple[str, ...]
    may_raise: tuple[type[Exception], ...] = (RbuildError,)


def _written(name: str, text: str, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode(errors="surrogatepass"))
        read(Path(place))


def _in_file(name: str, read: Callable[[Path], object]) -> Callable[[str], object]:
    return lambda text: _written(name, text, read)


def _makefile(place: Path) -> None:
    file = place / "Makefile"
    sources = Sources([file])
    sources.has_target_variables()
    sources.options_in_use()
    sources.asks_for_options()
    rows = file.read_bytes().decode(errors="surrogateescape").split("\n")
    made = sources.unknown_values
    assert all(made.values())
    for number in range(min(len(rows), 20)):
        matching.matched(rows[:50], sources.commands(file, number + 1))
        sources.says(rows[number])


def _shell(text: str) -> None:
    # Lines come from bytes.
    text = text.encode(errors="surrogatepass").decode(errors="surrogateescape")
    shell_line.parts(text, Path("/project"))
    shell_line.may_change(text, ("/bin/sh", "-c"), content=True)
    shell_line.only_starts_make(text)


def _docker(text: str) -> None:
    # Lines come from bytes.
    text = text.encode(errors="surrogatepass").decode(errors="surrogateescape")
    context = argv.Context(Path("/project"), {"A": "1"}, Origin("Makefile", 1, ""))
    argv.steps(text.split(" "), context)


def _containerfile(text: str) -> None:
    step = BuildImage(Path("/project"), containerfile_text=text, build_args=(("X", "$X"),))
    external_bases(step)
    parser.parse(text)


def _ignore(text: str) -> None:
    found = patterns.parse_ignore_file(text)
    for path in ("a", "a/b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ".git/x"):
        found.match(path)


def _image(text: str) -> None:
    references.check(text)
    references.canonical(text)
    references.local(text)


def _evaluated(body: Body) -> None:
    Document([body], {"BAKE_CMD_CONTEXT": "cwd://"}, lambda _: None).definitions()


def _log(kind: type[BuildLog | BuildKitLog | ClassicLog]) -> Callable[[str], object]:
    def read(text: str) -> None:
        log = kind(Recorder().reporter)
        for line in text.encode(errors="surrogatepass").splitlines(keepends=True):
            log.feed(line, "stderr")
        log.finish(succeeded=False)

    return read


def _start_words(text: str) -> None:
    StartWords(Recorder().reporter).feed(text.encode(errors="surrogatepass"), "stderr")


def _ending(text: str) -> None:
    read_ending(1, text.encode(errors="surrogatepass"), started=True)


def _git(place: Path) -> None:
    repository.linked(place)


_RECORD: Final = '{"version": 1, "images": {"a": {"id": "b"}}, "runs": {}, "bases": {"a": ["b"]}}'
READERS: Final[Mapping[str, Reader]] = {
    "makefile": Reader(
        _in_file("Makefile", _makefile),
        (
            "A = $(B) $@\ndefine X\necho $(1)\nendef\nall: b\n\t-docker run $(A) \\\n\t  x\n",
            "all: A := $<\n\t$(call X,$(MAKEFLAGS))$(info a $(A))\n",
        ),
    ),
    "line of a recipe": Reader(
        _shell,
        (
            'cd a && A=1 docker run -it "$B" $(id -u) >/dev/null 2>&1 || exit 1',
            "if [ -f a ]; then docker build .; fi; for i in a b; do sh -c 'docker run'; done",
            "cat <<EOF | sh\ndocker run\nEOF\n",
        ),
        (NotSimpleError, RbuildError),
    ),
    "docker's words": Reader(
        _docker,
        (
            "run --rm -v a:/b:ro --mount type=bind,source=a,target=/b -e A=b -u 1:2 img sh -c x",
            "build -t a --build-arg A=b --platform linux/amd64 --secret id=a,src=b -o type=local .",
            "buildx bake --set *.platform=a -f b.hcl x",
        ),
    ),
    "containerfile": Reader(
        _containerfile,
        (
            "# syntax=a\nARG A=b\nFROM ${A:-c} AS d\nRUN --mount=type=bind,from=e <<E\nx\nE\n",
            'COPY --from=d ["a", "b"] /c\nENV A="b c" D=e\nADD https://[x/y.git#a /\n',
        ),
    ),
    "ignore file": Reader(
        _ignore,
        ("# a\n*\n!a/**/b?[c-d]\\e\n", "*a*a*a*a*ab\n[!x]\n"),
        (patterns.PatternError, RbuildError),
    ),
    "bake file": Reader(
        lambda text: _evaluated(reader.parse_file(Source("b.hcl", text))),
        (
            (
                'variable "A" {\n  default = [for x in range(3) : upper("a${x}")]\n}\n'
                'target "b" {\n  name = "b-${c}"\n  matrix = { c = A }\n args = { D = A[0] == "x" ?'
                ' 1 : null }\n}\ngroup "default" { targets = ["b"] }\n'
            ),
            (
                'function "f" {\n  params = [a]\n  result = <<-E\n %{if a}x%{else}y%{endif}\n E\n}'
                '\ntarget "default" { tags = [f(true), format("%5.2f", 1), regex("(a)", "a")[0]] }'
            ),
        ),
    ),
    "bake file in JSON": Reader(
        lambda text: _evaluated(json_file.parse_file(Source("b.json", text))),
        (
            (
                '{"variable": {"A": {"default": 1}}, "target": {"default": {"args": {"B": "${A}"}, '
                '"output": ["type=local,dest=x"], "cache-from": [{"type": "gha"}]}}}'
            ),
        ),
    ),
    "compose file": Reader(
        lambda text: services.read([Source("c.yaml", text)], lambda _: None, Path("/project")),
        (
            (
                "x: &a {b: 1}\nservices:\n  a:\n    image: b${C:-d}\n    build:\n      context: .\n"
                "      args: {<<: *a, D: e}\n      tags: [f]\n      ulimits: {nofile: {soft: 1}}\n"
            ),
        ),
    ),
    "rbuild.toml": Reader(
        _in_file("rbuild.toml", lambda place: config_file.load(place, place / "none.toml")),
        (
            (
                '[image]\ntag = "a"\n[container]\nmounts = ["a:/b"]\ncaches = { b = "/c" }\n'
                '[targets.x]\ncommand = ["d"]\n[bundles]\nmount = true\n[defaults]\n'
            ),
        ),
    ),
    "dotenv": Reader(
        lambda text: dotenv.variables(Source(".env", text), lambda _: None),
        ("A=b\nexport C=\"d ${A:-e}\\n\"\nF='g' # h\nI: j\n",),
    ),
    "plan": Reader(
        plan.from_json,
        ('{"project": "/a", "steps": [{"kind": "pull", "image": "b"}], "targets": []}',),
        (ValueError, RbuildError),
    ),
    "image": Reader(
        _image,
        ("docker.io/library/a:b@sha256:" + "0" * 64, "--help", "[::1]:5000/a"),
    ),
    "configuration of an image": Reader(
        lambda text: configuration.write(configuration.read(text.encode(errors="surrogatepass"))),
        (
            (
                '{"os": "linux", "config": {"Env": ["A=b"], "Cmd": null, "Volumes": {"/v": {}}, '
                '"X": 1, "Labels": {"a": "b"}, "Healthcheck": {"Test": ["NONE"], "Retries": 1}}, '
                '"y": [1.5], "rootfs": {"diff_ids": ["sha256:0"]}, "history": [{"author": ""}]}'
            ),
        ),
    ),
    "platform": Reader(
        platforms.parse, ("linux/arm64/v8", "darwin"), (platforms.BadPlatformError, RbuildError)
    ),
    "mount of a containerfile": Reader(
        mounts.parse,
        ("type=bind,source=a,target=/b,rw=true", '"type=cache","id=a,b",mode=0700,uid=1'),
        (ValueError, RbuildError),
    ),
    "repository": Reader(
        gitref.parse,
        ("https://a/b.git#c:d", "https://[x/y.git#a", "git@a:b?ref=c&subdir=d"),
        (ValueError, RbuildError),
    ),
    "ulimit": Reader(ulimits.parse, ("nofile=1:2", "core=-1"), (ValueError, RbuildError)),
    "secret": Reader(
        lambda text: build_secrets.parse(text, Path("/project"), {"A": "b"}),
        ("id=a,src=b", 'type=env,"id=A"'),
        (ValueError, RbuildError),
    ),
    "checksums": Reader(
        _in_file("a.sha256", verify), ("0" * 64 + "  a\n", "\\" + "0" * 64 + " *a\\nb\n")
    ),
    "provenance": Reader(
        _in_file("a.intoto.json", verify),
        ('{"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "a", "digest": {}}]}',),
    ),
    "record of images": Reader(_in_file("records.json", Records.load), (_RECORD,)),
    "record of a run": Reader(
        _in_file("record.json", journal._read), ('{"host": "a", "boot": "b", "project": "/c"}',)
    ),
    "index": Reader(
        _in_file("index", lambda place: Index.load(place / "index")), ("rbuild index 2\n\0\0",)
    ),
    "pointer of git": Reader(_in_file(".git", _git), ("gitdir: ../a/.git/worktrees/b\n",)),
    "log of buildah": Reader(_log(BuildLog), ("STEP 1/2: FROM a\n--> Using cache b\nError: c\n",)),
    "log of BuildKit": Reader(_log(BuildKitLog), ("#1 [a 1/2] RUN x\n#1 0.1 b\n#1 DONE 0.2s\n",)),
    "log of docker": Reader(_log(ClassicLog), ("Step 1/2 : RUN x\n ---> Running in a\n",)),
    "words of docker run": Reader(_start_words, ("docker: Error response from daemon: a.\n",)),
    "words of buildah run": Reader(_ending, ("Error: exit status 7\n",)),
}
