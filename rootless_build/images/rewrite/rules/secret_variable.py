"""`RUN --mount=type=secret,env=NAME`, which podman 4.3.1 and buildah 1.28.2 refuse."""

from __future__ import annotations

import re
from typing import Final

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.edit import exec_form, with_flags
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.rewrite.state import Site
from rootless_build.model.structs import replace

_PLACE: Final = "/dev/secrets"
"""Nothing in /dev is left in an image."""
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_OF_A_FILE: Final = ("mode", "uid", "gid", "env")


def secret_variable(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Mount the secret where the RUN does not look for it; a shell reads it into the variable, and
    goes on as what is to be run.
    """
    flags: list[Flag] = []
    read: list[str] = []
    for flag in instruction.flags:
        mount = mounts.parse(flag.value or "") if flag.name == "mount" else None
        variable = _variable(mount, at) if mount else None
        if mount is None or variable is None:
            flags.append(flag)
            continue
        if mount.target is not None:
            flags.append(Flag("mount", str(_without(mount, "env")), flag.offset))
        place = f"{_PLACE}/{variable}"
        flags.append(Flag("mount", str(_file(mount, place)), flag.offset))
        read.append(_script(variable, place))
    if not read:
        return None
    at.note("secret-variable", "a shell reads it from a file: engines have no such option")
    argv = instruction.json
    if argv is None:
        argv = (*at.scope.shell, instruction.body)
    script = " ".join([*read, 'exec "$@"'])
    command = ("/bin/sh", "-c", script, "sh", *argv)
    return (exec_form(with_flags(instruction, tuple(flags)), command),)


def _variable(mount: Mount, at: Site) -> str | None:
    names = [each.partition("=")[2] for each in mount.others if each.startswith("env=")]
    if mount.type != "secret" or not names:
        return None
    if not _NAME.fullmatch(names[0]):
        raise at.error(f"{names[0]} can't be the name of a variable of a shell")
    return names[0]


def _file(mount: Mount, place: str) -> Mount:
    plain = _without(mount, *_OF_A_FILE)
    return replace(plain, target=place, others=(*plain.others, "mode=0444"))


def _without(mount: Mount, *names: str) -> Mount:
    others = tuple(each for each in mount.others if each.partition("=")[0] not in names)
    return replace(mount, others=others)


def _script(variable: str, place: str) -> str:
    """A shell drops line ends that stand last: there is a dot after them. A secret that is not
    given is an empty one.
    """
    return (
        f"{variable}=; if [ -e {place} ]; then {variable}=$(cat {place}; echo .);"
        f" {variable}=${{{variable}%.}}; fi; export {variable};"
    )
