"""Every recipe and every command that README and docs/ show does what they say, on each engine.

What is not run here stands in `NOT_RUN`, with the reason beside it.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild
from tests.e2e.made_bundles import BUILT, listing

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial" / "your-own-project.md"
USAGE = ROOT / "docs" / "reference" / "commands.md"
PAGES = (README, *sorted({*(ROOT / "docs").glob("*/*.md")} - {TUTORIAL, USAGE}))
"""Where commands stand that are run in the project of the tests: the tutorial has its own."""
_COMMAND = re.compile(
    r"    (?:\$ )?(?:cd \S+ && )?(?P<words>(?:sudo )?(?:rbuild|\./contrib/)\S*.*)"
)

NOT_RUN = {
    "./contrib/quickstart": "it installs packages; tests/e2e/test_docker_io.py builds the same",
    "rbuild base debian:bookworm": "15 s of packages; tests/e2e/test_docker_io.py makes it so",
    "rbuild base golang:1.21-bookworm": "a minute of packages",
    "rbuild base tonistiigi/xx:1.6.1": "it clones; tests/e2e/test_base.py makes one of a clone",
    "rbuild --docker-socket $XDG_RUNTIME_DIR/podman/podman.sock TARGET": (
        "it needs a service there; tests/e2e/test_docker_socket.py has one"
    ),
    "rbuild base --from DIR IMAGE": "tests/e2e/test_base.py makes one of a directory",
}


def commands() -> Iterator[str]:
    """The commands that stand in indented blocks, without what is said beside them."""
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if found := _COMMAND.fullmatch(line):
                yield re.split(r"\s+#\s", found["words"])[0].strip()


def blocks(page: Path) -> list[str]:
    """The indented blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [textwrap.dedent(block) for block in re.findall(r"(?m)(?:^    .*\n)+", text)]


def run(*words: str, status: int = 0, says: str = "") -> Callable[[Rbuild], None]:
    """Runs rbuild, which ends with `status` and says something."""

    def act(rbuild: Rbuild) -> None:
        done = rbuild(*words)
        assert done.returncode == status, done.stdout + done.stderr
        assert says in done.stdout + done.stderr

    return act


def in_a_shell(rbuild: Rbuild) -> None:
    typed = "echo in the shell > bundles/typed; exit 0\n"
    status, screen = rbuild.on_a_terminal("shell", typed=typed, size=(37, 91))
    assert status == 0, screen
    typed_there = rbuild.bundles / "typed"
    assert typed_there.read_text() == "in the shell\n"
    # What is written by hand has no provenance: it would be told.
    run("bundles", "verify", status=4, says="typed: is not in")(rbuild)
    typed_there.unlink()


def called_by_a_script(rbuild: Rbuild) -> None:
    script = rbuild.project / "build.sh"
    script.write_text("#!/bin/sh\nset -e\ndocker build -q -t scripted .\ndocker rmi scripted\n")
    script.chmod(0o755)
    run("exec", "--", "./build.sh", says="done in")(rbuild)
    script.unlink()


def installed(rbuild: Rbuild) -> None:
    """To a directory of the test's, which takes no sudo."""
    prefix = rbuild.project.parent / "usr"
    run("install", "--prefix", str(prefix), says="installed")(rbuild)
    assert (prefix / "bin/projectd").exists()


def signed(rbuild: Rbuild) -> None:
    key = rbuild.project.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    run("sign", "--key", str(key), says="signed")(rbuild)


def checked(rbuild: Rbuild) -> None:
    public = rbuild.project.parent / "key.pub"
    run("bundles", "verify", "--key", str(public), says="checksums agree")(rbuild)


def signed_installed(rbuild: Rbuild) -> None:
    place = rbuild.project.parent
    words = ("--prefix", str(place / "usr"), "--require-signature", str(place / "key.pub"))
    run("install", *words, says="replaced")(rbuild)


ACTIONS: dict[str, Callable[[Rbuild], None]] = {
    "rbuild": run(says=""),
    "rbuild binary cross": run("binary", "cross", says="bundles"),
    "rbuild --metadata-file made.json binary": run("--metadata-file", "made.json", "binary"),
    "rbuild KEEPBUNDLE=1 binary": run("KEEPBUNDLE=1", "binary", says="bundles"),
    "rbuild targets": run("targets", says="binary"),
    "rbuild shell": in_a_shell,
    "rbuild run -- go version": run("run", "--", "go", "version", says="go version"),
    "rbuild exec -- ./build.sh": called_by_a_script,
    "rbuild plan": run("plan", says="hack/make.sh binary"),
    "rbuild bundles": run("bundles", says="projectd"),
    "rbuild bundles verify": run("bundles", "verify", says="checksums agree"),
    "rbuild reproduce": run("reproduce", says="the same"),
    "sudo rbuild install": installed,
    "rbuild make install": run("make", "install", says="this is the project's own"),
    "rbuild sign --key key": signed,
    "rbuild bundles verify --key key.pub": checked,
    "sudo rbuild install --require-signature key.pub": signed_installed,
    "rbuild plan --explain": run("plan", "--explain", says="/Dockerfile: "),
    "rbuild doctor": run("doctor", says="builds can run"),
    "rbuild init --dry-run": run("init", "--dry-run", says="[targets"),
    "rbuild completion fish >~/.config/fish/completions/rbuild.fish": (
        run("completion", "fish", says="complete")
    ),
    "rbuild backends": run("backends", says="podman"),
    "rbuild backends --features": run("backends", "--features", says="podman"),
    "rbuild help": run("help", says="Usage: rbuild"),
    "rbuild help plan": run("help", "plan", says="Usage: rbuild plan"),
    "rbuild log": run("log", says="done in"),
    "rbuild log 3 --step 2": run("log", "3", "--step", "2", says="==> [2/"),
    "rbuild log --failed": run("log", "--failed", status=2, says="no such run of this project"),
    "rbuild report 5": run("report", "5", says=".html"),
    "rbuild history": run("history", says="rbuild binary cross"),
    "rbuild history diff 3 5": run("history", "diff", "3", "5", says="run 3 and run 5"),
    "rbuild debug": run("debug", status=2, says="a shell needs a terminal"),
    "rbuild debug 3 -- COMMAND": run("debug", "3", "--", "true", status=2, says="did not fail"),
    "rbuild clean": run("clean", says="nothing to remove"),
}


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
