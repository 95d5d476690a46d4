"""The process that makes layers, started before what builds images is loaded: each takes 0.1 s."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rootless_build.backend.api import Engine, image_store
from rootless_build.backend.build_files import existing_containerfile
from rootless_build.files import plain
from rootless_build.images.layers.client import LayerMaker
from rootless_build.model.plan import BuildImage

_MAKES_LAYERS: Final = re.compile(rb"^\s*(?:copy|add|workdir)\s", re.IGNORECASE | re.MULTILINE)


@contextmanager
def maker_ahead(step: BuildImage, engine: Engine) -> Iterator[LayerMaker | None]:
    """A maker that begins at once; None where the build will hardly need it.

    Whoever reads the containerfile in earnest decides: then the process has had nothing to do.
    """
    store, namespace = image_store(engine), engine.user_namespace
    if store is None or store.archives or namespace is None or not _makes_layers(step):
        yield None
        return
    with LayerMaker(namespace, store.mount_program) as maker:
        maker.start()
        yield maker


def _makes_layers(step: BuildImage) -> bool:
    file = existing_containerfile(step)
    try:
        return file is not None and _MAKES_LAYERS.search(plain.content(file)) is not None
    except OSError:
        return False
