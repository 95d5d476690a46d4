"""Small Makefiles, read by real GNU make, and the plans they become."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.model.errors import HostError, RecipeError, UsageError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Bundles,
    HostCommand,
    RemoveVolume,
    RunContainer,
    TagImage,
    Unexpanded,
    VolumeMount,
)
from rootless_build.model.structs import replace
from rootless_build.process import programs
from tests.unit.recipes.make.make_project import PATH, MakeProject


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    """An empty directory."""
    directory = tmp_path / "project"
    directory.mkdir()
    return MakeProject(directory)


def refusal(project: MakeProject, *words: str, **environment: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        project.plan(*words, **environment)
    assert caught.value.exit_code == 2
    return caught.value


def given(step: HostCommand) -> str:
    """What the command prints when it runs as the runner runs it."""
    done = programs.capture(
        [*step.shell, step.script],
        environment=programs.exactly(dict(step.environment)),
        directory=step.directory,
    )
    assert done.status == 0, done.words
    return done.text.removesuffix("\n")


# --- targets --------------------------------------------------------------------------------------


def test_no_target_is_the_default_goal(project: MakeProject) -> None:
    project.write("""
        first: ; echo first
        second: ; echo second
        """)
    assert project.scripts() == ["echo first"]


def test_the_makefile_may_name_its_default_goal(project: MakeProject) -> None:
    project.write("""
        first: ; echo first
        second: ; echo second
        .DEFAULT_GOAL := second
        """)
    assert project.scripts() == ["echo second"]


def test_several_targets_in_the_order_given(project: MakeProject) -> None:
    project.write("""
        a: ; echo a
        b: ; echo b
        """)
    assert project.scripts("b", "a") == ["echo b", "echo a"]


def test_variables_alone_are_for_the_default_goal(project: MakeProject) -> None:
    project.write("all: ; echo $(FOO)")
    assert project.scripts("FOO=bar baz") == ["echo bar baz"]


@pytest.mark.parametrize("name", ["GNUmakefile", "makefile"])
def test_the_makefile_is_the_one_make_takes(project: MakeProject, name: str) -> None:
    project.write("all: ; echo Makefile")
    project.write("all: ; echo other", name)
    plan = project.plan()
    assert plan.recipe == name
    assert [step.script for step in plan.steps if isinstance(step, HostCommand)] == ["echo other"]


def test_unknown_target_is_answered_with_a_near_one(project: MakeProject) -> None:
    project.write("""
        binary: ; docker run i
        cross: ; docker run i
        """)
    error = refusal(project, "binray")
    assert error.message == "Makefile has no target binray"
    assert error.hint == "did you mean binary?"


def test_unknown_target_far_from_any_is_answered_with_all(project: MakeProject) -> None:
    project.write("""
        V := 1
        binary: ; docker run i
        cross: ; docker run i
        """)
    assert refusal(project, "xyzzy").hint == "its targets are binary, cross"


def test_a_prerequisite_that_nothing_makes_is_told_in_makes_words(project: MakeProject) -> None:
    project.write("all: missing.c ; docker run i")
    error = refusal(project)
    assert "No rule to make target 'missing.c', needed by 'all'" in error.message
    assert "the default goal" in error.message


def test_no_target_at_all(project: MakeProject) -> None:
    project.write("X = 1")
    assert "No targets" in refusal(project).message


def test_a_mistake_in_the_makefile_is_told_with_its_line(project: MakeProject) -> None:
    project.write("all: ; echo a\nthis is no rule\n")
    error = refusal(project)
    assert error.message == "Makefile:2: missing separator"
    assert "tab" in error.hint


def test_a_missing_include(project: MakeProject) -> None:
    project.write("include config.mk\nall: ; echo a\n")
    assert "config.mk" in refusal(project).message


def test_error_in_the_makefile_is_its_own_words(project: MakeProject) -> None:
    project.write("all: ; $(error set FOO first)")
    assert "set FOO first" in refusal(project).message


def test_without_make_the_host_is_to_blame(project: MakeProject) -> None:
    project.write("all: ; echo a")
    with pytest.raises(HostError) as caught:
        project.plan(PATH="/nowhere")
    assert caught.value.exit_code == 3
    assert caught.value.finding == "no-make"
    assert "make is not installed" in caught.value.message


def test_nothing_to_be_done_is_said(project: MakeProject) -> None:
    project.write("old: ; echo made\n")
    (project.directory / "old").touch()
    plan = project.plan("old")
    assert plan.steps == ()
    assert any("'old' is up to date" in note for note in plan.notes)


def test_a_file_that_is_there_is_not_made_again(project: MakeProject) -> None:
    project.write("""
        all: bundles ; docker run i
        bundles: ; mkdir bundles
        """)
    assert [step.kind for step in project.steps()] == ["host-command", "run-container"]
    (project.directory / "bundles").mkdir()
    assert [step.kind for step in project.steps()] == ["run-container"]


def test_a_help_target_lists_the_makefile_itself(project: MakeProject) -> None:
    project.write("""
        all: ; docker run i
        help: ## this help
            @grep -o '## .*' $(MAKEFILE_LIST) | tail -1
        """)
    command = project.command("help")
    assert command.script == "grep -o '## .*' Makefile | tail -1"


@pytest.mark.parametrize("word", ["first", "last"])
def test_a_makefile_finds_its_own_directory(project: MakeProject, word: str) -> None:
    project.write(f"""
        HERE := $(abspath $(dir $({word}word $(MAKEFILE_LIST))))
        all: ; docker run -v $(HERE):/src i
        """)
    assert project.run().mounts == (BindMount(project.directory, "/src"),)


def test_two_targets_share_one_image_build(project: MakeProject) -> None:
    project.write("""
        binary: build ; docker run dev hack/make.sh binary
        cross: build2 ; docker run dev hack/make.sh cross
        build: ; docker build -t dev .
        build2: ; docker build -t dev .
        """)
    assert [step.kind for step in project.steps("binary", "cross")] == [
        "build-image",
        "run-container",
        "run-container",
    ]


def test_steps_name_their_line(project: MakeProject) -> None:
    project.write("""all:
    mkdir -p bundles
    docker run --rm i
