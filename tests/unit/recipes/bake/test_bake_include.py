"""Compose files that include and extend others.

The values are those of `docker buildx bake --print`, buildx 0.30.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.recipes.bake.target import Target
from tests.unit.recipes.bake.bake_cases import Baker

A = "services:\n  a:\n    build: .\n"
B = """services:
  b:
    build:
      context: .
      dockerfile: ${DF:-Dockerfile}
      args: {V: "${V:-none}"}
"""


def built(
    directory: Path,
    files: Mapping[str, str],
    *named: str,
    environment: Mapping[str, str] | None = None,
) -> Mapping[str, Target]:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return Baker(directory).targets(named=named, environment=environment)


def including(*entries: str) -> str:
    return "include:\n" + "".join(f"  - {entry}\n" for entry in entries) + A


LONG = "include:\n  - path: sub/other.yaml\n    "


@pytest.mark.parametrize(
    ("files", "context", "value"),
    [
        ({"compose.yaml": including("other.yaml"), "other.yaml": B}, ".", "none"),
        ({"compose.yaml": including("${P:-sub}/other.yaml"), "sub/other.yaml": B}, "sub", "none"),
        (
            {"compose.yaml": including("sub/other.yaml"), "sub/other.yaml": B, "sub/.env": "V=s\n"},
            "sub",
            "s",
        ),
        (
            {
                "compose.yaml": including("sub/other.yaml"),
                "sub/other.yaml": B,
                "sub/.env": "V=sub\n",
                ".env": "V=top\n",
            },
            "sub",
            "top",
        ),
        (
            {
                "compose.yaml": "include:\n  - path: [sub/other.yaml, o/over.yaml]\n" + A,
                "sub/other.yaml": B,
                "o/over.yaml": "services:\n  b:\n    build: {args: {V: over}, context: ctx}\n",
            },
            "sub/ctx",
            "over",
        ),
        (
            {
                "compose.yaml": f"{LONG}project_directory: pd\n{A}",
                "sub/other.yaml": B,
                "pd/.env": "V=pd\n",
                "sub/.env": "V=sub\n",
            },
            "pd",
            "pd",
        ),
        (
            {
                "compose.yaml": f"{LONG}env_file: e.env\n{A}",
                "sub/other.yaml": B,
                "e.env": "V=e\n",
                "sub/.env": "V=sub\n",
            },
            "sub",
            "e",
        ),
        (
            {
                "compose.yaml": f"{LONG}env_file: [e.env, f.env]\n{A}",
                "sub/other.yaml": B,
                "e.env": "E=one\n",
                "f.env": "V=two$E\n",
            },
            "sub",
            "twoone",
        ),
        (
            {
                "compose.yaml": f"{LONG}env_file: /dev/null\n{A}",
                "sub/other.yaml": B,
                "sub/.env": "V=sub\n",
            },
            "sub",
            "none",
        ),
        (
            {
                "compose.yaml": including("sub/other.yaml"),
                "sub/other.yaml": "services:\n  b:\n    environment: [V]\n"
                "    build: {args: [V], dockerfile: D}\n",
                "sub/.env": "V=s\n",
            },
            "sub",
            "s",
        ),
        (
            {
                "compose.yaml": including("sub/other.yaml"),
                "sub/other.yaml": "services:\n  b:\n    env_file: e.env\n"
                "    build: {context: /abs, args: [V]}\n",
                "sub/e.env": "V=e\n",
            },
            "/abs",
            "e",
        ),
        ({"compose.yaml": including("other.yaml", "other.yaml"), "other.yaml": B}, ".", "none"),
        ({"compose.yaml": "include: [other.yaml]\n", "other.yaml": B}, ".", "none"),
    ],
)
def test_an_included_file_has_its_own_directory_and_variables(
    tmp_path: Path, files: Mapping[str, str], context: str, value: str
) -> None:
    target = built(tmp_path, files)["b"]
    assert (target.context, dict(target.args or {})) == (context, {"V": value})


def test_the_environment_comes_before_included_variables(tmp_path: Path) -> None:
    files = {"compose.yaml": including("s/o.yaml"), "s/o.yaml": B, "s/.env": "V=s\nDF=D\n"}
    target = built(tmp_path, files, environment={"V": "real"})["b"]
    assert (target.args, target.dockerfile) == ({"V": "real"}, "D")


def test_paths_and_secrets_of_an_included_file(tmp_path: Path) -> None:
    files = {
        "compose.yaml": including("sub/other.yaml"),
        "sub/other.yaml": """
secrets:
  s: {file: ./s.txt}
services:
  b:
    build:
      context: https://github.com/a/b.git
      secrets: [s]
      additional_contexts:
        x: ./x
        y: service:c
        z: docker-image://q
      cache_from: [./x]
  c:
    build: ~/c
