"""What a run of a plan is told besides the plan: options in groups, each read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from rootless_build.model.events import Emit, StepReporter, StreamFilter
from rootless_build.runner.host_commands import Attend, attend
from rootless_build.runner.masking import Mask
from rootless_build.runner.results import Keep, Results

if TYPE_CHECKING:
    from rootless_build.backend.api import Image
    from rootless_build.images.image_records import ImageRecords
    from rootless_build.images.rewrite.options import RewriteOptions
    from rootless_build.model.plan import Plan, RunContainer, Unexpanded
    from rootless_build.process import programs
    from rootless_build.runner.power_rules import Named
    from rootless_build.runner.provenance import Attestor


class PrivilegeOptions(Struct, frozen=True):
    """Who may have power over the host. `rootful` allows it as root; `unprivileged` takes it from
    containers, and leaves Docker's hack/dind out of them. `isolated`: containers have namespaces of
    their own.
    """

    rootful: bool = False
    unprivileged: bool = False
    isolated: bool = True
    named: Callable[[], Named] | None = None
    """What the command line itself names of this host; None: nothing."""


class ContainerOptions(Struct, frozen=True):
    """How containers are run. `terminal` allows one to take over rbuild's terminal (never with a
    JSON log). `own_command`: the container runs what the user asked for, not what the recipe says
    (`rbuild run`): Ctrl-C is its own, and it need not have written anything. `fresh` gives
    containers no caches. `called`: a script called docker for it.
    """

    terminal: bool = True
    own_command: bool = False
    fresh: bool = False
    called: bool = False
    check: Callable[[RunContainer], object] = lambda _: None
    """Raises UnsupportedError for a container that the engine has no way to do."""
    made: Callable[[str], None] = lambda _: None
    """Gets the id of each container before that is started."""
    only_made: bool = False
    """Containers are made to stay, and not started."""


class ImageOptions(Struct, frozen=True):
    """How images are built and kept. `rewriting` says how containerfiles are rewritten (None: they
    are not); `keep` is how many images that were superseded stay, of each step. `incremental` is
    the share of a tree that may have changed where an image is made of the last one and what did; 0
    for none.
    """

    rewriting: RewriteOptions | None = None
    records: Callable[[], ImageRecords] | None = None
    """Where it is put down which images were built; None: nowhere."""
    keep: int = 0
    incremental: float = 0.0
    known: Callable[[], Mapping[str, Image | None]] = dict
    """What was found out of images before; it may take its time."""


class BundleOptions(Struct, frozen=True):
    """What bundles get, and where they are. `checksums`: binaries that the project makes none for
    get them. `directory` is where the project has bundles, be it that this plan makes none.
    """

    publishing: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True)
    """Within it the bundles may be written to; gives whether nobody else has them mounted."""
    attest: Callable[[], Attestor] | None = None
    """What makes the provenance of the bundles; None: they get none."""
    checksums: bool = False
    directory: Path | None = None
    left: Path | None = None
    """Where it is kept what runs that were not alone leave for the last (`left_files`)."""
    failed: Path | None = None
    """Where the files are kept that a failed container wrote; None: nowhere."""


MakeReporter = Callable[[Emit, int, Callable[[], StreamFilter]], StepReporter]
"""Makes what a step's output goes to, of its number and of what takes secrets out of streams."""

Expand = Callable[["Unexpanded", "programs.OnOutput"], "Plan"]
"""Gives the plan with what a step is now in its place; what is written meanwhile goes out."""


class ExpansionOptions(Struct, frozen=True):
    """What finds out of steps that are known only when their turn comes (`Unexpanded`)."""

    expand: Expand | None = None
    """Gives the plan with what such a step is now in its place."""
    foresee: Callable[[], Foreseen | None] = lambda: None
    """Gives the plan with what its containers are if nothing is done before them."""


class Foreseen(Struct, frozen=True):
    """A plan as it will be, if nothing is done in between; `keep` makes it the plan."""

    plan: Plan
    keep: Callable[[], None]


class Options(Struct, frozen=True):
    """`explain` says at every step why it is done. `mask` hides the secrets that steps give to
    containers and builds. `results` is what is done with new bundles and images.
    `reporter` makes what the output of each step goes to, `attend` runs commands of the host.
    `node` is what the user calls the machine that the engine is on; empty for this one.
    """

    privileges: PrivilegeOptions = PrivilegeOptions()
    containers: ContainerOptions = ContainerOptions()
    images: ImageOptions = ImageOptions()
    bundles: BundleOptions = BundleOptions()
    expansion: ExpansionOptions = ExpansionOptions()
    results: Results = Keep()
    explain: bool = False
    reporter: MakeReporter = StepReporter
    attend: Attend = attend
    node: str = ""
    mask: Mask = field(default_factory=Mask)