""")
    mkdir, run = project.steps()
    assert mkdir.origin is not None
    assert run.origin is not None
    assert str(mkdir.origin) == "Makefile:2"
    assert str(run.origin) == "Makefile:3"
    assert run.origin.text == "docker run --rm i"


def test_a_line_that_is_continued_or_canned_is_named_by_its_beginning(
    project: MakeProject,
) -> None:
    project.write("""
        define canned
        echo canned
        docker run --rm canned
        endef
        all:

            # what follows is of two lines
            docker run --rm \\
                continued
            $(canned)
        ifdef MORE
            docker run --rm more
        endif
            docker run --rm last
        inline: ; docker run --rm inline
            docker run --rm after
        """)
    place = {
        step.origin.text.split()[-1]: str(step.origin)
        for step in (*project.steps("all"), *project.steps("inline"))
        if step.origin is not None
    }
    assert place == {
        "continued": "Makefile:9",
        "canned": "Makefile:11",
        # What stands after a condition is not told apart: the recipe begins at 8.
        "last": "Makefile:8",
        "inline": "Makefile:16",
        "after": "Makefile:17",
    }


def test_the_bundles_are_the_mounted_directory(project: MakeProject) -> None:
    project.write('all: ; docker run -v "$(CURDIR)/bundles:/go/bundles" i')
    assert project.plan().bundles == Bundles(project.directory / "bundles")


# --- variables and the environment ----------------------------------------------------------------

PASSED = """
all:
    docker run -e FOO -e BAR i
