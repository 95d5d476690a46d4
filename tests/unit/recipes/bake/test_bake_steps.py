"""What becomes of a target's attributes: a field, a note, or a refusal with its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage, BuildOutput, Limits, Origin, PullPolicy
from rootless_build.model.platform_builds import builds_of
from rootless_build.model.structs import replace
from rootless_build.recipes.bake.recipe import Bake, steps
from rootless_build.recipes.docker import argv
from rootless_build.recipes.docker.argv import Context
from tests.unit.recipes.bake.bake_cases import Baker


@pytest.fixture
def bake(tmp_path: Path) -> Baker:
    return Baker(tmp_path)


def step(bake: Baker, body: str) -> BuildImage:
    bake.write(docker_bake_hcl=f'target "t" {{\n{body}\n}}\n')
    (made,) = bake.steps("t")
    return made


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ('args = { a = "1", b = null }', "build_args", (("a", "1"),)),
        ('labels = { a = "1" }', "labels", (("a", "1"),)),
        ('tags = ["a", "b", "a", ""]', "tags", ("a", "b")),
        ('target = "stage"', "target", "stage"),
        ('target = ""', "target", None),
        ("pull = true", "pull", PullPolicy.ALWAYS),
        ("no-cache = true", "no_cache", True),
        ('no-cache-filter = ["run"]', "no_cache", True),
        ('network = "none"', "network", "none"),
        ('network = "default"', "network", None),
        ('platforms = ["arm64"]', "platforms", ("linux/arm64",)),
        ('cache-from = ["user/app", "type=gha"]', "cache_from", ("user/app",)),
        ('extra-hosts = { db = "10.0.0.1" }', "add_hosts", ("db:10.0.0.1",)),
        ('dockerfile-inline = "FROM scratch"', "containerfile_text", "FROM scratch"),
        ('dockerfile-inline = "FROM scratch"', "containerfile", None),
        ('secret = ["id=a,env=A"]', "secrets", ("id=a,env=A",)),
        ('ssh = ["default"]', "ssh", ("default",)),
        (
            'shm-size = "64m"\nulimits = ["nofile=1:2"]\nresources = { cpu-shares = 5 }',
            "limits",
            Limits(shm_size="64m", ulimits=("nofile=1:2",), cpu_shares=5),
        ),
        ('contexts = { b = "docker-image://x:1" }', "build_contexts", (("b", "docker-image://x:1"),)),
        ('output = ["type=docker"]', "outputs", (BuildOutput("docker"),)),
        ('output = ["type=image,push=false"]', "outputs", (BuildOutput("image"),)),
        ('output = ["type=cacheonly"]', "outputs", (BuildOutput("cacheonly"),)),
        ('output = [""]', "outputs", ()),
        ('output = ["out"]\ntags = ["x"]', "tags", ()),
        ('output = ["out", "type=docker"]\ntags = ["x"]', "tags", ("x",)),
    ],
)  # fmt: skip
def test_an_attribute_fills_a_field(bake: Baker, body: str, field: str, expected: object) -> None:
    assert getattr(step(bake, body), field) == expected


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("", "context", "."),
        ('context = "sub"', "context", "sub"),
        ('context = "cwd://sub"', "context", "sub"),
        ("context = BAKE_CMD_CONTEXT", "context", "."),
        ("", "containerfile", "Dockerfile"),
        ('context = "sub"\ndockerfile = "a/D"', "containerfile", "sub/a/D"),
        ('context = "sub"\ndockerfile = "cwd://D"', "containerfile", "D"),
        ('dockerfile = "../D"', "containerfile", "../D"),
    ],
)
def test_paths_belong_to_where_bake_is_run(
    bake: Baker, body: str, field: str, expected: str
) -> None:
    wanted = (bake.directory / expected).resolve()
    assert getattr(step(bake, body), field) == wanted


def test_outputs_are_absolute(bake: Baker) -> None:
    made = step(bake, 'output = ["./bundles/x", { type = "tar", dest = "a.tar" }]')
    here = bake.directory
    assert made.outputs == (
        BuildOutput("local", (("dest", str(here / "bundles/x")),)),
        BuildOutput("tar", (("dest", str(here / "a.tar")),)),
    )


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        ('context = "https://github.com/a/b.git"', "2:1", "only a directory of this host"),
        ('dockerfile = "-"', "2:1", "only a file can be read"),
        ('output = ["type=registry"]', "2:1", "it pushes nothing"),
        ('output = ["type=image,push=true"]', "2:1", "it pushes nothing"),
        ('output = ["type=oci"]', "2:1", "needs dest=, a path"),
        ('output = ["type=oci,dest=x,compression=zstd"]', "2:1", "compression is not known here"),
        ('output = ["type=tar"]', "2:1", "needs dest=, a path"),
        ('output = ["type=docker,dest=x,tar=false"]', "2:1", "tar is not known here"),
        ('output = ["type=local,dest=x,odd=1"]', "2:1", "odd is not known here"),
        (
            'platforms = ["arm", "386"]\noutput = ["type=docker,dest=x"]',
            "3:1",
            "docker exporter does not support exporting manifest lists",
        ),
        ('platforms = ["linux/arm64", "linux/amd46"]', "2:1", "no architecture amd46"),
        ('call = "nothing"', "2:1", "docker's BuildKit answers no nothing about a build"),
        ('call = "outline,format=json"', "2:1", "no answer of bake's is JSON"),
        ('policy = ["strict=true,type=x"]', "2:1", "build policies are BuildKit's"),
        ('ulimits = ["nofile"]', "2:1", "is not NAME=SOFT"),
        ('resources = { gpus = "1" }', "2:1", "no engine has a limit of it"),
        ('contexts = { a = "oci-layout://x" }', "2:1", "it is BuildKit's"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_refused_with_its_place(
    bake: Baker, body: str, place: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        step(bake, body)
    assert caught.value.message.startswith(f"docker-bake.hcl:{place}: ")
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('cache-to = ["type=gha"]', "cache-to has no effect"),
        ('cache-from = ["type=gha"]', "type=gha is BuildKit's"),
        ('entitlements = ["network.host"]', "entitlements has no effect"),
        ('annotations = ["a=b"]\noutput = ["x"]', "annotations has no effect"),
        ('annotations = ["a=b"]', "annotations has no effect: the image gets none"),
        ('attest = ["type=sbom"]', "attest has no effect: podman and buildah make no attestation"),
        ('attest = ["type=provenance,mode=max"]', "(type=provenance,mode=max)"),
        ('platforms = ["arm", "386"]', "platforms are built, and no image is kept"),
        (
            'platforms = ["arm", "386"]\noutput = ["type=image"]',
            "platforms are built, and no image is kept",
        ),
        ('output = ["type=docker,name=x"]\ntags = ["y"]', "tags name the image"),
        ('no-cache-filter = ["run"]', "no-cache-filter is for run; every stage is built anew"),
    ],
)
def test_what_changes_nothing_is_said(bake: Baker, body: str, words: str) -> None:
    bake.write(docker_bake_hcl=f'target "t" {{\n{body}\n}}\n')
    (note,) = bake.notes("t")
    assert note.startswith("docker-bake.hcl:2: ")
    assert words in note


CALLS = """
target "build" { tags = ["b"] }
target "lint" {
  call = "check"
}
target "on-lint" { contexts = { l = "target:lint" } }
group "both" { targets = ["build", "lint"] }
group "lints" { targets = ["lint"] }
"""


def test_what_is_to_be_checked_is_not_built(bake: Baker) -> None:
    bake.write(docker_bake_hcl=CALLS)
    assert [one.tags for one in bake.steps("both")] == [("b",)]
    assert bake.checks("both") == bake.checks("lints") == bake.checks("lint") == ("lint",)
    assert not bake.notes("both")
    assert bake.checks("build", sets=("*.call=check",)) == ("build",)
    # What is built from it has no part in the call.
    assert len(bake.steps("on-lint")) == 2


def test_what_is_asked_of_a_target_is_a_step(bake: Baker) -> None:
    bake.write(docker_bake_hcl=CALLS.replace("check", "outline"))
    assert [one.tags for one in bake.steps("both")] == [("b",)]
    assert bake.checks("both") == ("lint",)


def test_what_is_not_answered_is_left_out_of_groups(bake: Baker) -> None:
    bake.write(docker_bake_hcl=CALLS.replace("check", "outline,format=json"))
    assert [one.tags for one in bake.steps("both")] == [("b",)]
    (note,) = bake.notes("both")
    assert note.startswith("docker-bake.hcl:4:3: lint is left out: call = 'outline,")
    with pytest.raises(RecipeError, match="no target is left to be built"):
        bake.steps("lints")
    with pytest.raises(RecipeError, match=r":4:3: call = 'outline,format=json' can't be"):
        bake.steps("both", "lint")


def test_outputs_name_an_image_that_has_no_tags(bake: Baker) -> None:
    made = step(bake, 'output = ["type=docker,name=a:1", { type = "image", name = "b,c" }]')
    assert made.tags == ("a:1", "b", "c")
    assert step(bake, 'output = ["type=docker,name=a:1"]\ntags = ["b"]').tags == ("b",)
    assert step(bake, 'output = ["type=local,dest=x"]\ntags = ["b"]').tags == ()


def test_several_platforms_without_a_tag_are_built_and_not_kept(bake: Baker) -> None:
    bake.write(docker_bake_hcl='target "t" { platforms = ["arm", "386"] }\n')
    made = bake.steps("t")
    assert [one.platforms for one in made] == [("linux/arm/v7",), ("linux/386",)]
    assert {one.outputs for one in made} == {(BuildOutput("cacheonly"),)}


@pytest.mark.parametrize(
    ("arguments", "given", "value"),
    [
        ("{}", "123", "123"),
        ('{ SOURCE_DATE_EPOCH = "5" }', "123", "5"),
        ('{ SOURCE_DATE_EPOCH = "" }', "123", ""),
        ("{ SOURCE_DATE_EPOCH = null }", "123", "123"),
        ("{}", "", None),
    ],
)
def test_the_environments_epoch_is_an_argument(
    bake: Baker, arguments: str, given: str, value: str | None
) -> None:
    # As `docker buildx bake --print` of buildx 0.30.1 has it.
    bake.write(docker_bake_hcl=f'target "t" {{ args = {arguments} }}\n')
    environment = {"SOURCE_DATE_EPOCH": given}
    (made,) = steps(Bake(bake.directory, environment, ("t",))).steps
    assert isinstance(made, BuildImage)
    assert dict(made.build_args).get("SOURCE_DATE_EPOCH") == value


def test_an_epoch_that_is_no_number_is_refused(bake: Baker) -> None:
    bake.write(docker_bake_hcl='target "t" {}\n')
    with pytest.raises(RecipeError, match="SOURCE_DATE_EPOCH is 'now'"):
        steps(Bake(bake.directory, {"SOURCE_DATE_EPOCH": "now"}, ("t",)))


def test_each_platform_is_a_step_with_a_directory_of_its_own(bake: Baker) -> None:
    bake.write(
        docker_bake_hcl="""
