"""Compose files as bake reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.recipes.bake.compose.dotenv import variables
from rootless_build.recipes.bake.compose.interpolation import InterpolationError, interpolated
from rootless_build.recipes.bake.source import Source
from tests.unit.recipes.bake.bake_cases import Baker


@pytest.fixture
def bake(tmp_path: Path) -> Baker:
    return Baker(tmp_path)


BUILD = """
name: shop
services:
  db:
    build: ./db
    image: docker.io/example/db
  web.app:
    image: example/web
    environment:
      FROM_SERVICE: service
    build: &web
      context: ./web
      dockerfile: Dockerfile.web
      target: prod
      args:
        - buildno=123
        - FROM_SERVICE
        - FROM_ENV
        - NOT_SET
      labels: [a=b, c]
      tags: ["${REGISTRY:-local}/web:1"]
      cache_from: [user/app, "type=local,src=x"]
      cache_to: ["type=local,dest=y"]
      platforms: [linux/amd64, linux/arm64]
      network: host
      no_cache: true
      pull: ${PULL:-true}
      shm_size: 64m
      extra_hosts: ["one=10.0.0.1", "two:10.0.0.2", "one=10.0.0.3"]
      ulimits:
        nproc: 65535
        nofile: {soft: 1, hard: 2}
      additional_contexts:
        base: service:db
        src: ../src
      ssh: [default, key=/k]
      secrets:
        - token
        - source: file
  none:
    image: busybox
  other:
    build:
      <<: *web
      context: ./other
      sbom: true
      provenance: "mode=max"
secrets:
  token: {environment: TOKEN}
  file: {file: ./secret}
"""


def test_services_with_a_build_are_targets(bake: Baker) -> None:
    bake.write(compose_yaml=BUILD)
    targets = bake.targets(environment={"FROM_ENV": "env", "REGISTRY": "reg"})
    assert list(targets) == ["db", "web_app", "other"]
    assert (targets["db"].context, targets["db"].tags) == ("db", ("docker.io/example/db",))
    web = targets["web_app"]
    assert web.args == {"buildno": "123", "FROM_SERVICE": "service", "FROM_ENV": "env"}
    assert web.labels == {"a": "b", "c": ""}
    assert web.tags == ("reg/web:1",)
    assert (web.dockerfile, web.target, web.network) == ("Dockerfile.web", "prod", "host")
    assert (web.no_cache, web.pull, web.shm_size) == (True, True, "64m")
    assert web.contexts == {"base": "target:db", "src": "../src"}
    assert web.extra_hosts == {"one": "10.0.0.1,10.0.0.3", "two": "10.0.0.2"}
    assert set(web.ulimits or ()) == {"nproc=65535:65535", "nofile=1:2"}
    assert web.secret == ({"id": "token", "env": "TOKEN"}, {"id": "file", "src": "secret"})
    assert web.ssh == ({"id": "default"}, {"id": "key", "paths": "/k"})
    assert web.platforms == ("linux/amd64", "linux/arm64")
    assert [entry["type"] for entry in web.cache_from or ()] == ["registry", "local"]


def test_merge_keys_and_attestations(bake: Baker) -> None:
    bake.write(compose_yaml=BUILD)
    other = bake.targets("other")["other"]
    assert (other.context, other.target) == ("other", "prod")
    assert other.attest == ({"type": "sbom"}, {"type": "provenance", "mode": "max"})


def test_a_later_file_is_merged_on_top(bake: Baker) -> None:
    first = "services:\n  a:\n    build: {context: one, args: [x=1, y=1], tags: [t1]}\n"
    second = "services:\n  a:\n    build: {args: {y: 2}, tags: [t2]}\n  b: {build: .}\n"
    (bake.directory / "a.yml").write_text(first)
    (bake.directory / "b.yml").write_text(second)
    targets = bake.targets(named=("a.yml", "b.yml"))
    assert (targets["a"].context, targets["a"].args) == ("one", {"x": "1", "y": "2"})
    assert targets["a"].tags == ("t1", "t2")
    assert "b" in targets


def test_override_and_reset_undo_a_merge(bake: Baker) -> None:
    first = "services:\n  a:\n    build: {context: one, tags: [t1], args: [x=1]}\n"
    second = "services:\n  a:\n    build:\n      tags: !override [t2]\n      args: !reset {}\n"
    (bake.directory / "a.yml").write_text(first)
    (bake.directory / "b.yml").write_text(second)
    target = bake.targets(named=("a.yml", "b.yml"))["a"]
    assert (target.tags, target.args) == (("t2",), None)


def test_a_service_extends_another(bake: Baker) -> None:
    (bake.directory / "base.yml").write_text(
        "services:\n  base:\n    build: {context: b, args: {x: 1, y: 1}}\n"
    )
    text = "services:\n  a:\n    extends: {service: base, file: base.yml}\n"
    text += "    build: {args: {y: 2}}\n  b:\n    extends: a\n"
    bake.write(compose_yaml=text)
    targets = bake.targets()
    assert (targets["a"].context, targets["a"].args) == ("b", {"x": "1", "y": "2"})
    assert targets["b"].args == targets["a"].args


def test_x_bake_adds_what_compose_has_no_field_for(bake: Baker) -> None:
    text = """
