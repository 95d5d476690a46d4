"""Environment, entrypoint, command and working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.model.plan import BuildImage, RunContainer
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Build, Driver, Run, sh, shell

PROXIES = {
    name: "http://proxy.invalid:3128"
    for word in ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
    for name in (word, word.upper())
}


def variables(output: bytes) -> dict[str, str]:
    """What `env` printed."""
    lines = output.decode().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


# --- environment --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "",
        "two  words ",
        "two\nlines",
        "quotes \" and ' and `",
        "$HOME ${HOME} $(id) %s \\n \\",
        "a,b;c=d:e#f*g?",
        "ünïcode ☕",
        "-tags 'autogen netgo'",
    ],
)
def test_a_variable_arrives_as_it_was_given(run: Run, value: str) -> None:
    step = RunContainer(BASE, sh('printf %s "$VALUE"'), environment=(("VALUE", value),))
    assert run(step).stdout.decode() == value


def test_an_empty_variable_is_set(run: Run) -> None:
    step = RunContainer(BASE, sh("echo ${VALUE-unset}"), environment=(("VALUE", ""),))
    assert run(step).text == ""


def test_of_two_values_for_one_name_the_later_wins(run: Run) -> None:
    twice = (("VALUE", "first"), ("VALUE", "second"))
    assert run(RunContainer(BASE, sh("echo $VALUE"), environment=twice)).text == "second"


def test_the_images_own_variables_stay(run: Run, project_image: Image) -> None:
    step = RunContainer(
        "project", sh("echo $GREETING; echo $PATH; echo $OTHER"), (), (("OTHER", "given"),)
    )
    shown = run(step, project_image).text.splitlines()
    assert shown == ["hello from the image", "/opt/tool/bin:/bin", "given"]


def test_a_given_variable_beats_the_images(run: Run, project_image: Image) -> None:
    step = RunContainer("project", sh("echo $GREETING"), (), (("GREETING", "given"),))
    assert run(step, project_image).text == "given"


def test_the_command_is_looked_up_on_the_images_path(run: Run, project_image: Image) -> None:
    step = RunContainer("project", ("tool", "echo", "found"), ())
    assert run(step, project_image).text == "entry:\nfound"


def test_nothing_of_the_hosts_environment_reaches_a_container(driver: Driver) -> None:
    host = {**PROXIES, "RBUILD_TEST_SECRET": "of the host", "TERM": "of-the-host"}
    done = driver.finish(RunContainer(BASE, ("env",)), environment=host)
    assert done.returncode == 0, done.stderr
    # `container` is how podman and buildah tell a program where it runs.
    known = {"PATH", "HOME", "HOSTNAME", "container", "PWD", "SHLVL"}
    assert set(variables(done.stdout)) <= known


def test_nothing_of_the_hosts_environment_reaches_an_image_build(
    driver: Driver, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo [; env; echo ]\n")
    host = {**PROXIES, "RBUILD_TEST_SECRET": "of the host"}
    done = driver.finish(BuildImage(tmp_path, no_cache=True), environment=host)
    assert done.returncode == 0, done.stderr
    assert b"PATH=" in done.stdout
    assert b"proxy" not in done.stdout.lower()
    assert b"of the host" not in done.stdout


def test_the_home_directory_is_that_of_the_user(run: Run) -> None:
    assert run(shell("echo $HOME")).text == "/root"
    step = RunContainer(BASE, sh("echo $HOME"), user="tester")
    assert run(step).text == "/home/tester"


# --- entrypoint and command ---------------------------------------------------------------------


def test_the_images_entrypoint_is_found_in_its_working_directory(
    run: Run, project_image: Image
) -> None:
    step = RunContainer("project", ("sh", "-c", 'echo "$PWD"'))
    assert run(step, project_image).text == "entry:\n/project"


def test_the_images_own_command_goes_to_its_entrypoint(run: Run, project_image: Image) -> None:
    assert run(RunContainer("project"), project_image).text == "entry:\nthe image's own command"


def test_another_entrypoint_replaces_the_images_and_its_command(
    run: Run, project_image: Image
) -> None:
    step = RunContainer("project", entrypoint=("echo", "other"))
    assert run(step, project_image).text == "other"
    step = RunContainer("project", ("and words",), entrypoint=("echo", "other"))
    assert run(step, project_image).text == "other and words"


def test_no_entrypoint_at_all(run: Run, project_image: Image) -> None:
    step = RunContainer("project", ("echo", "alone"), entrypoint=())
    assert run(step, project_image).text == "alone"


def test_words_of_the_command_arrive_as_they_were_given(run: Run) -> None:
    words = ("", "two words", "quote'\"`", "$HOME *", "new\nline", "--flag", "☕", "\\")
    step = RunContainer(BASE, sh('for word; do printf "%s|" "$word"; done', *words))
    assert run(step).stdout.decode() == "".join(f"{word}|" for word in words)


def test_an_entrypoint_of_a_single_string_goes_through_the_shell(
    run: Run, build: Build, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nENV WORD=shell\nENTRYPOINT echo a $WORD\n")
    assert run(RunContainer("built"), build(BuildImage(tmp_path))).text == "a shell"


# --- working directory --------------------------------------------------------------------------


def test_the_working_directory(run: Run, project_image: Image) -> None:
    step = RunContainer(BASE, ("pwd",), ())
    assert run(step).text == "/"
    assert run(step, project_image).text == "/project"
    elsewhere = replace(step, working_directory="/usr")
    assert run(elsewhere, project_image).text == "/usr"


def test_a_working_directory_that_is_not_there_is_made(run: Run) -> None:
    step = RunContainer(BASE, ("pwd",), working_directory="/not/there yet")
    assert run(step).text == "/not/there yet"
