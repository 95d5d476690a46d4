"""Whether the registries answer, for `rbuild doctor --online`; nothing else asks the network."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_PATIENCE: Final = 5.0
"""Seconds a registry has to answer."""
_DEFAULT: Final = ("docker.io",)
_SERVERS: Final = {"docker.io": "registry-1.docker.io"}
"""The server behind a name, where it is not the name itself."""


def ask(registries: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Each registry with what went wrong, empty when it answered; Docker's own when none is given.

    The proxies of the environment are used, as engines use them.
    """
    asked = tuple(registries) or _DEFAULT
    with ThreadPoolExecutor(len(asked)) as pool:
        return tuple(zip(asked, pool.map(_problem, asked), strict=True))


def _problem(registry: str) -> str:
    host = registry.partition("/")[0]
    # Source: the OCI distribution specification, "end-1": every registry has /v2/.
    url = f"https://{_SERVERS.get(host, host)}/v2/"
    try:
        urllib.request.urlopen(url, timeout=_PATIENCE).close()
    except urllib.error.HTTPError as error:
        # 401 asks for a login, which is an answer.
        return "" if error.code < 500 else f"HTTP {error.code} {error.reason}"
    except urllib.error.URLError as error:
        reason = error.reason
        return (isinstance(reason, OSError) and reason.strerror) or str(reason)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    return ""