target "t" {
  platforms = ["linux/amd64", "linux/arm", "windows/amd64"]
  output    = ["out"]
}
"""
    )
    made = bake.steps("t")
    assert [one.platforms for one in made] == [
        ("linux/amd64",),
        ("linux/arm/v7",),
        ("windows/amd64",),
    ]
    places = [dict(one.outputs[0].attributes)["dest"] for one in made]
    out = bake.directory / "out"
    assert places == [f"{out}/linux_amd64", f"{out}/linux_arm_v7", f"{out}/windows_amd64"]
    flat = bake.steps("t", sets=("t.platform=linux/arm64",))
    assert [dict(one.outputs[0].attributes)["dest"] for one in flat] == [str(out)]


def test_several_platforms_with_a_tag_are_one_image(bake: Baker) -> None:
    made = step(bake, 'platforms = ["arm", "386"]\ntags = ["x", "y"]')
    assert (made.platforms, made.tags) == (("linux/arm/v7", "linux/386"), ("x", "y"))
    named = step(bake, 'platforms = ["arm", "386"]\noutput = ["type=image,name=z"]')
    assert named.tags == ("z",)
    each = builds_of(made)
    assert [one.platforms for one in each] == [("linux/arm/v7",), ("linux/386",)]
    assert len({one.tags for one in (*each, *builds_of(named))}) == 4
    assert builds_of(each[0]) == (each[0],)


def test_each_platform_of_an_image_is_built_from_the_target_of_that_platform(bake: Baker) -> None:
    bake.write(
        docker_bake_hcl="""
