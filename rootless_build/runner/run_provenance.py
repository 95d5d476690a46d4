"""The provenance of a run's bundles, begun when something turns out to be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rootless_build.backend.api import Engine, Image
    from rootless_build.bundles.provenance import Attestation
    from rootless_build.images.bases.executables import Substitute
    from rootless_build.model.plan import BuildImage, Plan
    from rootless_build.runner.provenance import Attestor


class RunProvenance:
    """Makes the attestor when the run begins to do something: one that has nothing to do reads no
    sources. Without `attest` there is none, and nothing is attested.
    """

    def __init__(self, attest: Callable[[], Attestor] | None) -> None:
        self._attest = attest
        self._attestor: Attestor | None = None
        self._fresh: list[BuildImage] = []

    def begin(self, engine: Engine | None) -> None:
        """Note the sources as they are now, for something will be done."""
        if self._attest is None or self._attestor is not None:
            return
        self._attestor = self._attest()
        for step in self._fresh:
            if engine is not None:
                self._attestor.builds(step, engine)

    def settle(self) -> None:
        """Wait until it is known what the run began with: something may change from now on."""
        if self._attestor is not None:
            self._attestor.settle()

    def add_build(self, step: BuildImage, engine: Engine) -> None:
        """Note that an image is built now, or need not be."""
        if self._attestor is None:
            self._fresh.append(step)
        else:
            self._attestor.builds(step, engine)

    def add_container(self, reference: str, image: Image) -> None:
        """Bundles are made in a container of that image."""
        if self._attestor is not None:
            self._attestor.runs(reference, image)

    def attestation(self, plan: Plan, foreign: Sequence[Substitute]) -> Attestation | None:
        """What is known at the end of the step that made the bundles (`Attestor.attestation`)."""
        if self._attestor is None:
            return None
        self._attestor.take(plan)
        return self._attestor.attestation(foreign)
