"""`python -m tests.docs`: the made parts of the documents, written anew; `site DIR`: the site."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs import made, site


def main(words: list[str]) -> int:
    """Write, or build the site; the exit status."""
    match words:
        case []:
            for file in made.write():
                sys.stdout.write(f"{file}\n")
            return 0
        case ["site", directory]:
            return site.build(Path(directory))
        case _:
            sys.stderr.write("usage: python -m tests.docs [site DIR]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
