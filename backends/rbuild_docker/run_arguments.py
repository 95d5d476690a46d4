"""A RunContainer as the arguments of `docker create` and `docker run`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import assert_never

from rbuild_containers.flags import command_after_image, run_flags, run_limits
from rootless_build.backend import BindMount, Mount, RunContainer, TmpfsMount, VolumeMount


def run_arguments(step: RunContainer, network: str | None) -> tuple[str, ...]:
    """What comes after `docker run`, for people to read and paste."""
    remove = ("--rm",) if step.remove else ()
    pull = ("--pull", step.pull.value)
    return (*remove, *pull, *options(step, network), step.image, *command_after_image(step))


def options(step: RunContainer, network: str | None) -> Iterator[str]:
    """The flags that `docker create` and `docker run` share; `network` is for a step without."""
    yield from run_flags(step, network)
    for mount in step.mounts:
        yield _mount(mount)
    yield from run_limits(step.limits)


def _mount(mount: Mount) -> str:
    if isinstance(mount, TmpfsMount):
        # --mount type=tmpfs knows only size and mode.
        return f"--tmpfs={':'.join((mount.target, *_joined(mount.options)))}"
    match mount:
        case BindMount():
            fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
            if mount.propagation:
                fields.append(f"bind-propagation={mount.propagation}")
        case VolumeMount():
            source = [f"source={mount.name}"] if mount.name else []
            fields = ["type=volume", *source, f"target={mount.target}"]
            if not mount.copy:
                fields.append("volume-nocopy")
        case _:
            assert_never(mount)
    if mount.read_only:
        fields.append("readonly")
    return f"--mount={record(fields)}"


def _joined(words: tuple[str, ...]) -> tuple[str, ...]:
    return (",".join(words),) if words else ()


def record(fields: Sequence[str]) -> str:
    """One record of comma-separated values, as `--mount` and `--output` read it: colons and commas
    in names are safe.
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()
