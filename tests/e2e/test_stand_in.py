"""What the stand-in for docker answers while a Makefile is read, beside a docker with a daemon; and
images that a Makefile has built while it is read.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from rootless_build.recipes.make import docker_stub, stub_script
from tests.e2e.driver import Rbuild

# What docker says of the host is the same with and without rbuild.
OF_THE_HOST = (
    *(".OSType", ".Architecture", ".NCPU", ".MemTotal", ".KernelVersion", ".Name"),
    *(".OperatingSystem", ".CgroupVersion", ".ExperimentalBuild", ".Swarm.LocalNodeState"),
    *(".Swarm.ControlAvailable", ".IndexServerAddress"),
)
ITS_OWN = (".ServerVersion", ".SecurityOptions", ".Driver")
OF_VERSIONS = (
    *(".Server.Os", ".Server.Arch", ".Client.Os", ".Client.Arch", ".Server.Experimental"),
    *(".Client.Context", ".Server.KernelVersion"),
)
ITS_OWN_VERSIONS = (
    *(".Server.Version", ".Client.Version", ".Server.APIVersion", ".Client.APIVersion"),
    *(".Server.MinAPIVersion", ".Client.DefaultAPIVersion", ".Server.Platform.Name"),
)


@pytest.mark.xdist_group("docker")
@pytest.mark.parametrize("backend_name", ["docker"], indirect=True, scope="session")
class TestAnswers:
    """Real docker is asked as the stand-in is. One engine's is enough: docker's own."""

    @pytest.fixture
    def both(
        self, tmp_path: Path, user_environment: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The environments of real docker and of the stand-in."""
        standing = docker_stub.install(tmp_path, None)
        real = {**user_environment}
        path = f"{standing.directory}:{real['PATH']}"
        return real, {**real, **standing.variables, "PATH": path}

    @staticmethod
    def ask(environment: Mapping[str, str], *words: str) -> str:
        done = subprocess.run(
            ["docker", *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @pytest.mark.parametrize(
        ("command", "same", "own"),
        [("info", OF_THE_HOST, ITS_OWN), ("version", OF_VERSIONS, ITS_OWN_VERSIONS)],
    )
    def test_fields_are_dockers(
        self,
        both: tuple[dict[str, str], dict[str, str]],
        command: str,
        same: tuple[str, ...],
        own: tuple[str, ...],
    ) -> None:
        real, standing = both
        for form in ("{{%s}}", "{{json %s}}"):
            asked = (command, "--format", "\n".join(form % name for name in same))
            # dockerd adds that where it takes its own namespaces for a container.
            assert self.ask(standing, *asked) == self.ask(real, *asked).replace(
                " (containerized)", ""
            )
            for name in own:
                answers = [self.ask(each, command, "--format", form % name) for each in both]
                assert [answer[:1] in '"[' for answer in answers] in ([True] * 2, [False] * 2)

    def test_it_is_as_rootless_as_the_engines(
        self, both: tuple[dict[str, str], dict[str, str]]
    ) -> None:
        for environment in both:
            assert "name=rootless" in self.ask(
                environment, "info", "--format", "{{.SecurityOptions}}"
            )

    @pytest.mark.parametrize("command", ["info", "version"])
    def test_pages_have_dockers_lines(
        self, both: tuple[dict[str, str], dict[str, str]], command: str
    ) -> None:
        real, standing = ({self.label(row) for row in self.page(e, command)} for e in both)
        newer = {"  buildx:", "    Version:", "  cgroupns", " Swarm:", " Version:", " Context:"}
        assert standing - newer <= real

    def page(self, environment: Mapping[str, str], command: str) -> list[str]:
        return self.ask(environment, command).splitlines()

    @staticmethod
    def label(row: str) -> str:
        return row.partition(":")[0] + ":" if ":" in row else row

    def test_the_version_in_one_line(self, both: tuple[dict[str, str], dict[str, str]]) -> None:
        form = re.compile(r"Docker version [0-9.]+(?:\S*)?, build \w+\n")
        assert all(form.fullmatch(self.ask(environment, "--version")) for environment in both)
        assert stub_script.VERSION in self.ask(both[1], "--version")


MAKEFILE = """\
binary:
	echo made > made
	docker run --rm --network host -v $(CURDIR)/bundles:/b \\
		$(shell docker build -q --network host -f File .) sh -c 'cat /made > /b/out'
"""


@pytest.mark.in_ci("podman")
def test_a_container_is_made_of_the_image_that_the_makefile_builds(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Makefile").write_text(MAKEFILE)
    (project / "File").write_text("FROM debian:bookworm\nCOPY source /made\n")
    (project / ".dockerignore").write_text("*\n!source\n!File\n")
    rbuild = Rbuild(project, backend_name, rbuild_environment)
    for text in ("one\n", "two\n"):
        (project / "source").write_text(text)
        done = rbuild("binary")
        assert (done.returncode, (project / "bundles" / "out").read_text()) == (0, text)
    done = rbuild("binary")
    assert done.returncode == 0
    assert "unchanged" in done.stderr
    done = rbuild("clean", "--images")
    assert done.returncode == 0, done.stderr
