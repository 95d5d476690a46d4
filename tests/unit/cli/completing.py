"""bash asked what it would offer on Tab."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "contrib" / "completion" / "rbuild.bash"


def completed(directory: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words, in a directory."""
    program = f'rbuild() {{ {shlex.join([sys.executable, "-m", "rootless_build"])} "$@"; }}'
    script = (
        f"{program}; source {shlex.quote(str(SCRIPT))}; COMP_WORDS=({shlex.join(words)}); "
        f'COMP_CWORD={len(words) - 1}; _rbuild; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        ["bash", "-euc", script], cwd=directory, capture_output=True, text=True, check=True
    )
    return sorted(set(done.stdout.split()))
