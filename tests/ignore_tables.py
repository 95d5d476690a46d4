"""Ask a real engine what it copies under ignore files, for the tables in tests/data/ignore.

By hand: python tests/ignore_tables.py [--random N --seed S] TABLE -- COMMAND…

COMMAND builds the context whose path is put after it and writes a tar of the image's files, or of
an image that holds them, to standard output: `docker buildx build --progress=quiet
-o type=tar,dest=-`, or a script around `podman build` and `podman export`.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import subprocess
import tarfile
import tempfile
from pathlib import Path

FILES = (
    *("a", "ab", "abc", ".x", "a b", " a", "conf", "objbin", "objin", "d.o", "f.o", "#c", "!n"),
    *("d/a", "d/ab", "d/conf", "d/f.o", "d/e/a", "d/e/conf", "d/e/f.o", "e/d/e/f", "e/a b"),
    *("obj/bin", "obj/b/in", "x\\y", "[z]", "a*b", "é", "d/é", "a+b", "(c)", "p|q", "{r}", "$s"),
    *("^t", "b-a", "d/]", "\xa0nb", "v/w/x/y/z", "v/w/k", "b/a/b/a/b"),
)
DIRECTORIES = ("empty", "d/empty", "v/w/empty")
PIECES = (
    *("a", "b", "d", "e", "conf", "x", "f.o", "obj", "bin", "v/w", "a b", "é", ".o", ".", "empty"),
    *("*", "**", "?", "[ab]", "[^a]", "[a-d]", "[b-a]", "[", "]", "[]", "[a-]", "[a/b]", "[!a]"),
    *("\\", "\\*", "\\b", "\\a", "\\.", "\\é", "/", "/", "/", "/", "./", "../", "//", "**/", "/**"),
    *("*.o", "d/", "+", "(c)", "|", "{r}", "$s", "^", "-", "]", "#", "!", " ", "\t", "\xa0"),
)
BEFORE = (
    *("", "", "", "", "", "", "!", "!", "!", "/", " ", "! ", "#", "!/", " !", "\ufeff", "./", "\t"),
)
AFTER = (
    *("", "", "", "", "", "", "", "/", " ", "\r", "/ ", " /"),
    *("",) * 40,
    *("/**", "\t", "\x1c", "\xa0", "\x85"),
)
COMMON = ("*", "**", "d", "d/*", "**/f.o", "!d/e", "!d/a", "v", "!v/w/k", "!**/a")


def line(chance: random.Random) -> str:
    """One line, often a strange one."""
    if chance.random() < 0.35:
        return chance.choice(
            ("*", "**", "d", "d/*", "**/f.o", "!d/e", "!d/a", "v", "!v/w/k", "!**/a")
        )
    middle = "".join(chance.choices(PIECES, k=chance.randint(1, 4)))
    return chance.choice(BEFORE) + middle + chance.choice(AFTER)


def text(chance: random.Random) -> str:
    """An ignore file."""
    lines = [line(chance) for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4)))]
    mark = "\ufeff" if chance.random() < 0.03 else ""
    return mark + "".join(f"{each}\n" for each in lines)


def make_tree(root: Path) -> None:
    """The files that the tables are about."""
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for name in DIRECTORIES:
        (root / name).mkdir()


def everything() -> set[str]:
    """All paths of the tree."""
    places = {Path(name) for name in (*FILES, *DIRECTORIES)}
    return {str(each) for place in places for each in (place, *place.parents)} - {"."}


def left_out(command: list[str], root: Path, ignore: str) -> list[str] | str:
    """What is not in the image, or the last words of the engine."""
    (root / ".dockerignore").write_text(ignore, newline="")
    done = subprocess.run([*command, str(root)], capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"status {done.returncode}"
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as made:
        names = (name.removeprefix("./").rstrip("/") for name in made.getnames())
        return sorted(everything() - set(names))


def write(table: Path, known: dict[str, list[str] | str]) -> None:
    """One line a row, for people and git."""
    rows = (f"{json.dumps(each)}: {json.dumps(known[each])}" for each in known)
    table.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def main() -> None:
    """Write, or complete, a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("table", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    known = json.loads(given.table.read_text()) if given.table.exists() else {}
    texts = [text(chance) for _ in range(given.random)] or list(known)
    command = [word for word in given.command if word != "--"]
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        make_tree(root)
        (root / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
        for number, each in enumerate(texts, 1):
            known[each] = left_out(command, root, each)
            if number % 50 == 0 or number == len(texts):
                write(given.table, known)


if __name__ == "__main__":
    main()
