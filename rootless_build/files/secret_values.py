"""What a secret of an image build is: read from the file or the variable that it is taken from."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rootless_build.files import plain
from rootless_build.model.build_secrets import LARGEST, BuildSecret


def secret_value(secret: BuildSecret, environment: Mapping[str, str] = os.environ) -> str:
    """The secret itself, as far as an engine takes it; empty where it can't be read (yet)."""
    if secret.file is None:
        return environment.get(secret.variable or "", "")
    try:
        return os.fsdecode(plain.beginning(secret.file, LARGEST))
    except OSError:
        return ""
