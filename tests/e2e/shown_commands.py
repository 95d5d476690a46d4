"""The commands that README and docs/ show, and what runs each of them in the tests.

What is not run stands in `NOT_RUN`, with the reason beside it.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.e2e.driver import Rbuild

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
    "rbuild plan --script ../build.sh": "tests/e2e/test_plan_script.py runs such scripts",
    "rbuild matrix --refs v1,v2 binary cross": (
        "it needs commits; tests/e2e/test_matrix.py has some"
    ),
    "rbuild matrix --dry-run": "it needs commits; tests/e2e/test_matrix.py has some",
    **dict.fromkeys(
        (
            "rbuild matrix --executor nodes --refs x,y,z binary cross dynbinary test",
            "rbuild matrix --executor nodes --refs x,y,z binary cross",
        ),
        "it needs other machines; tests/e2e/test_matrix_nodes.py has three",
    ),
    "rbuild matrix --resume": "it needs commits; tests/e2e/test_matrix.py has some",
    **dict.fromkeys(
        (
            "rbuild nodes",
            "rbuild --on big binary",
            "rbuild --on one binary",
            "rbuild --on ssh://builder@10.0.0.7:2222 binary",
        ),
        "they need another machine; tests/e2e/test_nodes.py has one",
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
    "rbuild report": run("report", says=".html"),
    "rbuild report 5": run("report", "5", says=".html"),
    "rbuild history": run("history", says="rbuild binary cross"),
    "rbuild history diff 3 5": run("history", "diff", "3", "5", says="run 3 and run 5"),
    "rbuild debug": run("debug", status=2, says="a shell needs a terminal"),
    "rbuild debug 3 -- COMMAND": run("debug", "3", "--", "true", status=2, says="did not fail"),
    "rbuild clean": run("clean", says="nothing to remove"),
}
