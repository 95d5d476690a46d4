"""When a container that stays is to be looked at."""

from __future__ import annotations

import pytest

from rootless_build.live import health
from rootless_build.model.plan import Json

START = 1_000_000_000.0
"""2001-09-09T01:46:40Z"""


def container(
    status: str, *ends: str, state: str = "running", interval: int = 2_000_000_000
) -> Json:
    log: list[Json] = [{"End": end} for end in ends]
    return {
        "Config": {"Healthcheck": {"Interval": interval}},
        "State": {
            "Status": state,
            "StartedAt": "2001-09-09T01:46:40Z",
            "Health": {"Status": status, "Log": log},
        },
    }


@pytest.mark.parametrize(
    ("said", "after", "due"),
    [
        (container("starting"), 1.9, False),
        (container("starting"), 2.1, True),
        (container("healthy", "2001-09-09T01:46:40Z", "2001-09-09T01:46:50.5Z"), 12, False),
        (container("unhealthy", "2001-09-09T01:46:50.5+00:00"), 13, True),
        (container("starting", state="exited"), 99, False),
        (container("", interval=1), 99, False),
        (container("starting", interval=0), 29, False),
        (container("starting", interval=0), 31, True),
        ({"Config": {}, "State": {"Status": "running"}}, 99, False),
    ],
)
def test_a_check_is_due_an_interval_after_the_last(said: Json, after: float, due: bool) -> None:
    assert health.is_due(said, START + after) is due
