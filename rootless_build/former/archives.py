"""The former name of `rootless_build.files.archives`."""

from rootless_build.former import replace

replace(__name__, "rootless_build.files.archives")
