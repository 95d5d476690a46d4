"""The former name of `rootless_build.model.platforms`."""

from rootless_build.former import replace

replace(__name__, "rootless_build.model.platforms")