""",
    }
    targets = built(tmp_path, files)
    target = targets["b"]
    assert target.context == "https://github.com/a/b.git"
    assert target.contexts == {"x": "sub/x", "y": "target:c", "z": "docker-image://q"}
    assert target.secret == ({"id": "s", "src": "sub/s.txt"},)
    assert target.cache_from == ({"type": "registry", "ref": "./x"},)
    assert targets["c"].context == str(Path("~/c").expanduser())


def test_a_file_on_top_may_change_what_another_includes(tmp_path: Path) -> None:
    files = {
        "compose.yaml": including("other.yaml"),
        "other.yaml": B,
        "o.yaml": "services:\n  b:\n    build: {args: {W: o}}\n",
    }
    target = built(tmp_path, files, "compose.yaml", "o.yaml")["b"]
    assert target.args == {"V": "none", "W": "o"}


def test_includes_in_one_another(tmp_path: Path) -> None:
    # buildx puts the outer directory before the inner one's paths, which have it already.
    files = {
        "compose.yaml": including("sub/other.yaml"),
        ".env": "V=top\n",
        "sub/.env": "V=sub\nW=sub\n",
        "sub/other.yaml": "include: [deep/d.yaml]\n" + B,
        "sub/deep/.env": "X=deep\nW=deep\n",
        "sub/deep/d.yaml": "services:\n  d:\n    build:\n      context: ./q\n"
        '      args: {V: "$V", W: "$W", X: "$X"}\n',
    }
    target = built(tmp_path, files)["d"]
    assert target.context == "sub/sub/deep/q"
    assert target.args == {"V": "top", "W": "sub", "X": "deep"}


def test_what_is_the_same_in_both_is_no_conflict(tmp_path: Path) -> None:
    same = "services:\n  a:\n    build: {context: .}\n"
    files = {"compose.yaml": "include: [o.yaml]\n" + same, "o.yaml": same}
    assert set(built(tmp_path, files)) == {"a"}


@pytest.mark.parametrize(
    ("files", "place", "words"),
    [
        (
            {"compose.yaml": including("o.yaml"), "o.yaml": "services: {a: {build: ./x}}\n"},
            "compose.yaml:5:5",
            "services.a is not what o.yaml:1:15 has, which is included",
        ),
        (
            {
                "compose.yaml": including("x.yaml", "y.yaml"),
                "x.yaml": B,
                "y.yaml": B + "      pull: true\n",
            },
            "x.yaml:3:5",
            "services.b is not what y.yaml:3:5 has",
        ),
        (
            {
                "compose.yaml": "include: [o.yaml]\nsecrets: {s: {file: a}}\n" + A,
                "o.yaml": "secrets: {s: {file: b}}\n",
            },
            "compose.yaml:2:14",
            "secrets.s is not what o.yaml:1:14 has",
        ),
        (
            {"compose.yaml": including("o.yaml"), "o.yaml": "include: [compose.yaml]\n"},
            "o.yaml:1:11",
            "itself: compose.yaml, which includes o.yaml, which includes compose.yaml",
        ),
        ({"compose.yaml": "include: o.yaml\n" + A}, "compose.yaml:1:10", "include is a list"),
        ({"compose.yaml": "include: [{}]\n" + A}, "compose.yaml:1:11", "names a path"),
        ({"compose.yaml": "include: [[a]]\n" + A}, "compose.yaml:1:11", "a path or a mapping"),
        ({"compose.yaml": including("no.yaml")}, "compose.yaml:2:5", "no.yaml can't be read: No"),
        (
            {"compose.yaml": including("https://example.com/x.yaml")},
            "compose.yaml:2:5",
            "only files of this host",
        ),
        (
            {"compose.yaml": f"{LONG}env_file: no.env\n{A}", "sub/other.yaml": B},
            "compose.yaml:3:15",
            "no.env can't be read: No such file",
        ),
        (
            {"compose.yaml": "include: [o.yaml]\nservices: {a: {extends: b}}\n", "o.yaml": B},
            "compose.yaml:2:25",
            "there is no service 'b'",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_included_is_refused_with_its_place(
    tmp_path: Path, files: Mapping[str, str], place: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        built(tmp_path, files)
    assert caught.value.message.startswith(f"{place}: ")
    assert words in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_an_include_with_an_odd_field_is_noted(tmp_path: Path) -> None:
    built(tmp_path, {"compose.yaml": f"{LONG}env_files: x\n{A}", "sub/other.yaml": B})
    (note,) = Baker(tmp_path).notes("a")
    assert note == (
        "compose.yaml:3:16: an include has no 'env_files', which is passed over; "
        "did you mean env_file?"
    )


@pytest.mark.parametrize(
    ("files", "context"),
    [
        ({"sub/x.yaml": "services:\n  b:\n    build: ./c\n"}, "sub/c"),
        ({"sub/x.yaml": "services:\n  b:\n    build: {context: .}\n"}, "sub"),
        ({"sub/x.yaml": "services:\n  b:\n    build: {dockerfile: Q}\n"}, None),
        (
            {
                "sub/x.yaml": "services:\n  b:\n    extends: {file: deep/y.yaml, service: c}\n",
                "sub/deep/y.yaml": "services:\n  c:\n    build: .\n",
            },
            "sub/deep",
        ),
    ],
)
def test_an_extended_service_keeps_its_own_files_directory(
    tmp_path: Path, files: Mapping[str, str], context: str | None
) -> None:
    top = "services:\n  a:\n    extends: {file: sub/x.yaml, service: b}\n"
    assert built(tmp_path, {"compose.yaml": top, **files})["a"].context == context