target "app" {
  contexts  = { base = "target:base", src = "./src" }
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["app"]
}
target "base" {
  platforms = ["linux/arm64", "linux/amd64"]
}
"""
    )
    *bases, app = bake.steps("app")
    names = {one.platforms: one.tags[0] for one in bases}
    for one in builds_of(app):
        assert dict(one.build_contexts) == {
            "base": f"docker-image://{names[one.platforms]}",
            "src": str(bake.directory / "src"),
        }


def test_a_linked_target_is_built_first_and_stays_in_storage(bake: Baker) -> None:
    bake.write(
        docker_bake_hcl="""
target "app" {
  contexts  = { base = "target:base", src = "./src", empty = "" }
  platforms = ["linux/arm64"]
  output    = ["out"]
}
target "base" {
  platforms = ["linux/amd64", "linux/arm64"]
}
"""
    )
    amd64, arm64, app = bake.steps("app")
    assert [one.platforms for one in (amd64, arm64)] == [("linux/amd64",), ("linux/arm64",)]
    assert (arm64.outputs, len(arm64.tags)) == ((), 1)
    assert app.build_contexts == (
        ("base", f"docker-image://{arm64.tags[0]}"),
        ("src", str(bake.directory / "src")),
    )


def test_a_target_knows_its_line(bake: Baker) -> None:
    bake.write(docker_bake_hcl='\n\ntarget "t" {}\n')
    origin = bake.steps("t")[0].origin
    assert origin is not None
    assert origin.bake
    assert replace(origin, bake="") == Origin(
        "docker-bake.hcl", 3, 'target "t" {}', "t", names_build=True
    )


def test_the_parsers_are_not_loaded_where_no_bake_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all: ; docker build .\n")
    script = """
