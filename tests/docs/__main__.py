"""`python -m tests.docs`: the made parts of the documents, written anew; `site DIR`: the site.

`bench DIR` takes what `contrib/bench --output DIR` wrote for the tables and the figure first.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench import tables
from tests.docs import made, site, speed


def main(words: list[str]) -> int:
    """Write, or build the site; the exit status."""
    match words:
        case []:
            for file in made.write():
                sys.stdout.write(f"{file}\n")
            return 0
        case ["bench", directory]:
            taken = speed.take(Path(directory))
            sys.stderr.writelines(f"{doubt}\n" for doubt in tables.doubts(taken))
            return main([])
        case ["site", directory]:
            return site.build(Path(directory))
        case _:
            sys.stderr.write("usage: python -m tests.docs [bench DIR | site DIR]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
