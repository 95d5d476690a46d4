"""`rbuild run` and `rbuild shell` where the recipe only builds images: a bake file, and others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.driver import DEADLINE, Rbuild, events

CONTAINERFILE = """
FROM debian:bookworm AS app
ENV WORD=here
WORKDIR /srv
RUN echo app > app.txt
FROM app AS entered
ENTRYPOINT ["/bin/echo", "entered:"]
FROM scratch AS files
COPY --from=app /srv/app.txt /
"""
BAKE = """
group "default" { targets = ["files", "app"] }
group "two" { targets = ["app", "tagged"] }
target "app" { target = "app" }
target "tagged" {
  target = "app"
  tags = ["example/app:1"]
}
target "entered" { target = "entered" }
target "files" {
  target = "files"
  output = ["bundles"]
}
"""


@pytest.fixture
def baked(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: dict[str, str]
) -> Rbuild:
    """`rbuild` in a project whose recipe is a bake file."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Dockerfile").write_text(CONTAINERFILE)
    (project / "docker-bake.hcl").write_text(BAKE)
    return Rbuild(project, backend_name, rbuild_environment)


def of_recipe(rbuild: Rbuild, name: str, text: str) -> Rbuild:
    """The same project with another recipe."""
    (rbuild.project / "docker-bake.hcl").unlink()
    (rbuild.project / name).write_text(text)
    return rbuild


def test_a_command_runs_in_the_image_of_the_default_groups_only_one(baked: Rbuild) -> None:
    words = ("run", "--env", "MORE=more", "--", "sh", "-c")
    done = baked(*words, "cat app.txt; pwd; echo $WORD $MORE; exit 7")
    assert (done.returncode, done.stdout) == (7, "app\n/srv\nhere more\n"), done.stderr
    assert not baked.bundles.exists()
    assert baked.leftovers() == []
    # The image is not built again.
    done = baked("--log-format", "json", *words, "echo again; exit 126")
    assert done.returncode == 126, done.stderr
    told = events(done.stdout)
    finished = [event for event in told if event["event"] == "step-finished"]
    assert [(event["kind"], event["cached"]) for event in finished] == [
        ("build-image", True),
        ("run-container", False),
    ]
    (error,) = (event for event in told if event["event"] == "error")
    assert (error["status"], error["step"]) == (126, 2)


@pytest.mark.in_ci("podman")
def test_a_command_in_the_image_of_a_target(baked: Rbuild) -> None:
    done = baked("run", "--target", "entered", "--", "some", "words")
    assert (done.returncode, done.stdout) == (0, "entered: some words\n"), done.stderr
    done = baked("run", "--target", "tagged", "--", "cat", "app.txt")
    assert (done.returncode, done.stdout) == (0, "app\n"), done.stderr
    assert "example/app:1" in done.stderr


@pytest.mark.in_ci("podman")
def test_what_has_no_image_or_several_is_met_with_what_has_one(baked: Rbuild) -> None:
    done = baked("run", "--target", "files", "--", "sh")
    assert done.returncode == 2
    assert "files writes files to" in done.stderr
    assert "rbuild run --target app -- COMMAND" in done.stderr
    done = baked("run", "--target", "two", "--", "sh")
    assert done.returncode == 2
    assert "app and tagged are images of this recipe" in done.stderr
    done = baked("--log-format", "json", "shell", "files")
    assert done.returncode == 2
    (error,) = events(done.stdout)[-1:]
    assert "rbuild shell app" in str(error["hint"])


@pytest.mark.in_ci("podman")
def test_an_image_that_comes_out_of_the_cache_is_known_again(baked: Rbuild) -> None:
    """Of a stage that is not the last; podman and buildah lose its labels then."""
    assert baked("files").returncode == 0
    done = baked("run", "--target", "app", "--", "true")
    assert done.returncode == 0, done.stderr
    done = baked("run", "--explain", "--target", "app", "--", "true")
    assert done.returncode == 0, done.stderr
    assert "unchanged" in done.stderr


def test_a_shell_in_an_image(baked: Rbuild) -> None:
    typed = "stty size; cat app.txt; exit 42\n"
    status, shown = baked.on_a_terminal("shell", typed=typed, size=(37, 91))
    assert status == 42, shown
    assert "37 91" in shown
    assert "app\r\n" in shown
    # Whatever the image runs otherwise.
    status, shown = baked.on_a_terminal("shell", "entered", typed="exit 3\n", size=(37, 91))
    assert status == 3, shown
    assert baked.leftovers() == []


@pytest.mark.in_ci("podman")
def test_ctrl_c_is_the_commands_own(baked: Rbuild) -> None:
    script = 'trap "echo caught; exit 130" INT; echo begun; while :; do sleep 1; done'
    with baked.on_screen("run", "--", "sh", "-c", script) as (running, screen):
        assert screen.shows(b"begun\r\n"), screen.shown
        screen.type(b"\x03")
        screen.read_all()
        assert running.wait(DEADLINE) == 130, screen.shown
    assert b"caught" in screen.shown
    assert baked.leftovers() == []


@pytest.mark.in_ci("podman")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Makefile", "image:\n\tdocker build --target app -t example/made .\n"),
        ("rbuild.toml", '[image]\ntarget = "app"\ntag = "example/made"\n'),
        ("compose.yaml", "services:\n  made:\n    build: {context: ., target: app}\n"),
    ],
)
def test_other_recipes_that_only_build_an_image(baked: Rbuild, name: str, text: str) -> None:
    rbuild = of_recipe(baked, name, text)
    done = rbuild("run", "--", "cat", "app.txt")
    assert (done.returncode, done.stdout) == (0, "app\n"), done.stderr
    status, shown = rbuild.on_a_terminal("shell", typed="exit 5\n", size=(37, 91))
    assert status == 5, shown


@pytest.mark.in_ci("podman")
def test_a_recipe_with_a_container_and_no_target_for_a_shell(baked: Rbuild) -> None:
    text = "made:\n\tdocker run --rm -v $(CURDIR):/w -w /w debian:bookworm true\n"
    rbuild = of_recipe(baked, "Makefile", text)
    typed = "echo typed > typed; exit 6\n"
    status, shown = rbuild.on_a_terminal("shell", typed=typed, size=(37, 91))
    assert status == 6, shown
    assert (rbuild.project / "typed").read_text() == "typed\n"