import os, sys
from pathlib import Path
from rootless_build.recipes import front_ends
from rootless_build.recipes import config
from rootless_build.recipes.request import Request
front_ends.read(Request(Path(sys.argv[1]), (), (), dict(os.environ), False), config.Config())
parsers = ("rootless_build.recipes.bake.hcl.reader", "ruamel")
print([name for name in sys.modules if name.startswith(parsers)])
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- the command line ---------------------------------------------------------------------------


def parsed(bake: Baker, line: str, environment: dict[str, str] | None = None) -> list[BuildImage]:
    origin = Origin("Makefile", 7, f"\tdocker {line}")
    context = Context(bake.directory, environment or {}, origin)
    steps, _ = argv.steps(line.split(), context)
    return [step for step in steps if isinstance(step, BuildImage)]


LINE = """
variable "V" { default = "1" }
group "default" { targets = ["a", "b"] }
target "a" { args = { v = V } }
target "b" {}
"""


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("buildx bake", 2),
        ("bake a", 1),
        ("buildx f a", 1),
        ("buildx bake --progress=plain --builder x --allow fs=* a b", 2),
        ("buildx bake -f docker-bake.hcl --file=other.hcl c", 1),
    ],
)
def test_a_bake_line_is_a_step_a_target(bake: Baker, line: str, count: int) -> None:
    bake.write(docker_bake_hcl=LINE, other_hcl='target "c" {}')
    assert len(parsed(bake, line)) == count


