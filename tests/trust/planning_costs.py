"""Makefiles of any length, and what planning each costs."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

READ = """
import os, resource, sys
from pathlib import Path
from rootless_build.recipes.make import recipe
from rootless_build.recipes.request import Request

def seconds(kind):
    return sum(resource.getrusage(kind)[:2])

def cost(directory):
    request = Request(Path(directory), (), (), dict(os.environ), terminal=False)
    before = seconds(resource.RUSAGE_SELF)
    recipe.read(request, Path(directory, "Makefile"))
    return seconds(resource.RUSAGE_SELF) - before

for directory in sys.argv[1:]:
    print(cost(directory))
"""


def recipe(line: Callable[[int], str], before: str = "") -> Callable[[int], str]:
    def text(count: int) -> str:
        return f"{before}all:\n" + "".join(f"\t{line(n)}\n" for n in range(count))

    return text


def targets(line: Callable[[int], str]) -> Callable[[int], str]:
    def text(count: int) -> str:
        rules = "".join(f"t{n}:\n\t{line(n)}\n" for n in range(count))
        return f"all: {' '.join(f't{n}' for n in range(count))}\n{rules}"

    return text


MAKEFILES: dict[str, Callable[[int], str]] = {
    "commands": recipe(lambda n: f"echo {n}"),
    "the same command": recipe(lambda _: "echo $(A)", "A = a\n"),
    "commands with variables": recipe(lambda n: f"echo $(A)$(B) {n} $(A)", "A = a\nB = b\n"),
    "commands that are nothing but variables": recipe(lambda _: "$(A)a" * 6, "A = a\n"),
    "commands that are expanded to nothing": recipe(
        lambda n: "$(A)" if n % 2 else "echo $(B)", "B = b\n"
    ),
    "commands that are expanded to several": recipe(
        lambda n: f"echo $(A) {n % 7}", "define A\na\nb\nendef\n"
    ),
    "docker commands": recipe(lambda n: f'docker run --rm -v "$(CURDIR):/src" i{n} make "a b"'),
    "docker commands after others": recipe(
        lambda n: f"docker run i{n} true" if n % 2 else f"mkdir -p {n} && touch {n}/a"
    ),
    "images": recipe(lambda n: f"docker build -t i{n} ."),
    "targets": targets(lambda n: f"echo {n}"),
    "targets that say something": targets(lambda n: f"$(info made {n} $(A))echo {n}"),
    "a canned recipe": lambda count: (
        "define A\n"
        + "".join(f"echo $(1) {n}\n" for n in range(count))
        + "endef\nall:\n\t$(call A,x)\n"
    ),
    "a chain of variables": lambda count: (
        "".join(f"V{count - n} = a$(V{count - n - 1})\n" for n in range(count))
        + "V0 = $@\nexport V5\nall:\n\techo a\n"
    ),
    "definitions that do not end": lambda count: (
        "ifdef X\n" + "define A\n" * count + "endef\nendif\nall:\n\techo a\n"
    ),
    "calls in calls": lambda count: f"X = $@{'$(if a,' * count}{')' * count}\nall:\n\techo a\n",
    "conditions": lambda count: (
        "ifndef X\n" * count + "Y=1\n" + "endif\n" * count + "all:\n\techo a\n"
    ),
    "a line of many lines": lambda count: (
        "all:\n" + "".join(f"\techo {n}; \\\n" for n in range(count)) + "\techo\n"
    ),
    "a long command": lambda count: f"all:\n\techo {'abcdef ' * count * 10}\n",
    "a long docker command": lambda count: f"all:\n\tdocker run i {'abcdef ' * count * 10}\n",
    "a long text": lambda count: (
        f"# {'$(a' * count * 20}\nA :={' ' * count * 20}\nall:\n\techo a\n"
    ),
}


def project(place: Path, text: str) -> Path:
    place.mkdir()
    (place / "Makefile").write_text(text)
    (place / "Dockerfile").write_text("FROM scratch\n")
    return place


def costs(*directories: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, directories)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (10, 10)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [float(line) for line in done.stdout.split()]
