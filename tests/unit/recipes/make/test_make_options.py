"""rbuild's own options of make are in no plan, against what make itself gives without them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import HostCommand, RunContainer
from rootless_build.recipes.make.options import OwnOptions, Use, asked
from tests.unit.recipes.make.make_project import PATH, MakeProject

WHOLE = OwnOptions(Use(named=True, changed=False), tells_w=True)


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    """An empty directory."""
    return MakeProject(tmp_path)


def said_by_make(directory: Path, *words: str) -> str:
    """What the recipes of the default goal print, made by make itself."""
    return subprocess.run(
        ["make", *words],
        cwd=directory,
        env={"PATH": PATH},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def said_by_plan(project: MakeProject, *words: str) -> str:
    """What the commands of the plan print."""
    steps = project.steps(*words)
    assert all(isinstance(step, HostCommand) for step in steps)
    return "".join(
        subprocess.run(
            [*step.shell, step.script],
            cwd=step.directory,
            env=dict(step.environment or ()),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for step in steps
        if isinstance(step, HostCommand)
    )


@pytest.mark.parametrize("words", [(), ("A=b c", "D=x")])
@pytest.mark.parametrize(
    "head",
    ["", "MAKEFLAGS += -rR\n", "MAKEFLAGS += --no-print-directory\n", "MAKEFLAGS += -k -I inc\n"],
)
@pytest.mark.parametrize(
    "text",
    [
        "all: ; @printf '[%s]' '$(MAKEFLAGS)' '$(MFLAGS)'",
        "all: ; @printf '[%s]' $(MAKEFLAGS) end ${MFLAGS}",
        'all: ; @printf "[%s]" make "-e=$(MAKEFLAGS)" "x $(MFLAGS) y"',
        'export F = $(MAKEFLAGS)\nexport G = ${MFLAGS}\nall: ; @printf \'[%s]\' "$$F" "$$G"',
        "F := $(MAKEFLAGS)\nexport F\nall: ; @printf '[%s]' \"$$F\" '$F'",
        "all: export F = $(MFLAGS)\nall: ; @printf '[%s]' \"$$F\"",
    ],
)
def test_own_options_are_in_no_line(
    project: MakeProject, head: str, text: str, words: tuple[str, ...]
) -> None:
    project.write(f"{head}{text}\n")
    (project.directory / "inc").mkdir()
    expected = said_by_make(project.directory, *words)
    said = said_by_plan(project, *words)
    # 4.3 has no blank there while it reads, and one later: the same words either way.
    assert said.replace("[ --no", "[--no") == expected.replace("[ --no", "[--no")


@pytest.mark.parametrize("words", [(), ("A=b",)])
def test_a_make_below_has_what_make_gives_it(project: MakeProject, words: tuple[str, ...]) -> None:
    project.write("all: ; @printf '[%s]' '$(MAKEFLAGS)' '$(MFLAGS)'\n", "sub/Makefile")
    project.write("all: ; @$(MAKE) -C sub\n")
    (step,) = project.steps(*words)
    assert isinstance(step, HostCommand)
    expected = subprocess.run(
        ["make", *words],
        cwd=project.directory,
        env={"PATH": PATH},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert subprocess.check_output([*step.shell, step.script], text=True) in expected


@pytest.mark.parametrize("words", ["-j2", "$(MFLAGS)", ""])
def test_a_make_below_with_jobs_works_in_its_own_directory(
    project: MakeProject, words: str
) -> None:
    project.write("all: ; @pwd\n", "sub/Makefile")
    project.write(f"MAKEFLAGS += -j4\nall: ; @$(MAKE) -C sub {words}\n")
    assert project.command().directory == project.directory / "sub"


def test_a_container_is_given_no_dry_run(project: MakeProject) -> None:
    project.write(
        """\
        all:
            docker run --rm -e MAKEFLAGS="$(MAKEFLAGS)" img make $(MFLAGS) all
        """
    )
    step = project.run()
    assert step.command == ("make", "all")
    assert dict(step.environment)["MAKEFLAGS"] == ""


@pytest.mark.parametrize("head", ["", "MAKEFLAGS += -k\n"])
def test_a_make_of_a_script_has_the_users_variables(project: MakeProject, head: str) -> None:
    (project.directory / "x.sh").write_text('printf "[%s]" "$MAKEFLAGS" "${MFLAGS-}"\n')
    project.write(f"{head}all:\n    @sh ./x.sh\n    @docker run --rm -e MAKEFLAGS img\n")
    script, container = project.steps("A=b c")
    assert isinstance(script, HostCommand)
    assert isinstance(container, RunContainer)
    environment = dict(script.environment or ())
    found = f"[{environment['MAKEFLAGS']}][{environment.get('MFLAGS', '')}]"
    assert dict(container.environment)["MAKEFLAGS"] == environment["MAKEFLAGS"]
    project.write(f"{head}all:\n    @sh ./x.sh\n")
    assert found == said_by_make(project.directory, "A=b c")


@pytest.mark.parametrize("asked", ["$(firstword -$(MAKEFLAGS))", "$(findstring n,-$(MAKEFLAGS))"])
def test_no_command_has_rbuilds_options_in_its_environment(
    project: MakeProject, asked: str
) -> None:
    project.write(
        f"Q := {asked}\nexport F = $(MFLAGS)\nexport G = -$(MAKEFLAGS)\nexport H := $(MFLAGS)\n"
        "all:\n    ./x.sh\n"
    )
    plain = dict(project.command().environment or ())
    given = dict(project.command("A=b").environment or ())
    values = [*plain.values(), *given.values()]
    assert not [value for value in values if "--trace" in value or "nw" in value.split()]
    assert given["MAKEFLAGS"] == " -- A=b"


def test_no_options_are_no_variable(project: MakeProject) -> None:
    project.write("all:\n    ./x.sh\n")
    assert not {"MAKEFLAGS", "MFLAGS"} & set(dict(project.command().environment or ()))


def test_jobs_are_kept_without_the_jobserver() -> None:
    dirty = "x 'nsw -j2 --jobserver-auth=3,4 --trace -- A=b' -nw -j2 --jobserver-auth=fifo:/t/G1"
    assert WHOLE.without(f"{dirty} --trace all", 0) == "x 's -j2 -- A=b' -j2 all"


@pytest.mark.parametrize(
    "arguments",
    [
        "$(firstword $(MAKEFLAGS))",
        "$(filter-out n%,$(MAKEFLAGS))",
        "$(sort $(MFLAGS))",
        "$(foreach flag,$(MAKEFLAGS),--flag=$(flag))",
        "-$(MAKEFLAGS)",
        "$(MFLAGS:-n%=x%)",
    ],
)
def test_changed_options_are_refused(project: MakeProject, arguments: str) -> None:
    project.write(f"all:\n    docker run --rm img make {arguments}\n")
    with pytest.raises(RecipeError, match=r"Makefile:2: .*make's own options"):
        project.plan()


def test_another_line_with_a_dash_is_no_matter(project: MakeProject) -> None:
    project.write(
        "all:\n    docker run --rm img make $(MFLAGS) all\n"
        "    docker run --rm img make $(filter n,$(MAKEFLAGS)) all\n"
        "other:\n    docker run --rm img make -$(MAKEFLAGS)\n"
        "third:\n    docker run --rm img make $(filter n,$(MAKEFLAGS))\n"
    )
    plan = project.plan("all")
    first, _ = plan.steps
    assert isinstance(first, RunContainer)
    assert first.command == ("make", "all")
    (note,) = plan.notes
    assert note.startswith("Makefile:3: what depends on make's own options")


def test_another_programs_trace_is_its_own(project: MakeProject) -> None:
    project.write("T = --trace\nall:\n    docker run --rm img prog $(T) $(MAKEFLAGS)\n")
    assert project.run().command == ("prog", "--trace")


@pytest.mark.parametrize(
    "row",
    [
        "ifneq (,$(findstring n,$(MAKEFLAGS)))",
        "ifneq (,$(filter n nw,$(MAKEFLAGS)))",
        "ifeq ($(firstword -$(MAKEFLAGS)),-n)",
        "ifeq ($(MAKEFLAGS),)",
        "ifdef MFLAGS",
        "DRY := $(if $(findstring n,${MFLAGS}),yes)",
        "else ifneq (,$(findstring trace,$(MAKEFLAGS)))",
    ],
)
def test_what_depends_on_options_is_found(row: str) -> None:
    assert list(asked(f"A = b\n{row}\n")) == [2]


@pytest.mark.parametrize(
    "row",
    [
        "MAKEFLAGS += --no-print-directory",
        "\t$(MAKE) $(MFLAGS) all",
        "\tcase $$MAKEFLAGS in *n*) ;; esac; echo $${MAKEFLAGS}",
        "ifneq ($(findstring s,$(filter-out --%,$(MAKEFLAGS))),)",
        "JOBS := $(patsubst -j%,%,$(filter -j% --jobs%,$(MAKEFLAGS)))",
        "# ifeq ($(MAKEFLAGS),)",
        "F := $(MAKEFLAGS)",
    ],
)
def test_what_does_not_depend_on_them_is_no_note(row: str) -> None:
    assert not list(asked(f"A = b\n{row}\n"))


def test_a_dry_runs_branch_is_told(project: MakeProject) -> None:
    project.write("ifneq (,$(findstring n,$(MAKEFLAGS)))\nX = 1\nendif\nall: ; echo $X\n")
    (note,) = project.plan().notes
    assert note.startswith("Makefile:1: what depends on make's own options")
