"""The interface of a backend, and what finds, wraps and helps plug-ins.

Imports `files`, `process` and `model`. Start with `api`, whose names a plug-in finds here.
"""

from rootless_build.backend.api import *  # noqa: F403 - the interface is what this room shows
