"""Every recipe and every command that README and docs/ show does what they say, on each engine.

Which commands those are is in `shown_commands`.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild
from tests.e2e.made_bundles import BUILT, listing
from tests.e2e.shown_commands import ACTIONS, README, ROOT, TUTORIAL, blocks, run


def test_every_command_that_is_shown(rbuild: Rbuild) -> None:
    makefile = rbuild.project / "Makefile"
    target = "\ninstall:\n\t@echo this is the project\\'s own\n"
    makefile.write_text(makefile.read_text() + target)
    # The image here has no Go.
    (rbuild.project / "go").write_text("#!/bin/sh\necho go $1\n")
    (rbuild.project / "go").chmod(0o755)
    dockerfile = rbuild.project / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "COPY go /bin/go\n")
    # That nothing is missing here is a unit test (tests/unit/cli/test_made_documents.py).
    for act in ACTIONS.values():
        act(rbuild)
    assert set(BUILT) <= set(listing(rbuild.bundles))


def recipe() -> str:
    """The whole rbuild.toml."""
    page = ROOT.joinpath("docs/reference/rbuild-toml.md").read_text(encoding="utf-8")
    block = page.partition("\n## A whole recipe\n\n")[2].partition("\n## ")[0]
    return textwrap.dedent(block)


def test_the_recipe_that_the_reference_shows(rbuild: Rbuild) -> None:
    for path in list(rbuild.project.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, text in {
        "rbuild.toml": recipe(),
        "build/Containerfile": """\
            FROM debian:bookworm
            ARG GO_VERSION
            RUN echo $GO_VERSION > /version
            COPY hack/bash /bin/bash
            """,
        "hack/bash": "#!/bin/sh\nexec sh\n",
        "hack/make.sh": """\
            #!/bin/sh
            set -e
            mkdir -p bundles/$1
            { cat /version; echo $CROSS $VERSION; } > bundles/$1/tool
            echo cached >> /root/.cache/go-build/list
            """,
    }.items():
        path = rbuild.project / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        path.chmod(0o755)
    run(says="1 new or changed file")(rbuild)
    assert (rbuild.bundles / "binary/tool").read_text() == "1.19\n\n"
    run("VERSION=7", "cross", says="new or changed")(rbuild)
    assert (rbuild.bundles / "cross/tool").read_text() == "1.19\n1 7\n"
    # The bundles are in the context, as docker has it: the third run finds nothing new.
    for _ in range(2):
        run("binary")(rbuild)
    run("binary", says="nothing changed")(rbuild)
    status, screen = rbuild.on_a_terminal("shell", typed="exit 7\n", size=(37, 91))
    assert status == 7, screen


TUTORIAL_SAYS = (
    ("rbuild", 0, "1 new or changed file"),
    ("rbuild plan", 0, "unchanged, would not be done"),
    ("rbuild plan", 0, "would be done: the context changed (hello.sh)"),
    ("rbuild", 0, "1 new or changed file"),
    ("rbuild bundles", 0, "hello.sh"),
    ("rbuild bundles verify", 0, "agrees"),
    ("rbuild bundles verify", 4, "hello.sh"),
    ("rbuild", 0, "1 new or changed file"),
    ("rbuild bundles verify", 0, "agrees"),
    ("rbuild broken", 1, "Makefile:"),
    ("cat bundles/hello.sh", 0, "echo good bye"),
    ("rbuild log --failed", 0, "status 7"),
)
"""The commands of the tutorial that say something: status, and a part of what they say."""


def typed(line: str, rbuild: Rbuild, directory: Path) -> tuple[int, str]:
    """A line of a page, typed into a shell there: its status, and all that it said."""
    script = f'rbuild() {{ {shlex.join(rbuild.argv)} "$@"; }}\n{line}'
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=directory,
        env=rbuild.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.in_ci("podman")
def test_the_tutorial(rbuild: Rbuild, tmp_path: Path) -> None:
    """Line by line, as somebody types it who reads."""
    first, *lines = (line for block in blocks(TUTORIAL) for line in block.splitlines())
    assert first == "mkdir hello && cd hello"
    project = tmp_path / "hello"
    project.mkdir()
    spoken = []
    for line in lines:
        status, said = typed(line, rbuild, project)
        if line.startswith(("rbuild", "cat ")):
            spoken.append((line, status, said))
        else:
            assert status == 0, (line, said)
    assert [(line, status) for line, status, _ in spoken] == [each[:2] for each in TUTORIAL_SAYS]
    for (line, _, said), (_, _, part) in zip(spoken, TUTORIAL_SAYS, strict=True):
        assert part in said, (line, said)


@pytest.mark.in_ci("buildah")
def test_the_example_that_readme_shows(rbuild: Rbuild, tmp_path: Path) -> None:
    """Pasted as it stands there, it prints what stands there; dots are another each time."""
    _, example, shown, again, *_ = blocks(README)
    status, said = typed(f"{example.rstrip()}\nrbuild", rbuild, tmp_path)
    assert status == 0, said
    patterns = [
        ".*".join(re.escape(part) for part in line.split("…"))
        for line in (shown + again).splitlines()
        if not line.startswith("$")
    ]
    assert len(patterns) >= 5
    assert re.search(r"\n(?:.*\n)*?".join(patterns), said), said
