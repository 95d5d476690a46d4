"""Power over the host: who may give it to a project's containers, row by row of THREATS.md.

The rows are read by rbuild's own front ends, make included. What each option gives a container is
what docker's reference of `docker run` and `docker buildx build` says of it (28.2); that the
outputs, contexts and secrets of a bake file reach files of the host is what buildx asks
`--allow=fs.read`, `fs.write` and `ssh` for (0.30).
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import pytest

from rootless_build.backend.api import Image
from rootless_build.cli import app, plan_preview
from rootless_build.cli.command import Command
from rootless_build.cli.overrides import named
from rootless_build.cli.sandboxed_reading import Looked
from rootless_build.model.errors import HostError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    BuildOutput,
    Limits,
    Plan,
    RunContainer,
    Step,
    Unexpanded,
    VolumeMount,
)
from rootless_build.model.structs import replace
from rootless_build.runner import host_power, run
from rootless_build.runner.options import ExpansionOptions, Options, PrivilegeOptions
from rootless_build.runner.power_rules import Named, Reach, Rules
from tests.unit.runner.fake_engine import FakeEngine

THREATS: Final = Path(__file__).parents[2] / "THREATS.md"
ROW: Final = re.compile(r"\| `(.+)` \| (.+) \| (.+) \| (.+) \|")
NOTHING: Final = Named()
ROOTLESS: Final = Rules(rootless=True, root=False)
ROOT: Final = Rules(rootless=False, root=True)
ROOTFUL: Final = replace(ROOT, rootful=True)
UNPRIVILEGED: Final = replace(ROOTLESS, unprivileged=True)
ROOT_UNPRIVILEGED: Final = replace(ROOTFUL, unprivileged=True)
Read = Callable[..., tuple[Plan, Named] | None]


def rows() -> list[tuple[str, ...]]:
    lines = THREATS.read_text().splitlines()
    return [found.groups() for line in lines if (found := ROW.fullmatch(line))]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "project"
    (place / "src").mkdir(parents=True)
    (place / "link").symlink_to("/")
    (place / "bundles-link").symlink_to("/srv")
    (place / "Dockerfile").write_text("FROM x\n")
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return place


@pytest.fixture
def read(project: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads the project's plan with some options; None where its recipe is refused."""

    def reading(*options: str) -> tuple[Plan, Named] | None:
        seen: list[tuple[Plan, Named]] = []

        def show(command: Command, looked: Looked, *_: object, **__: object) -> int:
            seen.append((looked.plan, named(command)))
            return 0

        monkeypatch.setattr(plan_preview, "show_plan", show)
        status = app.run(["rbuild", *options, "plan", "--no-sandbox", "--no-live"])
        assert status == (0 if seen else 2)
        return seen[0] if seen else None

    return reading


def write(project: Path, row: str) -> tuple[str, ...]:
    """The recipe of a row; returns options of the command line."""
    kind, _, rest = row.partition(" ")
    base = '[container]\nimage = "x"\ncommand = "true"\n'
    if kind == "docker":
        line = row if rest.startswith("build") else f"{row} image true"
        (project / "Makefile").write_text(f"all:\n\t{line}\n")
    elif kind == "RUN":
        (project / "Dockerfile").write_text(f"FROM x\n{row} true\n")
        (project / "Makefile").write_text("all:\n\tdocker build .\n")
    elif kind == "rbuild":
        image, bundles = '[image]\ntag = "x"\n', '[bundles]\ncontainer-path = "/b"\n'
        (project / "rbuild.toml").write_text(f"{image}{base}{bundles}")
        return tuple(rest.split())
    elif kind == "rbuild.toml:":
        keys = re.sub(r"^(\[\w+\]) ", r"\1\n", re.sub(r", (?=[a-z-]+ = )", "\n", rest))
        more = '[bundles]\ncontainer-path = "/b"\n' if "[defaults]" in keys else ""
        (project / "rbuild.toml").write_text(f"{base}{keys}\n{more}")
    elif kind == "docker-bake.hcl:":
        (project / "docker-bake.hcl").write_text(f'target "default" {{\n  {rest}\n}}\n')
    else:
        assert kind == "compose.yaml:"
        text = f"services:\n  x:\n    build:\n      context: .\n      {rest}\n"
        (project / "compose.yaml").write_text(text)
    return ()


def refused(found: tuple[Plan, Named], rules: Rules) -> bool:
    plan, by_hand = found
    asked = host_power.powers(plan, by_hand, rules)
    lines = list(host_power.describe_refusals(plan, asked, rules))
    if not lines:
        host_power.check(plan, asked, rules)
        return False
    with pytest.raises(HostError, match="power over the host"):
        host_power.check(plan, asked, rules)
    return True


def without_effect(project: Path, asked: str, plan: Plan, read: Read) -> bool:
    """Whether a note says so, or the same is planned without it."""
    if not asked.startswith("compose.yaml: "):
        return any("no effect" in note for note in plan.notes)
    write(project, "compose.yaml: ")
    found = read()
    assert found is not None
    return found[0].steps == plan.steps


