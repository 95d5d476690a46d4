"""Property tests leave no database in the checkout, which may not be ours, and are not timed."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("rbuild", database=None, deadline=None)
settings.load_profile("rbuild")
