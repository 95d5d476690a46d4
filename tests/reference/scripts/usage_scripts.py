"""Scripts that ask how much is used on the disk."""

from __future__ import annotations

from typing import Final

from tests.reference.scripts.script import Script

USAGE: Final = (
    Script(
        "usage of the disk",
        (
            "docker system df --format '{{.Type}}'",
            "docker system df | sed -n 1p",
            "docker system df | wc -l",
            "docker system df --format json | tr ',' '\\n' | sed 's/:.*//'",
            "docker system df --format 'table {{.Type}}\\t{{.Active}}' | sed -n 1p",
            "docker system df --format '{{.Nothing}}'",
            "docker system df x",
            "docker system df --format '{{.Size}}' | wc -w",
            (
                "docker volume create $P-v; docker system df --format '{{.Type}} {{.TotalCount}}' "
                "| sed -n 's/Local Volumes [1-9][0-9]*/some/p'; docker volume rm $P-v"
            ),
            "docker system df --format '{{.Type | upper}}: {{.Reclaimable}}' | sed 's/:.*//'",
        ),
    ),
)