"""


def test_a_variable_of_the_command_line_reaches_the_container(project: MakeProject) -> None:
    project.write(PASSED)
    assert project.run("FOO=1", FOO="environment").environment == (("FOO", "1"),)


def test_a_variable_of_the_environment_reaches_the_container(project: MakeProject) -> None:
    project.write(PASSED)
    assert project.run(FOO="x y", BAR="").environment == (("FOO", "x y"), ("BAR", ""))


def test_an_assignment_beats_the_environment_and_goes_out_in_its_place(
    project: MakeProject,
) -> None:
    project.write("FOO := makefile\nBAR := not exported" + PASSED)
    assert project.run(FOO="environment").environment == (("FOO", "makefile"),)


def test_the_command_line_beats_an_assignment(project: MakeProject) -> None:
    project.write("export FOO := makefile" + PASSED)
    assert project.run("FOO=command line").environment == (("FOO", "command line"),)


def test_a_default_yields_to_the_environment(project: MakeProject) -> None:
    project.write("FOO ?= default\nexport FOO" + PASSED)
    assert project.run().environment == (("FOO", "default"),)
    assert project.run(FOO="").environment == (("FOO", ""),)


def test_an_exported_variable_is_expanded_late(project: MakeProject) -> None:
    project.write("export FOO = $(LATE)\nLATE = $(shell echo computed)" + PASSED)
    assert project.run().environment == (("FOO", "computed"),)


def test_unexport_takes_a_name_away(project: MakeProject) -> None:
    project.write("unexport FOO" + PASSED)
    assert project.run(FOO="1").environment == ()


@pytest.mark.parametrize(
    "value",
    ["a b", "it's", 'say "hi"', "$HOME", "back\\slash", "ünïcode ✓", "a#b", "*", "a;b&c|d"],
)
def test_odd_values_arrive_whole(project: MakeProject, value: str) -> None:
    project.write("all: ; docker run -e FOO i")
    assert project.run(FOO=value).environment == (("FOO", value),)
    if "$" not in value:
        assert project.run(f"FOO={value}").environment == (("FOO", value),)


def test_a_value_of_several_lines_arrives_whole(project: MakeProject) -> None:
    project.write("define FOO\none\n\ntwo\nendef\nexport FOO\nall: ; docker run -e FOO i\n")
    assert project.run().environment == (("FOO", "one\n\ntwo"),)


def test_bytes_that_are_no_text_arrive_whole(project: MakeProject) -> None:
    project.write("all: ; docker run -e FOO i")
    odd = os.fsdecode(b"\xff\xfe")
    assert project.run(FOO=odd).environment == (("FOO", odd),)


def test_an_assignment_before_the_command_is_in_dockers_environment(project: MakeProject) -> None:
    project.write('all: ; FOO="a b" BAR=$$HOME docker run -e FOO -e BAR i')
    assert project.run(HOME="/h").environment == (("FOO", "a b"), ("BAR", "/h"))


def test_host_commands_get_the_environment_of_recipes_and_no_more(project: MakeProject) -> None:
    project.write("export OWN = 1\nall: ; env\n")
    names = {line.partition("=")[0] for line in given(project.command(FOO="1")).splitlines()}
    assert names - {"PWD", "_", "SHLVL", "OLDPWD"} == {"PATH", "HOME", "FOO", "OWN"}


@pytest.mark.parametrize("locale", ["C.UTF-8", "de_DE.UTF-8"])
def test_the_users_locale_holds(project: MakeProject, locale: str) -> None:
    project.write("all: ; docker run -e LC_ALL -e LC_MESSAGES -e LANG i")
    assert project.run(LC_ALL=locale, LANG="x").environment == (("LC_ALL", locale), ("LANG", "x"))
    with pytest.raises(RecipeError, match="has no target nothing"):
        project.plan("nothing", LC_ALL=locale, LANGUAGE="de")


def test_a_path_that_the_makefile_exports_is_kept(project: MakeProject) -> None:
    project.write("export PATH := /opt/tools:$(PATH)\nexport LC_ALL = C\nall: ; env")
    environment = dict(project.command(PATH="/usr/bin:/bin").environment)
    assert environment["PATH"] == "/opt/tools:/usr/bin:/bin"
    assert environment["LC_ALL"] == "C"


def test_options_of_an_outer_make_change_nothing(project: MakeProject) -> None:
    project.write("FOO ?= default\nall: ; @echo $(FOO)\n")
    plan = project.plan(MAKEFLAGS="-s -k --no-print-directory -- FOO=outer", MAKELEVEL="1")
    assert [s.script for s in plan.steps if isinstance(s, HostCommand)] == ["echo default"]
    assert plan.notes == ()


def test_makeflags_of_the_user_are_answered(project: MakeProject) -> None:
    project.write("all: ; @echo a")
    assert any("MAKEFLAGS" in note for note in project.plan(MAKEFLAGS="-j4").notes)


@pytest.mark.parametrize("word", ["MAKEFLAGS=-k", "MAKEFLAGS=", "MAKEFILES=own.mk", "MAKELEVEL=3"])
def test_what_make_keeps_for_itself_is_no_variable(project: MakeProject, word: str) -> None:
    project.write("all: ; @echo a")
    with pytest.raises(UsageError, match=f"{word.partition('=')[0]}= can't be given to rbuild"):
        project.plan(word)


def test_pwd_is_the_project_wherever_rbuild_was_started(project: MakeProject) -> None:
    project.write("all: ; docker run -v $(PWD)/a:/a i")
    expected = (BindMount(project.directory / "a", "/a"),)
    assert project.run(PWD="/").mounts == expected
    assert project.run().mounts == expected


# --- variables of a target ------------------------------------------------------------------------


def test_a_targets_own_variable_is_for_it_and_what_it_needs(project: MakeProject) -> None:
    project.write("""
        export FOO = all
        all: binary cross
        binary: export FOO = binary
        binary: ; docker run -e FOO i binary
        cross: export FOO := cross
        cross: build ; docker run -e FOO i cross
        build: ; docker build --build-arg FOO .
        """)
    first, build, last = project.steps()
    assert isinstance(first, RunContainer)
    assert isinstance(build, BuildImage)
    assert isinstance(last, RunContainer)
    assert first.environment == (("FOO", "binary"),)
    assert build.build_args == (("FOO", "cross"),)
    assert last.environment == (("FOO", "cross"),)


def test_a_target_changes_a_variable_that_came_from_outside(project: MakeProject) -> None:
    project.write("""
        cross: FOO += more
        cross: ; docker run -e FOO i
        """)
    assert project.run(FOO="1").environment == (("FOO", "1 more"),)
    assert project.run("FOO=2").environment == (("FOO", "2"),)


def test_a_pattern_has_variables_too(project: MakeProject) -> None:
    project.write("""
        validate-%: export CHECK = one
        validate-%: ; docker run -e CHECK i hack/validate/$*
        """)
    run = project.run("validate-dco")
    assert (run.environment, run.command) == ((("CHECK", "one"),), ("hack/validate/dco",))


def test_variables_made_of_the_targets_name_are_not_trusted(project: MakeProject) -> None:
    project.write("""
        all: ; docker run i
        other-%: ; docker run -e CHECK i
        other-%: export CHECK = $*
        """)
    assert project.plan().notes == ()
    with pytest.raises(RecipeError, match=r"Makefile:3: .*takes CHECK from the environment"):
        project.plan("other-a")


def test_asking_for_a_targets_variables_changes_no_recipe(project: MakeProject) -> None:
    project.write("""
        all: export FOO = 1
        all: a b | c ; echo $^ / $< / $| / $?
        a b c: ; @:
        """)
    assert project.scripts()[-1] == "echo a b / a / c / a b"


def test_a_target_that_cannot_be_asked_is_said(project: MakeProject) -> None:
    project.write("""
        all:: export FOO = 1
        all:: ; docker run -e FOO i
        """)
    plan = project.plan(FOO="global")
    assert any("variables that only all may have" in note for note in plan.notes)


# --- the shell ------------------------------------------------------------------------------------


def test_make_has_a_shell_of_its_own(project: MakeProject) -> None:
    project.write("all: ; echo $$0")
    assert project.command(SHELL="/bin/bash").shell == ("/bin/sh", "-c")


def test_the_makefiles_shell_runs_its_recipes(project: MakeProject) -> None:
    project.write("SHELL := /bin/bash\n.SHELLFLAGS := -eu -o pipefail -c\nall: ; echo $${X-a}{1,2}")
    command = project.command()
    assert command.shell == ("/bin/bash", "-eu", "-o", "pipefail", "-c")
    assert given(command) == "a1 a2"


def test_docker_lines_are_expanded_by_the_makefiles_shell(project: MakeProject) -> None:
    project.write("SHELL := /usr/bin/env bash\nall: ; docker run i {a,b}")
    assert project.run().command == ("a", "b")


def test_a_target_may_have_a_shell_of_its_own(project: MakeProject) -> None:
    project.write("""
        all: a b
        a: SHELL = python3
        a: ; print("a", end="")
        b: ; echo b
        """)
    a, b = project.steps()
    assert isinstance(a, HostCommand)
    assert isinstance(b, HostCommand)
    assert (a.shell, b.shell) == (("python3", "-c"), ("/bin/sh", "-c"))


def test_docker_in_what_is_no_shell_is_refused(project: MakeProject) -> None:
    project.write("SHELL = python3\nall: ; docker run i")
    error = refusal(project)
    assert "SHELL is python3 -c" in error.message
    assert error.engine_words == "docker run i"


def test_oneshell_recipes_are_one_command(project: MakeProject) -> None:
    project.write("""
        .ONESHELL:
        all:
            @cd /
            X=1
            echo $$PWD $$X
        """)
    command = project.command()
    assert command.script == "cd /\nX=1\necho $PWD $X"
    assert given(command) == "/ 1"


def test_docker_in_a_oneshell_recipe_of_several_lines_is_refused(project: MakeProject) -> None:
    project.write(".ONESHELL:\nall:\n\tcd sub\n\tdocker run i\nother:\n\tdocker run i\n")
    assert "docker run i" in refusal(project).engine_words
    assert project.run("other").image == "i"


def test_posix_recipes_stop_at_the_first_failure(project: MakeProject) -> None:
    project.write(".POSIX:\nall: ; false; echo b")
    assert project.command().shell == ("/bin/sh", "-ec")


# --- lines ----------------------------------------------------------------------------------------


def test_prefixes_are_makes_own(project: MakeProject) -> None:
    project.write("""
        all:
            @echo a
            -echo b
            @-echo c
            - @ echo d
            $(QUIET)echo e
        QUIET = @
        """)
    steps = [step for step in project.steps() if isinstance(step, HostCommand)]
    assert [(step.script, step.ignore_errors) for step in steps] == [
        ("echo a", False),
        ("echo b", True),
        ("echo c", True),
        ("echo d", True),
        ("echo e", False),
    ]


def test_prefixes_are_found_past_lines_that_print_nothing(project: MakeProject) -> None:
    project.write("""
        all:
            $(eval X := 1)
            # a comment of the shell
            $(NOTHING)

            -false $(X)
            false
        """)
    steps = [step for step in project.steps() if isinstance(step, HostCommand)]
    assert [(step.script, step.ignore_errors) for step in steps] == [
        ("false 1", True),
        ("false", False),
    ]


def test_prefixes_in_a_canned_recipe(project: MakeProject) -> None:
    project.write("""
        define RECIPE
        @echo one
        -echo two \\
          three
        docker run i $(1)
        endef
        all:
            $(call RECIPE,x)
        """)
    one, two, run = project.steps()
    assert isinstance(one, HostCommand)
    assert isinstance(two, HostCommand)
    assert isinstance(run, RunContainer)
    assert (one.ignore_errors, two.ignore_errors) == (False, True)
    assert given(two) == "two three"
    assert run.command == ("x",)


def test_a_failure_of_docker_is_never_ignored_and_that_is_said(project: MakeProject) -> None:
    project.write("all:\n\t-docker run i\n\t-docker volume rm v\n")
    plan = project.plan()
    assert [note for note in plan.notes if "`-`" in note] == [
        "Makefile:2: the `-` before this line has no effect: a failure ends the run"
    ]


def test_a_line_that_a_dry_run_would_run_is_refused(project: MakeProject) -> None:
    project.write("all:\n\t+echo a\n")
    error = refusal(project)
    assert "`+`" in error.message
    assert error.engine_words == "echo a"


def test_silent_targets_are_seen(project: MakeProject) -> None:
    project.write(".SILENT:\nall: ; docker run i")
    assert project.run().image == "i"


def test_continuation_lines_are_one_command(project: MakeProject) -> None:
    project.write("""
        all:
            docker run \\
                -e A=1 \\
                i sh -c 'a \\
                b'
            if true; then \\
                echo yes; \\
            fi
        """)
    run, command = project.steps()
    assert isinstance(run, RunContainer)
    assert isinstance(command, HostCommand)
    assert run.environment == (("A", "1"),)
    assert run.command[:2] == ("sh", "-c")
    assert given(command) == "yes"


def test_what_the_makefile_says_is_no_command(project: MakeProject) -> None:
    project.write("""
        $(info reading)
        $(warning beware)
        all: first
            $(info now $(NAME))
            echo all
        first: ; echo first
        NAME = second
        """)
    plan = project.plan()
    assert [s.script for s in plan.steps if isinstance(s, HostCommand)] == [
        "echo first",
        "echo all",
    ]
    assert {"reading", "now second", "Makefile:3: beware"} <= set(plan.notes)


def test_commands_that_a_function_makes_are_all_there(project: MakeProject) -> None:
    project.write("""
        define NEWLINE


        endef
        $(info hello)
        all:
            $(foreach x,a b c,echo $(x)$(NEWLINE))
        """)
    assert project.scripts() == ["echo a", "echo b", "echo c"]


# --- docker's lines -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "program", ["docker", "/usr/bin/docker", '"/opt/my tools/docker"', "podman", "/usr/bin/podman"]
)
def test_docker_by_any_name(project: MakeProject, program: str) -> None:
    project.write(f"DOCKER = {program}\nall: ; $(DOCKER) run -it=false i")
    assert project.run().image == "i"


def test_buildx_by_its_own_name(project: MakeProject) -> None:
    project.write("BUILDX ?= bundles/docker-buildx\nall: ; $(BUILDX) build --load -t i .")
    assert project.build().tags == ("i",)


@pytest.mark.parametrize(
    "line",
    [
        "# docker run i",
        "echo docker run i",
        "echo 'docker run i && docker build .'",
        "test -z docker",
        "hack/docker-run.sh",
        "rm -rf /tmp/docker; echo done",
        "for docker in a b; do echo $$docker; done",
    ],
)
def test_lines_that_only_speak_of_docker_are_left_to_the_shell(
    project: MakeProject, line: str
) -> None:
    project.write(f"all:\n\t@{line}\n\t@true\n")
    assert [step.kind for step in project.steps()][-1] == "host-command"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("if [ -f a ]; then docker build .; fi", "'if'"),
        ("docker run i; docker run j", "';'"),
        ("docker build . || docker run i", "'||'"),
        ("docker run i | tee log", "'|'"),
        ("docker run i > log", "'>'"),
        ("docker run i &", "'&'"),
        ("(docker run i)", "'('"),
        ("! docker run i", "'!'"),
        ("echo $$(docker run i)", "output of docker"),
        ("echo `docker run i`", "output of docker"),
        ("docker run $$(docker build -q .)", "output of docker"),
        ("sudo docker run i", "'sudo'"),
        ("env A=1 docker run i", "'env'"),
        ("time docker run i", "'time'"),
        ("echo a | xargs -n 1 docker run", "'xargs'"),
        ("xargs -n 1 docker run", "'xargs'"),
        ("timeout 60 docker run i", "'timeout'"),
        ("X=1 && docker run $$X", "'X=1'"),
        ("export X=1 && docker run $$X", "'export'"),
        ("set -e && docker run i", "'set'"),
        ("true && cd sub && docker run i", "'cd'"),
        ("cd ~ && docker run i", "leads to"),
        ("a && docker run i || b", "'||'"),
        ("docker build . && docker run i; echo", "';'"),
        ("{ docker run i; }", "'{'"),
    ],
)
def test_a_line_with_more_than_docker_is_refused(project: MakeProject, line: str, why: str) -> None:
    project.write(f"all:\n\t@{line}\n")
    error = refusal(project)
    assert why in error.message
    assert error.message.startswith("Makefile:2: ")
    assert error.engine_words == line.replace("$$", "$")
    assert "rbuild.toml" in error.hint


def test_what_and_joins_is_done_one_after_the_other(project: MakeProject) -> None:
    project.write(
        "all:\n\tmkdir -p 'a && b' && docker build -t i . && docker run i a && echo x | wc -l\n"
    )
    mkdir, build, run, count = project.steps()
    assert isinstance(mkdir, HostCommand)
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    assert isinstance(count, HostCommand)
    assert (mkdir.script, count.script) == ("mkdir -p 'a && b'", "echo x | wc -l")
    assert (build.tags, run.command) == (("i",), ("a",))


def test_docker_after_cd_runs_there(project: MakeProject) -> None:
    (project.directory / "real/sub").mkdir(parents=True)
    (project.directory / "link").symlink_to("real/sub")
    project.write("all:\n\tcd link && docker build -f ../Dockerfile . && echo done\n")
    build, echo = project.steps()
    assert isinstance(build, BuildImage)
    assert isinstance(echo, HostCommand)
    assert build.context == project.directory / "real/sub"
    assert build.containerfile == project.directory / "real/Dockerfile"
    assert echo.directory == project.directory / "real/sub"


def test_and_with_ignored_errors_is_refused(project: MakeProject) -> None:
    project.write("all:\n\t-true && docker run i\n")
    assert "`-`" in refusal(project).message


def test_lines_without_docker_are_not_taken_apart(project: MakeProject) -> None:
    project.write("all: ; cd / && X=1 && echo $$PWD $$X")
    assert given(project.command()) == "/ 1"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("docker rm -f x", "`docker rm`"),
        ("docker compose up", "`docker compose`"),
        ("docker run --frob i", "--frob"),
        ("docker buildx bake binary", "has no bake file"),
        ("docker run 'i", "can't read it"),
        ("docker run $${A:?none}", "can't expand it"),
    ],
)
def test_what_docker_line_is_refused_is_quoted(project: MakeProject, line: str, words: str) -> None:
    project.write(f"all:\n\t{line}\n")
    error = refusal(project)
    assert words in error.message
    assert error.engine_words == line.replace("$$", "$")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        # What docker 28.2.2 says, before it looks for a daemon; its status is 125.
        (":/x", "docker: invalid spec: :/x: empty section between colons"),
        ("$(SRC):/x:ro", "docker: invalid spec: :/x:ro: empty section between colons"),
        ("/x:", "docker: invalid spec: /x:: empty section between colons"),
        ('""', "docker: invalid empty volume spec"),
    ],
)
def test_an_empty_mount_fails_as_with_docker_when_its_turn_has_come(
    project: MakeProject, value: str, words: str
) -> None:
    project.write(f"all:\n\tdocker build .\n\tdocker run -v {value} i true\n")
    build, run = project.steps()
    assert isinstance(build, BuildImage)
    assert isinstance(run, HostCommand)
    assert str(run.origin) == "Makefile:3"
    done = programs.capture([*run.shell, run.script])
    assert (done.status, done.words) == (125, words)


@pytest.mark.parametrize(
    ("line", "left_out"),
    [
        ("command -v docker >/dev/null || exit 1", True),
        ("@command -v docker > /dev/null 2>&1 || (echo install docker; exit 1)", True),
        ("which docker", True),
        ("hash docker || { echo no docker; false; }", True),
        ("type docker >/dev/null && touch a", False),
        ("command -v docker || true; touch a", False),
        ("command -v docker > where", False),
        ("which docker make", False),
        ("which make || exit 1 # docker", False),
    ],
)
def test_a_line_that_only_looks_for_a_docker_that_is_not_there_is_left_out(
    project: MakeProject, tmp_path: Path, line: str, left_out: bool
) -> None:
    project.write(f"all:\n\t{line}\n\tdocker run i\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("make", "sh", "env"):
        (programs / name).symlink_to(shutil.which(name, path=PATH) or "")
    plan = project.plan(PATH=str(programs))
    assert [step.kind for step in plan.steps] == ["host-command", "run-container"][left_out:]
    said = [note for note in plan.notes if "left out" in note]
    assert (
        said == ["Makefile:2: left out: it looks for docker, in whose place rbuild is"]
    ) is left_out
    (programs / "docker").symlink_to("/bin/true")
    there = project.plan(PATH=str(programs)).steps
    assert [step.kind for step in there] == ["host-command", "run-container"]


# --- while the Makefile is read -------------------------------------------------------------------


def test_docker_answers_what_makefiles_ask(project: MakeProject) -> None:
    project.write("""
        OS := $(shell docker version -f '{{.Server.Os}}')
        DRIVER := $(shell docker info 2>&1 | grep "Storage Driver")
        BUILDX := $(shell docker buildx version >/dev/null && echo yes)
        all: ; docker run i "$(OS)" "$(DRIVER)" "$(BUILDX)"
        """)
    plan = project.plan()
    (run,) = plan.steps
    assert isinstance(run, RunContainer)
    assert run.command == ("linux", "", "yes")
    assert plan.notes == ()


def test_what_docker_is_run_for_in_vain_is_said(project: MakeProject) -> None:
    project.write("ID := $(shell docker images -q x)\nall: ; docker run i")
    assert any("`docker images -q x`" in note for note in project.plan().notes)


def test_a_line_that_make_runs_while_it_is_asked_reaches_no_engine(
    project: MakeProject, tmp_path: Path
) -> None:
    real = tmp_path / "real" / "podman"
    real.parent.mkdir()
    real.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    real.chmod(0o755)
    path = f"{real.parent}:/usr/local/bin:/usr/bin:/bin"
    for line in ("+podman run --rm x", "+@true; docker run --rm x", "podman ps; $(MAKE) other"):
        project.write(f"all:\n\t{line}\nother: ; true\n")
        with pytest.raises(
            RecipeError, match=r"^Makefile:2: this line can't be turned into a step"
        ):
            project.plan(PATH=path)
    project.write("X := $(shell podman images -q x)\nall: ; podman run i")
    assert [step.image for step in project.steps(PATH=path) if isinstance(step, RunContainer)]
    assert not (tmp_path / "was-run").exists()


def test_volumes_removed_while_the_makefile_is_read(project: MakeProject) -> None:
    project.write("""
        X := $(shell docker volume rm -f one two)
        all: export FOO = 1
        all: ; docker run i
        """)
    remove, _ = project.steps()
    assert remove == RemoveVolume(("one", "two"))


def test_planning_starts_no_recipe(project: MakeProject) -> None:
    project.write("""
        all: export FOO = 1
        all: sub
            touch ran && docker run i
        sub: ; touch ran-too
        """)
    project.plan()
    assert sorted(p.name for p in project.directory.iterdir()) == ["Makefile"]


def test_a_makefile_that_asks_for_a_terminal(project: MakeProject) -> None:
    project.write("TTY := $(shell [ -t 0 ] && echo -t)\nall: ; docker run -i $(TTY) i")
    script = (
        "from tests.unit.recipes.make.make_project import *; "
        f"print(MakeProject(Path({str(project.directory)!r})).run().tty)"
    )
    argv = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def said(stdin: int) -> str:
        done = subprocess.run(
            argv, stdin=stdin, capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout.strip()

    ours, theirs = pty.openpty()
    try:
        assert said(theirs) == "True"
    finally:
        os.close(ours)
        os.close(theirs)
    assert said(subprocess.DEVNULL) == "False"


# --- make in make ---------------------------------------------------------------------------------


def test_a_recursive_make_is_seen_through(project: MakeProject) -> None:
    project.write("""
        export FOO = top
        all:
            $(MAKE) -C docs docs
            docker run -e FOO i
        """)
    project.write(
        """
        export FOO = below
        docs: ; docker build --build-arg FOO -f Containerfile .
        """,
        "docs/Makefile",
    )
    build, run = project.steps()
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    assert build.context == project.directory / "docs"
    assert build.build_args == (("FOO", "below"),)
    assert str(build.origin) == "docs/Makefile:3"
    assert run.environment == (("FOO", "top"),)


def test_makes_in_one_directory_have_variables_of_their_own(project: MakeProject) -> None:
    project.write("""
        all:
            $(MAKE) one FOO=1
            cd . && $(MAKE) one FOO=2
            for n in 3 4; do $(MAKE) one FOO=$$n || exit 1; done
        one: ; docker run -e FOO i
        """)
    runs = [step for step in project.steps() if isinstance(step, RunContainer)]
    assert [dict(run.environment)["FOO"] for run in runs] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("echo a; $(MAKE) b", "make runs a line"),
        ("echo use $(MAKE) b", "make runs a line"),
        ("$(MAKE) b; echo a", "more than start make"),
    ],
)
def test_a_recursive_make_among_other_things_is_refused(
    project: MakeProject, line: str, why: str
) -> None:
    project.write(f"all:\n\t@{line}\nb: ; @true\n")
    error = refusal(project)
    assert why in error.message
    assert error.engine_words == line.replace("$(MAKE)", "make")


def test_a_make_that_is_only_run_is_a_command_and_that_is_said(project: MakeProject) -> None:
    project.write("all: ; make -C docs docs")
    plan = project.plan()
    assert [s.script for s in plan.steps if isinstance(s, HostCommand)] == ["make -C docs docs"]
    assert any("$(MAKE)" in note for note in plan.notes)


# --- what an earlier step changes -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "words", "taken"),
    [
        ("mkdir -p out/dist", "-v $$(realpath out/dist):/out i", "realpath out/dist"),
        ("ln -sfn new cur", "i $$(readlink -f cur)", "readlink -f cur"),
        ("echo a > b.txt", "i *.txt", "*.txt"),
        ("cp a b", 'i "$$(echo *)"', "*"),
        ("touch [x]", "i $$PATTERN", "$PATTERN"),
        ("touch ax", "i a[xy]", "a[xy]"),
        ("./build.sh", "-e A=$$(which tool) i", "which tool"),
        ("git commit -m a", "-e A=$$(git describe) i", "git describe"),
        ("./release.sh", "i:$$(git rev-parse --short HEAD)", "git rev-parse --short HEAD"),
        ("true && mv a b", 'i "a/$$(readlink a)"', "readlink a"),
        ("docker run -v .:/x i", "i *.md", "*.md"),
        ("docker run -v .:/x i", "i:$$(git describe)", "git describe"),
        ("docker build -o out .", "i out/*", "out/*"),
        ("docker build --iidfile id .", "i i*", "i*"),
    ],
)
@pytest.mark.parametrize("together", ["{} && {}", "{}\n    {}"])
def test_words_that_an_earlier_step_may_change_are_expanded_in_their_turn(
    project: MakeProject, first: str, words: str, taken: str, together: str
) -> None:
    line = f"docker run {words}"
    project.write(f"export PATTERN = a*\nall:\n    {together.format(first, line)}\n")
    last = project.steps()[-1]
    assert isinstance(last, Unexpanded)
    assert (last.script, last.does) == (line.replace("$$", "$"), "run")
    assert taken in last.why


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("echo building >&2", "i *.txt $$(readlink -f link)"),
        ("@echo $$(date)", "-v $$(realpath sub):/x i"),
        ("command -v make >/dev/null", "-v $$(realpath sub):/x i"),
        ("[ -d sub ] || exit 1", "-v $$(realpath sub):/x i"),
        ("docker run -v .:/x:ro i", "i *.txt"),
        ("docker build .", "i *.txt"),
        ("mkdir -p out", "-v $$(pwd):/x -w $$(realpath .) -u $$(id -u) i '*.txt' \"a*\""),
        ("mkdir -p out", "-e U=http://a/b?c=d i"),
        ("mkdir -p out", "-e A=* i --set *.platform=windows/amd64"),
        ("mkdir -p out", "-v $$(dirname $$(pwd)):/x i"),
    ],
)
def test_words_that_no_step_changes_are_asked(project: MakeProject, first: str, words: str) -> None:
    (project.directory / "sub").mkdir()
    (project.directory / "a.txt").touch()
    project.write(f"all:\n    {first}\n    docker run {words}\n")
    assert isinstance(project.steps()[-1], RunContainer)


def test_a_directory_that_a_link_of_an_earlier_step_leads_to(project: MakeProject) -> None:
    (project.directory / "old").mkdir()
    (project.directory / "cur").symlink_to("old")
    line = "cd cur && docker run -v $$PWD:/x i"
    project.write(f"all:\n    {line}\n")
    assert isinstance(project.step(), RunContainer)
    project.write(f"all:\n    ln -sfn new cur\n    {line}\n")
    assert "cur is a link" in refusal(project).message


def test_a_directory_that_an_earlier_step_makes_is_looked_for_in_its_turn(
    project: MakeProject,
) -> None:
    project.write("""
        all:
            mkdir -p bld
            cd bld && docker run -v $$PWD:/x -v ./a:/a i $$PWD
        """)
    _, enters, run = project.steps()
    place = project.directory / "bld"
    assert isinstance(enters, HostCommand)
    assert isinstance(run, RunContainer)
    sources = [mount.source for mount in run.mounts if isinstance(mount, BindMount)]
    assert sources == [place, place / "a"]
    assert run.command == (str(place),)
    command = [*enters.shell, enters.script]
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0
    place.mkdir()
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    place.rmdir()
    project.write("all:\n    mkdir bld\n    cd bld && docker run -v $$(pwd):/x i\n")
    assert isinstance(project.steps()[-1], Unexpanded)
    project.write("all:\n    echo a\n    cd bld && docker run i\n")
    assert "bld is not there" in refusal(project).message


@pytest.mark.parametrize(
    "condition",
    [
        "if [ -d new ]; then $(MAKE) b; else $(MAKE) c; fi",
        "test -e new && $(MAKE) b || $(MAKE) c",
        "if [[ new -nt old ]]; then $(MAKE) b; else $(MAKE) c; fi",
        "[ -f new ] || $(MAKE) b",
        "for d in *; do $(MAKE) b; done",
    ],
)
def test_a_make_that_a_file_decides_on_after_a_step_is_refused(
    project: MakeProject, condition: str
) -> None:
    rules = "b: ; docker run i b\nc: ; docker run i c\n"
    shell = "SHELL = bash\n"
    project.write(f"{shell}all:\n    {condition}\n{rules}")
    assert len(project.steps()) <= 2
    project.write(f"{shell}all:\n    mkdir -p new\n    {condition}\n{rules}")
    error = refusal(project)
    assert "its condition looks at files" in error.message
    assert "Makefile:3 may change them" in error.message


def test_a_make_that_a_variable_decides_on_is_seen_through(project: MakeProject) -> None:
    project.write("""
        export A = 1
        all:
            mkdir -p new
            if [ -n "$$A" ] && [ "$$A" = 1 ]; then $(MAKE) b; else $(MAKE) c; fi
        b: ; docker run i b
        c: ; docker run i c
        """)
    _, run = project.steps()
    assert isinstance(run, RunContainer)
    assert run.command == ("b",)


# --- shapes of Docker's own Makefiles -------------------------------------------------------------


def test_options_of_one_target_are_those_of_what_it_needs(project: MakeProject) -> None:
    project.write("""
        CROSS ?= false
        cross: CROSS := true
        cross: build ; docker run -e ARGS -e CROSS dev cross
        binary: build ; docker run -e ARGS dev binary
        build: ARGS += --build-arg=CROSS=$(CROSS)
        build: BUILDKIT ?= 1
        build: ; BUILDKIT="${BUILDKIT}" docker build --build-arg BUILDKIT ${ARGS} -t dev .
        """)
    build, run = project.steps("cross", ARGS="--build-arg A='1 2'", CROSS="x")
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    assert build.build_args == (("BUILDKIT", "1"), ("A", "1 2"), ("CROSS", "true"))
    assert run.environment == (("ARGS", "--build-arg A='1 2'"), ("CROSS", "true"))
    build, _ = project.steps("binary", BUILDKIT="0")
    assert isinstance(build, BuildImage)
    assert build.build_args == (("BUILDKIT", "0"), ("CROSS", "false"))


BIND_DIR = """
    BIND_DIR := $(if $(BINDDIR),$(BINDDIR),$(if $(DOCKER_HOST),,.))
    WHERE := $(if $(BIND_DIR),-v "$(BIND_DIR):/src/$(BIND_DIR)",-v /src/bundles)
    WHERE := $(WHERE)$(if $(OPTIONS),:$(OPTIONS))
    ifeq ($(BIND_DIR),.)
    image: stage := --target=bare
    else
    image: stage := --target=whole
    endif
    shell: image ; docker run $(WHERE) -v cache:/go/pkg/ i sh
    image: ; docker build $(stage) -t i .
