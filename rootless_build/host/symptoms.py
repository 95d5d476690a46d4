"""What an engine's words mean, and what cures it. Measured with the versions each row names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Symptom:
    """`pattern` is searched in the engine's words, upper and lower case alike."""

    pattern: str
    hint: str


SYMPTOMS: Final = (
    Symptom(
        r"cgroups in hybrid mode not supported",
        "crun 1.8 does not start here; install runc (apt-get install runc), rbuild then uses it",
    ),
    Symptom(
        r"error setting rlimit",
        "a limit is above this host's hard limit: remove default_ulimits from your containers.conf",
    ),
    Symptom(
        r"slirp4netns failed|failed to read from slirp4netns sync pipe|/dev/net/tun",
        "use the host's network: rbuild --network host",
    ),
    Symptom(
        r"short-name .* did not resolve",
        "write the image's full name, such as docker.io/library/debian:bookworm",
    ),
    Symptom(
        r"no space left on device",
        "free some space: rbuild clean, then podman system df (or buildah images) shows the rest",
    ),
    Symptom(
        r"newuidmap|no subuid ranges|cannot find UID/GID|insufficient UIDs",
        "this user needs subordinate ids: apt-get install uidmap, then as root: "
        'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "$USER"',
    ),
    Symptom(
        r"cannot clone: operation not permitted|user namespaces are not enabled|"
        r"userns_clone|max_user_namespaces",
        "user namespaces are switched off; as root: sysctl kernel.unprivileged_userns_clone=1 "
        "and user.max_user_namespaces=28633",
    ),
    Symptom(
        r"(lookup .* on .*|temporary failure in name resolution|no such host|i/o timeout)",
        "no registry could be reached; `rbuild base IMAGE` makes a base image without one",
    ),
    Symptom(
        r"database .* mismatch|overlay.* is not supported over",
        "the storage was made with other settings; `podman info` shows which are in force",
    ),
)


def hint(words: str) -> str:
    """What to do about the first symptom that is in the engine's words; empty for none."""
    for symptom in SYMPTOMS:
        if re.search(symptom.pattern, words, re.IGNORECASE):
            return symptom.hint
    return ""
