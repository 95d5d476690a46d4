"""What podman-py raises becomes an error of rbuild's. Importing this module imports podman-py."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from podman.errors import APIError, PodmanError
from requests import RequestException

from rootless_build.backend import BackendUnavailableError, StepFailedError, reason


@contextlib.contextmanager
def told(what: str, status: int | None) -> Iterator[None]:
    """See `rbuild_podman.connection.engine_errors`."""
    try:
        yield
    except (APIError, PodmanError) as error:
        if isinstance(error.__cause__, OSError):
            # podman-py's own words for it are "GET operation failed".
            raise _no_answer(what, error.__cause__) from error
        words = getattr(error, "explanation", None) or str(error)
        raise StepFailedError(what, status=status, engine_words=words) from error
    except RequestException as error:
        raise _no_answer(what, error) from error
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        # Its answer has another form than podman's.
        words = f"the service answered what podman would not: {reason(error)}"
        raise StepFailedError(what, status=status, engine_words=words) from error


def _no_answer(what: str, error: OSError) -> BackendUnavailableError:
    return BackendUnavailableError(
        f"{what}: the podman service does not answer",
        finding="podman-service",
        engine_words=str(error),
    )
