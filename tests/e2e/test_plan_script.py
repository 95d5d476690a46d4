"""`rbuild plan --script`: the script is run, on a host without rbuild, and makes the same."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import DEADLINE, Rbuild
from tests.e2e.engine_images import engine, ids

pytestmark = pytest.mark.in_ci("podman")

CONTAINERFILE = """\
FROM debian:bookworm AS other
COPY file /copied/
FROM debian:bookworm
ARG WORD=none
ENV A=$WORD
WORKDIR /w
COPY --chmod=0640 sub ./sub
RUN --mount=type=cache,target=/c --mount=type=bind,target=/ctx \\
  cat /ctx/file > /of-context && mkdir x && date +%N > /anew
COPY --from=other /copied/file x/
RUN --mount=type=bind,from=other,source=/copied,target=/m cat /m/file x/file > both
RUN <<EOT
  echo "$A" > heredoc
EOT
COPY link late/
USER 0
"""
MAKEFILE = """\
all:
\techo of the host > hosted
\tdocker build --build-arg WORD="it's" -t scripted .
\tdocker tag scripted scripted:other
\tdocker run --rm -v $(CURDIR)/bundles:/out -e B="a b" scripted:other \\
\t  sh -c 'cat both heredoc > /out/result; echo "$$B" >> /out/result; cd /out && $(SUM)'
\techo last >> hosted
SUM = md5sum result > result.md5
secret:
\tdocker build --secret id=x,src=file -t scripted .
of-a-run:
\tdocker build -f Dockerfile.of-a-run -t scripted-of-a-run .
fails:
\tdocker run --rm -v $(CURDIR)/bundles:/out scripted sh -c 'echo half > /out/half; exit 7'
\ttouch hosted-later
"""
OF_A_RUN = """\
FROM debian:bookworm AS made
RUN echo of a run > /made
FROM debian:bookworm
COPY --from=made /made /
"""
IMAGE = """\
cd / && find work copied of-context c ctx m run etc -exec stat -c '%n %F %a %u:%g' {} + 2>&1 | sort
stat -c '%n %Y' /w/sub /w/sub/* /w/x/file /w/late/*
md5sum /w/* /w/*/* /of-context 2>&1
env | grep -v HOSTNAME | sort
"""


@pytest.fixture
def on_terminal() -> bool:
    return False


@pytest.fixture
def scripted(rbuild: Rbuild) -> Rbuild:
    """`rbuild` in a project that has built."""
    if rbuild.backend == "docker":
        pytest.skip("docker is refused: test_docker_is_refused")
    project = rbuild.project
    shutil.rmtree(project)
    (project / "sub").mkdir(parents=True)
    (project / "Makefile").write_text(MAKEFILE)
    (project / "Dockerfile").write_text(CONTAINERFILE)
    (project / "Dockerfile.of-a-run").write_text(OF_A_RUN)
    (project / ".dockerignore").write_text("bundles\nhosted*\n")
    (project / "file").write_text("of context\n")
    (project / "sub" / "it's a file").write_text("odd\n")
    (project / "link").symlink_to("file")
    return rbuild


def ends(script: Path, rbuild: Rbuild, *, directory: Path) -> subprocess.CompletedProcess[str]:
    """A script that has ended, run where there is no rbuild."""
    ways = rbuild.environment["PATH"].split(os.pathsep)
    path = os.pathsep.join(way for way in ways if not (Path(way) / "rbuild").exists())
    environment = {**rbuild.environment, "PATH": path}
    assert shutil.which("rbuild", path=path) is None
    return subprocess.run(
        [script],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def image(rbuild: Rbuild) -> str:
    """All that is to be seen of the image in a container of it."""
    done = rbuild("run", "--image", "scripted", "--", "sh", "-c", IMAGE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def image_id(rbuild: Rbuild, name: str) -> str:
    field = "{{.Id}}" if rbuild.backend == "podman" else "{{.FromImageID}}"
    return engine(rbuild, "inspect", "--type=image", f"--format={field}", name)


def bundles(rbuild: Rbuild) -> Mapping[str, tuple[int, str]]:
    """The files of the bundles, without what only rbuild writes."""
    return {
        each.name: (stat.S_IMODE(each.stat().st_mode), each.read_text())
        for each in rbuild.bundles.iterdir()
        if not each.name.startswith("provenance")
    }


def test_the_script_makes_what_rbuild_makes(scripted: Rbuild, tmp_path: Path) -> None:
    before = ids(scripted)
    done = scripted("all")
    assert done.returncode == 0, done.stderr
    made, seen, written = ids(scripted) - before, image(scripted), bundles(scripted)
    assert "late/file" in seen or "late/link" in seen
    identity = image_id(scripted, "scripted")
    place = tmp_path / "else where"
    place.mkdir()
    script = place / "it's build.sh"
    done = scripted("plan", "--script", str(script), "all")
    assert done.returncode == 0, done.stderr
    assert ids(scripted) - before == made
    if shutil.which("shellcheck") is not None:
        subprocess.run(["shellcheck", "--shell=sh", script], check=True)
    assert str(Path(scripted.argv[0]).parent) not in script.read_text()

    # With what the engine has of the last build it is the very same image.
    shutil.rmtree(scripted.bundles)
    (scripted.project / "file").write_text("changed since\n")
    engine(scripted, "rmi", "scripted:other")
    done = ends(script, scripted, directory=Path("/"))
    assert done.returncode == 0, done.stderr
    assert bundles(scripted) == written
    assert (scripted.project / "hosted").read_text() == "of the host\nlast\n"
    assert image_id(scripted, "scripted:other") == identity

    # Without, RUNs are done anew.
    left = ids(scripted) - before
    engine(scripted, "rmi", "--force", *left)
    moved = tmp_path / "moved"
    place.rename(moved)
    done = ends(moved / script.name, scripted, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert bundles(scripted) == written
    assert image(scripted) == seen
    assert image_id(scripted, "scripted") != identity
    beside = {each.name for each in scripted.project.iterdir()}
    assert not [name for name in beside if "rbuild" in name]


def test_the_first_step_that_fails_ends_the_script(scripted: Rbuild, tmp_path: Path) -> None:
    assert scripted("all").returncode == 0
    written = bundles(scripted)
    script = tmp_path / "fails.sh"
    done = scripted("plan", "--script", str(script), "fails")
    assert done.returncode == 0, done.stderr
    done = ends(script, scripted, directory=tmp_path)
    assert done.returncode == 7, done.stderr
    assert bundles(scripted) == written
    assert not (scripted.project / "hosted-later").exists()
    assert not [each for each in scripted.project.iterdir() if each.name.startswith(".bundles")]


def test_what_a_script_cannot_do_is_refused(scripted: Rbuild, tmp_path: Path) -> None:
    script = tmp_path / "refused.sh"

    def refused(*words: str) -> str:
        done = scripted("plan", "--script", str(script), *words)
        assert done.returncode in {2, 3}, done.stdout
        assert not script.exists()
        return done.stderr

    assert "it is not built as it would be now" in refused("all")
    assert "it has secrets" in refused("secret")
    done = scripted("of-a-run")
    assert done.returncode == 0, done.stderr
    assert "files that a RUN makes (/made)" in refused("of-a-run")
    done = scripted("plan", "--script", str(scripted.project / "x.sh"), "of-a-run")
    assert done.returncode == 2
    assert "would be in the build context" in done.stderr
    assert not [each.name for each in tmp_path.iterdir() if "refused" in each.name]


def test_docker_is_refused(rbuild: Rbuild, tmp_path: Path) -> None:
    if rbuild.backend != "docker":
        pytest.skip("podman and buildah have scripts: test_the_script_makes_what_rbuild_makes")
    done = rbuild("plan", "--script", str(tmp_path / "x.sh"))
    assert done.returncode == 3
    assert "the engine is docker, not podman or buildah" in done.stderr
