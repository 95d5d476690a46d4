"""The former name of `rootless_build.process.terminal`."""

from rootless_build.former import replace

replace(__name__, "rootless_build.process.terminal")
