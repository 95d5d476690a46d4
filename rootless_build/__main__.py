"""`rbuild` and `python -m rootless_build`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from rootless_build.cli.app import run  # noqa: PLC0415 - after the interpreter's own start

    sys.exit(run(sys.argv))


if __name__ == "__main__":
    main()
