"""The former name of `rootless_build.model.plan`."""

from rootless_build.former import replace

replace(__name__, "rootless_build.model.plan")
