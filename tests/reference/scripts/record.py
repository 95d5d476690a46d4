"""Ask docker what comes of the scripts, and write it down.

Started by `contrib/reference --scripts`, beside a dockerd that has a network, in the root file
system that RBUILD_REFERENCE_ROOT names. Arguments are names of scripts, or parts of names; `--new`
leaves those out whose recording holds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.record import Reference, wanted
from tests.reference.scripts import recorded
from tests.reference.scripts.recorded import Recorded
from tests.reference.scripts.running import Running
from tests.reference.scripts.script import DOCKER_PREFIX, Script, digest
from tests.reference.scripts.scripts import SCRIPTS

_SEEN: Final = "/tmp/script"
"""Where a script is run, below the reference's root."""
_CLEAN: Final = """\
exec > /dev/null 2>&1
docker ps -aq | xargs -r docker rm -f -v
docker network prune -f
docker volume prune -a -f
for each in $(docker images --format '{{.Repository}}:{{.Tag}}@{{.ID}}'); do
    case $each in "$BASE:"*) ;; *) docker rmi -f "${each#*@}";; esac
done
docker buildx prune --all --force
"""


def _record(script: Script, root: Path) -> Recorded:
    place = root / _SEEN.lstrip("/")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    running = Running(script, place, DOCKER_PREFIX, _SEEN)
    _run(root, *running.words)
    outcome = running.outcome()
    _run(root, "sh", "-c", _CLEAN)
    return {"input": digest(script), **outcome}


def _run(root: Path, *words: str) -> None:
    # Nothing of this host's environment.
    own = ("env", "-i", "HOME=/root", "PATH=/usr/bin:/bin", f"BASE={BASE}")
    there = ("sh", "-c", f'cd {_SEEN}/project && exec "$@"', "-")
    subprocess.run(["chroot", root, *own, *there, *words], stdin=subprocess.DEVNULL, check=False)


def main() -> None:
    """Record the scripts that are asked for; recordings of scripts that are gone go."""
    parser = argparse.ArgumentParser(prog="contrib/reference --scripts", description=__doc__)
    parser.add_argument("--new", action="store_true", help="only what has no recording that holds")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    root = Path(os.environ["RBUILD_REFERENCE_ROOT"])
    reference = Reference(root)
    reference.import_base()
    known, docker = recorded.read(), reference.version()
    found: dict[str, Recorded] = {}
    for script in SCRIPTS:
        before = known["scripts"].get(script.name)
        holds = before is not None and before["input"] == digest(script)
        if (
            before is not None
            and known["docker"] == docker
            and (not wanted(script.name, given.names) or (given.new and holds))
        ):
            found[script.name] = before
        else:
            found[script.name] = _record(script, root)
    recorded.write({"docker": docker, "scripts": found})


if __name__ == "__main__":
    main()
