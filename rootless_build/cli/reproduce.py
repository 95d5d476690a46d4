"""`rbuild reproduce`: the same once more, compared byte for byte."""

from __future__ import annotations

from rootless_build import process
from rootless_build.bundles import Staging
from rootless_build.bundles.comparison import Comparison, compare
from rootless_build.cli.build import split_words
from rootless_build.cli.checkout import checkout
from rootless_build.cli.command import Command
from rootless_build.cli.engines import EngineToCome
from rootless_build.cli.session import execute, read_plan
from rootless_build.errors import UsageError
from rootless_build.escaping import shown
from rootless_build.events import Answer
from rootless_build.reproduction import plan_again


class Reproduce(Command):
    """Build the same once more, in a fresh container of the same image, and compare byte for byte.

    Exits 0 when all files are the same, 1 when one is not. The bundles stay as they are.
    """

    USAGE = "rbuild reproduce [options] [NAME=VALUE...] [TARGET...]"

    def main(self, *words: str) -> int:
        """Print what differs, and where."""
        return self.attempt(lambda: self._reproduce(words))

    def _reproduce(self, words: tuple[str, ...]) -> int:
        found: list[Comparison] = []

        def dispose(staging: Staging) -> None:
            comparison = compare(staging.path, staging.before, staging.directory)
            found.append(comparison)
            for difference in comparison.differences:
                said = [f"{shown(difference.path)} {shown(difference.text)}"]
                fields: dict[str, object] = {"path": difference.path, "text": difference.text}
                if difference.both and process.which("diffoscope"):
                    both = (staging.directory / difference.path, staging.path / difference.path)
                    done = process.capture(["diffoscope", "--text", "-", *map(str, both)])
                    said += map(shown, done.text.splitlines())
                    fields["diffoscope"] = done.text
                self.tell("\n".join(said), Answer("difference", fields))

        targets, variables = split_words(words, self)
        with checkout(self, "rbuild reproduce") as run, EngineToCome(self) as engine:
            again = plan_again(read_plan(self, targets, variables))
            status = execute(self, again, run, engine, dispose=dispose)
        differing = sum(len(comparison.differences) for comparison in found)
        same = sum(comparison.same for comparison in found)
        if not same + differing:
            raise UsageError("this target makes no bundles, so that nothing can be compared")
        answer = Answer("reproduced", {"same": same, "differing": differing})
        self.tell(_verdict(same, differing), answer)
        return status or (1 if differing else 0)


def _verdict(same: int, differing: int) -> str:
    of = same + differing
    files = "1 file" if of == 1 else f"{of} files"
    if not differing:
        alike = "the one file is" if of == 1 else f"all {files} are"
        return f"reproducible: {alike} the same, byte for byte"
    return f"not reproducible: {differing} of {files} {'differs' if differing == 1 else 'differ'}"
