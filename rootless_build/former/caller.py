"""The former name of `rootless_build.backend.caller`."""

from rootless_build.former import replace

replace(__name__, "rootless_build.backend.caller")
