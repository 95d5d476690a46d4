"""`rbuild reproduce`: the same once more, compared byte for byte."""

from __future__ import annotations

from typing import Final

import msgspec

from rootless_build.cli.checkout import checkout
from rootless_build.cli.command import Command
from rootless_build.cli.commands.make import split_words
from rootless_build.cli.engines import EngineToCome, cache_directory
from rootless_build.cli.growing_recipe import GrowingRecipe
from rootless_build.cli.options import Inexact, Planning, Waiting
from rootless_build.cli.plan_reading import planned, read_plan
from rootless_build.cli.run_options import Manner
from rootless_build.cli.session import execute
from rootless_build.model.errors import ImageNotFoundError, UsageError
from rootless_build.model.events import Answer
from rootless_build.model.text import shown
from rootless_build.process import programs
from rootless_build.runner import exports
from rootless_build.runner.reproduction import ComparedImage, Difference, Reproduction, Tally

_INSTEAD: Final = (
    "nobody can say of a script which of its files are the result: run it twice, with "
    "--bundles-dir where it has bundles, and compare"
)


class Reproduce(Waiting, Inexact, Planning, Command):
    """Build the same once more, and compare byte for byte.

    In a fresh container of the same image; a recipe that runs none builds its images again, every
    layer. Exits 0 when all files are the same, 1 when one is not. What is there stays as it is.
    """

    USAGE = "rbuild reproduce [options] [NAME=VALUE...] [TARGET...]"

    def main(self, *words: str) -> int:
        """Print what differs, and where."""
        return self.attempt(lambda: self._reproduce(words))

    def _reproduce(self, words: tuple[str, ...]) -> int:
        targets, variables = split_words(words, self)
        with (
            checkout(self, "rbuild reproduce") as run,
            EngineToCome(self) as engine,
            exports.place_near(cache_directory(self.project) / "again") as place,
        ):
            recipe = planned(lambda: read_plan(self, targets, variables), _INSTEAD)
            recipe.expand_all(lambda *_: None)
            again = Reproduction(recipe.plan, place.resolve(), self._tell_difference)
            try:
                recipe = GrowingRecipe(self.config, again.plan, lambda plan: plan)
                manner = Manner(variables=variables, anew=True, results=again)
                status = execute(self, recipe, run, engine, manner)
            except ImageNotFoundError as error:
                again.explain(error)
                raise
            again.compare_rest()
        if not again.tally.same + again.tally.differing and not again.tally.images:
            raise UsageError("this target makes no bundles, so that nothing can be compared")
        images = [msgspec.structs.asdict(image) for image in again.tally.images]
        fields = {"same": again.tally.same, "differing": again.tally.differing, "images": images}
        lines = [*map(_of_image, again.tally.images), _verdict(again.tally)]
        self.tell("\n".join(lines), Answer("reproduced", fields))
        return status or (1 if again.tally.differing else 0)

    def _tell_difference(self, difference: Difference) -> None:
        place = ": ".join(filter(None, (difference.image, difference.path)))
        said = [f"{shown(place)} {shown(difference.text)}"]
        fields: dict[str, object] = {
            "image": difference.image,
            "path": difference.path,
            "text": difference.text,
        }
        if difference.both and programs.which("diffoscope"):
            done = programs.capture(["diffoscope", "--text", "-", *map(str, difference.both)])
            said += map(shown, done.text.splitlines())
            fields["diffoscope"] = done.text
        self.tell("\n".join(said), Answer("difference", fields))


def _of_image(image: ComparedImage) -> str:
    name = f"the image {shown(image.name)}"
    of = f"{name}, built twice since it has no name to be found by" if image.twice else name
    if image.layers:
        return f"{of}: all its layers are the same"
    if image.times:
        same = f"{_files(image.files)} in it are the same"
        return f"{of}: {same}; its layers differ in times or owners"
    return f"{of}: {image.differing} of {_files(image.files + image.differing)} differ"


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _verdict(tally: Tally) -> str:
    settings = sum(image.settings for image in tally.images)
    differing = tally.differing - settings
    of = tally.same + differing
    if tally.differing:
        verb = "differs" if differing == 1 else "differ"
        files = f"{differing} of {_files(of)} {verb}" if differing else ""
        said = "1 setting of an image differs" if settings == 1 else f"{settings} settings differ"
        both = (files, said if settings else "")
        return f"not reproducible: {', '.join(filter(None, both))}"
    if not of:
        return "reproducible: what was built is the same, layer by layer"
    alike = "the one file is" if of == 1 else f"all {_files(of)} are"
    return f"reproducible: {alike} the same, byte for byte"
