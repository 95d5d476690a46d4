"""Bundles, the results of a build: staged beside the project's directory, verified, published,
listed and installed. Engine-neutral; nothing here runs a program.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import late_modules

if TYPE_CHECKING:
    from rootless_build.bundles import provenance as provenance
    from rootless_build.bundles import signing as signing

_LATE: Final = MappingProxyType(
    {
        "provenance": "rootless_build.bundles.provenance",
        "signing": "rootless_build.bundles.signing",
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The library of signatures takes 0.1 s, and few commands need it; provenance is of runs
        that make bundles.
        """
        return late_modules.find(__name__, name, _LATE)