def test_flags_of_a_bake_line_change_its_targets(bake: Baker) -> None:
    bake.write(docker_bake_hcl=LINE)
    (made,) = parsed(bake, "buildx bake --no-cache --pull --set a.tags=x --load a")
    assert (made.no_cache, made.pull) == (True, PullPolicy.ALWAYS)
    assert (made.tags, made.outputs) == (("x",), (BuildOutput("docker"),))
    (made,) = parsed(bake, "buildx bake a", {"V": "2"})
    assert made.build_args == (("v", "2"),)
    (made,) = parsed(bake, "buildx bake --var V=3 a", {"V": "2"})
    assert made.build_args == (("v", "3"),)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("buildx bake --sbom=true a", ("--sbom=true: ",)),
        ("buildx bake --provenance=mode=max a", ("--provenance=mode=max: ",)),
        ("buildx bake --provenance=false --sbom=false a", ()),
        ("buildx build --attest type=sbom .", ("docker buildx build --attest: ",)),
        ("buildx build --annotation a=b .", ("docker buildx build --annotation: ",)),
        ("build --provenance=true .", ("--provenance=true: ",)),
        ("build --sbom=0 .", ()),
    ],
)
def test_what_no_engine_here_puts_into_an_image_is_said(
    bake: Baker, line: str, said: tuple[str, ...]
) -> None:
    bake.write(docker_bake_hcl=LINE)
    origin = Origin("Makefile", 7, f"\tdocker {line}")
    made, notes = argv.steps(line.split(), Context(bake.directory, {}, origin))
    assert len(made) == 1
    assert len(notes) == len(said)
    for note, start in zip(notes, said, strict=True):
        assert note.startswith(start)
        assert "has no effect here" in note


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("buildx bake --print", "--print can't be honoured"),
        ("buildx bake --push a", "it pushes nothing"),
        ("buildx bake --metadata-file m a", "--metadata-file can't be honoured"),
        ("buildx bake --flie x", "has no flag --flie"),
        ("buildx bake -f none.hcl", "the bake file none.hcl can't be read"),
        ("buildx bake -f https://example.com/x.git", "can't be read from another host"),
        ("buildx bake none", "the bake file has no target none"),
    ],
)
def test_a_bake_line_that_can_not_be_honoured_is_refused(
    bake: Baker, line: str, words: str
) -> None:
    bake.write(docker_bake_hcl=LINE)
    with pytest.raises(RecipeError) as caught:
        parsed(bake, line)
    assert words in caught.value.message


def test_docker_build_for_several_platforms_is_a_step_each(bake: Baker) -> None:
    made = parsed(bake, "build --platform linux/amd64,linux/arm -o out .")
    places = [dict(one.outputs[0].attributes)["dest"] for one in made]
    out = bake.directory / "out"
    assert places == [f"{out}/linux_amd64", f"{out}/linux_arm_v7"]


def test_docker_build_for_several_platforms_into_an_archive_is_one_step(bake: Baker) -> None:
    words = "build --platform arm,386 -t a:1 -t b:2 -o type=oci,dest=x -o type=tar,dest=y -o z ."
    archives, *directories = parsed(bake, words)
    assert archives.platforms == ("linux/arm/v7", "linux/386")
    assert not archives.tags
    oci, tar = (dict(output.attributes) for output in archives.outputs)
    assert oci == {"dest": str(bake.directory / "x"), "name": "a:1,b:2"}
    assert tar == {"dest": str(bake.directory / "y")}
    assert [each.platforms for each in directories] == [("linux/arm/v7",), ("linux/386",)]
    with pytest.raises(RecipeError) as caught:
        parsed(bake, "build --platform arm,386 -o type=docker,dest=x .")
    assert "does not support exporting manifest lists" in caught.value.message


def test_docker_build_for_several_platforms_with_a_tag_is_one_image(bake: Baker) -> None:
    image, arm, small = parsed(bake, "build --platform arm,386 -t x:1 -o type=image -o out .")
    assert image.platforms == ("linux/arm/v7", "linux/386")
    assert (image.tags, image.outputs) == (("x:1",), (BuildOutput("image"),))
    assert [one.platforms for one in (arm, small)] == [("linux/arm/v7",), ("linux/386",)]
    assert not arm.tags
    assert dict(arm.outputs[0].attributes)["dest"] == str(bake.directory / "out/linux_arm_v7")
    arm, small = parsed(bake, "build --platform arm,386 .")
    assert (arm.outputs, small.outputs) == ((BuildOutput("cacheonly"),),) * 2
