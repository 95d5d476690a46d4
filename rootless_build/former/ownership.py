"""The former name of `rootless_build.backend.ownership`."""

from rootless_build.former import replace

replace(__name__, "rootless_build.backend.ownership")