def is_privileged(plan: Plan) -> bool:
    return any(isinstance(step, RunContainer) and step.privileged for step in plan.steps)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_table_holds(project: Path, read: Read, row: tuple[str, str, str, str]) -> None:
    asked, rootless, root, unprivileged = row
    options = write(project, asked)
    plain, without = read(*options), read(*options, "--unprivileged")
    if plain is None or without is None:
        assert (rootless, root, unprivileged) == ("refused",) * 3
        return
    given = "no effect" if without_effect(project, asked, plain[0], read) else "given"
    assert rootless == ("refused" if refused(plain, ROOTLESS) else given)
    assert root == ("`--rootful`" if refused(plain, ROOT) else given)
    assert not refused(plain, ROOTFUL)
    dropped = is_privileged(plain[0]) and not is_privileged(without[0])
    assert unprivileged == (
        "refused" if refused(without, UNPRIVILEGED) else "dropped" if dropped else given
    )
    # Nor does --rootful give a container what --unprivileged takes from it.
    if unprivileged == "refused":
        assert refused(without, ROOT_UNPRIVILEGED)


def test_the_table_is_whole() -> None:
    """Every front end is in it, and every option of which the plan knows that it has power."""
    asked = [row[0] for row in rows()]
    kinds = {row.partition(" ")[0] for row in asked}
    assert kinds == {
        *("docker", "RUN", "rbuild", "rbuild.toml:", "docker-bake.hcl:", "compose.yaml:")
    }
    assert len(asked) == len(set(asked)) >= 90


@pytest.mark.parametrize("kind", [RunContainer, BuildImage, Limits])
def test_every_field_of_a_step_is_judged(kind: type[RunContainer | BuildImage | Limits]) -> None:
    """A field that somebody adds has power until this module knows better."""
    judged: dict[type[object], set[str]] = {
        RunContainer: {*host_power._OF_RUN, *host_power._HARMLESS_IN_RUN},
        BuildImage: {*host_power._OF_BUILD, *host_power._HARMLESS_IN_BUILD},
        Limits: {*host_power._OF_LIMITS, *host_power._HARMLESS_LIMITS},
    }
    assert set(kind.__struct_fields__) == judged[kind]


