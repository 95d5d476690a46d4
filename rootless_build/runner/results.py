"""What is done with what the steps of a plan make: kept, or compared with what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from rootless_build.backend.api import Engine, Image
    from rootless_build.bundles.staging import Staging
    from rootless_build.model.plan import Pairs


class NewBundles(Struct, frozen=True):
    """Bundles that are staged; `publish` makes them the project's."""

    staging: Staging
    publish: Callable[[], None]


class Results(Protocol):
    """Gets each new image, and new bundles before they are published."""

    @property
    def supersede(self) -> bool:
        """Whether new images supersede those before, which go."""

    @property
    def side_by_side(self) -> bool:
        """Whether builds may go on at a time, and images come in any order."""

    def begin_build(self, engine: Engine) -> None:
        """An image build is about to begin. Raises an RbuildError where its result is no use."""

    def take_image(self, image: Image, labels: Pairs, engine: Engine) -> None:
        """An image build has ended; `labels` are for containers that are made of the image."""

    def take_bundles(self, new: NewBundles) -> None:
        """A step has made bundles, and has ended well."""


class Keep:
    """Publishes the bundles and leaves the images where they are, as every build does."""

    side_by_side: Final = True

    def __init__(self, *, supersede: bool = True) -> None:
        self.supersede = supersede

    def begin_build(self, engine: Engine) -> None:
        """Let it begin: every image is of use."""

    def take_image(self, image: Image, labels: Pairs, engine: Engine) -> None:
        """Leave it where it is: in the engine's storage, by its name."""

    def take_bundles(self, new: NewBundles) -> None:
        """Publish the bundles."""
        new.publish()
