"""Removes the image that a build replaced, and the images that this one alone was made of."""

from __future__ import annotations

from collections.abc import Collection

from rootless_build.backend.api import Engine
from rootless_build.images import removal as image_removal
from rootless_build.images.image_records import ImageRecords, StepIdentity


def remove_superseded(
    records: ImageRecords, step: StepIdentity, engine: Engine, keep: int, needed: Collection[str]
) -> tuple[int, int]:
    """Remove what earlier builds of a step made, but for the last `keep` that ended well.

    As with `rbuild clean` nothing is forced, and what has a name, a container, or another image
    that is made of it stays; so do the images `needed`, and those that a build may take which goes
    on elsewhere. Returns how many went, and how many stay although nothing of rbuild's needs them.
    Raises an RbuildError, OSError.
    """
    storage = engine.storage
    record = [built for built in records.all() if built.storage == storage]
    builds = [built for built in record if built.step.is_of(step)]
    latest, earlier = builds[-1:], builds[:-1]
    if not latest or not latest[0].image or not earlier:
        return 0, 0
    finished = [built.name for built in earlier if built.image]
    kept = set(finished[len(finished) - keep :]) if keep else set()
    old = [built for built in earlier if built.name not in kept]
    rest = [built for built in record if built not in old]
    in_use = {each for built in rest for each in built.used}
    wanted = {each for built in old for each in built.ours} - in_use - set(needed)
    if wanted:
        wanted -= records.needed_by_builds(engine).keys()
    if not wanted:
        return 0, 0
    removal = image_removal.decide(engine.stored_images(), wanted, {}, {})
    failed = engine.remove_images(removal.images) if removal.images else {}
    there = engine.image_ids()
    for built in old:
        if not (built.ours & there) - in_use:
            records.forget(built)
    return len(removal.images) - len(failed), len(removal.stays) + len(failed)
