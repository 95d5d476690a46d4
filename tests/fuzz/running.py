"""A reader on a text, and what is a finding."""

from __future__ import annotations

import hashlib
import signal
import traceback
from pathlib import Path
from types import FrameType
from typing import Final

from tests.fuzz.readers import READERS

CORPUS: Final = Path(__file__).parents[1] / "data/fuzz"
SECONDS: Final = 2.0
MEMORY: Final = 400 * 1024 * 1024


class FindingError(Exception):
    """What the reader did that none may do."""


class _TooSlow(BaseException):
    """Its time is over."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _TooSlow


def limited() -> None:
    """Have texts end that take too much time."""
    signal.signal(signal.SIGPROF, _stop)


def run(name: str, text: str) -> None:
    """Read the text. Raises FindingError."""
    reader = READERS[name]
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        reader.read(text)
    except reader.may_raise:
        return
    except RecursionError:
        # Every command turns it into an error (rootless_build/cli/command.py).
        return
    except _TooSlow as error:
        raise FindingError(f"more than {SECONDS} s: {_where(error)}") from error
    except Exception as error:
        raise FindingError(f"{type(error).__name__}: {error} ({_where(error)})") from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "rootless_build" in f.filename]
    return " < ".join(ours[::-1][:4])


def name_of(name: str, text: str) -> str:
    """The file of a text in the corpus."""
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{name.replace(' ', '-')}/{digest[:16]}"