def test_what_is_not_known_has_power(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    step = RunContainer("x", hostname="h")
    assert not of(tmp_path, step)
    monkeypatch.setattr(host_power, "_HARMLESS_IN_RUN", host_power._HARMLESS_IN_RUN - {"hostname"})
    assert of(tmp_path, step) == ["--hostname"]


def of(project: Path, *steps: Step, named: Named = NOTHING) -> list[str]:
    plan = Plan(project, steps)
    return [power.words for power in host_power.powers(plan, named, ROOT)]


def bind(source: Path | str) -> RunContainer:
    return RunContainer("x", mounts=(BindMount(Path(source), "/m"),))


def test_mounts_are_judged_by_where_links_lead(project: Path, tmp_path: Path) -> None:
    (project / "deep").mkdir()
    (project / "deep/up").symlink_to("../..")
    (project / "loop").symlink_to("loop")
    (project / "dangling").symlink_to("/nowhere/at/all")
    (project / "inside").symlink_to("src")
    for harmless in ("src", "inside", "deep", "new/er", "deep/../src"):
        assert of(project, bind(project / harmless)) == [], harmless
    for power in ("deep/up", "link", "link/etc", "dangling", "loop", "src/../..", "deep/../.."):
        assert of(project, bind(project / power)), power
    # A sibling whose name begins like the project's.
    assert of(project, bind(f"{project}-too"))


def test_a_project_that_is_a_link_is_where_it_leads(project: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(project)
    assert of(tmp_path / "alias", bind(project / "src")) == []
    assert of(project, bind(tmp_path / "alias/src")) == []


def test_nothing_is_only_the_projects_where_that_is_the_whole_host() -> None:
    assert of(Path("/"), bind("/etc"))


def test_a_socket_and_a_device_in_the_project_are_the_hosts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock")
        os.mkfifo("fifo")
        assert of(project, bind(project / "sock"))
        assert of(project, bind(project / "fifo"))


@pytest.mark.parametrize("name", ["/", "../../x", "a/b", "-v", "", "a:b", "\n"])
def test_a_volume_whose_name_is_a_path_is_a_mount(project: Path, name: str) -> None:
    assert of(project, RunContainer("x", mounts=(VolumeMount("/v", name),)))


def test_text_that_is_no_path_is_not_the_projects(project: Path) -> None:
    assert of(project, bind("/a\0b"))
    build = BuildImage(project, outputs=(BuildOutput("local", (("dest", "/a\0b"),)),))
    assert of(project, build)


def test_what_the_command_line_names_is_the_users(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    named_there = Named((elsewhere,), (("c", "/etc"),), ("id=k,src=/etc/hostname",))
    assert of(project, bind(elsewhere), named=named_there) == []
    assert of(project, bind(elsewhere / "sub"), named=named_there) == []
    assert of(project, bind(tmp_path), named=named_there)
    build = BuildImage(
        project, build_contexts=(("c", "/etc"),), secrets=("id=k,src=/etc/hostname",)
    )
    assert of(project, build, named=named_there) == []
    assert len(of(project, build)) == 2


def test_where_nothing_is_isolated_every_step_has_power(project: Path) -> None:
    plan = Plan(project, (RunContainer("x"), BuildImage(project)))
    rules = replace(ROOT, isolated=False)
    assert refused((plan, Named()), rules)
    # An ordinary user's has no power of root's, and it is no project's choice.
    assert not refused((plan, Named()), replace(UNPRIVILEGED, isolated=False))


def test_files_are_reached_with_roots_rights_alone(project: Path) -> None:
    """A daemon of root's gets them from its client, which reads them as the user."""
    plan = Plan(project, (BuildImage(Path("/etc")),))
    (power,) = host_power.powers(plan, Named(), ROOT)
    assert power.reach is Reach.FILES
    assert not refused((plan, Named()), Rules(rootless=False, root=False))
    assert refused((plan, Named()), Rules(rootless=True, root=True))


# --- a run ----------------------------------------------------------------------------------------


def start(
    project: Path,
    engine: FakeEngine,
    *steps: Step,
    rootful: bool = False,
    unprivileged: bool = False,
) -> None:
    engine.images["x"] = Image("1" * 64)
    options = Options(privileges=PrivilegeOptions(rootful=rootful, unprivileged=unprivileged))
    run.run(Plan(project, steps), engine, options, lambda _: None)


@pytest.mark.parametrize("rootful", [True, False])
def test_a_run_refuses_before_its_first_step(project: Path, *, rootful: bool) -> None:
    steps = (RunContainer("x"), RunContainer("x", pid="host", devices=("/dev/kvm",)))
    engine = FakeEngine(rootless=False)
    if rootful:
        start(project, engine, *steps, rootful=True)
        assert len(engine.containers) == 2
        return
    with pytest.raises(HostError) as caught:
        start(project, engine, *steps)
    assert caught.value.finding == "rootful-privileged"
    assert "step 2: --device /dev/kvm, --pid host" in caught.value.message
    assert "--rootful" in caught.value.hint
    assert engine.containers == []


def test_a_link_that_a_step_makes_is_seen_when_the_next_ones_turn_comes(project: Path) -> None:
    def work(_: RunContainer) -> None:
        (project / "src").rmdir()
        (project / "src").symlink_to("/")

    engine = FakeEngine(rootless=False, work=work)
    with pytest.raises(HostError) as caught:
        start(project, engine, RunContainer("x"), bind(project / "src"))
    assert caught.value.step == 2
    assert len(engine.containers) == 1


@pytest.mark.parametrize(("source", "containers"), [("src", 1), ("/", 0)])
def test_what_a_line_turns_out_to_be_is_judged_then(
    project: Path, source: str, containers: int
) -> None:
    """`docker run -v $$(cat where):/m x`, whose words are known when its turn comes."""
    unknown = Unexpanded("docker run", "", "docker", " run", project)
    engine = FakeEngine(rootless=False)
    engine.images["x"] = Image("1" * 64)
    options = Options(
        expansion=ExpansionOptions(lambda *_: Plan(project, (bind(project / source),)))
    )
    expected = nullcontext() if containers else pytest.raises(HostError, match="power over")
    with expected:
        run.run(Plan(project, (unknown,)), engine, options, lambda _: None)
    assert len(engine.containers) == containers


def test_without_privileges_an_ordinary_users_container_gets_no_power(project: Path) -> None:
    engine = FakeEngine()
    with pytest.raises(HostError, match=r"--unprivileged.*step 1: --cap-add ALL"):
        start(project, engine, RunContainer("x", cap_add=("ALL",)), unprivileged=True)
    assert engine.containers == []
    start(project, engine, RunContainer("x", cap_add=("ALL",)))
    assert len(engine.containers) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--unprivileged"], "with --unprivileged rbuild refuses step 1 (Makefile:2): --pid host"),
        (["--rootful"], ""),
    ],
)
def test_the_plan_says_what_a_run_would_refuse(
    project: Path, capfd: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    (project / "Makefile").write_text("all:\n\tdocker run --pid host x true\n")
    assert app.run(["rbuild", "plan", *options]) == 0
    out = capfd.readouterr().out
    assert (f"# {said}" in out) if said else ("refuses" not in out)


@pytest.mark.parametrize(
    ("rules", "says"), [(ROOT, True), (ROOTFUL, False), (ROOTLESS, False), (UNPRIVILEGED, True)]
)
def test_a_plan_says_what_stands_in_a_line_that_is_known_later(
    project: Path, rules: Rules, says: bool
) -> None:
    words = " run --privileged -e V=$(cat ver) x"
    line = Unexpanded("docker run", "", "docker", words, project, does="run")
    said = list(host_power.describe_lines(Plan(project, (line,)), rules))
    assert bool(said) is says
    assert all("--privileged stands in its line" in text for text in said)