services:
  a:
    build:
      tags: [one]
      cache_from: [user/app]
      x-bake:
        tags: [one, two]
        platforms: linux/amd64 linux/arm64
        cache-from: ["type=local,src=x"]
        output: ["type=docker"]
        no-cache-filter: [stage]
        no-cache: true
        contexts: {alpine: "docker-image://alpine:3"}
        secret: ["id=a,src=b"]
"""
    bake.write(compose_yaml=text)
    target = bake.targets()["a"]
    assert target.tags == ("one", "two")
    assert target.platforms == ("linux/amd64", "linux/arm64")
    assert [entry["type"] for entry in target.cache_from or ()] == ["registry", "local"]
    assert (target.output, target.no_cache) == (({"type": "docker"},), True)
    assert target.contexts == {"alpine": "docker-image://alpine:3"}


def test_dotenv_and_env_file_give_values(bake: Baker) -> None:
    (bake.directory / ".env").write_text("TAG=from-dotenv\nOVER=dotenv\n")
    (bake.directory / "web.env").write_text("ARG_ONE=file\n")
    text = "services:\n  a:\n    env_file: [web.env, {path: none.env, required: false}]\n"
    text += "    build: {tags: ['a:${TAG}', 'b:${OVER}'], args: [ARG_ONE]}\n"
    bake.write(compose_yaml=text)
    target = bake.targets(environment={"OVER": "environment"})["a"]
    assert target.tags == ("a:from-dotenv", "b:environment")
    assert target.args == {"ARG_ONE": "file"}


def test_bake_files_go_on_top_of_compose_files(bake: Baker) -> None:
    bake.write(
        compose_yaml="services:\n  a:\n    build: {context: c, args: [x=1]}\n",
        docker_bake_hcl='group "default" { targets = ["a"] }\ntarget "a" { args = { y = "2" } }\n',
    )
    target = bake.targets()["a"]
    assert (target.context, target.args) == ("c", {"x": "1", "y": "2"})


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("services: [a]\n", "1:11", "a mapping is wanted here"),
        ("services:\n  a:\n    build: {contxt: x}\n", "3:21", "a build has no 'contxt'"),
        ("services:\n  a: {}\n", "2:6", "the service a has neither image nor build"),
        ("services:\n  a:\n    build: {secrets: [s]}\n", "3:23", "there is no secret 's'"),
        ("services:\n  a:\n    build: {pull: maybe}\n", "3:19", "neither true nor false"),
        ("services:\n  a:\n    build: {args: 3}\n", "3:19", "a mapping is wanted here"),
        ("services:\n  a:\n    build: .\n  a:\n    build: .\n", "4:3", "the key 'a' comes twice"),
        ("services:\n  a:\n    extends: b\n", "3:14", "there is no service 'b'"),
        ("services:\n  a:\n    extends: a\n", "3:14", "the service a extends itself"),
        ("include: [x]\nservices: {}\n", "1:11", "x can't be read: No such file or directory"),
        ("services:\n  a:\n    build: ${X:?say it}\n", "3:12", "the variable X is needed: say it"),
        ("services:\n\ta: b\n", "2:1", "this is not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_compose_file_has_its_place(
    bake: Baker, text: str, place: str, words: str
) -> None:
    bake.write(compose_yaml=text)
    with pytest.raises(RecipeError) as caught:
        bake.targets("a")
    assert caught.value.message.startswith(f"compose.yaml:{place}: ")
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A-${A}", "a-a"),
        ("${NONE}|", "|"),
        ("$$A $${A}", "$A ${A}"),
        ("${NONE-d}${E-d}", "d"),
        ("${NONE:-d}${E:-e}", "de"),
        ("${NONE:-${A:-x}}", "a"),
        ("${A:+yes}${E:+no}${E+set}", "yesset"),
        ("${A?}", "a"),
    ],
)
def test_interpolation(text: str, value: str) -> None:
    assert interpolated(text, {"A": "a", "E": ""}.get) == value


@pytest.mark.parametrize("text", ["${", "${A", "$1", "${A!x}", "${NONE:?}", "${E:?empty}"])
def test_what_can_not_be_interpolated_is_refused(text: str) -> None:
    with pytest.raises(InterpolationError):
        interpolated(text, {"A": "a", "E": ""}.get)


def test_a_dotenv_file() -> None:
    text = """
# a comment
A=one # another
export B = "two\\nlines $A"
C='as $A is'
D="two
lines"
GIVEN
E=${A}-${OUT}
"""
    found = variables(Source(".env", text), {"GIVEN": "given", "OUT": "out"}.get)
    assert found == {
        "A": "one",
        "B": "two\nlines one",
        "C": "as $A is",
        "D": "two\nlines",
        "GIVEN": "given",
        "E": "one-out",
    }


def test_what_bake_passes_over_is_a_note_and_other_services_do_not_matter(bake: Baker) -> None:
    bake.write(
        compose_yaml="services:\n  a:\n    build: {context: ., x-bake: {tagz: []}}\n"
        "  b:\n    build: {args: 3}\n"
    )
    broken, odd = bake.notes("a")
    assert broken.startswith("compose.yaml:5:19: a mapping is wanted here; the target b is not")
    assert odd.startswith("compose.yaml:3:40: x-bake has no 'tagz', which is passed over")
