"""`--unprivileged`: a plan's containers without their privileges."""

from __future__ import annotations

from typing import Final

from rootless_build.model.plan import RunContainer, TmpfsMount
from rootless_build.model.shared_directories import TEMPORARY
from rootless_build.model.structs import replace

_TMP: Final = TmpfsMount(TEMPORARY, ("exec", "suid", "dev", "mode=1777"))


def without_privileges(step: RunContainer) -> RunContainer:
    """The step, its privileges gone; a privileged one gets the tmpfs on /tmp that dind makes."""
    if not step.privileged:
        return step
    mounts = step.mounts
    if _TMP.target not in {mount.target for mount in mounts}:
        mounts = (*mounts, _TMP)
    return replace(step, privileged=False, mounts=mounts)
