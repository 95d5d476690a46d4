"""The layers of images as trees: directories that an overlay lays over each other, or archives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rootless_build.images.layers.nodes import FIXED_TIME
from rootless_build.images.layers.overlay import Overlays
from rootless_build.images.layers.sources import HostTree

if TYPE_CHECKING:
    from rootless_build.images.layers.saved_layers import SavedLayer, SavedLayers, SavedTree


class ImageLayers:
    """What is opened of images, for as long as the process lives; see `overlay.Overlays`."""

    def __init__(self, mount_program: str = "") -> None:
        self._overlays = Overlays(mount_program)
        self._saved: SavedLayers | None = None

    def close(self) -> None:
        """It is gone."""
        self._overlays.close()
        if self._saved is not None:
            self._saved.close()

    def tree(
        self, layers: tuple[Path, ...], room: Path, time: int = FIXED_TIME
    ) -> HostTree | SavedTree:
        """The files of an image by its layers, the top one first; `room` is a directory to write
        to, `time` that of the root. Raises NoOverlayError, OSError.
        """
        if not layers[0].is_file():
            return HostTree(self._overlays.merged(layers, room), time, owned=True)
        return self._archives().tree(layers, time)

    def own(self, layer: Path, room: Path) -> HostTree | SavedLayer:
        """What a layer holds by itself. Raises NoOverlayError, OSError."""
        if not layer.is_file():
            return HostTree(self._overlays.merged((layer,), room), FIXED_TIME, owned=True)
        return self._archives().layer(layer)

    def _archives(self) -> SavedLayers:
        if self._saved is None:
            # What reads archives takes as long to load as all else.
            from rootless_build.images.layers.saved_layers import SavedLayers  # noqa: PLC0415

            self._saved = SavedLayers()
        return self._saved

    def base(self, layers: tuple[Path, ...], room: Path) -> Path | SavedTree | None:
        """The same as what an image comes upon; a directory as its path, None for no layers."""
        if not layers:
            return None
        if not layers[0].is_file():
            return self._overlays.merged(layers, room)
        tree = self.tree(layers, room)
        return None if isinstance(tree, HostTree) else tree
