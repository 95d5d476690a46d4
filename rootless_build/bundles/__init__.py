"""Bundles, the results of a build: staged beside the project's directory, verified, published,
listed and installed. Engine-neutral; nothing here runs a program.
"""

from rootless_build.bundles.checksums import write_checksums
from rootless_build.bundles.installation import Installation, Installed, install
from rootless_build.bundles.leftovers import abandoned, restore
from rootless_build.bundles.listing import BundleFile, Checksum, Kind, list_bundles
from rootless_build.bundles.merging import merge_tree
from rootless_build.bundles.obstacles import check
from rootless_build.bundles.staging import Published, Staging, mount_point, stage
from rootless_build.bundles.verification import AGAIN, Problem, Report, verify

__all__ = [
    "AGAIN",
    "BundleFile",
    "Checksum",
    "Installation",
    "Installed",
    "Kind",
    "Problem",
    "Published",
    "Report",
    "Staging",
    "abandoned",
    "check",
    "install",
    "list_bundles",
    "merge_tree",
    "mount_point",
    "restore",
    "stage",
    "verify",
    "write_checksums",
]
