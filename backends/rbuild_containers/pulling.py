"""An image that is fetched by the engine's own program, whose words are for a person."""

from __future__ import annotations

from collections.abc import Callable

from rootless_build.backend import Image, ImageNotFoundError, StepReporter, Stream, programs


def of_platform(platform: str | None) -> tuple[str, ...]:
    """The option that names the platform of an image which is pulled."""
    return () if platform is None else (f"--platform={platform}",)


def pull(
    reference: str,
    reporter: StepReporter,
    run: Callable[[programs.OnOutput], int],
    find: Callable[[str], Image | None],
    *,
    stdout_is_id: bool = True,
) -> Image:
    """Fetch an image: `run` runs the program, `find` finds what it fetched.

    `stdout_is_id`: its standard output says nothing to a person. Raises ImageNotFoundError.
    """
    words = programs.Tail()

    def take(data: bytes, stream: Stream) -> None:
        if stream == "stderr":
            words.add(data)
        elif stdout_is_id:
            return
        reporter.output(data, stream)

    status = run(take)
    reporter.flush()
    image = find(reference) if status == 0 else None
    if image is None:
        message = f"the image {reference} could not be pulled"
        raise ImageNotFoundError(message, reference=reference, engine_words=words.text)
    return image