"""


@pytest.mark.parametrize(
    ("words", "environment", "stage", "mounted"),
    [
        ((), {}, "bare", BindMount(Path(), "/src")),
        ((), {"BINDDIR": "../out"}, "whole", BindMount(Path("../out"), "/out")),
        ((), {"DOCKER_HOST": "tcp://h"}, "whole", VolumeMount("/src/bundles")),
        (("BIND_DIR=",), {}, "whole", VolumeMount("/src/bundles")),
        (("BIND_DIR=./b",), {"OPTIONS": "ro"}, "whole", BindMount(Path("b"), "/src/b", True)),
    ],
)
def test_a_directory_to_mount_that_make_chooses(
    project: MakeProject,
    words: tuple[str, ...],
    environment: dict[str, str],
    stage: str,
    mounted: BindMount | VolumeMount,
) -> None:
    project.write(BIND_DIR)
    build, run = project.steps("shell", *words, **environment)
    if isinstance(mounted, BindMount):
        source = Path(os.path.normpath(project.directory / mounted.source))
        mounted = replace(mounted, source=source)
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    assert build.target == stage
    assert run.mounts == (mounted, VolumeMount("/go/pkg", "cache"))


def test_a_container_that_others_are_run_in_is_refused(project: MakeProject) -> None:
    project.write("""
        swarm:
            docker build -t i .
            docker run -t -d --name worker i top
            docker exec worker make
            docker commit worker w
    """)
    error = refusal(project, "swarm")
    why = "docker run: -d can't be honoured: a step ends with its container"
    assert error.message == f"Makefile:4: {why}"
    assert "--name worker i top" in error.engine_words


def test_volumes_that_a_recipe_removes_by_a_function(project: MakeProject) -> None:
    project.write("""
        VOLUMES := one:/a two:/b
        clean:
            @- $(foreach v,$(VOLUMES),$(shell docker volume rm cache-$(call NAME,$(v)) >/dev/null))
        NAME = $(firstword $(subst :, ,$1))
        """)
    assert project.step("clean") == RemoveVolume(("cache-one", "cache-two"))


def test_a_temporary_directory_that_a_recipe_makes_is_the_same_in_every_line(
    project: MakeProject, tmp_path: Path
) -> None:
    project.write(f"""
        generate: export FOO = 1
        generate:
            $(eval $@_OUT := $(shell mktemp -d {tmp_path}/XXXXXX))
            @if [ -z "$($@_OUT)" ]; then \
                exit 1; \
            fi
            docker buildx build --output "type=local,dest=$($@_OUT)" .
            cp -R "$($@_OUT)"/. .
        """)
    check, build, copy = project.steps()
    assert isinstance(check, HostCommand)
    assert isinstance(build, BuildImage)
    assert isinstance(copy, HostCommand)
    (output,) = build.outputs
    made = dict(output.attributes)["dest"]
    assert f'"{made}"' in check.script
    assert copy.script == f'cp -R "{made}"/. .'


def test_a_build_whose_output_is_the_bundles(project: MakeProject) -> None:
    project.write("""
        binary: ; docker build --output=bundles/ --target=$@ .
        """)
    assert project.build().target == "binary"
    assert project.plan().bundles == Bundles(project.directory / "bundles")


@pytest.mark.parametrize(
    ("variable", "bundles", "mount"),
    [
        ("BIND_DIR=bundles", Bundles(Path("bundles")), "bundles"),
        ("BIND_DIR=.", Bundles(Path("bundles")), "."),
        ("BIND_DIR=", Bundles(Path("bundles"), "/go/src/bundles"), None),
    ],
)
def test_where_the_bundles_go(
    project: MakeProject, variable: str, bundles: Bundles, mount: str | None
) -> None:
    project.write("""
        BIND_DIR := bundles
        MOUNT := $(if $(BIND_DIR),-v "$(CURDIR)/$(BIND_DIR):/go/src/$(BIND_DIR)",-v /go/src/bundles)
        binary: ; docker run --rm $(MOUNT) i hack/make.sh binary
        """)
    plan = project.plan(variable)
    (run,) = plan.steps
    assert isinstance(run, RunContainer)
    assert plan.bundles == Bundles(project.directory / bundles.directory, bundles.container_path)
    if mount is not None:
        (bind,) = run.mounts
        assert isinstance(bind, BindMount)
        assert bind.source == project.directory / mount


# --- places ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["with space", "ünï", "a'b", "do$lar", "a#b"])
def test_projects_by_any_name(tmp_path: Path, name: str) -> None:
    project = MakeProject(tmp_path / name).write("""
        export FOO = 1
        all: export BAR = 2
        all: ; docker run -e FOO -e BAR -v ./bundles:/bundles i
        """)
    run = project.run()
    assert run.mounts == (BindMount(tmp_path / name / "bundles", "/bundles"),)
    assert run.environment == (("FOO", "1"), ("BAR", "2"))


def test_a_temporary_directory_by_any_name(
    project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "my tmp"))
    project.write("all: ; docker run i")
    assert project.run().image == "i"


def test_file_names_with_spaces(project: MakeProject) -> None:
    project.write('all: ; docker build -f "my files/Docker file" "my files"')
    build = project.build()
    assert build.context == project.directory / "my files"
    assert build.containerfile == project.directory / "my files/Docker file"


def test_an_included_makefile_that_is_made_first(project: MakeProject) -> None:
    project.write("""
        all: ; docker run -e FOO i
        include config.mk
        config.mk: ; echo 'export FOO = made' > $@
        """)
    assert project.run().environment == (("FOO", "made"),)


def test_the_users_own_makefiles_are_read_too(project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "mine.mk").write_text("export FOO = mine\n")
    project.write("all: ; docker run -e FOO -e MAKEFILES i")
    mine = str(tmp_path / "mine.mk")
    assert project.run(MAKEFILES=mine).environment == (("FOO", "mine"), ("MAKEFILES", mine))


def test_a_recipe_prefix_of_the_projects_own(project: MakeProject) -> None:
    project.write(
        ".RECIPEPREFIX = >\nexport FOO = 1\nall: export BAR = 2\nall:\n>docker run -e FOO i"
    )
    assert project.run().environment == (("FOO", "1"),)


# --- names of images ------------------------------------------------------------------------------


def test_tags_and_pulls_are_steps(project: MakeProject) -> None:
    project.write("""
        all:
            docker build -t app:1 .
            docker tag app:1 app
            docker tag docker.io/library/app:latest other
            docker pull tool && docker tag tool my-tool
            docker run --rm other
        """)
    kinds = [step.kind for step in project.steps()]
    assert kinds == ["build-image", *["tag-image"] * 2, "pull-image", "tag-image", "run-container"]


@pytest.mark.parametrize("image", ["app:2", "x/app", "f" * 12])
def test_a_tag_of_what_is_not_of_this_plan_is_refused(project: MakeProject, image: str) -> None:
    project.write(f"all:\n\tdocker build -t app .\n\tdocker tag {image} other\n")
    error = refusal(project)
    assert error.message.startswith("Makefile:3: this line can't be turned into a step")
    assert f"it tags {image}, which no step before it builds or pulls" in error.message


def test_an_image_that_the_makefile_builds_has_the_tag(project: MakeProject) -> None:
    project.write("all:\n\tdocker tag $(shell docker build -q .) app\n\tdocker run app\n")
    build, tag, run = project.steps()
    assert isinstance(build, BuildImage)
    assert isinstance(tag, TagImage)
    assert (tag.image, tag.name) == (build.tags[0], "app")
    assert isinstance(run, RunContainer)
